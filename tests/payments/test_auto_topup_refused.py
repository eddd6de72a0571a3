"""Automatic top-ups that the bank refuses or wants their owner for: what ends them, and one charge at most."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import AuditEvent, Workspace
from apps.billing.models import InboundEvent, PaymentCustomer, TopUp
from apps.billing.services.auto_topup import charge, watch
from apps.notifications.models import Email
from tests.payments.automatic import (
    ASKS_ALWAYS,
    DECLINED_LATER,
    charges,
    customer,
    mails,
    rested,
    settings_of,
    started,
    sweep_again,
    switch_on,
)
from tests.payments.cards import USD, balance, credited, shuffled, tell
from tests.payments.stripe_server import StripeServer

pytestmark = pytest.mark.django_db


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
