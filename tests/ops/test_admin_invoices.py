"""Invoices and sellers in the operator's console."""

import csv
import io

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pypdf import PdfReader

from apps.accounts.models import User, Workspace
from apps.billing.models import Invoice, LegalEntity
from apps.billing.services.invoices import default_entity, entity_of_tests
from tests.factories import UserFactory, WorkspaceFactory
from tests.factories.billing import USD, invoice, payment

pytestmark = pytest.mark.django_db

BOOKS = "admin:billing_invoice_books"
SELLER = {
    "name": "Acme Ltd", "slug": "acme", "address": "Street 1", "country": "GB", "tax_id": "", "email": "",
    "footer": "", "number_prefix": "ACME-",
}  # fmt: skip


@pytest.fixture
def operator(client: Client) -> Client:
    client.force_login(User.objects.create_superuser("operator@example.com", "correct horse"))
    return client


def staff(*permissions: str) -> Client:
    user = UserFactory.create(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def days(first: str, last: str) -> dict[str, str]:
    return {"first": first, "last": last}


def today() -> str:
    return f"{timezone.now():%Y-%m-%d}"


def test_operator_reads_a_document_as_pdf(operator: Client, workspace: Workspace) -> None:
    made = invoice(workspace)
    page = operator.get(reverse("admin:billing_invoice_change", args=[made.pk])).content.decode()

    answer = operator.get(reverse("admin:billing_invoice_pdf", args=[made.pk]))

    assert reverse("admin:billing_invoice_pdf", args=[made.pk]) in page
    assert "INV-000001" in PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()


def test_nobody_writes_deletes_or_changes_a_document(
    operator: Client, workspace: Workspace
) -> None:
    made = invoice(workspace)

    answers = [
        operator.get(reverse("admin:billing_invoice_add")),
        operator.post(reverse("admin:billing_invoice_delete", args=[made.pk])),
        operator.post(reverse("admin:billing_invoice_change", args=[made.pk]), {"number": "X"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]
    assert Invoice.objects.of(workspace.pk).get().number == "INV-000001"


def test_books_are_the_documents_of_the_days_of_all_workspaces(
    operator: Client, workspace: Workspace
) -> None:
    other = WorkspaceFactory.create()
    payment(workspace, tax_points=USD)
    payment(other)

    answer = operator.get(reverse(BOOKS), days(today(), today()))

    rows = list(csv.DictReader(io.StringIO(answer.getvalue().decode())))
    assert [(row["number"], row["workspace"], row["total"]) for row in rows] == [
        ("INV-000001", workspace.slug, "21.00"),
        ("INV-000002", other.slug, "20.00"),
    ]
    empty = operator.get(reverse(BOOKS), days("2020-01-01", "2020-12-31"))
    assert len(empty.getvalue().decode().splitlines()) == 1


@pytest.mark.parametrize(
    "query",
    [
        {"first": "x"},
        days("2026-01-01", "9999-12-31"),
        days("", ""),
        days("2026-02-30", "2026-03-01"),
    ],
)
def test_books_of_no_days_show_the_form_again(operator: Client, query: dict[str, str]) -> None:
    answer = operator.get(reverse(BOOKS), query)

    assert (answer.status_code, answer.headers["Content-Type"][:9]) == (200, "text/html")


def test_books_say_whether_numbers_and_payments_agree(
    operator: Client, workspace: Workspace
) -> None:
    payment(workspace)
    assert b"Numbers have no gaps" in operator.get(reverse(BOOKS)).content

    LegalEntity.objects.update(next_number=7)

    page = operator.get(reverse(BOOKS)).content.decode()
    assert "seller seller: no document has the numbers 2 to 6" in page


def test_books_and_pdf_need_the_permission(workspace: Workspace) -> None:
    made = invoice(workspace)
    paths = [reverse(BOOKS), reverse("admin:billing_invoice_pdf", args=[made.pk])]

    assert [staff("view_task").get(path).status_code for path in paths] == [403, 403]
    assert [staff("view_invoice").get(path).status_code for path in paths] == [200, 200]


def test_operator_adds_a_seller_and_sells_in_its_name(
    operator: Client, workspace: Workspace
) -> None:
    payment(workspace)
    added = operator.post(reverse("admin:billing_legalentity_add"), SELLER)
    acme = LegalEntity.objects.get(slug="acme")
    chosen = {"action": "sell_in_this_name", "_selected_action": [acme.pk]}

    operator.post(reverse("admin:billing_legalentity_changelist"), chosen)
    payment(workspace)

    assert added.status_code == 302
    rows = Invoice.objects.of(workspace.pk).order_by("issued_at")
    assert [row.number for row in rows] == ["INV-000001", "ACME-000001"]
    last = LogEntry.objects.latest("id")
    assert (last.object_id, last.get_change_message()) == (
        str(acme.pk),
        "Made the seller of new invoices.",
    )


def test_seller_of_test_payments_is_not_chosen(operator: Client) -> None:
    kept = default_entity()
    chosen = {"action": "sell_in_this_name", "_selected_action": [entity_of_tests().pk]}

    answer = operator.post(reverse("admin:billing_legalentity_changelist"), chosen, follow=True)

    assert b"Test payments have numbers of their own" in answer.content
    assert LegalEntity.objects.get(is_default=True) == kept


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"country": "ZZ"}, "Two letters such as DE."),
        ({"number_prefix": "A1"}, "no digit at the end"),
        ({"number_prefix": "INV-"}, "already exists"),
    ],
)
def test_seller_that_would_print_or_number_wrongly_is_refused(
    operator: Client, changed: dict[str, str], said: str
) -> None:
    default_entity()

    answer = operator.post(reverse("admin:billing_legalentity_add"), SELLER | changed)

    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert LegalEntity.objects.count() == 1


def test_seller_keeps_its_prefix_and_place_once_it_has_issued(
    operator: Client, workspace: Workspace
) -> None:
    payment(workspace)
    entity = LegalEntity.objects.get()
    url = reverse("admin:billing_legalentity_change", args=[entity.pk])

    answer = operator.post(url, SELLER | {"next_number": "99", "is_default": ""})

    entity.refresh_from_db()
    assert answer.status_code == 302
    assert (entity.name, entity.slug, entity.number_prefix) == ("Acme Ltd", "seller", "INV-")
    assert (entity.next_number, entity.is_default) == (2, True)
    deleted = operator.post(reverse("admin:billing_legalentity_delete", args=[entity.pk]))
    assert deleted.status_code == 403
