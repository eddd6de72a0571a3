"""Stripe, in our words: what it knows of payments, refunds and disputes, and the few things we ask it to do.

Amounts are points. Every call that makes something needs an idempotency key: the same key makes it once, within the 24
hours for which Stripe remembers keys (https://docs.stripe.com/api/idempotent_requests). All calls raise
NotConfigured, Refused or Unavailable, those that charge a card also Declined and NeedsAuthentication.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.billing.gateways.stripe_facts import (
    Card,
    CardPayment,
    Dispute,
    Event,
    Refund,
    Session,
    dispute_of,
    event,
    payment_of,
    refund_of,
    session_of,
)
from apps.billing.gateways.stripe_wire import (
    CENT,
    CURRENCY,
    Declined,
    NeedsAuthentication,
    NotConfigured,
    Refused,
    StripeError,
    Unavailable,
    calling,
    cents,
    client,
    is_configured,
    is_live,
    key,
    plain,
    ref_of,
)

__all__ = [
    "CENT",
    "CURRENCY",
    "Card",
    "CardPayment",
    "Checkout",
    "Declined",
    "Dispute",
    "Event",
    "NeedsAuthentication",
    "NotConfigured",
    "Refund",
    "Refused",
    "Session",
    "StripeError",
    "Unavailable",
    "calling",
    "cents",
    "client",
    "event",
    "is_configured",
    "is_live",
    "key",
    "plain",
    "ref_of",
]

_PAGE = 100


@dataclass(frozen=True)
class Checkout:
    """What a payment page is for. `reference` is ours, and comes back with the session and its payment."""

    customer: str
    reference: str
    amount_points: int
    text: str
    success_url: str
    cancel_url: str
    expires_at: datetime
    saves_card: bool
    with_tax: bool


# ---------------------------------------------------------------------------------- to make
def make_customer(*, name: str, email: str, workspace_id: int, idempotency_key: str) -> str:
    """A workspace at Stripe; its ref."""
    params: Any = {"name": name, "metadata": {"workspace": str(workspace_id)}}
    if email:
        params["email"] = email
    with calling():
        return client().v1.customers.create(params, key(idempotency_key)).id


def make_checkout(checkout: Checkout, *, idempotency_key: str) -> Session:
    """A page on which a one-off amount is paid."""
    with calling():
        made = client().v1.checkout.sessions.create(_checkout(checkout), key(idempotency_key))
    return session_of(plain(made))


def _checkout(checkout: Checkout) -> Any:
    metadata = {"top_up": checkout.reference}
    payment: dict[str, Any] = {"metadata": metadata, "description": checkout.text}
    if checkout.saves_card:
        payment["setup_future_usage"] = "off_session"
    price = {
        "currency": CURRENCY,
        "unit_amount": cents(checkout.amount_points),
        "product_data": {"name": checkout.text},
        "tax_behavior": "exclusive",
    }
    params = {
        "mode": "payment",
        "customer": checkout.customer,
        "client_reference_id": checkout.reference,
        "metadata": metadata,
        "line_items": [{"quantity": 1, "price_data": price}],
        "payment_intent_data": payment,
        "success_url": checkout.success_url,
        "cancel_url": checkout.cancel_url,
        "expires_at": int(checkout.expires_at.timestamp()),
    }
    if checkout.with_tax:
        # Stripe Tax asks where the customer is, and remembers it.
        params |= {
            "automatic_tax": {"enabled": True},
            "billing_address_collection": "required",
            "customer_update": {"address": "auto", "name": "auto"},
            "tax_id_collection": {"enabled": True},
        }
    return params


def expire_checkout(ref: str) -> None:
    """Close the page, so that nobody pays there any more. Raises Refused when somebody just did."""
    with calling():
        client().v1.checkout.sessions.expire(ref)


def make_portal(*, customer: str, return_url: str) -> str:
    """The URL of Stripe's own page for a customer's cards and invoices, for a few minutes."""
    with calling():
        made = client().v1.billing_portal.sessions.create(
            {"customer": customer, "return_url": return_url}
        )
    return str(made.url)


def make_refund(
    *, payment_ref: str, points: int, metadata: Mapping[str, str], idempotency_key: str
) -> Refund:
    """Give money of a payment back."""
    params: Any = {
        "payment_intent": payment_ref,
        "amount": cents(points),
        "metadata": dict(metadata),
        "reason": "requested_by_customer",
    }
    with calling():
        return refund_of(plain(client().v1.refunds.create(params, key(idempotency_key))))


# ---------------------------------------------------------------------------------- to look
def session(ref: str) -> Session:
    """A payment page as it is now, with its payment."""
    expand: Any = {"expand": ["payment_intent.latest_charge"]}
    with calling():
        return session_of(plain(client().v1.checkout.sessions.retrieve(ref, expand)))


def session_about(*, customer: str, reference: str) -> Session | None:
    """The customer's payment page with our reference, looked for among the newest."""
    with calling():
        found = client().v1.checkout.sessions.list({"customer": customer, "limit": _PAGE})
        sessions = [session_of(plain(one)) for one in found.data]
    return next((one for one in sessions if one.reference == reference), None)


def payment(ref: str) -> CardPayment:
    """A PaymentIntent as it is now."""
    expand: Any = {"expand": ["latest_charge"]}
    with calling():
        return payment_of(plain(client().v1.payment_intents.retrieve(ref, expand)))


def payments(*, since: datetime) -> Iterator[CardPayment]:
    """Every PaymentIntent made since then, newest first, without their charges."""
    params: Any = {"created": {"gte": int(since.timestamp())}, "limit": _PAGE}
    with calling():
        for one in client().v1.payment_intents.list(params).auto_paging_iter():
            yield payment_of(plain(one))


def refunds(*, payment_ref: str = "", since: datetime | None = None) -> Iterator[Refund]:
    """Every refund of one payment, or made since then."""
    with calling():
        for one in client().v1.refunds.list(_which(payment_ref, since)).auto_paging_iter():
            yield refund_of(plain(one))


def disputes(*, payment_ref: str = "", since: datetime | None = None) -> Iterator[Dispute]:
    """Every dispute of one payment, or opened since then."""
    with calling():
        for one in client().v1.disputes.list(_which(payment_ref, since)).auto_paging_iter():
            yield dispute_of(plain(one))


def _which(payment_ref: str, since: datetime | None) -> Any:
    params: dict[str, Any] = {"limit": _PAGE}
    if payment_ref:
        params["payment_intent"] = payment_ref
    if since is not None:
        params["created"] = {"gte": int(since.timestamp())}
    return params


def charge_payment_ref(ref: str) -> str:
    """The PaymentIntent of a charge; empty for one made without."""
    with calling():
        return ref_of(plain(client().v1.charges.retrieve(ref)).get("payment_intent"))


def events(*, since: datetime) -> Iterator[Event]:
    """What happened since then, newest first. Stripe keeps events for 30 days."""
    params: Any = {"created": {"gte": int(since.timestamp())}, "limit": _PAGE}
    with calling():
        for one in client().v1.events.list(params).auto_paging_iter():
            yield event(plain(one))
