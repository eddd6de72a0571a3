"""What Stripe's events about subscriptions and their invoices make us look at."""

import contextlib

from apps.billing.gateways import stripe, stripe_subscriptions
from apps.billing.gateways.stripe_subscriptions import InvoiceFacts
from apps.billing.models import Reversal, Subscription
from apps.billing.services import card_payments
from apps.billing.services.inbox.registry import NotOurs, handles
from apps.billing.services.subscriptions import paying
from apps.billing.services.subscriptions.sync import SecondSubscription, sync


@handles(
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
    "customer.subscription.paused",
    "customer.subscription.resumed",
    "customer.subscription.pending_update_applied",
    "customer.subscription.pending_update_expired",
)
def subscription_changed(ref: str) -> None:
    """Something about a subscription is different now."""
    look(ref=ref)


@handles(
    "invoice.paid",
    "invoice.payment_failed",
    "invoice.payment_action_required",
    "invoice.voided",
    "invoice.marked_uncollectible",
)
def invoice_changed(ref: str) -> None:
    """An invoice was paid or could not be."""
    told = stripe_subscriptions.invoice(ref)
    if not told.subscription:
        raise NotOurs(f"{ref} is of no subscription")
    look(ref=told.subscription)
    if told.status == "paid":
        paying.settle_invoice(told=told)


@handles("checkout.session.completed:subscription")
def page_completed(ref: str) -> None:
    """A page on which a subscription was started is done."""
    session = stripe.session(ref)
    if not session.subscription:
        raise NotOurs(f"{ref} started nothing")
    look_with_invoice(ref=session.subscription)


def look_with_invoice(*, ref: str) -> Subscription | None:
    """Bring a subscription in line together with its newest invoice, so that credits need not wait for an event."""
    row = look(ref=ref)
    facts = stripe_subscriptions.subscription(ref)
    if facts.invoice_status == "paid":
        paying.settle_invoice(told=stripe_subscriptions.invoice(facts.invoice))
    return row


def look(*, ref: str) -> Subscription | None:
    """Bring a subscription in line. One too many is ended at once and its money sent back; then None."""
    try:
        return sync(ref=ref)
    except SecondSubscription as second:
        _undo(second.ref)
        return None


def _undo(ref: str) -> None:
    """Give the money of a subscription that was paid for in another tab back, and end it.

    In this order: while it lives we come here again, so that dying on the way loses nothing. The payment is recorded
    first, so that the refund and its credit note have something to stand on; the keys make each step happen once.
    """
    facts = stripe_subscriptions.subscription(ref)
    if facts.invoice_status == "paid":
        _give_back(ref, stripe_subscriptions.invoice(facts.invoice))
    # Refused: it has ended before.
    with contextlib.suppress(stripe.Refused):
        stripe_subscriptions.cancel(ref, idempotency_key=f"second:{ref}")


def _give_back(ref: str, told: InvoiceFacts) -> None:
    payment = paying.settle_invoice(told=told)
    if payment is None or not told.payment_ref:
        return
    card_payments.bring_in_line(payment=payment)
    if Reversal.objects.of(payment.workspace_id).filter(payment=payment).exists():
        return
    stripe.make_refund(
        payment_ref=payment.ref,
        points=payment.total_points,
        metadata={"second_subscription": ref},
        idempotency_key=f"second:{ref}:refund",
    )
    card_payments.bring_in_line(payment=payment)
