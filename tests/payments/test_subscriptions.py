"""Subscriptions at the local Stripe: start, change, end, and every way our row can fall behind."""

from dataclasses import replace
from typing import Any

import pytest

from apps.accounts import plans, selectors
from apps.accounts.models import AuditEvent, Workspace
from apps.billing.gateways import stripe_subscriptions, stripe_wire
from apps.billing.models import InboundEvent, Payment, StripePrice, Subscription
from apps.billing.services.subscriptions import by_hand, change, events, start, sync
from apps.core.errors import InvalidRequest, NotFound
from apps.ops import audit
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory
from tests.payments.cards import balance, reversals, shuffled, tell
from tests.payments.stripe_server import StripeServer
from tests.payments.subscribing import (
    USD,
    asked,
    customer,
    free,
    granted,
    live,
    page,
    plan_of,
    state_of,
    subscribed,
)

pytestmark = pytest.mark.django_db

DECLINED = "4000000000000002"
THREE_D_SECURE = "4000002760003184"


def payments(workspace: Workspace) -> list[tuple[int, int]]:
    """What was paid and what it brought, oldest first."""
    found = Payment.objects.of(workspace.pk).order_by("created_at")
    return [(one.amount_points, one.credit_points) for one in found]


# --------------------------------------------------------------------------------- start
def test_subscribing_gives_plan_credits_and_one_payment(cards: StripeServer):
    workspace = free()

    row = subscribed(workspace, cards, "premium")

    assert plan_of(workspace) == ("premium", 1)
    assert (row.state, row.cancels_at_period_end, row.next_version_id) == ("active", False, None)
    assert payments(workspace) == [(60 * USD, 10 * USD)]
    assert granted(workspace) == [10 * USD]
    assert balance(workspace) == (11 * USD, 0)
    assert audit.differences() == []


def test_events_of_a_start_change_nothing_more(cards: StripeServer):
    workspace = free()
    subscribed(workspace, cards, "premium")
    before = state_of(workspace)

    tell(cards.events() * 2)

    assert state_of(workspace) == before
    assert InboundEvent.objects.filter(state__in=["unmatched", "failed", "waiting"]).count() == 0


@pytest.mark.parametrize("seed", range(3))
def test_start_by_events_alone_in_any_order(cards: StripeServer, seed: int):
    workspace = free()
    cards.pay(page(workspace, cards, "premium"))

    tell(shuffled(cards.events() * 2, seed))

    assert plan_of(workspace) == ("premium", 1)
    assert granted(workspace) == [10 * USD]
    assert audit.differences() == []


def test_declined_card_starts_nothing(cards: StripeServer):
    workspace = free()
    session = page(workspace, cards)

    with pytest.raises(Exception, match="declined"):
        cards.pay(session, card=DECLINED)

    assert not start.landed(workspace=workspace, session_ref=session)
    tell(cards.events())
    assert plan_of(workspace) == ("hobbyist", None)
    assert payments(workspace) == []


def test_second_page_closes_the_first(cards: StripeServer):
    workspace = free()
    first, second = page(workspace, cards), page(workspace, cards)

    assert [cards.get(one)["status"] for one in (first, second)] == ["expired", "open"]


def test_one_form_sent_twice_is_one_page(cards: StripeServer):
    workspace = free()
    key = "one-form-sent-twice"

    urls = {
        start.start(workspace=workspace, plan="developer", client_key=key, back=_back())
        for _ in range(2)
    }

    assert len(urls) == 1


def test_second_subscription_is_ended_and_its_money_sent_back(
    cards: StripeServer, monkeypatch: pytest.MonkeyPatch
):
    """Two tabs, two pages, both paid: what closing the first page prevents, unless both were open at once."""
    workspace = free()
    monkeypatch.setattr(start, "_close_others", lambda *_: None)
    first, second = page(workspace, cards), page(workspace, cards, "premium")
    cards.pay(first)
    cards.pay(second)

    start.landed(workspace=workspace, session_ref=first)
    start.landed(workspace=workspace, session_ref=second)
    tell(cards.events())

    assert plan_of(workspace) == ("developer", 1)
    assert sorted(payments(workspace)) == [(15 * USD, 0), (60 * USD, 10 * USD)]
    assert reversals(workspace) == [("refund", 60 * USD, True)]
    assert balance(workspace) == (USD, 0)
    kept = [one["status"] for one in _at_stripe(cards)]
    assert sorted(kept) == ["active", "canceled"]
    assert audit.differences() == []


def test_dying_on_the_way_back_of_the_second_subscriptions_money_loses_nothing(
    cards: StripeServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stripe_wire, "_RETRIES", 0)
    workspace = free()
    with monkeypatch.context() as patched:
        patched.setattr(start, "_close_others", lambda *_: None)
        first, second = page(workspace, cards), page(workspace, cards, "premium")
    cards.pay(first)
    cards.pay(second)
    start.landed(workspace=workspace, session_ref=first)
    cards.fault("POST /v1/refunds", "drop")

    with pytest.raises(start.PlansUnavailable):
        start.landed(workspace=workspace, session_ref=second)
    tell(cards.events())

    assert reversals(workspace) == [("refund", 60 * USD, True)]
    assert sorted(one["status"] for one in _at_stripe(cards)) == ["active", "canceled"]


def test_page_of_another_workspace_is_not_found(cards: StripeServer):
    session = page(free(), cards)
    cards.pay(session)

    for ref in (session, "cs_test_nothing", "cs_'; DROP", "", "x" * 500):
        with pytest.raises(NotFound):
            start.landed(workspace=free(), session_ref=ref)


@pytest.mark.parametrize("plan", ["hobbyist", "gold", ""])
def test_what_is_not_sold_is_refused(cards: StripeServer, plan: str):
    with pytest.raises(InvalidRequest):
        start.start(workspace=free(), plan=plan, client_key="a-form-of-ours", back=_back())


def test_plan_given_by_hand_can_be_replaced_by_a_subscription(cards: StripeServer):
    workspace = WorkspaceFactory.create(plan="premium")
    assert by_hand.is_by_hand(workspace=workspace)

    subscribed(workspace, cards, "developer")

    assert plan_of(workspace) == ("developer", 1)
    assert not by_hand.is_by_hand(workspace=workspace)


def test_plan_is_not_given_by_hand_over_a_subscription(cards: StripeServer):
    workspace = free()
    subscribed(workspace, cards)

    with pytest.raises(InvalidRequest):
        by_hand.give_plan(workspace_id=workspace.pk, plan="premium", reason="kind", actor=None)

    assert plan_of(workspace) == ("developer", 1)


def test_plan_given_by_hand_needs_a_reason_and_is_audited(db: None):
    workspace = free()
    with pytest.raises(InvalidRequest):
        by_hand.give_plan(workspace_id=workspace.pk, plan="premium", reason=" ", actor=None)

    by_hand.give_plan(workspace_id=workspace.pk, plan="premium", reason="a gift", actor=None)

    assert plan_of(workspace) == ("premium", None)
    found = AuditEvent.objects.of(workspace.pk).get(action="plan.given")
    assert (found.target, found.detail) == ("premium", {"reason": "a gift"})


def test_prices_are_made_once(cards: StripeServer):
    for _ in range(2):
        subscribed(free(), cards)

    assert [row.key for row in StripePrice.objects.all()] == ["plan:developer:1"]
    with cards.changing():
        assert len(cards.world.store.every("price")) == 1


def test_price_whose_row_was_lost_is_found_again(cards: StripeServer):
    subscribed(free(), cards)
    StripePrice.objects.all().delete()

    subscribed(free(), cards)

    with cards.changing():
        assert len(cards.world.store.every("price")) == 1


# ------------------------------------------------------------------------------- upgrade
def test_upgrade_charges_the_rest_of_the_period_and_counts_at_once(cards: StripeServer):
    workspace = free()
    subscribed(workspace, cards)
    cards.advance(days=15)
    shown = change.preview(workspace=workspace, plan="premium")

    row = change.upgrade(asked=asked(workspace), plan="premium")

    assert plan_of(workspace) == ("premium", 1)
    assert row.pay_url == ""
    (_, first), (paid, brought) = payments(workspace)[0], payments(workspace)[1]
    assert first == 0
    assert abs(paid - shown.today_points) <= USD // 100
    # About half of a month is left of $45 and of $10 of credits.
    assert 21 * USD < paid < 24 * USD
    assert 45 * USD // 10 < brought < 55 * USD // 10
    assert audit.differences() == []


def test_upgrade_in_two_tabs_is_charged_once(cards: StripeServer):
    workspace = free()
    subscribed(workspace, cards)

    for _ in range(2):
        change.upgrade(asked=asked(workspace), plan="premium")
    tell(cards.events())

    assert plan_of(workspace) == ("premium", 1)
    assert [paid for paid, _ in payments(workspace)] == [15 * USD, 45 * USD]
    assert granted(workspace) == [10 * USD]


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_upgrade_in_two_tabs_at_once_is_charged_once(cards: StripeServer):
    workspace = free()
    subscribed(workspace, cards)

    problems = at_once(*[lambda: change.upgrade(asked=asked(workspace), plan="premium")] * 2)

    assert [type(one) for one in problems if not isinstance(one, InvalidRequest)] == []
    assert plan_of(workspace) == ("premium", 1)
    assert [paid for paid, _ in payments(workspace)] == [15 * USD, 45 * USD]
    assert audit.differences() == []


def test_declined_upgrade_changes_nothing(cards: StripeServer):
    workspace = free()
    subscribed(workspace, cards)
    before = state_of(workspace)
    cards.next_charge(customer(workspace))

    with pytest.raises(start.PaymentFailed, match="declined"):
        change.upgrade(asked=asked(workspace), plan="premium")
    tell(cards.events())

    assert state_of(workspace) == before
    assert payments(workspace) == [(15 * USD, 0)]

    change.upgrade(asked=asked(workspace), plan="premium")
    assert plan_of(workspace) == ("premium", 1)


def test_upgrade_that_needs_its_owner_waits_and_counts_once_confirmed(cards: StripeServer):
    workspace = free()
    session = page(workspace, cards)
    cards.pay(session, card=THREE_D_SECURE)
    cards.authenticate(_asking(cards))
    assert start.landed(workspace=workspace, session_ref=session)

    row = change.upgrade(asked=asked(workspace), plan="premium")

    assert row.pay_url.startswith(cards.url)
    tell(cards.events())
    assert plan_of(workspace) == ("developer", 1)
    assert payments(workspace) == [(15 * USD, 0)]

    cards.authenticate(_asking(cards))
    tell(cards.events())

    assert plan_of(workspace) == ("premium", 1)
    assert live(workspace).pay_url == ""
    assert payments(workspace) == [(15 * USD, 0), (45 * USD, 10 * USD)]
    assert audit.differences() == []


def test_upgrade_that_its_owner_never_confirms_is_dropped(cards: StripeServer):
    workspace = free()
    session = page(workspace, cards)
    cards.pay(session, card=THREE_D_SECURE)
    cards.authenticate(_asking(cards))
    start.landed(workspace=workspace, session_ref=session)
    change.upgrade(asked=asked(workspace), plan="premium")

    cards.advance(days=1)
    tell(cards.events())

    assert plan_of(workspace) == ("developer", 1)
    assert live(workspace).pay_url == ""
    assert payments(workspace) == [(15 * USD, 0)]


def test_answer_lost_after_stripe_charged_is_found_again(
    cards: StripeServer, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(stripe_wire, "_RETRIES", 0)
    workspace = free()
    row = subscribed(workspace, cards)
    cards.fault(f"POST /v1/subscriptions/{row.ref}", "drop")

    with pytest.raises(start.PlansUnavailable):
        change.upgrade(asked=asked(workspace), plan="premium")
    assert plan_of(workspace) == ("developer", 1)
    tell(cards.events())

    assert plan_of(workspace) == ("premium", 1)
    assert [paid for paid, _ in payments(workspace)] == [15 * USD, 45 * USD]


def test_dying_between_stripes_answer_and_our_row_is_healed_by_trying_again(
    cards: StripeServer, monkeypatch: pytest.MonkeyPatch
):
    workspace = free()
    subscribed(workspace, cards)

    def die(**_: Any) -> None:
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(events, "sync", die)
        with pytest.raises(SystemExit):
            change.upgrade(asked=asked(workspace), plan="premium")
    assert plan_of(workspace) == ("developer", 1)

    change.upgrade(asked=asked(workspace), plan="premium")
    tell(cards.events())

    assert plan_of(workspace) == ("premium", 1)
    assert [paid for paid, _ in payments(workspace)] == [15 * USD, 45 * USD]
    assert granted(workspace) == [10 * USD]


def test_raised_limit_counts_for_the_next_request(cards: StripeServer):
    workspace = free()
    subscribed(workspace, cards, "premium")
    selectors.forget_believed_keys()

    assert plans.terms_of_workspace(workspace_of(workspace)).concurrent_tasks == 30


# ------------------------------------------------------------------ at the end of the period
def test_downgrade_keeps_the_terms_until_the_period_ends(cards: StripeServer):
    workspace = free()
    subscribed(workspace, cards, "premium")

    row = change.downgrade(asked=asked(workspace), plan="developer")
    assert row.next_version is not None
    assert (plan_of(workspace), row.next_version.plan) == (("premium", 1), "developer")
    tell(cards.events())
    assert plan_of(workspace) == ("premium", 1)

    cards.renew(row.ref)
    tell(cards.events())

    assert plan_of(workspace) == ("developer", 1)
    assert live(workspace).next_version_id is None
    assert payments(workspace) == [(60 * USD, 10 * USD), (15 * USD, 0)]
    assert audit.differences() == []


def test_downgrade_taken_back_costs_nothing(cards: StripeServer):
    workspace = free()
    row = subscribed(workspace, cards, "premium")
    change.downgrade(asked=asked(workspace), plan="developer")

    change.resume(asked=asked(workspace))
    tell(cards.events())
    assert live(workspace).next_version_id is None
    cards.renew(row.ref)
    tell(cards.events())

    assert plan_of(workspace) == ("premium", 1)
    assert payments(workspace) == [(60 * USD, 10 * USD)] * 2


def test_cancelled_plan_ends_with_its_period(cards: StripeServer):
    workspace = free()
    row = subscribed(workspace, cards)

    change.cancel(asked=asked(workspace))
    assert (plan_of(workspace), live(workspace).cancels_at_period_end) == (("developer", 1), True)
    cards.renew(row.ref)
    tell(cards.events())

    assert plan_of(workspace) == ("hobbyist", None)
    assert state_of(workspace)["rows"][0][0] == "ended"
    assert payments(workspace) == [(15 * USD, 0)]


def test_cancelled_plan_goes_on_when_taken_back(cards: StripeServer):
    workspace = free()
    row = subscribed(workspace, cards)
    change.cancel(asked=asked(workspace))

    change.resume(asked=asked(workspace))
    cards.renew(row.ref)
    tell(cards.events())

    assert plan_of(workspace) == ("developer", 1)
    assert payments(workspace) == [(15 * USD, 0)] * 2


def test_who_ended_can_subscribe_again(cards: StripeServer):
    workspace = free()
    row = subscribed(workspace, cards)
    change.cancel(asked=asked(workspace))
    cards.renew(row.ref)
    tell(cards.events())

    subscribed(workspace, cards, "premium")
    # Weeks later the first subscription is heard of once more.
    sync.sync(ref=row.ref)

    assert plan_of(workspace) == ("premium", 1)


def test_new_version_does_not_touch_who_subscribed(cards: StripeServer):
    workspace = free()
    row = subscribed(workspace, cards)
    old = plans.terms_of_version(live(workspace).plan_version)  # type: ignore[arg-type]
    plans.publish(
        plan="developer",
        terms=replace(old, price_points=20 * USD, concurrent_tasks=1),
        actor=None,
        note="dearer",
    )
    selectors.forget_believed_keys()
    cards.renew(row.ref)
    tell(cards.events())

    assert plan_of(workspace) == ("developer", 1)
    assert plans.terms_of_workspace(workspace) == old
    assert payments(workspace) == [(15 * USD, 0)] * 2

    newcomer = free()
    subscribed(newcomer, cards)
    assert plan_of(newcomer) == ("developer", 2)
    assert payments(newcomer) == [(20 * USD, 0)]


def test_renewal_brings_the_credits_of_each_month_once(cards: StripeServer):
    workspace = free()
    row = subscribed(workspace, cards, "premium")

    for _ in range(2):
        cards.renew(row.ref)
    tell(shuffled(cards.events() * 3, 1))

    assert granted(workspace) == [10 * USD] * 3
    assert audit.differences() == []


def test_refunded_month_takes_its_credits_back(cards: StripeServer):
    workspace = free()
    subscribed(workspace, cards, "premium")
    ref = Payment.objects.of(workspace.pk).get().ref

    cards.refund(ref, amount=3000)
    tell(cards.events())

    assert balance(workspace) == (6 * USD, 0)
    assert reversals(workspace) == [("refund", 30 * USD, True)]


# ------------------------------------------------------------------------------- shuffled
@pytest.mark.parametrize("seed", range(4))
def test_whole_life_ends_the_same_however_its_events_come(cards: StripeServer, seed: int):
    """Subscribe, renew, downgrade, renew, cancel: heard of only at the end, twice and in any order."""
    workspace, other = free(), free()
    subscribed(other, cards)
    row = subscribed(workspace, cards, "premium")
    cards.renew(row.ref)
    _at(row, cards, items="developer")
    cards.renew(row.ref)
    before = state_of(other)

    tell(shuffled(cards.events() * 2, seed))

    assert plan_of(workspace) == ("developer", 1)
    assert granted(workspace) == [10 * USD] * 2
    assert state_of(other)["plan"] == before["plan"]
    assert InboundEvent.objects.filter(state__in=["unmatched", "failed"]).count() == 0
    assert audit.differences() == []


def test_answer_that_is_older_than_the_row_is_not_written(
    cards: StripeServer, monkeypatch: pytest.MonkeyPatch
):
    """While we read an old state, somebody else reads a newer one and writes it first."""
    workspace = free()
    row = subscribed(workspace, cards)
    old = stripe_subscriptions.subscription(row.ref)
    asked_for = []

    def slow(ref: str) -> stripe_subscriptions.Facts:
        asked_for.append(ref)
        if len(asked_for) == 1:
            monkeypatch.setattr(stripe_subscriptions, "subscription", real)
            change.upgrade(asked=asked(workspace), plan="premium")
            return old
        return real(ref)

    real = stripe_subscriptions.subscription
    monkeypatch.setattr(stripe_subscriptions, "subscription", slow)
    sync.sync(ref=row.ref)

    assert plan_of(workspace) == ("premium", 1)


def test_subscription_of_a_stranger_stays_with_the_operator(cards: StripeServer):
    workspace = free()
    client = cards.client()
    stranger = client.v1.customers.create({"name": "stranger"})
    card = client.v1.payment_methods.attach("pm_card_visa", {"customer": stranger.id})
    price = client.v1.prices.create(
        {
            "currency": "usd",
            "unit_amount": 100,
            "recurring": {"interval": "month"},
            "product_data": {"name": "x"},
        }
    )
    client.v1.subscriptions.create(
        {"customer": stranger.id, "items": [{"price": price.id}], "default_payment_method": card.id}
    )

    tell(cards.events())

    assert plan_of(workspace) == ("hobbyist", None)
    assert Payment.objects.across_workspaces().count() == 0
    unmatched = InboundEvent.objects.filter(state="unmatched")
    assert "customer.subscription.created" in set(unmatched.values_list("kind", flat=True))


# ------------------------------------------------------------------------------- helpers
def workspace_of(workspace: Workspace) -> Workspace:
    return Workspace.objects.get(pk=workspace.pk)


def _back() -> start.Return:
    return start.Return(
        "http://testserver/done?session={CHECKOUT_SESSION_ID}", "http://testserver/x"
    )


def _asking(cards: StripeServer) -> str:
    """The payment whose bank waits for the card's owner."""
    with cards.changing():
        found = cards.world.store.every("payment_intent", status="requires_action")
    return str(found[-1]["id"])


def _at_stripe(cards: StripeServer) -> list[Any]:
    with cards.changing():
        return list(cards.world.store.every("subscription"))


def _at(row: Subscription, cards: StripeServer, *, items: str) -> None:
    """A downgrade made at Stripe whose answer we never wrote."""
    workspace = row.workspace
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(change, "sync", lambda **_: row)
        change.downgrade(asked=asked(workspace), plan=items)
