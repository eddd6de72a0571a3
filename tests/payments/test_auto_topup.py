"""Automatic top-ups: when one starts, one charge per top-up whatever breaks, and what ends them."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from apps.accounts.models import AuditEvent, Workspace
from apps.billing.gateways import stripe_wire
from apps.billing.models import AutoTopUp, InboundEvent, Payment, PaymentCustomer, TopUp, Wallet
from apps.billing.services import movements, payments
from apps.billing.services.auto_topup import charge, outcome, terms, watch
from apps.core.errors import InvalidRequest
from apps.notifications.models import Email
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory
from tests.payments.automatic import (
    ASKS_ALWAYS,
    DECLINED_LATER,
    WANTED,
    charges,
    paid,
    rested,
    save_card,
    started,
    switch_on,
)
from tests.payments.cards import USD, balance, credited, shuffled, states, tell
from tests.payments.stripe_server import StripeServer

pytestmark = pytest.mark.django_db


def customer(workspace: Workspace) -> str:
    return PaymentCustomer.objects.of(workspace.pk).get().ref


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first lost answer is lost: Stripe's library does not ask again by itself."""
    monkeypatch.setattr(stripe_wire, "_RETRIES", 0)


def settings_of(workspace: Workspace) -> AutoTopUp:
    return AutoTopUp.objects.of(workspace.pk).get()


def mails() -> list[str]:
    return list(Email.objects.across_workspaces().order_by("id").values_list("kind", flat=True))


def sweep_again() -> int:
    """The leases of what is open have ended."""
    TopUp.objects.across_workspaces().filter(next_at__isnull=False).update(next_at=timezone.now())
    return charge.sweep(stop_at=time.monotonic() + 60)


# ----------------------------------------------------------------------------------- when
def test_low_balance_is_topped_up_once(workspace: Workspace, cards: StripeServer) -> None:
    switch_on(workspace, cards)

    assert (watch.watch(), watch.watch()) == (1, 0)

    payment = Payment.objects.of(workspace.pk).get()
    assert (started(workspace), balance(workspace)) == ([("credited", 20)], (21 * USD, 0))
    assert (payment.amount_points, payment.method, payment.is_test) == (
        20 * USD,
        "Visa ending in 4242",
        True,
    )
    assert charges(cards, customer(workspace)) == ["succeeded"]


def test_balance_at_the_mark_is_left_alone(workspace: Workspace, cards: StripeServer) -> None:
    switch_on(workspace, cards, threshold_points=1 * USD)

    assert (watch.watch(), started(workspace)) == (0, [])


def test_switched_off_or_suspended_is_left_alone(workspace: Workspace, cards: StripeServer) -> None:
    other = WorkspaceFactory.create()
    switch_on(workspace, cards, is_on=False)
    switch_on(other, cards)
    Workspace.objects.filter(pk=other.pk).update(is_enabled=False)

    assert (watch.watch(), started(workspace), started(other)) == (0, [], [])


def test_neighbour_is_not_charged(workspace: Workspace, cards: StripeServer) -> None:
    other = WorkspaceFactory.create()
    save_card(other, cards)
    switch_on(workspace, cards)

    watch.watch()

    assert (started(other), balance(other), charges(cards, customer(other))) == ([], (USD, 0), [])


def test_shortest_pause_is_kept(workspace: Workspace, cards: StripeServer) -> None:
    switch_on(workspace, cards, threshold_points=100 * USD)
    watch.watch()
    ago = timezone.now() - timedelta(minutes=10)

    AutoTopUp.objects.of(workspace.pk).update(last_started_at=ago + timedelta(seconds=30))
    early = watch.watch()
    AutoTopUp.objects.of(workspace.pk).update(last_started_at=ago)

    assert (early, watch.watch(), len(started(workspace))) == (0, 1, 2)


def test_debt_is_paid_first(workspace: Workspace, cards: StripeServer) -> None:
    movements.claw_back(workspace_id=workspace.pk, points=4 * USD, reference="payment:x:1", note="")
    switch_on(workspace, cards)
    owed = balance(workspace)

    watch.watch()

    assert (owed, balance(workspace)) == ((0, 3 * USD), (17 * USD, 0))


# --------------------------------------------------------------------------------- limits
def spend(workspace: Workspace, at: datetime, *, state: str = "credited") -> None:
    """An automatic top-up of $20 at that time."""
    TopUp.objects.create(
        workspace=workspace,
        kind="auto",
        provider="stripe",
        client_key=f"{at.isoformat()}{state}",
        amount_points=20 * USD,
        state=state,
        created_at=at,
    )


NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 11, 21, tzinfo=UTC)
FIRST = datetime(2026, 11, 1, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("before", "starts"),
    [
        ([MIDNIGHT], True),
        ([MIDNIGHT, MIDNIGHT + MOMENT], False),
        ([MIDNIGHT - MOMENT, MIDNIGHT], True),
        # The month: $80 of $100 leave room for one more, $100 do not.
        ([FIRST + timedelta(days=day) for day in range(4)], True),
        ([FIRST + timedelta(days=day) for day in range(5)], False),
        ([FIRST - MOMENT, *(FIRST + timedelta(days=day) for day in range(4))], True),
    ],
)
def test_limits_count_utc_days_and_months(
    workspace: Workspace, cards: StripeServer, before: list[datetime], starts: bool
) -> None:
    switch_on(workspace, cards)
    for at in before:
        spend(workspace, at)

    top_up = watch.start(workspace_id=workspace.pk, now=NOON)

    assert (top_up is not None) is starts


def test_what_failed_does_not_count_against_limits(
    workspace: Workspace, cards: StripeServer
) -> None:
    switch_on(workspace, cards)
    for state in ("failed", "expired", "cancelled"):
        spend(workspace, MIDNIGHT, state=state)
        spend(workspace, MIDNIGHT + timedelta(hours=1), state=state)

    assert watch.start(workspace_id=workspace.pk, now=NOON) is not None


def test_by_hand_does_not_count_against_limits(workspace: Workspace, cards: StripeServer) -> None:
    switch_on(workspace, cards)
    spend(workspace, MIDNIGHT)
    spend(workspace, MIDNIGHT + MOMENT)
    TopUp.objects.of(workspace.pk).update(kind="manual")

    assert watch.start(workspace_id=workspace.pk, now=NOON) is not None


# ------------------------------------------------------------------------------- what breaks
@pytest.mark.parametrize("answer", ["500", "drop"])
@pytest.mark.parametrize("after", [True, False])
def test_lost_answer_is_asked_for_again_under_the_same_name(
    workspace: Workspace, cards: StripeServer, impatient: None, answer: str, after: bool
) -> None:
    switch_on(workspace, cards)
    cards.fault("POST /v1/payment_intents", answer, after=after)

    watch.watch()
    waiting = started(workspace)
    sweep_again()

    assert (waiting, started(workspace)) == ([("processing", 20)], [("credited", 20)])
    assert charges(cards, customer(workspace)) == ["succeeded"]
    assert credited(workspace) == [20 * USD]


def test_error_that_stripe_remembers_does_not_hide_the_charge(
    workspace: Workspace, cards: StripeServer, impatient: None
) -> None:
    switch_on(workspace, cards)
    cards.fault("POST /v1/payment_intents", "500", saved=True)

    watch.watch()
    sweep_again()

    assert (started(workspace), credited(workspace)) == ([("credited", 20)], [20 * USD])
    assert charges(cards, customer(workspace)) == ["succeeded"]


def test_charge_that_stripe_never_heard_of_ends_after_an_hour(
    workspace: Workspace, cards: StripeServer
) -> None:
    switch_on(workspace, cards)
    cards.fault("POST /v1/payment_intents", "500", times=9, after=False)
    watch.watch()
    TopUp.objects.of(workspace.pk).update(created_at=timezone.now() - timedelta(minutes=61))

    sweep_again()

    row = settings_of(workspace)
    assert (started(workspace), row.is_on, row.failures) == ([("failed", 20)], True, 0)
    assert charges(cards, customer(workspace)) == []


def _dies(*args: Any, **more: Any) -> Any:
    raise KeyboardInterrupt


def _watch_and_die(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    """The process dies where it would have entered that function."""
    with monkeypatch.context() as patch:
        patch.setattr(module, name, _dies)
        with pytest.raises(KeyboardInterrupt):
            watch.watch()


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (charge, "ask"),
        (charge, "_charged"),
        (outcome, "take"),
        (payments, "_close_top_up"),
        (payments, "_credit"),
    ],
)
def test_death_at_any_step_is_one_charge_and_one_credit(
    workspace: Workspace,
    cards: StripeServer,
    monkeypatch: pytest.MonkeyPatch,
    module: Any,
    name: str,
) -> None:
    switch_on(workspace, cards)

    _watch_and_die(monkeypatch, module, name)
    waiting = (started(workspace), paid(workspace))
    sweep_again()

    assert waiting == ([("processing", 20)], 0)
    assert (started(workspace), credited(workspace)) == ([("credited", 20)], [20 * USD])
    assert charges(cards, customer(workspace)) == ["succeeded"]


def test_event_credits_what_nobody_wrote_down(
    workspace: Workspace, cards: StripeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch_on(workspace, cards)
    _watch_and_die(monkeypatch, outcome, "take")

    for seed in range(3):
        tell(shuffled(cards.events(), seed))

    assert (started(workspace), credited(workspace)) == ([("credited", 20)], [20 * USD])
    assert states()["payment_intent.succeeded"] == "done"


def test_another_card_meanwhile_is_no_second_charge(
    workspace: Workspace, cards: StripeServer, impatient: None
) -> None:
    switch_on(workspace, cards)
    cards.fault("POST /v1/payment_intents", "500")
    watch.watch()
    save_card(workspace, cards, "5555555555554444")

    sweep_again()

    assert (started(workspace), charges(cards, customer(workspace))) == (
        [("credited", 20)],
        ["succeeded"],
    )


def test_name_that_stripe_knows_with_other_words_is_not_charged_and_no_fault_of_the_card(
    workspace: Workspace, cards: StripeServer
) -> None:
    switch_on(workspace, cards)
    cards.fault("POST /v1/payment_intents", "500", times=3, after=False)
    watch.watch()
    name = f"auto:{TopUp.objects.of(workspace.pk).get().pk}"
    cards.client().v1.payment_intents.create(
        {"amount": 500, "currency": "usd"}, {"idempotency_key": name}
    )

    sweep_again()

    assert (started(workspace), charges(cards, customer(workspace))) == ([("processing", 20)], [])
    assert (settings_of(workspace).is_on, settings_of(workspace).failures) == (True, 0)


def test_other_settings_meanwhile_change_nothing_of_what_is_open(
    workspace: Workspace, cards: StripeServer
) -> None:
    switch_on(workspace, cards)
    cards.fault("POST /v1/payment_intents", "500", times=3, after=False)
    watch.watch()
    off = terms.Wanted(False, 5 * USD, 50 * USD, 50 * USD, 50 * USD)
    terms.change(workspace_id=workspace.pk, wanted=off, actor=None)

    sweep_again()

    assert (started(workspace), credited(workspace)) == ([("credited", 20)], [20 * USD])


def test_payment_of_another_sum_is_not_credited(
    workspace: Workspace, cards: StripeServer, impatient: None
) -> None:
    switch_on(workspace, cards)
    cards.fault("POST /v1/payment_intents", "500")
    watch.watch()
    TopUp.objects.of(workspace.pk).update(amount_points=30 * USD)

    tell(cards.events("payment_intent.succeeded"))

    event = InboundEvent.objects.get(kind="payment_intent.succeeded")
    assert (paid(workspace), event.state, "amount" in event.error) == (0, "unmatched", True)


def test_charge_of_another_customer_is_not_credited(
    workspace: Workspace, cards: StripeServer, impatient: None
) -> None:
    switch_on(workspace, cards)
    cards.fault("POST /v1/payment_intents", "500")
    watch.watch()
    PaymentCustomer.objects.of(workspace.pk).update(ref="cus_another")

    tell(cards.events("payment_intent.succeeded"))

    assert (paid(workspace), states()["payment_intent.succeeded"]) == (0, "unmatched")


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_two_watchers_charge_once(workspace: Workspace, cards: StripeServer) -> None:
    switch_on(workspace, cards, threshold_points=100 * USD)

    problems = at_once(*[watch.watch] * 4)

    assert (problems, started(workspace), charges(cards, customer(workspace))) == (
        [],
        [("credited", 20)],
        ["succeeded"],
    )


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_sweeps_and_events_at_once_credit_once(
    workspace: Workspace, cards: StripeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch_on(workspace, cards)
    _watch_and_die(monkeypatch, outcome, "take")
    top_up = TopUp.objects.of(workspace.pk).get()
    events = cards.events()

    problems = at_once(
        lambda: charge.look(top_up=TopUp.objects.of(workspace.pk).get(pk=top_up.pk)),
        lambda: charge.look(top_up=TopUp.objects.of(workspace.pk).get(pk=top_up.pk)),
        lambda: tell(events),
        watch.watch,
    )

    assert (problems, credited(workspace), paid(workspace)) == ([], [20 * USD], 1)


# ------------------------------------------------------------------------------- declined
def test_soft_decline_ends_it_at_the_second_try(workspace: Workspace, cards: StripeServer) -> None:
    switch_on(workspace, cards, DECLINED_LATER)

    watch.watch()
    first = settings_of(workspace)
    rested(workspace)
    watch.watch()

    row = settings_of(workspace)
    assert (first.is_on, first.failures, first.stopped_reason) == (True, 1, "")
    assert (row.is_on, row.failures, row.stopped_reason) == (False, 2, "Your card was declined.")
    assert started(workspace) == [("failed", 20), ("failed", 20)]
    assert (mails(), balance(workspace)) == (["auto_topup_stopped"], (USD, 0))
    rested(workspace)
    assert watch.watch() == 0


@pytest.mark.parametrize("reason", ["lost_card", "stolen_card", "expired_card", "fraudulent"])
def test_hard_decline_ends_it_at_once(
    workspace: Workspace, cards: StripeServer, reason: str
) -> None:
    switch_on(workspace, cards)
    cards.next_charge(customer(workspace), reason)

    watch.watch()

    row = settings_of(workspace)
    assert (row.is_on, bool(row.stopped_reason), started(workspace)) == (
        False,
        True,
        [("failed", 20)],
    )
    text = Email.objects.across_workspaces().get().text
    assert row.stopped_reason in text
    audit = AuditEvent.objects.of(workspace.pk).filter(action="auto_topup.stopped").get()
    assert audit.detail == {"reason": row.stopped_reason}


def test_success_forgets_the_failure_before_it(workspace: Workspace, cards: StripeServer) -> None:
    switch_on(workspace, cards, threshold_points=100 * USD)
    for reason in ("insufficient_funds", "", "insufficient_funds"):
        cards.next_charge(customer(workspace), reason)
        watch.watch()
        rested(workspace)

    row = settings_of(workspace)
    assert (row.is_on, row.failures) == (True, 1)
    assert started(workspace) == [("failed", 20), ("credited", 20), ("failed", 20)]


def test_repeated_events_of_a_decline_count_once(workspace: Workspace, cards: StripeServer) -> None:
    switch_on(workspace, cards, DECLINED_LATER)
    watch.watch()

    for seed in range(3):
        tell(shuffled(cards.events("payment_intent.payment_failed"), seed))
        InboundEvent.objects.update(state="waiting", next_at=timezone.now())

    assert settings_of(workspace).failures == 1


def test_lost_answer_of_a_decline_is_found(
    workspace: Workspace, cards: StripeServer, impatient: None
) -> None:
    switch_on(workspace, cards, DECLINED_LATER)
    cards.fault("POST /v1/payment_intents", "500")

    watch.watch()
    sweep_again()

    assert (started(workspace), settings_of(workspace).failures) == ([("failed", 20)], 1)
    assert charges(cards, customer(workspace)) == ["failed"]


def test_card_that_is_gone_at_stripe_ends_it(workspace: Workspace, cards: StripeServer) -> None:
    switch_on(workspace, cards)
    row = PaymentCustomer.objects.of(workspace.pk).get()
    cards.client().v1.payment_methods.detach(row.card_ref)

    watch.watch()

    assert (started(workspace), settings_of(workspace).is_on) == ([("failed", 20)], False)


# ---------------------------------------------------------------------------- confirmation
def waiting_for_owner(workspace: Workspace, cards: StripeServer) -> TopUp:
    switch_on(workspace, cards, ASKS_ALWAYS)
    watch.watch()
    found = TopUp.objects.of(workspace.pk).get()
    assert found.state == "needs_action"
    return found


def test_bank_that_wants_the_owner_has_them_written_to_once(
    workspace: Workspace, cards: StripeServer
) -> None:
    top_up = waiting_for_owner(workspace, cards)

    tell(cards.events())
    sweep_again()

    mail = Email.objects.across_workspaces().get()
    assert f"/w/{workspace.slug}/billing/topup/{top_up.pk}" in mail.text
    assert (mail.kind, started(workspace), settings_of(workspace).failures) == (
        "auto_topup_confirm",
        [("needs_action", 20)],
        0,
    )


def test_confirmed_payment_is_the_same_and_is_credited_once(
    workspace: Workspace, cards: StripeServer
) -> None:
    top_up = waiting_for_owner(workspace, cards)

    first = charge.confirm(top_up=top_up, return_url="http://testserver/back")
    second = charge.confirm(top_up=top_up, return_url="http://testserver/back")
    cards.authenticate(top_up.ref)
    charge.look(top_up=top_up)
    tell(cards.events())

    assert first.pay_url == second.pay_url != ""
    assert (started(workspace), credited(workspace)) == ([("credited", 20)], [20 * USD])
    assert charges(cards, customer(workspace)).count("succeeded") == 1
    assert len(cards.client().v1.payment_intents.list({"customer": customer(workspace)}).data) == 1


def test_nothing_new_starts_while_one_waits(workspace: Workspace, cards: StripeServer) -> None:
    waiting_for_owner(workspace, cards)
    rested(workspace)

    assert (watch.watch(), len(started(workspace))) == (0, 1)


def test_owner_whom_the_bank_does_not_know_fails_it(
    workspace: Workspace, cards: StripeServer
) -> None:
    top_up = waiting_for_owner(workspace, cards)
    charge.confirm(top_up=top_up, return_url="http://testserver/back")
    cards.authenticate(top_up.ref, passes=False)

    charge.look(top_up=top_up)

    assert (started(workspace), settings_of(workspace).failures) == ([("failed", 20)], 1)


def test_nobody_confirms_and_it_cannot_be_paid_any_more(
    workspace: Workspace, cards: StripeServer
) -> None:
    top_up = waiting_for_owner(workspace, cards)
    TopUp.objects.of(workspace.pk).update(created_at=timezone.now() - timedelta(hours=24))

    sweep_again()

    assert (started(workspace), cards.get(top_up.ref)["status"]) == ([("expired", 20)], "canceled")
    assert settings_of(workspace).failures == 1


def test_payment_confirmed_in_the_last_moment_is_credited(
    workspace: Workspace, cards: StripeServer
) -> None:
    top_up = waiting_for_owner(workspace, cards)
    charge.confirm(top_up=top_up, return_url="http://testserver/back")
    cards.authenticate(top_up.ref)

    charge.cancel(top_up=top_up)

    assert (started(workspace), credited(workspace)) == ([("credited", 20)], [20 * USD])


def test_cancelled_payment_is_no_failure(workspace: Workspace, cards: StripeServer) -> None:
    top_up = waiting_for_owner(workspace, cards)

    charge.cancel(top_up=top_up)
    tell(cards.events())

    row = settings_of(workspace)
    assert (started(workspace), row.failures, row.is_on) == ([("cancelled", 20)], 0, True)


# ------------------------------------------------------------------------------------- tax
def test_tax_is_charged_on_top_and_brings_no_credits(
    workspace: Workspace, cards: StripeServer, settings: Settings
) -> None:
    settings.STRIPE_TAX = True
    cards.knobs.tax_basis_points = 1900
    switch_on(workspace, cards)

    watch.watch()
    tell(cards.events())

    payment = Payment.objects.of(workspace.pk).get()
    assert (payment.amount_points, payment.tax_points, credited(workspace)) == (
        20 * USD,
        38_000_000,
        [20 * USD],
    )
    assert cards.get(payment.ref)["amount"] == 2380


# ---------------------------------------------------------------------------------- terms
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount_points": 2 * USD}, "amount_points"),
        ({"amount_points": 20 * USD + 1}, "amount_points"),
        ({"amount_points": 2**70}, "amount_points"),
        ({"threshold_points": -1}, "threshold_points"),
        ({"threshold_points": 0}, "threshold_points"),
        ({"threshold_points": 5 * USD + 1}, "threshold_points"),
        ({"threshold_points": 2**70}, "threshold_points"),
        ({"daily_cap_points": 19 * USD}, "daily_cap_points"),
        ({"daily_cap_points": 2**70}, "daily_cap_points"),
        ({"monthly_cap_points": 39 * USD}, "monthly_cap_points"),
        ({"monthly_cap_points": 2**70}, "monthly_cap_points"),
    ],
)
def test_amounts_that_do_not_fit_are_refused(
    workspace: Workspace, cards: StripeServer, changes: dict[str, int], field: str
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        switch_on(workspace, cards, **changes)

    assert (refused.value.detail or {})["field"] == field
    assert not AutoTopUp.objects.of(workspace.pk).exists()


def test_without_a_card_it_cannot_be_switched_on(workspace: Workspace, cards: StripeServer) -> None:
    with pytest.raises(InvalidRequest, match="Save a card first"):
        terms.change(workspace_id=workspace.pk, wanted=WANTED, actor=None)


def test_change_is_kept_for_good_once(workspace: Workspace, cards: StripeServer) -> None:
    switch_on(workspace, cards)
    terms.change(workspace_id=workspace.pk, wanted=WANTED, actor=None)

    found = AuditEvent.objects.of(workspace.pk).filter(action="auto_topup.changed")
    assert [one.detail["to"]["amount_points"] for one in found] == [20 * USD]


def test_switching_on_again_forgets_why_it_stopped(
    workspace: Workspace, cards: StripeServer
) -> None:
    switch_on(workspace, cards)
    cards.next_charge(customer(workspace), "stolen_card")
    watch.watch()

    row = terms.change(workspace_id=workspace.pk, wanted=WANTED, actor=None)

    assert (row.is_on, row.stopped_reason, row.failures) == (True, "", 0)


def test_wallet_is_never_negative_after_all(workspace: Workspace, cards: StripeServer) -> None:
    switch_on(workspace, cards)
    watch.watch()

    wallet = Wallet.objects.of(workspace.pk).get()
    assert (wallet.available, wallet.held, wallet.debt) == (21 * USD, 0, 0)
