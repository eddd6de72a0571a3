"""Cards that customers let us charge again: to save one, to charge it while nobody is there, to remove it.

What `gateways.stripe` says of amounts, keys and errors counts here too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apps.billing.gateways.stripe import payment
from apps.billing.gateways.stripe_facts import Card, CardPayment, payment_of
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
# What a card is called by when the bank wants to see its owner.
WANTS_OWNER = "authentication_required"
# The metadata that finds what paid a top-up, and how much of it is tax, in cents.
TOP_UP = "top_up"
TAX = "tax_cents"
WORKSPACE = "card_of"


@dataclass(frozen=True)
class Charge:
    """What a saved card is to pay, without its owner. `tax_ref` is the calculation behind `tax_points`."""

    customer: str
    card: str
    reference: str
    amount_points: int
    text: str
    tax_points: int = 0
    tax_ref: str = ""


@dataclass(frozen=True)
class SavedCard:
    """A card as Stripe has it now; `customer` is empty once it was removed."""

    card: Card
    customer: str
    created_at: datetime


@dataclass(frozen=True)
class Setup:
    """An attempt to save a card without paying."""

    ref: str
    status: str
    customer: str
    card: str
    metadata: Mapping[str, str]

    @property
    def is_done(self) -> bool:
        return self.status == "succeeded"


@dataclass(frozen=True)
class Tax:
    """What comes on top, and the calculation that says so."""

    ref: str
    points: int


# -------------------------------------------------------------------------------- to charge
def charge(wanted: Charge, *, idempotency_key: str) -> CardPayment:
    """Charge the card; what came of it, a refusal of the bank included. Raises Refused and Unavailable only."""
    params: Any = {
        "amount": cents(wanted.amount_points + wanted.tax_points),
        "currency": CURRENCY,
        "customer": wanted.customer,
        "payment_method": wanted.card,
        "allowed_payment_method_types": ["card"],
        "off_session": True,
        "confirm": True,
        "description": wanted.text,
        "metadata": {TOP_UP: wanted.reference, TAX: str(cents(wanted.tax_points))},
        "expand": ["latest_charge"],
    }
    if wanted.tax_ref:
        # Stripe books the tax with the payment.
        params["hooks"] = {"inputs": {"tax": {"calculation": wanted.tax_ref}}}
    try:
        with calling():
            made = client().v1.payment_intents.create(params, key(idempotency_key))
            return payment_of(plain(made))
    except (Declined, NeedsAuthentication) as error:
        if not error.ref:
            raise
        return payment(error.ref)


def confirm(ref: str, *, card: str, return_url: str, idempotency_key: str) -> CardPayment:
    """Try the same payment again with its owner there; `action_url` is where they show the bank who they are.

    Raises Refused when it is no longer waiting.
    """
    params: Any = {
        "payment_method": card,
        "return_url": return_url,
        "setup_future_usage": "off_session",
        "expand": ["latest_charge"],
    }
    try:
        with calling():
            told = client().v1.payment_intents.confirm(ref, params, key(idempotency_key))
            return payment_of(plain(told))
    except (Declined, NeedsAuthentication):
        return payment(ref)


def cancel(ref: str) -> None:
    """Nobody can pay it any more. Raises Refused when it is paid or was cancelled before."""
    with calling():
        client().v1.payment_intents.cancel(ref)


def payment_about(*, customer: str, reference: str, since: datetime) -> CardPayment | None:
    """The customer's payment with our reference made since then, as it is now."""
    params: Any = {
        "customer": customer,
        "created": {"gte": int(since.timestamp())},
        "limit": _PAGE,
        "expand": ["data.latest_charge"],
    }
    with calling():
        for one in client().v1.payment_intents.list(params).auto_paging_iter():
            found = payment_of(plain(one))
            if found.metadata.get(TOP_UP) == reference:
                return found
    return None


def tax_on(points: int, *, customer: str) -> Tax:
    """What Stripe Tax adds to credits for this customer. Raises Refused while Stripe does not know where they are."""
    line = {"amount": cents(points), "reference": "credits", "tax_behavior": "exclusive"}
    params: Any = {"currency": CURRENCY, "customer": customer, "line_items": [line]}
    with calling():
        told = plain(client().v1.tax.calculations.create(params))
    return Tax(str(told.get("id") or ""), int(told.get("tax_amount_exclusive") or 0) * CENT)


# ---------------------------------------------------------------------------------- to save
def make_page(
    *, customer: str, workspace_id: int, success_url: str, cancel_url: str, idempotency_key: str
) -> str:
    """The URL of a page on which a card is saved and nothing is paid."""
    params: Any = {
        "mode": "setup",
        "customer": customer,
        "allowed_payment_method_types": ["card"],
        "setup_intent_data": {"metadata": {WORKSPACE: str(workspace_id)}},
        "success_url": success_url,
        "cancel_url": cancel_url,
    }
    with calling():
        return str(client().v1.checkout.sessions.create(params, key(idempotency_key)).url or "")


def setup(ref: str) -> Setup:
    """An attempt to save a card, as it is now."""
    with calling():
        told = plain(client().v1.setup_intents.retrieve(ref))
    return Setup(
        ref=told["id"],
        status=str(told.get("status") or ""),
        customer=ref_of(told.get("customer")),
        card=ref_of(told.get("payment_method")),
        metadata={str(name): str(text) for name, text in (told.get("metadata") or {}).items()},
    )


def setup_of_page(ref: str) -> str:
    """The attempt of a page; empty while nobody has typed a card."""
    with calling():
        return ref_of(plain(client().v1.checkout.sessions.retrieve(ref)).get("setup_intent"))


def saved(ref: str) -> SavedCard | None:
    """A card as it is now; None for what is no card. Raises Refused for one that Stripe does not know."""
    with calling():
        told = plain(client().v1.payment_methods.retrieve(ref))
    details = told.get("card")
    if not isinstance(details, dict):
        return None
    return SavedCard(
        card=Card(
            ref=told["id"],
            brand=str(details.get("brand") or ""),
            last4=str(details.get("last4") or ""),
            exp_month=details.get("exp_month"),
            exp_year=details.get("exp_year"),
            fingerprint=str(details.get("fingerprint") or ""),
        ),
        customer=ref_of(told.get("customer")),
        created_at=datetime.fromtimestamp(int(told["created"]), tz=UTC),
    )


def detach(ref: str) -> None:
    """Remove a card at Stripe. Raises Refused when it was removed before."""
    with calling():
        client().v1.payment_methods.detach(ref)
