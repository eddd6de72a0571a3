"""Refunds by an operator: a reason, a second person above the limit, and money that goes back once."""

from uuid import UUID

import pytest

from apps.accounts.models import AuditEvent, Workspace
from apps.billing.models import Payment, RefundRequest, Reversal
from apps.billing.services import refunds
from apps.core.errors import InvalidRequest
from tests.byoa.threads import at_once
from tests.factories import UserFactory, WorkspaceFactory
from tests.payments.cards import USD, balance, paid, reversals, tell
from tests.payments.stripe_server import StripeServer

pytestmark = pytest.mark.django_db


def _payment(workspace: Workspace, cards: StripeServer, usd: int = 20) -> Payment:
    paid(workspace, cards, usd=usd)
    return Payment.objects.of(workspace.pk).get()


def _ask(payment: Payment, usd: int, reason: str = "wrong model") -> RefundRequest:
    return refunds.ask(
        payment_id=payment.pk, points=usd * USD, reason=reason, actor=UserFactory.create()
    )


def _state(request: RefundRequest) -> tuple[str, str]:
    request.refresh_from_db()
    return (request.state, request.failure)


def test_refund_goes_back_once_and_takes_the_credits(
    workspace: Workspace, cards: StripeServer
) -> None:
    payment = _payment(workspace, cards)
    request = _ask(payment, 5)

    assert (refunds.send_approved(), refunds.send_approved()) == (1, 0)
    tell(cards.events())

    assert _state(request) == ("sent", "")
    assert balance(workspace) == (16 * USD, 0)
    reversal = Reversal.objects.of(workspace.pk).get()
    assert (reversal.ref, reversal.reason, reversal.actor) == (
        request.ref,
        "wrong model",
        request.asked_by,
    )
    assert [one.amount for one in cards.client().v1.refunds.list().data] == [500]
    actions = AuditEvent.objects.of(workspace.pk).filter(action__startswith="refund.")
    assert [one.detail for one in actions] == [{"points": 5 * USD, "reason": "wrong model"}]


@pytest.mark.parametrize("usd", [0, -1, 21, 10**9])
def test_sums_that_cannot_go_back_are_refused(
    workspace: Workspace, cards: StripeServer, usd: int
) -> None:
    payment = _payment(workspace, cards)

    with pytest.raises(InvalidRequest):
        _ask(payment, usd)

    assert not RefundRequest.objects.of(workspace.pk).exists()


def test_parts_of_a_cent_and_no_reason_are_refused(
    workspace: Workspace, cards: StripeServer
) -> None:
    payment = _payment(workspace, cards)

    with pytest.raises(InvalidRequest, match="cents"):
        refunds.ask(payment_id=payment.pk, points=50_001, reason="x", actor=UserFactory.create())
    with pytest.raises(InvalidRequest, match="why"):
        _ask(payment, 5, reason="  ")


def test_what_was_asked_for_or_disputed_cannot_be_asked_for_again(
    workspace: Workspace, cards: StripeServer
) -> None:
    payment = _payment(workspace, cards)
    _ask(payment, 15)
    assert refunds.refundable(payment=payment) == 5 * USD
    refunds.send_approved()
    assert refunds.refundable(payment=payment) == 5 * USD

    cards.dispute(payment.ref, amount=500)
    tell(cards.events("charge.dispute.created", "charge.dispute.funds_withdrawn"))

    assert refunds.refundable(payment=payment) == 0
    with pytest.raises(InvalidRequest, match="At most"):
        _ask(payment, 1)


def test_failed_refund_can_be_asked_for_again(workspace: Workspace, cards: StripeServer) -> None:
    payment = _payment(workspace, cards)
    request = _ask(payment, 20)
    refunds.send_approved()
    request.refresh_from_db()

    cards.fail_refund(request.ref)
    tell(cards.events("refund.failed"))

    assert (refunds.refundable(payment=payment), balance(workspace)) == (20 * USD, (21 * USD, 0))


def test_above_the_limit_a_second_person_decides(workspace: Workspace, cards: StripeServer) -> None:
    payment = _payment(workspace, cards, usd=50)
    request = _ask(payment, 30)
    assert (_state(request), refunds.send_approved()) == (("asked", ""), 0)

    assert request.asked_by is not None
    with pytest.raises(InvalidRequest, match="Somebody else"):
        refunds.approve(request_id=request.pk, actor=request.asked_by)
    refunds.approve(request_id=request.pk, actor=UserFactory.create())
    with pytest.raises(InvalidRequest, match="decided"):
        refunds.refuse(request_id=request.pk, actor=UserFactory.create(), reason="late")

    assert (refunds.send_approved(), _state(request)) == (1, ("sent", ""))
    assert balance(workspace) == (21 * USD, 0)


def test_refused_refund_stays_here(workspace: Workspace, cards: StripeServer) -> None:
    payment = _payment(workspace, cards, usd=50)
    request = _ask(payment, 30)

    with pytest.raises(InvalidRequest, match="why"):
        refunds.refuse(request_id=request.pk, actor=UserFactory.create(), reason="")
    refunds.refuse(request_id=request.pk, actor=UserFactory.create(), reason="not agreed")

    assert (_state(request), refunds.send_approved()) == (("refused", "not agreed"), 0)
    assert refunds.refundable(payment=payment) == 50 * USD


def test_spent_credits_of_a_refund_are_owed(workspace: Workspace, cards: StripeServer) -> None:
    payment = _payment(workspace, cards)
    from apps.billing.services import movements

    movements.adjust(
        workspace_id=workspace.pk, points=-20 * USD, reference="spent", note="spent", actor=None
    )

    _ask(payment, 20)
    refunds.send_approved()

    assert balance(workspace) == (0, 19 * USD)


@pytest.mark.parametrize("answer", ["500", "drop"])
@pytest.mark.parametrize("times", [1, 3])
def test_lost_answer_sends_the_money_once(
    workspace: Workspace, cards: StripeServer, answer: str, times: int
) -> None:
    payment = _payment(workspace, cards)
    request = _ask(payment, 5)
    cards.fault("POST /v1/refunds", answer, times=times)

    refunds.send_approved()
    refunds.send_approved()

    assert _state(request) == ("sent", "")
    assert [one.amount for one in cards.client().v1.refunds.list().data] == [500]
    assert balance(workspace) == (16 * USD, 0)


def test_error_that_stripe_remembers_does_not_send_twice(
    workspace: Workspace, cards: StripeServer
) -> None:
    """A 500 of Stripe's own is what the key gets for a day, although the money went."""
    payment = _payment(workspace, cards)
    request = _ask(payment, 5)
    cards.fault("POST /v1/refunds", "500", saved=True)

    assert refunds.send_approved() == 0
    assert _state(request) == ("approved", "Stripe does not answer now.")
    assert refunds.send_approved() == 1

    assert [one.amount for one in cards.client().v1.refunds.list().data] == [500]
    assert balance(workspace) == (16 * USD, 0)


def test_crash_after_sending_is_found_by_the_next_call(
    workspace: Workspace, cards: StripeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    payment = _payment(workspace, cards)
    request = _ask(payment, 5)

    def die(*_: object, **__: object) -> None:
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr(refunds, "_note", die)
        with pytest.raises(SystemExit):
            refunds.send_approved()
    # A day later, when Stripe has forgotten the key.
    cards.world.store.execute("DELETE FROM idempotency")
    refunds.send_approved()

    assert _state(request)[0] == "sent"
    assert reversals(workspace) == [("refund", 5 * USD, True)]
    assert len(cards.client().v1.refunds.list().data) == 1


def test_refund_that_stripe_refuses_says_why(workspace: Workspace, cards: StripeServer) -> None:
    payment = _payment(workspace, cards)
    request = _ask(payment, 20)
    cards.refund(payment.ref)

    refunds.send_approved()

    state, failure = _state(request)
    assert (state, "refunded" in failure) == ("refused", True)


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_operators_at_once_cannot_give_back_more_than_was_paid(cards: StripeServer) -> None:
    workspace = WorkspaceFactory.create()
    payment = _payment(workspace, cards)
    people = [UserFactory.create() for _ in range(6)]

    def ask(actor: object) -> None:
        refunds.ask(payment_id=UUID(str(payment.pk)), points=8 * USD, reason="x", actor=actor)  # type: ignore[arg-type]

    problems = at_once(*[lambda one=one: ask(one) for one in people])
    assert at_once(*[refunds.send_approved] * 4) == []

    assert [type(one) for one in problems] == [InvalidRequest] * 4
    assert [one.amount for one in cards.client().v1.refunds.list().data] == [800, 800]
    assert balance(workspace) == (5 * USD, 0)
