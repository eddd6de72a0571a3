"""Automatic top-ups when answers are lost and processes die: one charge and one credit, whatever breaks."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.billing.models import InboundEvent, PaymentCustomer, TopUp
from apps.billing.services import payments
from apps.billing.services.auto_topup import charge, outcome, terms, watch
from tests.byoa.threads import at_once
from tests.payments.automatic import (
    charges,
    customer,
    paid,
    save_card,
    settings_of,
    started,
    sweep_again,
    switch_on,
)
from tests.payments.cards import USD, credited, shuffled, states, tell
from tests.payments.stripe_server import StripeServer

pytestmark = pytest.mark.django_db


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
