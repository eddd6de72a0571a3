"""Our payments against Stripe's lists, both ways."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.billing.models import InboundEvent, Payment, Reversal
from apps.billing.services import reconcile
from tests.factories.billing import payment as made_up
from tests.payments.cards import USD, balance, credited, paid, reversals, start
from tests.payments.stripe_server import StripeServer

pytestmark = pytest.mark.django_db


def test_nothing_differs_when_nothing_was_missed(workspace: Workspace, cards: StripeServer) -> None:
    paid(workspace, cards)

    assert reconcile.reconcile(days=7) == []


def test_what_was_never_told_is_recorded(workspace: Workspace, cards: StripeServer) -> None:
    """No event, no landing page: the list alone."""
    first = cards.pay(start(workspace).ref)["payment_intent"]
    second = cards.pay(start(workspace).ref)["payment_intent"]
    cards.refund(first, amount=500)
    cards.dispute(second)

    assert reconcile.reconcile(days=7) == []

    assert (credited(workspace), balance(workspace)) == ([200_000_000] * 2, (16 * USD, 0))
    assert sorted(reversals(workspace)) == [("dispute", 20 * USD, True), ("refund", 5 * USD, True)]


def test_payment_nobody_asked_for_is_told_and_kept(
    workspace: Workspace, cards: StripeServer
) -> None:
    made = cards.client().v1.payment_intents.create(
        {
            "amount": 2000,
            "currency": "usd",
            "confirm": True,
            "payment_method": "pm_card_visa",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )

    told = reconcile.reconcile(days=7)
    reconcile.reconcile(days=7)

    assert told == [f"{made.id} is paid, and nothing here asked for it"]
    event = InboundEvent.objects.get()
    assert (event.kind, event.object_ref, event.state) == (
        "reconcile.payment",
        made.id,
        "unmatched",
    )


def test_credit_without_a_payment_at_stripe_is_told(
    workspace: Workspace, cards: StripeServer
) -> None:
    payment = made_up(workspace, paid_at=timezone.now())

    (told,) = reconcile.reconcile(days=7)

    assert told.startswith(f"{payment.ref} is credited: ")


def test_other_sum_is_told(workspace: Workspace, cards: StripeServer) -> None:
    ref = paid(workspace, cards)
    Payment.objects.of(workspace.pk).update(amount_points=190_000_000)

    (told,) = reconcile.reconcile(days=7)

    assert told == f"{ref}: recorded $19.00 usd, Stripe says $20.00 usd"


def test_reversal_stripe_does_not_know_is_told(workspace: Workspace, cards: StripeServer) -> None:
    ref = paid(workspace, cards)
    payment = Payment.objects.of(workspace.pk).get()
    Reversal.objects.create(
        payment=payment,
        workspace=workspace,
        kind="refund",
        ref="re_none",
        amount_points=USD,
        is_in_effect=True,
    )

    (told,) = reconcile.reconcile(days=7)

    assert told == f"refund re_none of {ref} is not known to Stripe"


def test_payment_begun_before_the_days_is_looked_up(
    workspace: Workspace, cards: StripeServer
) -> None:
    paid(workspace, cards)
    soon = timezone.now() + timedelta(days=1, minutes=1)
    Payment.objects.of(workspace.pk).update(paid_at=soon)

    found = list(reconcile._not_at_stripe(timezone.now() + timedelta(days=1), set()))

    assert found == []


def test_command_tells_and_fails(
    workspace: Workspace, cards: StripeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    ref = paid(workspace, cards)
    call_command("reconcile_payments", days=2)
    assert capsys.readouterr().out == "The card payments of 2 days are as Stripe has them.\n"

    Payment.objects.of(workspace.pk).update(amount_points=190_000_000)
    with pytest.raises(CommandError, match="1 differ"):
        call_command("reconcile_payments", days=2)
    assert ref in capsys.readouterr().out


def test_command_says_when_stripe_is_silent(cards: StripeServer) -> None:
    cards.fault("GET /v1/payment_intents", "500", times=3, after=False)

    with pytest.raises(CommandError, match="does not answer"):
        call_command("reconcile_payments")
