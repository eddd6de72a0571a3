"""Top-ups by card: what may be asked for, one credit per payment, and what becomes of the rest."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from apps.accounts.models import Workspace
from apps.billing.models import CreditLot, InboundEvent, Payment, PaymentCustomer, TopUp
from apps.billing.services import topups
from apps.billing.services.inbox import Unmatched
from apps.core.errors import InvalidRequest, RateLimited
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory
from tests.payments.cards import USD, balance, credited, start
from tests.payments.stripe_server import StripeServer

pytestmark = pytest.mark.django_db


def test_paid_topup_is_credited_once_with_what_it_says(
    workspace: Workspace, cards: StripeServer
) -> None:
    top_up = start(workspace)
    cards.pay(top_up.ref)

    for _ in range(3):
        top_up = topups.confirm(top_up=top_up)

    payment = Payment.objects.of(workspace.pk).get()
    assert (top_up.state, top_up.next_at, balance(workspace)) == ("credited", None, (21 * USD, 0))
    assert (payment.amount_points, payment.tax_points, payment.credit_points) == (
        200_000_000,
        0,
        200_000_000,
    )
    assert (payment.method, payment.is_test, payment.top_up_id) == (
        "Visa ending in 4242",
        True,
        top_up.pk,
    )
    assert payment.card_fingerprint
    lot = CreditLot.objects.of(workspace.pk).get(points=200_000_000)
    assert lot.expires_at == payment.paid_at + timedelta(days=180)


def test_tax_is_paid_on_top_and_brings_no_credits(
    workspace: Workspace, cards: StripeServer, settings: Settings
) -> None:
    settings.STRIPE_TAX = True
    cards.knobs.tax_basis_points = 1900
    top_up = start(workspace)
    cards.pay(top_up.ref)

    topups.confirm(top_up=top_up)

    payment = Payment.objects.of(workspace.pk).get()
    assert (payment.amount_points, payment.tax_points, credited(workspace)) == (
        200_000_000,
        38_000_000,
        [200_000_000],
    )


@pytest.mark.parametrize(
    "points", [0, -1, -200_000_000, 29_900_000, 30_000_001, 100_000_100_000, 2**63, 2**70]
)
def test_amounts_that_cannot_be_paid_are_refused(
    workspace: Workspace, cards: StripeServer, points: int
) -> None:
    with pytest.raises(InvalidRequest):
        topups.start(
            workspace_id=workspace.pk,
            user=None,
            amount_points=points,
            client_key="k" * 12,
            status_url=str,
        )

    assert not TopUp.objects.of(workspace.pk).exists()


@pytest.mark.parametrize("usd", [3, 10_000])
def test_amounts_at_the_limits_can_be_paid(
    workspace: Workspace, cards: StripeServer, usd: int
) -> None:
    top_up = start(workspace, usd=usd)
    cards.pay(top_up.ref)

    assert topups.confirm(top_up=top_up).state == "credited"
    assert credited(workspace) == [usd * USD]


def test_same_form_twice_is_one_topup_and_one_page(
    workspace: Workspace, cards: StripeServer
) -> None:
    first = start(workspace, client_key="form-0001")
    second = start(workspace, client_key="form-0001", saves_card=True)

    assert (first.pk, first.ref, first.pay_url) == (second.pk, second.ref, second.pay_url)
    assert len(cards.client().v1.checkout.sessions.list().data) == 1


def test_same_form_with_another_amount_is_refused(
    workspace: Workspace, cards: StripeServer
) -> None:
    start(workspace, client_key="form-0001")

    with pytest.raises(InvalidRequest, match="another payment"):
        start(workspace, usd=50, client_key="form-0001")


def test_same_form_of_another_workspace_is_another_topup(
    workspace: Workspace, cards: StripeServer
) -> None:
    other = WorkspaceFactory.create()

    assert start(workspace, client_key="form-0001").pk != start(other, client_key="form-0001").pk


def test_a_workspace_has_a_limit_of_open_pages(
    workspace: Workspace, cards: StripeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(topups, "MAX_OPEN", 1)
    start(workspace)

    with pytest.raises(RateLimited):
        start(workspace)


# ------------------------------------------------------------------------------ lost answers
@pytest.mark.parametrize("answer", ["500", "drop"])
def test_lost_answer_of_the_page_is_repeated_with_the_same_key(
    workspace: Workspace, cards: StripeServer, answer: str
) -> None:
    cards.fault("POST /v1/checkout/sessions", answer)

    top_up = start(workspace)

    assert top_up.pay_url
    assert len(cards.client().v1.checkout.sessions.list().data) == 1


def test_silent_stripe_charges_nothing_and_the_form_works_later(
    workspace: Workspace, cards: StripeServer
) -> None:
    cards.fault("POST /v1/checkout/sessions", "500", times=3, after=False)

    with pytest.raises(topups.CardsUnavailable, match="Nothing was charged"):
        start(workspace, client_key="form-0001")

    top_up = start(workspace, client_key="form-0001")
    assert top_up.pay_url
    assert len(cards.client().v1.checkout.sessions.list().data) == 1
    assert TopUp.objects.of(workspace.pk).count() == 1


def _forget_page(top_up: TopUp) -> None:
    """As if we had died between Stripe's answer and our row."""
    past = timezone.now() - timedelta(minutes=1)
    TopUp.objects.of(top_up.workspace_id).filter(pk=top_up.pk).update(
        ref="", pay_url="", next_at=past
    )
    top_up.refresh_from_db()


def test_sweep_finds_the_page_that_was_made_and_not_saved(
    workspace: Workspace, cards: StripeServer
) -> None:
    top_up = start(workspace)
    ref = top_up.ref
    _forget_page(top_up)
    cards.pay(ref)

    assert topups.sweep() == 1

    top_up.refresh_from_db()
    assert (top_up.state, top_up.ref, credited(workspace)) == ("credited", ref, [200_000_000])


def test_sweep_ends_a_topup_that_never_had_a_page(
    workspace: Workspace, cards: StripeServer
) -> None:
    cards.fault("POST /v1/checkout/sessions", "500", times=3, after=False)
    with pytest.raises(topups.CardsUnavailable):
        start(workspace)
    long_ago = timezone.now() - timedelta(hours=2)
    TopUp.objects.of(workspace.pk).update(created_at=long_ago, next_at=long_ago)

    topups.sweep()

    assert TopUp.objects.of(workspace.pk).get().state == "expired"


def test_sweep_credits_whom_nobody_told_about(workspace: Workspace, cards: StripeServer) -> None:
    top_up = start(workspace)
    cards.pay(top_up.ref)
    TopUp.objects.of(workspace.pk).update(next_at=timezone.now())

    topups.sweep()
    topups.sweep()

    assert credited(workspace) == [200_000_000]


def test_sweep_waits_while_stripe_is_silent(workspace: Workspace, cards: StripeServer) -> None:
    top_up = start(workspace)
    cards.pay(top_up.ref)
    TopUp.objects.of(workspace.pk).update(next_at=timezone.now())
    cards.fault("GET /v1/checkout/sessions", "500", times=3)

    topups.sweep()

    top_up.refresh_from_db()
    assert (top_up.state, credited(workspace)) == ("created", [])
    assert top_up.next_at is not None
    assert top_up.next_at > timezone.now()


# ------------------------------------------------------------------------- how it can end
def test_expired_page_ends_the_topup(workspace: Workspace, cards: StripeServer) -> None:
    top_up = start(workspace)
    cards.expire(top_up.ref)

    assert topups.confirm(top_up=top_up).state == "expired"
    assert balance(workspace) == (USD, 0)


def test_decline_says_why_and_the_page_stays_open(
    workspace: Workspace, cards: StripeServer
) -> None:
    top_up = start(workspace)
    with pytest.raises(Exception, match="declined"):
        cards.pay(top_up.ref, card="4000000000000002")

    top_up = topups.confirm(top_up=top_up)
    assert (top_up.state, "declined" in top_up.failure, credited(workspace)) == (
        "created",
        True,
        [],
    )

    cards.pay(top_up.ref)
    top_up = topups.confirm(top_up=top_up)
    assert (top_up.state, top_up.failure, credited(workspace)) == ("credited", "", [200_000_000])


def test_cancelled_topup_cannot_be_paid(workspace: Workspace, cards: StripeServer) -> None:
    top_up = topups.cancel(top_up=start(workspace))

    assert top_up.state == "cancelled"
    with pytest.raises(Exception, match="expired"):
        cards.pay(top_up.ref)


def test_payment_that_was_faster_than_cancelling_is_credited(
    workspace: Workspace, cards: StripeServer
) -> None:
    top_up = start(workspace)
    cards.pay(top_up.ref)

    assert topups.cancel(top_up=top_up).state == "credited"
    assert credited(workspace) == [200_000_000]


def test_page_finished_after_cancelling_is_closed(
    workspace: Workspace, cards: StripeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = topups._made

    def cancelled_meanwhile(top_up: TopUp, *args: Any, **options: Any) -> Any:
        session = made(top_up, *args, **options)
        topups.cancel(top_up=top_up)
        return session

    monkeypatch.setattr(topups, "_made", cancelled_meanwhile)
    top_up = start(workspace)

    assert (top_up.state, top_up.pay_url) == ("cancelled", "")
    assert [one.status for one in cards.client().v1.checkout.sessions.list().data] == ["expired"]


def test_saved_card_is_remembered_only_when_wanted(
    workspace: Workspace, cards: StripeServer
) -> None:
    top_up = start(workspace)
    cards.pay(top_up.ref)
    topups.confirm(top_up=top_up)
    assert PaymentCustomer.objects.of(workspace.pk).get().card_last4 == ""

    top_up = start(workspace, saves_card=True)
    cards.pay(top_up.ref)
    topups.confirm(top_up=top_up)
    customer = PaymentCustomer.objects.of(workspace.pk).get()
    assert (customer.card_brand, customer.card_last4) == ("visa", "4242")
    assert customer.card_ref.startswith("pm_")


def test_workspace_is_one_customer(workspace: Workspace, cards: StripeServer) -> None:
    start(workspace)
    start(workspace)

    assert len(cards.client().v1.customers.list().data) == 1


# ------------------------------------------------------------------- what does not fit
@pytest.mark.parametrize(
    "change",
    [
        {"amount_points": 210_000_000},
        {"provider": "btcpay"},
    ],
)
def test_paid_page_that_is_not_what_was_asked_for_credits_nothing(
    workspace: Workspace, cards: StripeServer, change: dict[str, Any]
) -> None:
    top_up = start(workspace)
    cards.pay(top_up.ref)
    TopUp.objects.of(workspace.pk).update(**change)
    top_up.refresh_from_db()

    with pytest.raises(Unmatched):
        topups.confirm(top_up=top_up)

    assert credited(workspace) == []


def test_page_of_another_topup_credits_nothing(workspace: Workspace, cards: StripeServer) -> None:
    """Two top-ups of the same sum whose refs were swapped."""
    other = WorkspaceFactory.create()
    mine, theirs = start(workspace), start(other)
    cards.pay(theirs.ref)
    TopUp.objects.of(other.pk).update(ref="cs_test_elsewhere")
    TopUp.objects.of(workspace.pk).update(ref=theirs.ref)
    mine.refresh_from_db()

    with pytest.raises(Unmatched, match="reference, customer"):
        topups.confirm(top_up=mine)

    assert (credited(workspace), credited(other)) == ([], [])


def test_sweep_shows_the_operator_what_does_not_fit(
    workspace: Workspace, cards: StripeServer
) -> None:
    top_up = start(workspace)
    cards.pay(top_up.ref)
    TopUp.objects.of(workspace.pk).update(amount_points=210_000_000, next_at=timezone.now())

    topups.sweep()

    event = InboundEvent.objects.get()
    assert (event.state, event.object_ref, "amount" in event.error) == (
        "unmatched",
        top_up.ref,
        True,
    )
    assert TopUp.objects.of(workspace.pk).get().next_at is None


def test_play_money_is_nothing_for_a_live_key(
    workspace: Workspace, cards: StripeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    top_up = start(workspace)
    cards.pay(top_up.ref)
    monkeypatch.setattr("apps.billing.gateways.stripe.is_live", lambda: True)

    with pytest.raises(Unmatched, match="mode"):
        topups.confirm(top_up=top_up)


# ------------------------------------------------------------------------------------ races
@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_many_confirmations_at_once_credit_once(cards: StripeServer) -> None:
    workspace = WorkspaceFactory.create()
    top_up = start(workspace)
    cards.pay(top_up.ref)

    problems = at_once(*[lambda: topups.confirm(top_up=TopUp.objects.of(workspace.pk).get())] * 8)

    assert (problems, credited(workspace)) == ([], [200_000_000])


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_form_sent_at_once_from_many_tabs_is_one_topup(cards: StripeServer) -> None:
    workspace = WorkspaceFactory.create()

    problems = at_once(*[lambda: start(workspace, client_key="form-0001")] * 6)

    assert problems == []
    assert TopUp.objects.of(workspace.pk).count() == 1
    assert len(cards.client().v1.checkout.sessions.list().data) == 1
