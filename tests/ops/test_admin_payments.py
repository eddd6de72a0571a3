"""Card payments in the operator's console."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from apps.accounts.models import AuditEvent, User, Workspace
from apps.billing.models import InboundEvent, Payment, RefundRequest, TopUp
from apps.billing.selectors import payments as selectors
from apps.billing.services import refunds
from tests.payments.cards import USD, balance, credited, paid, start, tell, understand
from tests.payments.stripe_server import StripeServer

pytestmark = pytest.mark.django_db


@pytest.fixture
def cards(stripe_server: StripeServer, settings: Settings) -> StripeServer:
    settings.STRIPE_SECRET_KEY = stripe_server.secret_key
    settings.STRIPE_API_BASE = stripe_server.url
    return stripe_server


def operator(client: Client, name: str = "operator") -> Client:
    client.force_login(User.objects.create_superuser(f"{name}@example.com", "correct horse"))
    return client


def url(model: str, row: Any, step: str = "") -> str:
    if step:
        return reverse(f"admin:billing_{model}_do", args=[row.pk, step])
    return reverse(f"admin:billing_{model}_change", args=[row.pk])


def test_payment_page_shows_what_it_did_and_refunds(
    client: Client, workspace: Workspace, cards: StripeServer
) -> None:
    operator(client)
    paid(workspace, cards)
    payment = Payment.objects.of(workspace.pk).get()

    client.post(url("payment", payment, "refund"), {"amount": "5", "reason": "wrong model"})
    refunds.send_approved()
    text = client.get(url("payment", payment)).content.decode()

    request = RefundRequest.objects.of(workspace.pk).get()
    assert (request.amount_points, request.state) == (5 * USD, "sent")
    assert (
        str(request.pk) in text,
        "Clawback" in text,
        "Purchase" in text,
        "in effect" in text,
    ) == (True,) * 4
    assert balance(workspace) == (16 * USD, 0)


def test_too_large_refund_is_refused_on_the_page(
    client: Client, workspace: Workspace, cards: StripeServer
) -> None:
    operator(client)
    paid(workspace, cards)
    payment = Payment.objects.of(workspace.pk).get()

    answer = client.post(url("payment", payment, "refund"), {"amount": "20.01", "reason": "x"})

    assert (answer.status_code, "At most $20.00" in answer.content.decode()) == (200, True)
    assert not RefundRequest.objects.of(workspace.pk).exists()


def test_second_operator_approves(
    client: Client, workspace: Workspace, cards: StripeServer
) -> None:
    operator(client)
    paid(workspace, cards, usd=50)
    payment = Payment.objects.of(workspace.pk).get()
    client.post(url("payment", payment, "refund"), {"amount": "50", "reason": "closed"})
    request = RefundRequest.objects.of(workspace.pk).get()

    own = client.post(url("refundrequest", request, "approve"))
    request.refresh_from_db()
    assert ("Somebody else" in own.content.decode(), request.state) == (True, "asked")

    operator(client, "second")
    client.post(url("refundrequest", request, "approve"))
    request.refresh_from_db()
    assert request.state == "approved"


@pytest.fixture
def unmatched(workspace: Workspace, cards: StripeServer) -> InboundEvent:
    """A paid page whose top-up asks for another sum."""
    top_up = start(workspace)
    cards.pay(top_up.ref)
    TopUp.objects.of(workspace.pk).update(amount_points=30 * USD)
    tell(cards.events("checkout.session.completed"))
    return InboundEvent.objects.get(state="unmatched")


def test_unmatched_event_is_counted_and_shown_without_the_payer(
    client: Client, unmatched: InboundEvent
) -> None:
    operator(client)
    unmatched.payload["data"]["object"]["customer_details"] = {"email": "payer@example.com"}
    unmatched.save()

    text = client.get(url("inboundevent", unmatched)).content.decode()

    found = {one.state: one.count for one in selectors.unplaced()}
    assert found == {"unmatched": 1, "failed": 0, "waiting": 0}
    assert ("payer@example.com" in text, unmatched.object_ref in text) == (False, True)


def test_match_credits_what_was_paid_once(
    client: Client, workspace: Workspace, unmatched: InboundEvent
) -> None:
    operator(client)
    top_up = TopUp.objects.of(workspace.pk).get()
    given = {"top_up": str(top_up.pk), "reason": "they wrote to us"}

    first = client.post(url("inboundevent", unmatched, "match"), given)
    second = client.post(url("inboundevent", unmatched, "match"), given)

    unmatched.refresh_from_db()
    assert (first.status_code, "credited before" in second.content.decode()) == (302, True)
    assert (unmatched.state, unmatched.note, credited(workspace)) == (
        "done",
        "they wrote to us",
        [20 * USD],
    )
    assert AuditEvent.objects.of(workspace.pk).filter(action="payment.matched").count() == 1


def test_ignore_needs_a_reason(client: Client, unmatched: InboundEvent) -> None:
    operator(client)

    client.post(url("inboundevent", unmatched, "ignore"), {"reason": ""})
    unmatched.refresh_from_db()
    assert unmatched.state == "unmatched"

    client.post(url("inboundevent", unmatched, "ignore"), {"reason": "another shop of ours"})
    unmatched.refresh_from_db()
    assert (unmatched.state, unmatched.note) == ("ignored", "another shop of ours")


def test_handle_again_looks_once_more(
    client: Client, workspace: Workspace, unmatched: InboundEvent
) -> None:
    operator(client)
    TopUp.objects.of(workspace.pk).update(amount_points=20 * USD)

    client.post(url("inboundevent", unmatched, "again"))
    understand()

    unmatched.refresh_from_db()
    assert (unmatched.state, credited(workspace)) == ("done", [20 * USD])


def test_overdue_events_are_counted(unmatched: InboundEvent) -> None:
    InboundEvent.objects.filter(pk=unmatched.pk).update(state="waiting", next_at=timezone.now())

    assert {one.state: one.count for one in selectors.unplaced()}["waiting"] == 1
