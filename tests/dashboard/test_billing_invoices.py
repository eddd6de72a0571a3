"""The pages of invoices and statements."""

import csv
import io
import re
import uuid

import pytest
from django.test import Client
from django.utils import timezone
from pypdf import PdfReader

from apps.accounts.models import AuditEvent, Workspace
from apps.billing.models import BillingProfile, Invoice
from apps.billing.services import payments
from tests.factories import WorkspaceFactory, completed
from tests.factories.billing import USD, payment

EVIL = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "{{ 7*7 }}{% debug %}",
    '=HYPERLINK("https://evil.example","x")',
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    '#read("/etc/passwd")',
    "Łódź 東京株式会社",
]
DETAILS = {
    "company": "Acme", "address": "Street 1\nTown", "country": "DE", "tax_id": "DE136695976",
    "email": "books@acme.example",
}  # fmt: skip


def url(workspace: Workspace, rest: str = "") -> str:
    return f"/w/{workspace.slug}/billing/invoices{rest}"


def table(answer: object) -> list[dict[str, str]]:
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text)))


def text_of(data: bytes) -> str:
    return "".join(page.extract_text() for page in PdfReader(io.BytesIO(data)).pages)


def squeezed(text: str) -> str:
    return re.sub(r"[\s\u200b]", "", text)


def only(workspace: Workspace) -> Invoice:
    return Invoice.objects.of(workspace.pk).get(kind="invoice")


def test_list_shows_documents_newest_first(workspace: Workspace, owner: Client) -> None:
    paid = payment(workspace, tax_points=USD)
    told = payments.WentBack(kind="refund", ref="re", amount_points=5 * USD, is_in_effect=True)
    payments.reverse(payment_id=paid.pk, went_back=told)

    page = owner.get(url(workspace)).content.decode()

    assert page.index("INV-000002") < page.index(f">{only(workspace).number}<")
    assert "Credit note on INV-000001" in page
    assert "$21.00" in page
    assert "−$5.00" in page


def test_list_without_invoices_says_when_there_will_be_one(
    workspace: Workspace, owner: Client
) -> None:
    page = owner.get(url(workspace)).content.decode()

    assert "No invoices yet." in page
    assert "Each top-up and each payment of a plan makes one." in page


def test_list_is_filtered_by_year(workspace: Workspace, owner: Client) -> None:
    payment(workspace)
    this_year = timezone.now().year

    assert "INV-000001" in owner.get(url(workspace, f"?year={this_year}")).content.decode()
    assert "INV-000001" not in owner.get(url(workspace, f"?year={this_year - 1}")).content.decode()


@pytest.mark.parametrize(
    "query", ["year=x", "year=0000", "year=99999", "year=²026", "page=-1", "page=z"]
)
def test_list_takes_any_query(workspace: Workspace, owner: Client, query: str) -> None:
    payment(workspace)

    answer = owner.get(url(workspace, f"?{query}"))

    assert answer.status_code == 200
    assert b"INV-000001" in answer.content


def test_list_costs_the_same_however_many_there_are(
    workspace: Workspace, owner: Client, django_assert_num_queries: object
) -> None:
    payment(workspace)
    owner.get(url(workspace))
    with django_assert_num_queries(12, exact=False) as few:  # type: ignore[operator]
        owner.get(url(workspace))
    for _ in range(5):
        payment(workspace)
    with django_assert_num_queries(len(few)):  # type: ignore[operator]
        owner.get(url(workspace))


@pytest.mark.parametrize("name", EVIL)
def test_whatever_the_company_is_called_it_is_only_text(
    workspace: Workspace, owner: Client, name: str
) -> None:
    BillingProfile.objects.create(workspace=workspace, company=name, address=name)
    payment(workspace, lines=[{"text": name, "quantity": 1, "amount_points": 20 * USD}])
    one = url(workspace, f"/{only(workspace).pk}")

    pages = [owner.get(path).content.decode() for path in (url(workspace), one)]
    paper = text_of(owner.get(f"{one}.pdf").content)
    row = table(owner.get(f"{url(workspace)}.csv"))[0]

    assert not any("<script>alert" in page or "<img src=x" in page for page in pages)
    assert squeezed(paper).count(squeezed(name)) == 3
    assert "root:" not in paper
    assert row["billed_to"] == (f"'{name}" if name[0] in "=+-@" else name)


def test_pdf_is_a_file_that_nobody_keeps_in_between(workspace: Workspace, owner: Client) -> None:
    payment(workspace)

    answer = owner.get(url(workspace, f"/{only(workspace).pk}.pdf"))

    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="invoice-INV-000001.pdf"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert "US$20.00" in text_of(answer.content)


def test_table_holds_raw_numbers_that_add_up(workspace: Workspace, owner: Client) -> None:
    paid = payment(workspace, tax_points=38_000_001)
    told = payments.WentBack(kind="refund", ref="re", amount_points=5 * USD, is_in_effect=True)
    payments.reverse(payment_id=paid.pk, went_back=told)

    rows = table(owner.get(f"{url(workspace)}.csv"))

    assert [(row["number"], row["kind"], row["tax"], row["total"]) for row in rows] == [
        ("INV-000002", "credit_note", "-0.7983193", "-5.00"),
        ("INV-000001", "invoice", "3.8000001", "23.8000001"),
    ]


@pytest.mark.parametrize("rest", ["", ".pdf"])
def test_neighbours_invoice_does_not_exist(workspace: Workspace, owner: Client, rest: str) -> None:
    other = WorkspaceFactory.create()
    payment(other)
    theirs = only(other)

    assert owner.get(url(workspace, f"/{theirs.pk}{rest}")).status_code == 404
    assert owner.get(url(other, f"/{theirs.pk}{rest}")).status_code == 404
    assert owner.get(url(workspace, f"/{uuid.uuid4()}{rest}")).status_code == 404
    assert table(owner.get(f"{url(workspace)}.csv")) == []


# ---------------------------------------------------------------------------------------------------- details
def test_details_are_saved_and_shown(workspace: Workspace, billing: Client) -> None:
    answer = billing.post(url(workspace, "/details"), DETAILS, follow=True)

    page = answer.content.decode()
    profile = BillingProfile.objects.of(workspace.pk).get()
    assert {name: getattr(profile, name).replace("\r", "") for name in DETAILS} == DETAILS
    assert "Acme" in page
    assert "Germany" in page
    assert AuditEvent.objects.of(workspace.pk).filter(action="billing.details_changed").exists()
    again = billing.get(url(workspace, "/details")).content.decode()
    assert 'value="DE136695976"' in again


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("tax_id", "DE136695978", "This is no tax number of that country."),
        ("country", "XX", "Select a valid choice"),
        ("email", "nobody", "Enter a valid email address."),
        ("company", "a\0b", "Null characters are not allowed."),
        ("company", "x" * 201, "at most 200"),
        ("address", "x" * 501, "at most 500"),
    ],
)
def test_details_that_cannot_be_right_are_refused_beside_the_field(
    workspace: Workspace, owner: Client, field: str, value: str, said: str
) -> None:
    answer = owner.post(url(workspace, "/details"), DETAILS | {field: value})

    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not BillingProfile.objects.of(workspace.pk).exists()


@pytest.mark.parametrize("person", ["viewer", "developer", "stranger"])
def test_details_are_not_for_everybody(
    workspace: Workspace, person: str, request: pytest.FixtureRequest
) -> None:
    client: Client = request.getfixturevalue(person)

    assert client.post(url(workspace, "/details"), DETAILS).status_code == 404
    assert not BillingProfile.objects.of(workspace.pk).exists()


# ------------------------------------------------------------------------------------------------- statements
def this_month(workspace: Workspace, rest: str = "") -> str:
    return url(workspace, f"/statements/{timezone.now():%Y-%-m}{rest}")


def test_statement_says_what_was_used_by_model(workspace: Workspace, billing: Client) -> None:
    completed(workspace)
    payment(workspace)

    page = billing.get(this_month(workspace)).content.decode()
    paper = squeezed(text_of(billing.get(this_month(workspace, ".pdf")).content))
    rows = table(billing.get(this_month(workspace, ".csv")))

    for said in ("modelyard/illustration text-to-image", "Purchases", "US$20.00", "US$20.999"):
        assert said in page
        assert squeezed(said) in paper
    assert [(row["section"], row["what"], row["points"]) for row in rows] == [
        ("opening", "Opening balance", "0"),
        ("in", "Purchases", "200000000"),
        ("in", "Grants", "10000000"),
        ("used", "modelyard/illustration text-to-image", "-10000"),
        ("closing", "Closing balance", "209990000"),
    ]


@pytest.mark.parametrize("month", ["1999-1", "2026-13", "2026-0", "99999-1", "0-1", "9999-12"])
@pytest.mark.parametrize("rest", ["", ".pdf", ".csv"])
def test_month_that_is_none_does_not_exist(
    workspace: Workspace, owner: Client, month: str, rest: str
) -> None:
    assert owner.get(url(workspace, f"/statements/{month}{rest}")).status_code == 404
