"""What Stripe's events about saved cards and payments without a page make us look at."""

import re

from apps.billing.gateways import stripe as gateway
from apps.billing.gateways import stripe_cards
from apps.billing.models import Payment, TopUp
from apps.billing.services import card_payments, saved_cards
from apps.billing.services.auto_topup import outcome
from apps.billing.services.inbox.registry import NotOurs, handles


@card_payments.settles
def of_payment(paid: gateway.CardPayment) -> Payment | None:
    """The payment of an automatic top-up, found by our reference in it."""
    top_up = _named(paid)
    return None if top_up is None else outcome.take(top_up=top_up, paid=paid)


@handles(
    "payment_intent.payment_failed",
    "payment_intent.canceled",
    "payment_intent.requires_action",
)
def payment_failed(ref: str) -> None:
    """A payment came to nothing or waits for somebody. Those with a page of their own are that page's concern."""
    paid = gateway.payment(ref)
    top_up = _named(paid)
    if top_up is None:
        raise NotOurs(f"{ref} is of no automatic top-up")
    outcome.take(top_up=top_up, paid=paid)


@handles("checkout.session.completed:setup", fields=("setup_intent",))
@handles("setup_intent.succeeded")
def card_saved(ref: str) -> None:
    """A card was saved without paying."""
    if saved_cards.take_setup(ref=ref) is None:
        raise NotOurs(f"{ref} saved no card for a workspace")


@handles(
    "payment_method.automatically_updated",
    "payment_method.detached",
    "payment_method.updated",
)
def card_changed(ref: str) -> None:
    """A card was removed, or its bank gave it another number or expiry."""
    if not saved_cards.look(ref=ref):
        raise NotOurs(f"{ref} is nobody's saved card")


def _named(paid: gateway.CardPayment) -> TopUp | None:
    reference = paid.metadata.get(stripe_cards.TOP_UP, "")
    if not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", reference):
        return None
    found = TopUp.objects.across_workspaces().select_related("workspace")
    return found.filter(pk=reference, kind=TopUp.Kind.AUTO).first()
