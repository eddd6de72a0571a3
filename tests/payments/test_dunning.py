"""A renewal that fails: reminders on day 0, 3 and 7, the way back to the free plan, and paying meanwhile."""

from datetime import timedelta
from typing import Any

import pytest
from django.db.models import F

from apps.accounts.models import Workspace
from apps.billing.gateways import stripe_subscriptions, stripe_wire
from apps.billing.models import Payment, Subscription
from apps.billing.services.subscriptions import change, dunning
from apps.core.errors import InvalidRequest
from apps.ops import audit
from tests.byoa.threads import at_once
from tests.payments.cards import tell
from tests.payments.stripe_server import StripeServer
from tests.payments.subscribing import (
    USD,
    asked,
    customer,
    free,
    granted,
    live,
    mails,
    plan_of,
    set_seats,
    subscribed,
)

pytestmark = pytest.mark.django_db

LATER_DECLINED = "4000000000000341"


@pytest.fixture
def unpaid(cards: StripeServer) -> Workspace:
    """Premium, its first renewal declined and heard of."""
    workspace = free()
    row = subscribed(workspace, cards, "premium")
    cards.next_charge(customer(workspace))
    cards.renew(row.ref)
    cards.advance(days=0.1)
    tell(cards.events())
    assert live(workspace).state == "past_due"
    return workspace


def later(days: float) -> None:
    """As if the renewal had failed so much earlier."""
    Subscription.objects.across_workspaces().update(
        past_due_since=F("past_due_since") - timedelta(days=days)
    )


def test_failed_renewal_keeps_the_plan_and_is_told_at_once(unpaid: Workspace):
    row = live(unpaid)

    assert plan_of(unpaid) == ("premium", 1)
    assert (row.state, row.dunned_day) == ("past_due", 0)
    assert row.pay_url
    assert mails(unpaid) == [f"Payment for the Premium plan of {unpaid.name} failed"]


def test_reminders_come_on_day_three_and_seven_and_then_the_plan_ends(
    cards: StripeServer, unpaid: Workspace
):
    seen = []
    for _ in range(8):
        for _ in range(3):
            dunning.run()
        seen.append((len(mails(unpaid)), plan_of(unpaid)[0]))
        later(1)

    assert seen == [
        (1, "premium"), (1, "premium"), (1, "premium"),
        (2, "premium"), (2, "premium"), (2, "premium"), (2, "premium"),
        (4, "hobbyist"),
    ]  # fmt: skip
    assert mails(unpaid)[2:] == [
        f"{unpaid.name} goes back to the free plan: the renewal was not paid",
        f"The Premium plan of {unpaid.name} has ended",
    ]
    tell(cards.events())
    assert Subscription.objects.of(unpaid.pk).get().state == "ended"
    assert granted(unpaid) == [10 * USD]
    assert audit.differences() == []


def test_job_that_slept_a_week_writes_the_last_reminder_only(unpaid: Workspace):
    later(9)

    dunning.run()

    assert plan_of(unpaid) == ("hobbyist", None)
    assert len(mails(unpaid)) == 3


def test_paying_meanwhile_heals_at_once(cards: StripeServer, unpaid: Workspace):
    later(5)
    dunning.run()
    invoice = cards.get(live(unpaid).ref)["latest_invoice"]
    cards.client().v1.invoices.pay(invoice)

    tell(cards.events("invoice.paid"))

    row = live(unpaid)
    assert (row.state, row.past_due_since, row.dunned_day, row.pay_url) == (
        "active",
        None,
        None,
        "",
    )
    assert granted(unpaid) == [10 * USD] * 2
    later(9)
    dunning.run()
    assert plan_of(unpaid) == ("premium", 1)
    assert len(mails(unpaid)) == 2


def test_payment_nobody_told_us_of_is_seen_before_the_plan_ends(
    cards: StripeServer, unpaid: Workspace
):
    cards.client().v1.invoices.pay(cards.get(live(unpaid).ref)["latest_invoice"])
    later(8)

    dunning.run()

    assert (plan_of(unpaid), live(unpaid).state) == (("premium", 1), "active")
    assert granted(unpaid) == [10 * USD] * 2


def test_next_failed_renewal_is_told_of_again(cards: StripeServer, unpaid: Workspace):
    cards.client().v1.invoices.pay(cards.get(live(unpaid).ref)["latest_invoice"])
    tell(cards.events())
    cards.next_charge(customer(unpaid))
    cards.renew(live(unpaid).ref)
    cards.advance(days=0.1)
    tell(cards.events())

    assert live(unpaid).state == "past_due"
    assert len(mails(unpaid)) == 2


def test_dying_after_the_last_reminder_ends_the_plan_all_the_same(
    unpaid: Workspace, monkeypatch: pytest.MonkeyPatch
):
    later(7)

    def die(*_: Any, **__: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(stripe_subscriptions, "cancel", die)
        with pytest.raises(SystemExit):
            dunning.run()
    assert plan_of(unpaid) == ("premium", 1)

    dunning.run()

    assert plan_of(unpaid) == ("hobbyist", None)
    assert len(mails(unpaid)) == 3


def test_lost_answer_of_the_cancellation_ends_the_plan_all_the_same(
    cards: StripeServer, unpaid: Workspace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stripe_wire, "_RETRIES", 0)
    stripe_wire._client.cache_clear()
    later(7)
    cards.fault(f"DELETE /v1/subscriptions/{live(unpaid).ref}", "drop")

    dunning.run()
    dunning.run()

    assert plan_of(unpaid) == ("hobbyist", None)
    assert len(mails(unpaid)) == 3


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_job_that_runs_twice_at_once_writes_once(unpaid: Workspace):
    later(3)

    assert at_once(*[dunning.run] * 3) == []

    assert len(mails(unpaid)) == 2


def test_unpaid_plan_cannot_be_changed_but_ended(cards: StripeServer, unpaid: Workspace):
    with pytest.raises(InvalidRequest):
        change.downgrade(asked=asked(unpaid), plan="developer")
    with pytest.raises(InvalidRequest):
        set_seats(unpaid, "kling", 1)

    change.cancel(asked=asked(unpaid))

    assert plan_of(unpaid) == ("hobbyist", None)
    assert Payment.objects.of(unpaid.pk).count() == 1


def test_renewal_nobody_told_us_of_is_asked_for(cards: StripeServer):
    workspace = free()
    row = subscribed(workspace, cards, "premium")
    cards.renew(row.ref)
    cards.advance(days=0.1)
    Subscription.objects.of(workspace.pk).update(
        period_ends_at=F("period_ends_at") - timedelta(days=40)
    )

    dunning.run()

    assert granted(workspace) == [10 * USD] * 2
    assert live(workspace).period_ends_at > row.period_ends_at
