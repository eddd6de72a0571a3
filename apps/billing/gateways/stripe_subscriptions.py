"""Stripe's subscriptions and their invoices, in our words, and the few things we ask of them.

Amounts are points; errors and idempotency are those of `gateways.stripe`. Facts are as of Stripe's API 2026-10-28:
a period belongs to an item, an invoice names its subscription in `parent` and what paid it in `payments`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apps.billing.gateways.stripe_wire import (
    CENT,
    CURRENCY,
    Declined,
    NeedsAuthentication,
    calling,
    cents,
    client,
    key,
    plain,
    ref_of,
)

_PAGE = 100


@dataclass(frozen=True)
class Item:
    """One price on a subscription, and the period that is being paid for."""

    ref: str
    price: str
    quantity: int
    period_starts_at: datetime
    period_ends_at: datetime


@dataclass(frozen=True)
class Facts:
    """A subscription as it is now. `pay_url` is where its newest invoice can be paid, while that is open."""

    ref: str
    customer: str
    status: str
    items: tuple[Item, ...]
    cancels_at_period_end: bool
    metadata: Mapping[str, str]
    invoice: str
    invoice_status: str
    pay_url: str
    has_pending_update: bool
    ended_at: datetime | None


@dataclass(frozen=True)
class Line:
    """A line of an invoice; `points` is without tax and negative for what is given back."""

    text: str
    price: str
    quantity: int
    points: int
    period_ends_at: datetime


@dataclass(frozen=True)
class InvoiceFacts:
    """An invoice of a subscription. `paid_points` is what was paid, tax included, `total_points` what it asks for."""

    ref: str
    status: str
    subscription: str
    customer: str
    currency: str
    total_points: int
    tax_points: int
    paid_points: int
    payment_ref: str
    lines: tuple[Line, ...]
    paid_at: datetime
    is_live: bool


@dataclass(frozen=True)
class Change:
    """A change of an item: of its price or quantity, an item more (no `ref`), or with quantity 0 one less."""

    price: str
    quantity: int
    ref: str = ""

    def params(self) -> dict[str, Any]:
        if self.quantity == 0:
            return {"id": self.ref, "deleted": True}
        wanted: dict[str, Any] = {"price": self.price, "quantity": self.quantity}
        return wanted | ({"id": self.ref} if self.ref else {})


@dataclass(frozen=True)
class SubscribePage:
    """A payment page that starts a subscription. `reference` is the workspace's, and comes back with the session."""

    customer: str
    reference: str
    prices: Sequence[tuple[str, int]]
    success_url: str
    cancel_url: str
    with_tax: bool


@dataclass(frozen=True)
class OpenPage:
    ref: str
    url: str


# ------------------------------------------------------------------------------- prices
def find_price(*, name: str) -> tuple[str, int] | None:
    """The ref and monthly points of the price we made under that name."""
    with calling():
        found = client().v1.prices.list({"lookup_keys": [name], "active": True, "limit": 1})
    for one in found.data:
        price = plain(one)
        return str(price["id"]), int(price.get("unit_amount") or 0) * CENT
    return None


def make_price(*, name: str, text: str, points: int, idempotency_key: str) -> str:
    """A monthly price; what an older one of the same name is called by goes over to it."""
    params: Any = {
        "currency": CURRENCY,
        "unit_amount": cents(points),
        "recurring": {"interval": "month"},
        "product_data": {"name": text},
        "lookup_key": name,
        "transfer_lookup_key": True,
        "tax_behavior": "exclusive",
    }
    with calling():
        return str(client().v1.prices.create(params, key(idempotency_key)).id)


# ---------------------------------------------------------------------------- to subscribe
def make_page(page: SubscribePage, *, idempotency_key: str) -> OpenPage:
    """A page on which a subscription is started and its first period paid."""
    params: dict[str, Any] = {
        "mode": "subscription",
        "customer": page.customer,
        "client_reference_id": page.reference,
        "line_items": [{"price": price, "quantity": quantity} for price, quantity in page.prices],
        "subscription_data": {"metadata": {"workspace": page.reference}},
        "success_url": page.success_url,
        "cancel_url": page.cancel_url,
    }
    if page.with_tax:
        params |= {
            "automatic_tax": {"enabled": True},
            "billing_address_collection": "required",
            "customer_update": {"address": "auto", "name": "auto"},
            "tax_id_collection": {"enabled": True},
        }
    options = key(idempotency_key)
    with calling():
        made = client().v1.checkout.sessions.create(params, options)  # type: ignore[arg-type]
    return OpenPage(str(made.id), str(made.url or ""))


def open_pages(*, customer: str) -> list[OpenPage]:
    """The customer's pages on which a subscription could still be started."""
    params: Any = {"customer": customer, "status": "open", "limit": _PAGE}
    with calling():
        found = client().v1.checkout.sessions.list(params).data
    return [
        OpenPage(str(one.id), str(one.url or "")) for one in found if one.mode == "subscription"
    ]


# ------------------------------------------------------------------------------ to look
def subscription(ref: str) -> Facts:
    """A subscription as it is now, with its newest invoice."""
    expand: Any = {"expand": ["latest_invoice"]}
    with calling():
        return facts_of(plain(client().v1.subscriptions.retrieve(ref, expand)))


def invoice(ref: str) -> InvoiceFacts:
    """An invoice as it is now, with all its lines and what paid it."""
    expand: Any = {"expand": ["payments"]}
    with calling():
        told = plain(client().v1.invoices.retrieve(ref, expand))
        lines = told.get("lines") or {}
        if lines.get("has_more"):
            page: Any = {"limit": _PAGE}
            every = client().v1.invoices.line_items.list(ref, page).auto_paging_iter()
            lines = {"data": [plain(one) for one in every]}
    return invoice_of(told | {"lines": lines})


def invoice_paid_by(payment_ref: str) -> str:
    """The invoice a PaymentIntent paid; empty when it paid none."""
    params: Any = {
        "payment": {"type": "payment_intent", "payment_intent": payment_ref},
        "limit": 1,
    }
    with calling():
        found = client().v1.invoice_payments.list(params).data
    return ref_of(plain(found[0]).get("invoice")) if found else ""


def preview(ref: str, changes: Sequence[Change]) -> InvoiceFacts:
    """The invoice that these changes would make now."""
    details = {
        "items": [change.params() for change in changes],
        "proration_behavior": "always_invoice",
    }
    params: Any = {"subscription": ref, "subscription_details": details}
    with calling():
        return invoice_of(plain(client().v1.invoices.create_preview(params)))


# ---------------------------------------------------------------------------- to change
def charge_change(
    ref: str, changes: Sequence[Change], *, waits: bool, idempotency_key: str
) -> Facts:
    """Change a subscription now and charge for the rest of the period.

    Nothing changes unless that is paid: without `waits` this raises Declined or NeedsAuthentication, with it the
    change waits (`has_pending_update`) until its invoice is paid at `pay_url`, for 23 hours.
    """
    params: Any = {
        "items": [change.params() for change in changes],
        "proration_behavior": "always_invoice",
        "payment_behavior": "pending_if_incomplete" if waits else "error_if_incomplete",
        "expand": ["latest_invoice"],
    }
    try:
        return _update(ref, params, idempotency_key)
    except Declined as error:
        # https://docs.stripe.com/error-codes: the card was not declined, its owner is wanted.
        if error.code == "subscription_payment_intent_requires_action":
            raise NeedsAuthentication(error.message, code=error.code, ref=error.ref) from None
        raise


def change_for_later(
    ref: str,
    *,
    changes: Sequence[Change] = (),
    metadata: Mapping[str, str] | None = None,
    cancels: bool | None = None,
    idempotency_key: str,
) -> Facts:
    """Change what the next period will be, for no money now. An empty value takes a word out of the metadata."""
    params: dict[str, Any] = {"expand": ["latest_invoice"]}
    if changes:
        params["items"] = [change.params() for change in changes]
        params["proration_behavior"] = "none"
    if metadata:
        params["metadata"] = dict(metadata)
    if cancels is not None:
        params["cancel_at_period_end"] = cancels
    return _update(ref, params, idempotency_key)


def _update(ref: str, params: Any, idempotency_key: str) -> Facts:
    with calling():
        return facts_of(plain(client().v1.subscriptions.update(ref, params, key(idempotency_key))))


def cancel(ref: str, *, idempotency_key: str) -> None:
    """End a subscription now, for no money. Raises Refused when it has ended before."""
    params: Any = {"invoice_now": False, "prorate": False}
    with calling():
        client().v1.subscriptions.cancel(ref, params, key(idempotency_key))


# ------------------------------------------------------------------------------- facts
def facts_of(told: dict[str, Any]) -> Facts:
    newest = told.get("latest_invoice")
    full = newest if isinstance(newest, dict) else {}
    is_open = full.get("status") == "open"
    items = (told.get("items") or {}).get("data") or ()
    ended = told.get("ended_at")
    return Facts(
        ref=told["id"],
        customer=ref_of(told.get("customer")),
        status=str(told.get("status") or ""),
        items=tuple(_item(one) for one in items),
        cancels_at_period_end=bool(told.get("cancel_at_period_end") or told.get("cancel_at")),
        metadata={str(name): str(text) for name, text in (told.get("metadata") or {}).items()},
        invoice=ref_of(newest),
        invoice_status=str(full.get("status") or ""),
        pay_url=str(full.get("hosted_invoice_url") or "") if is_open else "",
        has_pending_update=bool(told.get("pending_update")),
        ended_at=_time(ended) if ended else None,
    )


def _item(told: dict[str, Any]) -> Item:
    return Item(
        ref=told["id"],
        price=ref_of(told.get("price")),
        quantity=int(told.get("quantity") or 0),
        period_starts_at=_time(told["current_period_start"]),
        period_ends_at=_time(told["current_period_end"]),
    )


def invoice_of(told: dict[str, Any]) -> InvoiceFacts:
    parent = (told.get("parent") or {}).get("subscription_details") or {}
    total = int(told.get("total") or 0)
    without_tax = told.get("total_excluding_tax")
    net = total if without_tax is None else int(without_tax)
    paid_at = (told.get("status_transitions") or {}).get("paid_at") or told["created"]
    return InvoiceFacts(
        ref=str(told.get("id") or ""),
        status=str(told.get("status") or ""),
        subscription=ref_of(parent.get("subscription")),
        customer=ref_of(told.get("customer")),
        currency=str(told.get("currency") or ""),
        total_points=total * CENT,
        tax_points=(total - net) * CENT,
        paid_points=int(told.get("amount_paid") or 0) * CENT,
        payment_ref=_paid_by(told),
        lines=tuple(_line(one) for one in (told.get("lines") or {}).get("data") or ()),
        paid_at=_time(paid_at),
        is_live=bool(told.get("livemode")),
    )


def _paid_by(told: dict[str, Any]) -> str:
    for one in (told.get("payments") or {}).get("data") or ():
        if one.get("status") == "paid":
            return ref_of((one.get("payment") or {}).get("payment_intent"))
    return ""


def _line(told: dict[str, Any]) -> Line:
    details = (told.get("pricing") or {}).get("price_details") or {}
    return Line(
        text=str(told.get("description") or "Subscription"),
        price=ref_of(details.get("price")),
        quantity=int(told.get("quantity") or 1),
        points=int(told.get("amount") or 0) * CENT,
        period_ends_at=_time((told.get("period") or {}).get("end") or 0),
    )


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(int(seconds), tz=UTC)
