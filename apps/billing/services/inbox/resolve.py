"""What a person decides about events that nobody could place."""

from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.billing.gateways import stripe as gateway
from apps.billing.models import InboundEvent, Payment, Provider, TopUp
from apps.billing.services import card_payments, lots, payments
from apps.billing.services.inbox import receive
from apps.billing.services.inbox.registry import Unmatched
from apps.core.errors import InvalidRequest, NotFound

State = InboundEvent.State
# What was found by a look of ours, and has no handler to go back to.
_OWN = ("reconcile.", "topup")


def can_be_handled_again(event: InboundEvent) -> bool:
    return event.state != State.WAITING and not event.kind.startswith(_OWN)


def again(*, event_id: int) -> None:
    """Have the job look at it once more."""
    changed = _open(event_id).update(
        state=State.WAITING, next_at=Now(), attempts=0, handled_at=None, error=""
    )
    if not changed:
        raise InvalidRequest("It waits already.")
    receive.wake()


def ignore(*, event_id: int, actor: User, reason: str) -> None:
    """It is no concern of ours, and here is why. Raises InvalidRequest without a reason."""
    if not reason.strip():
        raise InvalidRequest.field("reason", "Say why it can be ignored.")
    _open(event_id).update(
        state=State.IGNORED, next_at=None, note=reason.strip()[:300], resolved_by=actor
    )


def match(*, event_id: int, top_up_id: UUID, actor: User, reason: str) -> Payment:
    """Say that what was paid belongs to this top-up: its workspace gets credits for the sum that was paid.

    Raises InvalidRequest when it is unpaid, in another currency or credited before.
    """
    if not reason.strip():
        raise InvalidRequest.field("reason", "Say how you know.")
    event = InboundEvent.objects.filter(pk=event_id).first()
    top_up = TopUp.objects.across_workspaces().filter(pk=top_up_id).first()
    if event is None or top_up is None:
        raise NotFound("There is no such event or top-up.")
    try:
        paid, tax = _paid(event.object_ref)
        card_payments.check_mode(ref=paid.ref, is_live=paid.is_live)
    except (gateway.StripeError, Unmatched) as error:
        raise InvalidRequest(str(error)) from None
    with transaction.atomic():
        payment = _credit(top_up, paid, tax)
        accounts.audit(
            workspace_id=top_up.workspace_id,
            actor=actor,
            action="payment.matched",
            target=str(payment.pk),
            detail={"ref": paid.ref, "points": payment.credit_points, "reason": reason[:300]},
        )
        InboundEvent.objects.filter(
            source=Provider.STRIPE, object_ref__in=[event.object_ref, paid.ref]
        ).exclude(state=State.WAITING).update(
            state=State.DONE, next_at=None, note=reason.strip()[:300], resolved_by=actor
        )
    return payment


def _paid(ref: str) -> tuple[gateway.CardPayment, int]:
    """The payment an event speaks of, and the tax in it."""
    if ref.startswith("cs_"):
        session = gateway.session(ref)
        return session.payment or gateway.payment(session.payment_ref), session.tax_points
    if not ref.startswith("pi_"):
        raise Unmatched(f"{ref} is neither a payment page nor a payment")
    return gateway.payment(ref), 0


def _credit(top_up: TopUp, paid: gateway.CardPayment, tax: int) -> Payment:
    if not paid.is_paid or paid.currency != gateway.CURRENCY:
        raise InvalidRequest(f"It is {paid.status}, in {paid.currency.upper()}.")
    known = card_payments.known(ref=paid.ref)
    if known is not None:
        raise InvalidRequest("It was credited before.")
    amount = paid.total_points - tax
    payment, _ = payments.settle(
        payments.Settled(
            workspace_id=top_up.workspace_id,
            provider=Provider.STRIPE,
            ref=paid.ref,
            kind=Payment.Kind.TOP_UP,
            amount_points=amount,
            tax_points=tax,
            credit_points=amount,
            paid_at=paid.paid_at,
            lines=[{"text": "Credits", "quantity": 1, "amount_points": amount}],
            method=paid.method,
            card_fingerprint=paid.card.fingerprint if paid.card else "",
            top_up_id=top_up.pk,
            credits_expire_at=lots.purchase_expiry(paid.paid_at),
            is_test=settings.TEST_PAYMENTS or not paid.is_live,
        )
    )
    return payment


def _open(event_id: int) -> QuerySet[InboundEvent]:
    return InboundEvent.objects.filter(pk=event_id).exclude(state=State.WAITING)
