"""What Stripe tells of its objects, in our words. Amounts are points."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apps.billing import words
from apps.billing.gateways.stripe_wire import CENT, ref_of

_SUCCEEDED = "succeeded"
# A refund that is pending or succeeded is on its way; these two have come back to us.
_REFUND_UNDONE = frozenset({"failed", "canceled"})


@dataclass(frozen=True)
class Card:
    """A card as it may be shown. `fingerprint` is the same wherever the same card is used."""

    ref: str
    brand: str
    last4: str
    exp_month: int | None
    exp_year: int | None
    fingerprint: str

    @property
    def words(self) -> str:
        return words.by_card(brand=self.brand.title() or "Card", last4=self.last4)


@dataclass(frozen=True)
class CardPayment:
    """A PaymentIntent: one attempt to be paid, with its newest charge. `total_points` holds tax."""

    ref: str
    status: str
    total_points: int
    currency: str
    customer: str
    charge: str
    method: str
    card: Card | None
    failure: str
    failure_code: str
    metadata: Mapping[str, str]
    # The card may be charged again while its owner is away.
    saves_card: bool
    # Where the card's owner shows the bank who they are, while it waits for that.
    action_url: str
    is_live: bool
    created_at: datetime
    paid_at: datetime

    @property
    def is_paid(self) -> bool:
        return self.status == _SUCCEEDED


@dataclass(frozen=True)
class Session:
    """A Checkout Session: the page where somebody pays. `payment` is there once it was asked for with it."""

    ref: str
    mode: str
    status: str
    payment_status: str
    total_points: int
    tax_points: int
    currency: str
    customer: str
    reference: str
    payment_ref: str
    payment: CardPayment | None
    subscription: str
    url: str
    expires_at: datetime | None
    is_live: bool
    metadata: Mapping[str, str]

    @property
    def is_paid(self) -> bool:
        return self.payment_status == "paid"


@dataclass(frozen=True)
class Refund:
    """Money on its way back; `is_in_effect` is False once it failed or was called off."""

    ref: str
    payment_ref: str
    points: int
    status: str
    reason: str
    metadata: Mapping[str, str]

    @property
    def is_in_effect(self) -> bool:
        return self.status not in _REFUND_UNDONE


@dataclass(frozen=True)
class Dispute:
    """A payment its payer's bank disputes. `is_in_effect`: Stripe has taken the money from us and not given it back."""

    ref: str
    payment_ref: str
    points: int
    status: str
    reason: str
    is_in_effect: bool


@dataclass(frozen=True)
class Event:
    """One line of Stripe's own list of events, as it would have been sent to us."""

    ref: str
    kind: str
    object_ref: str
    happened_at: datetime
    payload: dict[str, Any]


def event(told: dict[str, Any]) -> Event:
    """An event as a webhook's body or the list has it. Raises ValueError for something else."""
    about = (told.get("data") or {}).get("object") if isinstance(told.get("data"), dict) else None
    ref, kind, created = told.get("id"), told.get("type"), told.get("created")
    if not (isinstance(ref, str) and isinstance(kind, str) and isinstance(about, dict)):
        raise ValueError("no event of Stripe's")  # noqa: TRY004 - bad content, not a bad argument
    if not isinstance(created, int) or not ref or not kind or len(ref) > 200 or len(kind) > 100:
        raise ValueError("no event of Stripe's")
    return Event(ref, kind, str(about.get("id") or "")[:200], _time(created), told)


def session_of(told: dict[str, Any]) -> Session:
    paid_by = told.get("payment_intent")
    tax = (told.get("total_details") or {}).get("amount_tax") or 0
    expires = told.get("expires_at")
    return Session(
        ref=told["id"],
        mode=str(told.get("mode") or ""),
        status=str(told.get("status") or ""),
        payment_status=str(told.get("payment_status") or ""),
        total_points=int(told.get("amount_total") or 0) * CENT,
        tax_points=int(tax) * CENT,
        currency=str(told.get("currency") or ""),
        customer=ref_of(told.get("customer")),
        reference=str(told.get("client_reference_id") or ""),
        payment_ref=ref_of(paid_by),
        payment=payment_of(paid_by) if isinstance(paid_by, dict) else None,
        subscription=ref_of(told.get("subscription")),
        url=str(told.get("url") or ""),
        expires_at=_time(expires) if expires else None,
        is_live=bool(told.get("livemode")),
        metadata=_texts(told.get("metadata")),
    )


def payment_of(told: dict[str, Any]) -> CardPayment:
    charge = told.get("latest_charge")
    full = charge if isinstance(charge, dict) else {}
    card = _card(full)
    problem = told.get("last_payment_error") or {}
    created = _time(told["created"])
    return CardPayment(
        ref=told["id"],
        status=str(told.get("status") or ""),
        total_points=int(told.get("amount_received") or told.get("amount") or 0) * CENT,
        currency=str(told.get("currency") or ""),
        customer=ref_of(told.get("customer")),
        charge=ref_of(charge),
        method=card.words if card else _method(full),
        card=card,
        failure=str(problem.get("message") or "")[:300],
        failure_code=str(problem.get("decline_code") or problem.get("code") or ""),
        metadata=_texts(told.get("metadata")),
        saves_card=told.get("setup_future_usage") == "off_session",
        action_url=_action_url(told),
        is_live=bool(told.get("livemode")),
        created_at=created,
        paid_at=_time(full["created"]) if full.get("created") else created,
    )


def _action_url(told: dict[str, Any]) -> str:
    redirect = (told.get("next_action") or {}).get("redirect_to_url") or {}
    return str(redirect.get("url") or "")


def _card(charge: dict[str, Any]) -> Card | None:
    details = (charge.get("payment_method_details") or {}).get("card")
    if not isinstance(details, dict):
        return None
    return Card(
        ref=str(charge.get("payment_method") or ""),
        brand=str(details.get("brand") or ""),
        last4=str(details.get("last4") or ""),
        exp_month=details.get("exp_month"),
        exp_year=details.get("exp_year"),
        fingerprint=str(details.get("fingerprint") or ""),
    )


def _method(charge: dict[str, Any]) -> str:
    kind = str((charge.get("payment_method_details") or {}).get("type") or "")
    return kind.replace("_", " ").capitalize()


def refund_of(told: dict[str, Any]) -> Refund:
    return Refund(
        ref=told["id"],
        payment_ref=ref_of(told.get("payment_intent")),
        points=int(told["amount"]) * CENT,
        status=str(told.get("status") or ""),
        reason=str(told.get("failure_reason") or told.get("reason") or ""),
        metadata=_texts(told.get("metadata")),
    )


def dispute_of(told: dict[str, Any]) -> Dispute:
    # What was taken and given back, in the currency we are paid out in: only the sign of the sum is of use.
    moved = sum(int(one.get("amount") or 0) for one in told.get("balance_transactions") or ())
    return Dispute(
        ref=told["id"],
        payment_ref=ref_of(told.get("payment_intent")),
        points=int(told["amount"]) * CENT,
        status=str(told.get("status") or ""),
        reason=str(told.get("reason") or ""),
        is_in_effect=moved < 0,
    )


def _texts(found: Any) -> dict[str, str]:
    return {str(name): str(value) for name, value in (found or {}).items()}


def _time(seconds: int) -> datetime:
    return datetime.fromtimestamp(int(seconds), tz=UTC)
