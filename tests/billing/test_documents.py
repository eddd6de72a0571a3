"""What documents say, on paper as on screen."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.template.loader import render_to_string
from django.utils.html import strip_tags
from pypdf import PdfReader

from apps.accounts.models import Workspace
from apps.billing.documents import Document, Party, Row, Table, pdf
from apps.billing.documents import invoice as printed
from apps.billing.documents.words import country, dollars, lines, printable
from apps.billing.jobs.invoices import mail_invoices
from apps.billing.models import BillingProfile, Invoice
from apps.billing.selectors import invoices
from apps.billing.services import invoice_mails, payments
from apps.notifications.models import Email
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, member, owner_of
from tests.factories.billing import USD, payment

# Names as people with bad intent, or none at all, write them.
NAMES = [
    '#read("/etc/passwd")',
    '#import "@preview/cetz:0.3.0"',
    "#panic() $ x^2 $ *bold* _it_ `raw` <label> @ref \\u{41}",
    '"; #eval("1+1") //',
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }} {% debug %}",
    "=HYPERLINK(1)",
    "Łódź & Søns “Œuvre” ﬁn",
    "東京株式会社 北京公司 서울",
    "a\u202eb\u0007c",
    "x" * 200,
]


def text_of(data: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


def words(text: str) -> str:
    """Without blanks: where a line breaks is the page's business."""
    return "".join(text.replace("\u200b", "").split())


def paper(name: str = "Acme", **facts: Any) -> Document:
    given: dict[str, Any] = {
        "title": f"Invoice of {name}",
        "written_at": datetime(2026, 11, 21, 12, tzinfo=UTC),
        "facts": [("Number", "INV-000001")],
        "parties": [Party("Seller", ["Modelyard"]), Party("Billed to", [name, name])],
        "tables": [Table(name, ["What", "Amount"], [Row([name, "US$1.00"])])],
        "notes": [name],
        "mark": name,
    }
    return Document(**(given | facts))


def loaded(workspace: Workspace, **wanted: Any) -> Invoice:
    found = Invoice.objects.of(workspace.pk).get(**wanted)
    return invoices.invoice(workspace_id=workspace.pk, invoice_id=found.pk)


@pytest.mark.parametrize("name", NAMES)
def test_whatever_a_name_is_the_pdf_prints_it_as_text(name: str) -> None:
    shown = printable(name)

    text = words(text_of(pdf.render(paper(shown))))

    # Mark, title (and the foot of the page), two lines of the party, the table's title and its row, the note.
    assert text.count(words(shown)) == 8
    assert "root:" not in text


def test_pdf_carries_letters_for_every_script_it_prints() -> None:
    data = pdf.render(paper("Łódź 東京 서울 กรุงเทพ שלום दिल्ली"))

    fonts = {
        str(font.get_object()["/BaseFont"]).partition("+")[2]
        for page in PdfReader(io.BytesIO(data)).pages
        for font in page["/Resources"]["/Font"].values()  # type: ignore[index]
    }
    scripts = ("CJK", "Thai", "Hebrew", "Devanagari")
    assert [any(script in font for font in fonts) for script in scripts] == [True] * 4


def test_same_document_is_the_same_bytes() -> None:
    assert pdf.render(paper()) == pdf.render(paper())
    assert pdf.render(paper()) != pdf.render(paper(written_at=datetime(2026, 11, 22, tzinfo=UTC)))


def test_document_without_rows_says_why() -> None:
    text = text_of(pdf.render(paper(tables=[Table("", ["What", "Amount"], [], "Nothing here.")])))

    assert "Nothing here." in text


def test_long_table_goes_on_over_pages_with_its_head() -> None:
    rows = [Row([f"Line {number}", "US$1.00"]) for number in range(200)]

    pages = PdfReader(
        io.BytesIO(pdf.render(paper(tables=[Table("", ["What", "Amount"], rows)])))
    ).pages

    texts = [page.extract_text() for page in pages]
    assert len(texts) > 3
    assert all("What" in text for text in texts if "Line" in text)
    assert "Line 199" in texts[-2]


@pytest.mark.parametrize(
    ("points", "text"),
    [
        (200_000_000, "US$20.00"),
        (-200_000_000, "−US$20.00"),
        (1, "US$0.0000001"),
        (12_345_678_900_000_000, "US$1,234,567,890.00"),
        (0, "US$0.00"),
    ],
)
def test_amounts_are_exact(points: int, text: str) -> None:
    assert dollars(points) == text


def test_address_is_printed_line_by_line_and_country_by_name() -> None:
    assert lines("Street 1\r\n\n  10115  Berlin\x00 ") == ["Street 1", "10115 Berlin"]
    assert (country("DE"), country("TW"), country(""), country("ZZ")) == (
        "Germany",
        "Taiwan",
        "",
        "ZZ",
    )


@pytest.fixture
def acme(workspace: Workspace) -> Workspace:
    BillingProfile.objects.create(
        workspace=workspace,
        company="Acme <b>& Co</b>",
        address="東京都千代田区1-1\nTokyo",
        country="JP",
        tax_id="T1234",
        email="books@acme.example",
    )
    return workspace


def page_of(document: Document) -> str:
    return render_to_string("dashboard/billing/_document.html", {"document": document})


def test_invoice_says_all_that_was_issued_on_paper_and_on_screen(acme: Workspace) -> None:
    payment(acme, usd=20, tax_points=38_000_001)
    document = printed.document(invoice=loaded(acme))

    paper, page = words(text_of(pdf.render(document))), page_of(document)

    for said in (
        "Invoice INV-000001",
        "Modelyard",
        "東京都千代田区1-1",
        "Japan",
        "Tax ID: T1234",
        "books@acme.example",
        f"Workspace: {acme.name}",
        "Credits",
        "US$20.00",
        "US$3.8000001",
        "US$23.8000001",
        "Paid in full by Visa ending in 4242 on 21 November 2026.",
    ):
        assert words(said) in paper
        assert said in page
    assert words("Acme <b>& Co</b>") in paper
    assert "Acme &lt;b&gt;&amp; Co&lt;/b&gt;" in page
    assert "Acme <b>" not in page


def test_credit_note_names_its_invoice_and_takes_away(acme: Workspace) -> None:
    paid = payment(acme)
    told = payments.WentBack(kind="refund", ref="re", amount_points=5 * USD, is_in_effect=True)
    payments.reverse(payment_id=paid.pk, went_back=told)

    document = printed.document(invoice=loaded(acme, kind="credit_note"))

    text = strip_tags(page_of(document))
    assert document.title == "Credit note INV-000002"
    assert ("Corrects invoice", "INV-000001") in document.facts
    assert "−US$5.00" in text


def test_test_payment_is_marked_across_the_top(workspace: Workspace) -> None:
    payment(workspace, is_test=True)
    document = printed.document(invoice=loaded(workspace))

    assert document.mark == "Test payment: no money moved. This is not an invoice."
    assert document.mark in text_of(pdf.render(document)).replace("\n", " ")
    assert document.mark in page_of(document)


# --------------------------------------------------------------------------------------------------------- mails
def test_invoice_is_mailed_once_to_everybody_with_its_pdf(acme: Workspace) -> None:
    book_keeper = member(acme, "billing")
    member(acme, "developer")
    payment(acme)

    mail_invoices()
    mail_invoices()

    mails = Email.objects.of(acme.pk).order_by("to")
    invoice = Invoice.objects.of(acme.pk).get()
    assert sorted(mails.values_list("to", flat=True)) == sorted(
        [owner_of(acme).email, book_keeper.email, "books@acme.example"]
    )
    first = mails[0]
    assert first.key == f"invoice:{invoice.pk}"
    assert first.subject == "Invoice INV-000001 of Modelyard: US$20.00"
    assert f"/w/{acme.slug}/billing/invoices/{invoice.pk}" in first.text
    assert (first.attachment_name, first.attachment_type) == (
        "invoice-INV-000001.pdf",
        "application/pdf",
    )
    assert "INV-000001" in text_of(bytes(first.attachment or b""))


def test_payment_writes_no_mail_by_itself_and_its_rollback_leaves_none(
    workspace: Workspace,
) -> None:
    payment(workspace)

    assert not Email.objects.of(workspace.pk).exists()
    assert invoice_mails.mail_waiting() == 1
    assert invoice_mails.mail_waiting() == 0


def test_workspace_without_anybody_to_write_to_holds_up_nobody(workspace: Workspace) -> None:
    lonely = WorkspaceFactory.create()
    payment(lonely)
    payment(workspace)
    lonely.memberships.all().delete()

    assert invoice_mails.mail_waiting() == 1
    assert Email.objects.across_workspaces().get().workspace == workspace


def test_document_that_cannot_be_printed_holds_up_no_other(
    workspace: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    broken = payment(workspace, lines=[{"text": "x", "quantity": 1, "amount_points": 20 * USD}])
    payment(workspace)
    # As a fault of ours could leave it; the trigger refuses to do so by an update.
    first = Invoice.objects.of(workspace.pk).get(payment=broken)
    second = Invoice.objects.of(workspace.pk).exclude(pk=first.pk).get()
    Invoice.objects.create(
        workspace=workspace, kind="credit_note", entity=first.entity, sequence=90, number="INV-90",
        payment=broken, corrects=first, seller={}, buyer={}, lines=[{"text": "no amount"}],
        net_points=0, tax_points=0, total_points=0, paid_by="",
    )  # fmt: skip

    assert invoice_mails.mail_waiting() == 2
    keys = {mail.key for mail in Email.objects.of(workspace.pk)}
    assert keys == {f"invoice:{first.pk}", f"invoice:{second.pk}"}
    assert "invoice not mailed" in caplog.text


def test_old_documents_are_left_alone(workspace: Workspace, monkeypatch: Any) -> None:
    payment(workspace)
    monkeypatch.setattr(invoice_mails, "_WINDOW", timedelta(0))

    assert invoice_mails.mail_waiting() == 0


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_write_each_mail_once() -> None:
    made = [WorkspaceFactory.create() for _ in range(5)]
    for one in made:
        payment(one)

    assert at_once(*[invoice_mails.mail_waiting] * 4) == []

    assert Email.objects.across_workspaces().count() == 5


def test_beat_runs_the_sweep(settings: Any) -> None:
    assert settings.CELERY_BEAT_SCHEDULE["billing.mail_invoices"]["task"] == mail_invoices.name
