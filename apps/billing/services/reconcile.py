"""Our payments and what went back of them against Stripe's own lists, both ways.

What Stripe has and we have not is recorded now, by the same path as its events. What cannot be explained is told, and
kept among the unmatched.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.utils import timezone

from apps.billing.gateways import stripe as gateway
from apps.billing.models import Payment, Provider, Reversal
from apps.billing.services import card_payments
from apps.billing.services.inbox import handlers, receive
from apps.billing.services.inbox.registry import NotOurs, Unmatched
from apps.billing.services.payments import PaymentMismatch
from apps.core.money import format_usd

__all__ = ["DAYS", "handlers", "reconcile"]

# How far back the daily job looks. Banks take weeks for a dispute, but a dispute is listed by its own date.
DAYS = 7

WentBack = gateway.Refund | gateway.Dispute


def reconcile(*, days: int) -> list[str]:
    """Bring what Stripe made in these days in line with our rows; what still differs, in words.

    Raises Unavailable when Stripe does not answer; what was done until then stays done.
    """
    since = timezone.now() - timedelta(days=days)
    seen: set[str] = set()
    told: list[str] = []
    for paid in gateway.payments(since=since):
        seen.add(paid.ref)
        told.extend(_payment_differs(paid))
    told.extend(_not_at_stripe(since, seen))
    told.extend(_back_differs(Reversal.Kind.REFUND, gateway.refunds(since=since)))
    told.extend(_back_differs(Reversal.Kind.DISPUTE, gateway.disputes(since=since)))
    told.extend(_back_not_at_stripe(since))
    return told


def _payment_differs(paid: gateway.CardPayment) -> Iterator[str]:
    if not paid.is_paid:
        return
    try:
        payment = card_payments.known(ref=paid.ref) or card_payments.settled(ref=paid.ref)
    except (NotOurs, Unmatched, PaymentMismatch, gateway.Refused) as why:
        yield _noted("payment", paid.ref, str(why))
        return
    if payment.total_points != paid.total_points or payment.currency != paid.currency:
        yield _noted(
            "payment",
            paid.ref,
            f"{paid.ref}: recorded {format_usd(payment.total_points)} {payment.currency}, "
            f"Stripe says {format_usd(paid.total_points)} {paid.currency}",
        )


def _not_at_stripe(since: datetime, seen: set[str]) -> Iterator[str]:
    """Payments of ours that Stripe's list has not: each is asked for by itself, since it may have begun earlier."""
    ours = Payment.objects.across_workspaces().filter(
        provider=Provider.STRIPE, paid_at__gte=since, ref__startswith="pi_"
    )
    for payment in ours.iterator():
        if payment.ref in seen:
            continue
        try:
            yield from _payment_contradicts(payment, gateway.payment(payment.ref))
        except gateway.Refused as why:
            yield _noted("payment", payment.ref, f"{payment.ref} is credited: {why}")


def _payment_contradicts(payment: Payment, told: gateway.CardPayment) -> Iterator[str]:
    if not told.is_paid:
        yield _noted("payment", told.ref, f"{told.ref} is credited and at Stripe {told.status}")
        return
    yield from _payment_differs(told)


def _back_differs(kind: str, listed: Iterator[WentBack]) -> Iterator[str]:
    for told in listed:
        if _is_recorded(kind, told):
            continue
        try:
            payment = card_payments.settled(ref=told.payment_ref)
            card_payments.bring_in_line(payment=payment)
        except (NotOurs, Unmatched, PaymentMismatch, gateway.Refused) as why:
            yield _noted(kind, told.ref, f"{kind} {told.ref} of {told.payment_ref}: {why}")
            continue
        if not _is_recorded(kind, told):
            yield _noted(kind, told.ref, f"{kind} {told.ref} of {told.payment_ref} differs")


def _is_recorded(kind: str, told: WentBack) -> bool:
    """A refund or dispute that is recorded as it is now."""
    return (
        Reversal.objects.across_workspaces()
        .filter(
            kind=kind,
            ref=told.ref,
            amount_points=told.points,
            is_in_effect=told.is_in_effect,
            payment__ref=told.payment_ref,
            payment__provider=Provider.STRIPE,
        )
        .exists()
    )


def _back_not_at_stripe(since: datetime) -> Iterator[str]:
    """What we took back of payments of these days, and Stripe knows nothing of."""
    ours = Reversal.objects.across_workspaces().filter(
        payment__provider=Provider.STRIPE, created_at__gte=since
    )
    refs = ours.order_by().values_list("payment__ref", flat=True).distinct()
    for payment_ref in list(refs):
        at_stripe = {one.ref for one in gateway.refunds(payment_ref=payment_ref)}
        at_stripe |= {one.ref for one in gateway.disputes(payment_ref=payment_ref)}
        for reversal in ours.filter(payment__ref=payment_ref).exclude(ref__in=at_stripe):
            what = f"{reversal.kind} {reversal.ref} of {payment_ref} is not known to Stripe"
            yield _noted(reversal.kind, reversal.ref, what)


def _noted(kind: str, ref: str, words: str) -> str:
    receive.note_unmatched(
        name=f"reconcile:{kind}:{ref}", kind=f"reconcile.{kind}", ref=ref, reason=words
    )
    return words
