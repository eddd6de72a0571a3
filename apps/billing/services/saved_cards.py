"""The card that may be charged while nobody is there: saved, replaced, removed, and in line with what Stripe has.

A workspace has one, in its `PaymentCustomer`; the one that was saved last counts. Whatever made us look, the card as
Stripe has it now decides.
"""

from django.db import transaction

from apps.accounts import services as accounts
from apps.accounts.models import User
from apps.billing.gateways import stripe as gateway
from apps.billing.gateways import stripe_cards
from apps.billing.models import AutoTopUp, PaymentCustomer
from apps.billing.services import customers
from apps.billing.services.auto_topup import stopping
from apps.billing.services.topups import CardsUnavailable
from apps.core.errors import InvalidRequest, NotFound
from apps.core.sentences import sentence

_NO_ANSWER = sentence(
    "The payment provider does not answer now. Nothing changed; try again in a moment."
)
REMOVED = sentence("The saved card was removed at the payment provider.")


def start(*, workspace_id: int, client_key: str, done_url: str, left_url: str) -> str:
    """The URL of a page on which a card is saved. The same `client_key` is the same page.

    Raises CardsUnavailable.
    """
    try:
        customer = customers.ref(workspace_id=workspace_id)
    except gateway.StripeError as error:
        raise CardsUnavailable(_said(error)) from None
    try:
        return stripe_cards.make_page(
            customer=customer,
            workspace_id=workspace_id,
            success_url=done_url,
            cancel_url=left_url,
            idempotency_key=f"card:{customer}:{client_key[:64]}",
        )
    except gateway.StripeError as error:
        if error.code == "resource_missing":
            customers.forget(workspace_id=workspace_id, ref=customer)
        raise CardsUnavailable(_said(error)) from None


def landed(*, workspace_id: int, page_ref: str) -> bool:
    """Whether the page the customer comes back from has saved a card for this workspace.

    Raises NotFound for a page that is not theirs, CardsUnavailable.
    """
    try:
        ref = stripe_cards.setup_of_page(page_ref) if page_ref.startswith("cs_") else ""
        if not ref:
            raise NotFound("There is no such page.")
        found = take_setup(ref=ref)
    except gateway.Refused:
        raise NotFound("There is no such page.") from None
    except gateway.StripeError as error:
        raise CardsUnavailable(_said(error)) from None
    if found is not None and found.workspace_id != workspace_id:
        raise NotFound("There is no such page.")
    return found is not None


def take_setup(*, ref: str) -> PaymentCustomer | None:
    """Keep the card of a page that was filled in; whose it is. None: none of ours, or not done.

    Safe to repeat and late: a card that was saved after it stays, and one that was removed meanwhile is not kept.
    """
    told = stripe_cards.setup(ref)
    if not told.is_done or not told.card:
        return None
    row = PaymentCustomer.objects.across_workspaces().filter(ref=told.customer).first()
    if row is None or told.metadata.get(stripe_cards.WORKSPACE) != str(row.workspace_id):
        return None
    _keep_newer(row, told.card)
    return row


def look(*, ref: str) -> bool:
    """Bring whoever's saved card this is in line with Stripe. Says whether it was anybody's."""
    row = PaymentCustomer.objects.across_workspaces().filter(card_ref=ref).exclude(ref="").first()
    if row is None or not ref:
        return False
    told = _attached(row, ref)
    if told is None:
        _forget(row, ref, reason=REMOVED)
    else:
        _remember(row, told)
    return True


def remove(*, workspace_id: int, actor: User | None, ip: str | None = None) -> None:
    """Remove the card here and at Stripe; automatic top-ups end. Safe to repeat. Raises CardsUnavailable."""
    row = PaymentCustomer.objects.of(workspace_id).exclude(card_ref="").first()
    if row is None:
        return
    words = f"{row.card_brand} {row.card_last4}"
    try:
        stripe_cards.detach(row.card_ref)
    except gateway.Refused:
        pass  # removed before, or unknown to Stripe
    except gateway.StripeError as error:
        raise CardsUnavailable(_said(error)) from None
    with transaction.atomic():
        if _forget(row, row.card_ref, reason=""):
            accounts.audit(
                workspace_id=workspace_id,
                actor=actor,
                ip=ip,
                action="card.removed",
                target=words,
            )


def saved(*, workspace_id: int) -> PaymentCustomer:
    """The customer with its card. Raises InvalidRequest when there is none."""
    row = PaymentCustomer.objects.of(workspace_id).exclude(card_ref="").first()
    if row is None:
        raise InvalidRequest(sentence("Save a card first."))
    return row


def _keep_newer(row: PaymentCustomer, ref: str) -> None:
    told = _attached(row, ref)
    if told is None:
        return
    before = _attached(row, row.card_ref) if row.card_ref not in ("", ref) else None
    if before is None or before.created_at <= told.created_at:
        _remember(row, told)


def _attached(row: PaymentCustomer, ref: str) -> stripe_cards.SavedCard | None:
    """The card while it belongs to the customer."""
    try:
        told = stripe_cards.saved(ref)
    except gateway.Refused:
        return None
    return told if told is not None and told.customer == row.ref else None


def _remember(row: PaymentCustomer, told: stripe_cards.SavedCard) -> None:
    customers.remember_card(workspace_id=row.workspace_id, customer=row.ref, card=told.card)


@transaction.atomic
def _forget(row: PaymentCustomer, ref: str, *, reason: str) -> bool:
    """Clear the card unless another one took its place; nothing is charged by itself without one.

    With a `reason` people are told of it; whoever removed the card themselves knows.
    """
    changed = (
        PaymentCustomer.objects.of(row.workspace_id)
        .filter(card_ref=ref)
        .update(card_ref="", card_brand="", card_last4="", card_exp_month=None, card_exp_year=None)
    )
    if changed and reason:
        stopping.stop(row=stopping.locked(workspace_id=row.workspace_id), reason=reason)
    elif changed:
        AutoTopUp.objects.of(row.workspace_id).update(is_on=False)
    return bool(changed)


def _said(error: gateway.StripeError) -> str:
    return _NO_ANSWER if isinstance(error, gateway.Unavailable) else error.message
