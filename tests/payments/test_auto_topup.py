"""Automatic top-ups: when one starts, its limits, its tax, and what owners may set."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from apps.accounts.models import AuditEvent, Workspace
from apps.billing.models import AutoTopUp, Payment, TopUp, Wallet
from apps.billing.services import movements
from apps.billing.services.auto_topup import terms, watch
from apps.core.errors import InvalidRequest
from tests.factories import WorkspaceFactory
from tests.payments.automatic import (
    WANTED,
    charges,
    customer,
    save_card,
    started,
    switch_on,
)
from tests.payments.cards import USD, balance, credited, tell
from tests.payments.stripe_server import StripeServer

pytestmark = pytest.mark.django_db


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
