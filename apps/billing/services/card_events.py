"""What Stripe's events about payments, refunds and disputes make us look at."""

from apps.billing.gateways import stripe as gateway
from apps.billing.models import Provider, TopUp
from apps.billing.services import card_payments, topups
from apps.billing.services.inbox.registry import NotOurs, Unmatched, handles


@handles(
    "checkout.session.completed:payment",
    "checkout.session.async_payment_succeeded:payment",
    "checkout.session.async_payment_failed:payment",
    "checkout.session.expired:payment",
)
def session_changed(ref: str) -> None:
    """A payment page was paid, failed or expired."""
    known = TopUp.objects.across_workspaces().filter(
        provider=Provider.STRIPE, ref=ref, state=TopUp.State.CREDITED
    )
    if known.exists():
        return
    session = gateway.session(ref)
    top_up = topups.of_session(session)
    if top_up is not None:
        topups.take(top_up=top_up, session=session)
        return
    if session.is_paid:
        raise Unmatched(f"{ref} is paid, and no top-up has the reference {session.reference!r}")
    raise NotOurs(f"{ref} is no page of ours, and unpaid")


@handles("payment_intent.succeeded")
def payment_succeeded(ref: str) -> None:
    """Money has arrived, by a page or without one."""
    card_payments.settled(ref=ref)


@handles(
    "charge.refunded",
    "charge.refund.updated",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.created",
    "charge.dispute.updated",
    "charge.dispute.closed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
    fields=("payment_intent", "charge", "id"),
)
def money_went_back(ref: str) -> None:
    """Something about refunds or disputes of a payment is different now."""
    if ref.startswith(("ch_", "py_")):
        ref = gateway.charge_payment_ref(ref)
    if not ref.startswith("pi_"):
        raise Unmatched(f"{ref or 'It'} was charged without a PaymentIntent, so not by us")
    card_payments.bring_in_line(payment=card_payments.settled(ref=ref))
