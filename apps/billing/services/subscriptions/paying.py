"""Paid invoices of subscriptions become payments, credits and our own invoices.

Monthly credits follow the money of the plan's lines: a line brings the version's monthly credits times its amount over
the version's price, so a full month brings all of them, an upgrade the difference for the rest of the month, and
nothing but the invoice itself decides it. They last until a week after the paid period, so that a renewal that is paid
late leaves no gap.
"""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from apps.accounts.models import PlanVersion
from apps.billing.gateways import stripe, stripe_subscriptions
from apps.billing.gateways.stripe_subscriptions import InvoiceFacts
from apps.billing.models import Payment, PaymentCustomer, Provider
from apps.billing.services import card_payments, payments
from apps.billing.services.inbox.registry import NotOurs, Unmatched
from apps.billing.services.subscriptions import prices

CREDITS_OUTLAST = timedelta(days=7)


def settle_invoice(*, told: InvoiceFacts) -> Payment | None:
    """Record a paid invoice and what follows from it. Safe to repeat. None when there was nothing to pay.

    Raises NotOurs while it is unpaid or belongs to no subscription, Unmatched when we cannot place its money.
    """
    if told.status != "paid" or not told.subscription:
        raise NotOurs(f"{told.ref} is {told.status} or of no subscription")
    paid = stripe.payment(told.payment_ref) if told.payment_ref else None
    settled = _settled(told, paid)
    if settled.amount_points == 0 and settled.tax_points == 0 and settled.credit_points == 0:
        return None
    payment, _ = payments.settle(settled)
    return payment


def _settled(told: InvoiceFacts, paid: stripe.CardPayment | None) -> payments.Settled:
    card_payments.check_mode(ref=told.ref, is_live=told.is_live)
    if told.currency != stripe.CURRENCY:
        raise Unmatched(f"{told.ref} is in {told.currency}")
    customer = PaymentCustomer.objects.across_workspaces().filter(ref=told.customer).first()
    if customer is None:
        raise Unmatched(f"{told.ref} is of {told.customer}, who is no customer of ours")
    tax = min(told.tax_points, told.paid_points)
    amount = told.paid_points - tax
    credit_points, period_ends_at = credits_of(told)
    return payments.Settled(
        workspace_id=customer.workspace_id,
        provider=Provider.STRIPE,
        ref=told.payment_ref or told.ref,
        kind=Payment.Kind.SUBSCRIPTION,
        amount_points=amount,
        tax_points=tax,
        credit_points=credit_points,
        paid_at=paid.paid_at if paid else told.paid_at,
        lines=_lines(told, amount),
        method=paid.method if paid else "",
        card_fingerprint=paid.card.fingerprint if paid and paid.card else "",
        credits_expire_at=period_ends_at + CREDITS_OUTLAST if period_ends_at else None,
        is_test=settings.TEST_PAYMENTS or not told.is_live,
    )


def credits_of(told: InvoiceFacts) -> tuple[int, datetime | None]:
    """The monthly credits that an invoice brings, rounded down, and the end of the latest period it pays for."""
    meanings = prices.meanings(line.price for line in told.lines)
    points, ends_at = 0, None
    for line in told.lines:
        version = meanings.get(line.price)
        if not isinstance(version, PlanVersion):
            continue
        points += version.monthly_credit_points * line.points // version.price_points
        ends_at = max(ends_at or line.period_ends_at, line.period_ends_at)
    return max(points, 0), ends_at


def _lines(told: InvoiceFacts, amount: int) -> list[dict[str, Any]]:
    lines = [
        {"text": line.text, "quantity": line.quantity, "amount_points": line.points}
        for line in told.lines
    ]
    # Discounts and a balance at Stripe stand in none of its lines.
    rest = amount - sum(line.points for line in told.lines)
    if rest:
        text = "Discount and account balance" if rest < 0 else "Carried over"
        lines.append({"text": text, "quantity": 1, "amount_points": rest})
    return lines


@card_payments.settles
def of_payment(paid: stripe.CardPayment) -> Payment | None:
    """The payment of a subscription's invoice; None for any other."""
    ref = stripe_subscriptions.invoice_paid_by(paid.ref)
    if not ref:
        return None
    told = stripe_subscriptions.invoice(ref)
    if not told.subscription:
        return None
    return settle_invoice(told=told)
