"""Card payments in line with Stripe: recorded when paid, reversed by what went back.

Whatever made us look, the answer to "how is it now?" decides. A payment that we meet only through its refund or its
dispute is recorded first.
"""

from collections.abc import Callable, Iterator
from uuid import UUID

from django.db import transaction

from apps.billing.gateways import stripe as gateway
from apps.billing.models import Payment, Provider, RefundRequest, Reversal
from apps.billing.services import payments
from apps.billing.services.inbox.registry import NotOurs, Unmatched

Settler = Callable[[gateway.CardPayment], Payment | None]
_settlers: list[Settler] = []
# How often the state may change while we read it before we leave it for later.
_TRIES = 5


def settles(settler: Settler) -> Settler:
    """Register a function that records the payments of one origin. Returns None for those of another."""
    _settlers.append(settler)
    return settler


def known(*, ref: str) -> Payment | None:
    return Payment.objects.across_workspaces().filter(provider=Provider.STRIPE, ref=ref).first()


def settled(*, ref: str) -> Payment:
    """The payment of this PaymentIntent, recorded now if it was not yet.

    Raises NotOurs while it is unpaid, Unmatched when it is paid and nobody knows for what.
    """
    payment = known(ref=ref)
    return payment if payment is not None else record(gateway.payment(ref))


def record(paid: gateway.CardPayment) -> Payment:
    """Record what Stripe says was paid. Raises like `settled`."""
    if not paid.is_paid:
        raise NotOurs(f"{paid.ref} is {paid.status}")
    check_mode(ref=paid.ref, is_live=paid.is_live)
    for settler in _settlers:
        payment = settler(paid)
        if payment is not None:
            return payment
    raise Unmatched(f"{paid.ref} is paid, and nothing here asked for it")


def check_mode(*, ref: str, is_live: bool) -> None:
    """Real money only with a real key, and play money never. Raises Unmatched."""
    if is_live != gateway.is_live():
        raise Unmatched(f"{ref} is of the other mode, live or test, than our key")


def bring_in_line(*, payment: Payment) -> Payment:
    """Record every refund and dispute of the payment as it is now. Safe to repeat and to do at once.

    What we read may be older than what somebody else has recorded meanwhile; then it is read again.
    """
    for _ in range(_TRIES):
        payment.refresh_from_db(fields=["changes"])
        told = list(_went_back(payment.ref))
        if _recorded(payment, told):
            payment.refresh_from_db()
            return payment
    raise gateway.Unavailable("It changes faster than we read.")


def _recorded(payment: Payment, told: list[payments.WentBack]) -> bool:
    with transaction.atomic():
        now = Payment.objects.across_workspaces().select_for_update().get(pk=payment.pk)
        if now.changes != payment.changes:
            return False
        for one in told:
            payments.reverse(payment_id=payment.pk, went_back=one)
    return True


def _went_back(ref: str) -> Iterator[payments.WentBack]:
    for refund in gateway.refunds(payment_ref=ref):
        request = _request_of(refund)
        yield payments.WentBack(
            kind=Reversal.Kind.REFUND,
            ref=refund.ref,
            amount_points=refund.points,
            is_in_effect=refund.is_in_effect,
            status=refund.status,
            reason=request.reason if request else refund.reason,
            actor=request.asked_by if request else None,
        )
    for dispute in gateway.disputes(payment_ref=ref):
        yield payments.WentBack(
            kind=Reversal.Kind.DISPUTE,
            ref=dispute.ref,
            amount_points=dispute.points,
            is_in_effect=dispute.is_in_effect,
            status=dispute.status,
            reason=dispute.reason,
        )


def _request_of(refund: gateway.Refund) -> RefundRequest | None:
    try:
        request_id = UUID(refund.metadata.get("refund_request", ""))
    except ValueError:
        return None
    found = RefundRequest.objects.across_workspaces().select_related("asked_by")
    return found.filter(pk=request_id, payment__ref=refund.payment_ref).first()
