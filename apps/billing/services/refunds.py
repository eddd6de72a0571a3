"""Refunds of card payments by an operator: asked with a reason, above a limit approved by a second person, then sent.

The request's id is Stripe's idempotency key. What comes back to us is a reversal like any other, found by the same look
at the payment; so a refund whose answer was lost is neither sent nor taken back twice.
"""

import logging
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.billing.gateways import stripe as gateway
from apps.billing.models import Payment, Provider, RefundRequest, Reversal
from apps.billing.services import card_payments
from apps.billing.services.inbox.registry import NotOurs
from apps.core.errors import InvalidRequest, NotFound
from apps.core.money import format_usd
from apps.core.queue import enqueue

log = logging.getLogger(__name__)
State = RefundRequest.State


def refundable(*, payment: Payment) -> int:
    """What can still go back, tax included: not what went back or is disputed, nor what was asked for already."""
    if payment.provider != Provider.STRIPE:
        return 0
    gone = Reversal.objects.of(payment.workspace_id).filter(payment=payment, is_in_effect=True)
    asked = (
        RefundRequest.objects.of(payment.workspace_id)
        .filter(payment=payment)
        .exclude(state=State.REFUSED)
        # Those we heard of count above; one that failed at the bank has come back to us.
        .exclude(state=State.SENT, ref__in=_known(payment))
    )
    sums = [rows.aggregate(sum=Sum("amount_points"))["sum"] or 0 for rows in (gone, asked)]
    return max(0, payment.total_points - sum(sums))


def _known(payment: Payment) -> list[str]:
    found = Reversal.objects.of(payment.workspace_id).filter(payment=payment)
    return list(found.values_list("ref", flat=True))


@transaction.atomic
def ask(*, payment_id: UUID, points: int, reason: str, actor: User) -> RefundRequest:
    """Ask for money to go back to the card. Up to a limit that is approval enough. Raises InvalidRequest."""
    payment = Payment.objects.across_workspaces().select_for_update().get(pk=payment_id)
    reason = reason.strip()
    if not reason:
        raise InvalidRequest.field("reason", "Say why the money goes back.")
    if points <= 0 or points % gateway.CENT:
        raise InvalidRequest.field("amount", "A refund is a whole number of cents above zero.")
    left = refundable(payment=payment)
    if points > left:
        raise InvalidRequest.field("amount", f"At most {format_usd(left)} can go back.")
    is_small = points <= settings.REFUND_APPROVAL_POINTS
    request = RefundRequest.objects.create(
        payment=payment,
        workspace_id=payment.workspace_id,
        amount_points=points,
        reason=reason[:300],
        state=State.APPROVED if is_small else State.ASKED,
        asked_by=actor,
    )
    _audit(request, actor, "refund.asked")
    if is_small:
        enqueue("billing.refunds")
    return request


@transaction.atomic
def approve(*, request_id: UUID, actor: User) -> RefundRequest:
    """A second person agrees. Raises InvalidRequest for the first one and for what was decided."""
    request = _waiting(request_id)
    if request.asked_by_id == actor.pk:
        raise InvalidRequest("Somebody else must approve it.")
    _decide(request, State.APPROVED, actor)
    enqueue("billing.refunds")
    return request


@transaction.atomic
def refuse(*, request_id: UUID, actor: User, reason: str) -> RefundRequest:
    """It is not sent. Raises InvalidRequest for what was decided, and without a reason."""
    if not reason.strip():
        raise InvalidRequest.field("reason", "Say why it is refused.")
    request = _waiting(request_id)
    request.failure = reason.strip()[:300]
    _decide(request, State.REFUSED, actor)
    return request


def _waiting(request_id: UUID) -> RefundRequest:
    found = RefundRequest.objects.across_workspaces().select_for_update()
    request = found.filter(pk=request_id).first()
    if request is None:
        raise NotFound("There is no such request.")
    if request.state != State.ASKED:
        raise InvalidRequest(f"It was decided before: {request.get_state_display().lower()}.")
    return request


def _decide(request: RefundRequest, state: str, actor: User) -> None:
    request.state, request.decided_by, request.decided_at = state, actor, timezone.now()
    request.save(update_fields=["state", "decided_by", "decided_at", "failure"])
    _audit(request, actor, f"refund.{state}")


def _audit(request: RefundRequest, actor: User, action: str) -> None:
    accounts.audit(
        workspace_id=request.workspace_id,
        actor=actor,
        action=action,
        target=str(request.payment_id),
        detail={"points": request.amount_points, "reason": request.reason},
    )


def send_approved() -> int:
    """Send every approved refund; what cannot be sent now is sent by the next call. Says how many are sent."""
    waiting = RefundRequest.objects.across_workspaces().filter(state=State.APPROVED)
    return sum(
        send(request_id=pk) for pk in waiting.order_by("created_at").values_list("pk", flat=True)
    )


def send(*, request_id: UUID) -> bool:
    """Tell Stripe, once however often this is called, and record what went back. Says whether it is sent."""
    found = RefundRequest.objects.across_workspaces().select_related("payment")
    request = found.get(pk=request_id)
    if request.state != State.APPROVED:
        return request.state == State.SENT
    try:
        refund = _sent_before(request) or _make(request)
    except (gateway.Unavailable, gateway.NotConfigured) as error:
        _note(request, State.APPROVED, failure=error.message)
        return False
    except gateway.StripeError as error:
        log.warning("refund refused", extra={"provider": "stripe", "reason": error.code})
        _note(request, State.REFUSED, failure=error.message)
        return False
    _note(request, State.SENT, ref=refund.ref)
    _bring_in_line(request.payment)
    return True


def _make(request: RefundRequest) -> gateway.Refund:
    return gateway.make_refund(
        payment_ref=request.payment.ref,
        points=request.amount_points,
        metadata={"refund_request": str(request.pk)},
        idempotency_key=f"refund:{request.pk}",
    )


def _sent_before(request: RefundRequest) -> gateway.Refund | None:
    """Stripe forgets idempotency keys after a day; its refunds carry our id for ever."""
    sent = gateway.refunds(payment_ref=request.payment.ref)
    mine = str(request.pk)
    return next((one for one in sent if one.metadata.get("refund_request") == mine), None)


def _note(request: RefundRequest, state: str, *, failure: str = "", ref: str = "") -> None:
    RefundRequest.objects.of(request.workspace_id).filter(
        pk=request.pk, state=State.APPROVED
    ).update(state=state, failure=failure[:300], ref=ref)


def _bring_in_line(payment: Payment) -> None:
    try:
        card_payments.bring_in_line(payment=payment)
    except (gateway.StripeError, NotOurs) as error:
        # Stripe's own event about the refund makes us look again.
        log.warning("refund not yet recorded", extra={"error": type(error).__name__})
