"""Numbers, snapshots and corrections of invoices."""

import random
import threading
from contextlib import suppress
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from apps.accounts.models import Workspace
from apps.billing.models import BillingProfile, Invoice, LegalEntity, Payment, Reversal
from apps.billing.selectors import invoices
from apps.billing.services import payments
from apps.billing.services.payments import WentBack
from tests.byoa.threads import at_once
from tests.factories import UserFactory, WorkspaceFactory, owner_of
from tests.factories.billing import USD, payment, settled

Kind = Invoice.Kind


def documents(of: Payment | Workspace) -> list[tuple[str, str, int, int, int]]:
    """(number, kind, net, tax, total) in the order of their numbers."""
    rows = Invoice.objects.across_workspaces()
    rows = rows.filter(payment=of) if isinstance(of, Payment) else rows.filter(workspace=of)
    names = ("number", "kind", "net_points", "tax_points", "total_points")
    return list(rows.order_by("sequence").values_list(*names))


def back(of: Payment, points: int, ref: str = "re_1", **facts: Any) -> None:
    told = WentBack(
        **{"kind": "refund", "ref": ref, "amount_points": points, "is_in_effect": True, **facts}
    )
    payments.reverse(payment_id=of.pk, went_back=told)


def proof() -> list[str]:
    return [*invoices.gaps(), *invoices.differences()]


def test_payment_brings_one_invoice_however_often_it_is_told(workspace: Workspace) -> None:
    told = settled(workspace, tax_points=3 * USD)

    for _ in range(3):
        paid, _ = payments.settle(told)

    assert documents(workspace) == [("INV-000001", "invoice", 20 * USD, 3 * USD, 23 * USD)]
    assert proof() == []
    invoice = Invoice.objects.of(workspace.pk).get()
    assert invoice.lines == [{"text": "Credits", "quantity": 1, "amount_points": 20 * USD}]
    assert (invoice.payment, invoice.paid_by, invoice.currency) == (
        paid,
        "Visa ending in 4242",
        "usd",
    )


def test_payment_of_nothing_brings_none(workspace: Workspace) -> None:
    payment(workspace, amount_points=0, credit_points=0, lines=[])

    assert documents(workspace) == []
    assert proof() == []


def test_lines_that_do_not_add_up_become_one_that_does(workspace: Workspace) -> None:
    payment(workspace, lines=[{"text": "Credits", "quantity": 1, "amount_points": 1}])

    invoice = Invoice.objects.of(workspace.pk).get()
    assert invoice.lines == [{"text": "Top-up", "quantity": 1, "amount_points": 20 * USD}]


def test_main_line_of_an_upgrade_is_the_new_plan(workspace: Workspace) -> None:
    unused, rest = -15 * USD, 60 * USD
    lines = [
        {"text": "Unused time", "quantity": 1, "amount_points": unused},
        {"text": "Premium", "quantity": 1, "amount_points": rest},
    ]
    payment(workspace, usd=45, lines=lines)

    invoice = Invoice.objects.of(workspace.pk).get()
    assert (invoice.lines, invoice.main_line) == (lines, "Premium")


def test_subscription_and_crypto_are_invoiced_like_all_else(workspace: Workspace) -> None:
    payment(workspace, kind=Payment.Kind.SUBSCRIPTION, usd=15)
    payment(workspace, provider="evm", method="", usd=3)

    names = Invoice.objects.of(workspace.pk).order_by("sequence").values_list("number", "paid_by")
    assert list(names) == [("INV-000001", "Visa ending in 4242"), ("INV-000002", "Crypto")]


def test_test_payments_have_numbers_of_their_own(workspace: Workspace) -> None:
    payment(workspace, is_test=True)
    payment(workspace, is_test=True)
    payment(workspace)

    marks = Invoice.objects.of(workspace.pk).order_by("issued_at").values_list("number", "is_test")
    assert list(marks) == [("TEST-000001", True), ("TEST-000002", True), ("INV-000001", False)]
    assert proof() == []


def test_seller_comes_from_the_settings_once(workspace: Workspace, settings: Any) -> None:
    settings.SELLER_NAME, settings.SELLER_COUNTRY = "First Ltd", "GB"
    payment(workspace)
    settings.SELLER_NAME = "Second Ltd"
    payment(workspace)

    names = {invoice.seller["name"] for invoice in Invoice.objects.of(workspace.pk)}
    assert names == {"First Ltd"}
    assert LegalEntity.objects.get().country == "GB"


def test_invoice_keeps_the_addresses_of_its_day(workspace: Workspace) -> None:
    profile = BillingProfile.objects.create(
        workspace=workspace,
        company="Acme",
        address="Old Street 1\nOld Town",
        country="DE",
        tax_id="DE136695976",
        email="books@acme.example",
    )
    payment(workspace)
    profile.company, profile.address = "Acme New", "New Street 2"
    profile.save()
    LegalEntity.objects.update(name="Renamed", footer="Other terms")

    invoice = Invoice.objects.of(workspace.pk).get()
    assert invoice.buyer == {
        "name": "Acme",
        "workspace": workspace.name,
        "address": "Old Street 1\nOld Town",
        "country": "DE",
        "tax_id": "DE136695976",
        "email": "books@acme.example",
    }
    assert invoice.seller == {
        "name": "Modelyard",
        "address": "",
        "country": "",
        "tax_id": "",
        "email": "",
        "footer": "",
    }


def test_without_billing_details_it_is_made_out_to_the_workspace(workspace: Workspace) -> None:
    payment(workspace)

    buyer = Invoice.objects.of(workspace.pk).get().buyer
    assert (buyer["name"], buyer["email"]) == (workspace.name, owner_of(workspace).email)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE billing_invoice SET total_points = 1",
        "UPDATE billing_invoice SET number = 'X'",
        "DELETE FROM billing_invoice",
    ],
)
def test_database_refuses_every_change(workspace: Workspace, statement: str) -> None:
    payment(workspace)

    with (
        pytest.raises(DatabaseError, match="never changed"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert documents(workspace) == [("INV-000001", "invoice", 20 * USD, 0, 20 * USD)]


# ------------------------------------------------------------------------------------------------- corrections
def test_refunds_add_up_to_the_invoice_and_no_further(workspace: Workspace) -> None:
    paid = payment(workspace, tax_points=USD)

    back(paid, 7 * USD, "re_1")
    back(paid, 7 * USD, "re_1")
    back(paid, 7 * USD, "re_2")
    back(paid, 21 * USD, "dp_1", kind="dispute")

    assert documents(paid) == [
        ("INV-000001", "invoice", 20 * USD, USD, 21 * USD),
        ("INV-000002", "credit_note", -66_666_667, -3_333_333, -7 * USD),
        ("INV-000003", "credit_note", -66_666_667, -3_333_333, -7 * USD),
        ("INV-000004", "credit_note", -66_666_666, -3_333_334, -7 * USD),
    ]
    assert proof() == []


def test_refund_that_fails_later_is_answered_by_a_debit_note(workspace: Workspace) -> None:
    paid = payment(workspace, tax_points=USD)
    back(paid, 21 * USD)

    back(paid, 21 * USD, is_in_effect=False, status="failed")
    back(paid, 21 * USD, is_in_effect=False, status="failed")

    assert documents(paid)[1:] == [
        ("INV-000002", "credit_note", -20 * USD, -USD, -21 * USD),
        ("INV-000003", "debit_note", 20 * USD, USD, 21 * USD),
    ]
    assert proof() == []


def test_dispute_that_is_only_asked_about_corrects_nothing(workspace: Workspace) -> None:
    paid = payment(workspace)

    back(paid, 20 * USD, "dp_1", kind="dispute", is_in_effect=False, status="needs_response")

    assert len(documents(paid)) == 1


def test_credit_note_names_what_it_corrects_and_why(workspace: Workspace) -> None:
    paid = payment(workspace)
    back(paid, 5 * USD)

    note = Invoice.objects.of(workspace.pk).get(kind=Kind.CREDIT_NOTE)
    assert (note.corrects.number if note.corrects else "", note.lines) == (
        "INV-000001",
        [{"text": "Refund on invoice INV-000001", "quantity": 1, "amount_points": -5 * USD}],
    )
    assert note.reversal is not None
    assert note.reversal.ref == "re_1"


def test_correction_of_a_test_payment_is_numbered_with_it(workspace: Workspace) -> None:
    paid = payment(workspace, is_test=True)
    back(paid, 5 * USD)

    assert [row[0] for row in documents(paid)] == ["TEST-000001", "TEST-000002"]
    assert proof() == []


# ------------------------------------------------------------------------------------------------------- races
@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_twenty_threads_with_rollbacks_leave_no_gap() -> None:
    workspaces = [WorkspaceFactory.create() for _ in range(4)]
    chance, kept, lock = random.Random(4), [], threading.Lock()

    def pay() -> None:
        with lock:
            workspace, dies = chance.choice(workspaces), chance.random() < 0.4
        with suppress(ZeroDivisionError), transaction.atomic():
            paid = payment(workspace)
            kept.append(paid.pk if not dies else 1 // 0)

    problems = at_once(*([pay] * 20), times=5)

    assert problems == []
    numbers = list(
        Invoice.objects.across_workspaces().order_by("issued_at").values_list("sequence", flat=True)
    )
    assert numbers == list(range(1, len(kept) + 1))
    assert 20 < len(kept) < 100
    assert proof() == []


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_refunds_told_at_once_and_twice_are_corrected_once_each() -> None:
    paid = payment(WorkspaceFactory.create(), tax_points=USD)

    steps = [
        lambda ref=f"re_{number % 6}": back(paid, 5 * USD, ref)  # type: ignore[misc]
        for number in range(12)
    ]
    problems = at_once(*steps)

    assert problems == []
    totals = sorted(row[4] for row in documents(paid))
    assert totals == [*([-5 * USD] * 4), -USD, 21 * USD]
    assert proof() == []


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_first_invoices_at_once_make_one_seller() -> None:
    made = [WorkspaceFactory.create() for _ in range(6)]

    problems = at_once(*[lambda one=one: payment(one) for one in made])  # type: ignore[misc]

    assert problems == []
    assert LegalEntity.objects.get().next_number == 7


# ------------------------------------------------------------------------------------------------------- proof
def test_proof_finds_a_number_that_no_document_has(workspace: Workspace) -> None:
    payment(workspace)
    LegalEntity.objects.update(next_number=5)
    payment(workspace)
    LegalEntity.objects.update(next_number=9)

    assert list(invoices.gaps()) == [
        "seller seller: no document has the numbers 2 to 4",
        "seller seller: no document has the numbers 6 to 8",
    ]


def test_proof_finds_payments_and_documents_that_differ(workspace: Workspace) -> None:
    paid, bare = payment(workspace, tax_points=USD), payment(workspace, amount_points=0)
    back(paid, 7 * USD)
    Payment.objects.of(workspace.pk).filter(pk=bare.pk).update(amount_points=5)
    Payment.objects.of(workspace.pk).filter(pk=paid.pk).update(amount_points=10 * USD)
    Reversal.objects.of(workspace.pk).update(amount_points=6 * USD)

    assert sorted(invoices.differences()) == [
        f"invoice INV-000001 is corrected by 70000000 and 3333333 tax, went back {6 * USD} and 2857142 tax",
        f"invoice INV-000001 says {20 * USD} and {USD} tax for workspace {workspace.pk},"
        f" its payment {10 * USD} and {USD} for {workspace.pk}",
        f"payment {bare.pk} has 0 invoices instead of 1",
    ]


# ----------------------------------------------------------------------------------------------------- tenancy
def test_neighbours_documents_do_not_exist(workspace: Workspace) -> None:
    payment(WorkspaceFactory.create(owner=UserFactory.create()))
    theirs = Invoice.objects.across_workspaces().get()

    assert list(invoices.invoices(workspace_id=workspace.pk)) == []
    assert invoices.years(workspace_id=workspace.pk) == []
    with pytest.raises(Exception, match="There is no invoice"):
        invoices.invoice(workspace_id=workspace.pk, invoice_id=theirs.pk)
