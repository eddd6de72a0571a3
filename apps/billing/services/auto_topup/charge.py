"""One automatic top-up from its row to its end: one PaymentIntent, however often we ask and whatever breaks.

The row is committed first and names the charge: its id is the idempotency key and stands in the payment's metadata.
After a lost answer the payment is looked for, then asked for again with the same key, for an hour; Stripe remembers
keys for 24.
"""

import logging
import time
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.billing.gateways import stripe as gateway
from apps.billing.gateways import stripe_cards
from apps.billing.models import PaymentCustomer, Provider, TopUp
from apps.billing.services import saved_cards
from apps.billing.services.auto_topup import outcome
from apps.billing.services.inbox import receive
from apps.billing.services.inbox.registry import Unmatched
from apps.billing.services.payments import PaymentMismatch
from apps.billing.services.topups import CardsUnavailable
from apps.core.errors import InvalidRequest
from apps.core.sentences import sentence

log = logging.getLogger(__name__)
State = TopUp.State

# From the row to the last time its charge is asked for.
ASK_FOR = timedelta(hours=1)
LEASE = timedelta(seconds=90)
# Clocks differ; the payment is never older than its row by more than this.
_SLACK = timedelta(minutes=5)
_BATCH = 20
_NO_CARD = sentence("There is no saved card.")
_LOST = sentence("The payment provider did not answer. Nothing was charged.")


def look(*, top_up: TopUp) -> TopUp:
    """Ask Stripe what became of it, or to charge it if it has not heard of it. Safe to repeat and to do at once.

    Raises Unavailable when Stripe does not answer, Unmatched when something else was paid.
    """
    if top_up.state not in TopUp.OPEN:
        return top_up
    paid = gateway.payment(top_up.ref) if top_up.ref else _found(top_up)
    if paid is not None:
        _take_or_give_up(top_up, paid)
    elif top_up.created_at + ASK_FOR < timezone.now():
        outcome.close(top_up=top_up, state=State.FAILED, reason=_LOST)
    else:
        ask(top_up=top_up)
    top_up.refresh_from_db()
    return top_up


def ask(*, top_up: TopUp) -> None:
    """Charge the saved card and write down what came of it. Raises Unavailable: then it may have been charged."""
    customer = PaymentCustomer.objects.of(top_up.workspace_id).exclude(card_ref="").first()
    if customer is None:
        outcome.fail(top_up=top_up, reason=_NO_CARD, is_final=True)
        return
    try:
        paid = _charged(top_up, customer)
    except gateway.Unavailable:
        raise
    except gateway.StripeError as error:
        _refused(top_up, customer, error)
    else:
        outcome.take(top_up=top_up, paid=paid)


def _charged(top_up: TopUp, customer: PaymentCustomer) -> gateway.CardPayment:
    tax = stripe_cards.Tax("", 0)
    if settings.STRIPE_TAX:
        tax = stripe_cards.tax_on(top_up.amount_points, customer=customer.ref)
    wanted = stripe_cards.Charge(
        customer=customer.ref,
        card=customer.card_ref,
        reference=str(top_up.pk),
        amount_points=top_up.amount_points,
        text=f"{settings.SITE_NAME} credits",
        tax_points=tax.points,
        tax_ref=tax.ref,
    )
    return stripe_cards.charge(wanted, idempotency_key=f"auto:{top_up.pk}")


def _refused(top_up: TopUp, customer: PaymentCustomer, error: gateway.StripeError) -> None:
    if error.code == "idempotency_error":
        # The first call had another card. It counts, so it is looked for; nothing is asked for under a second name.
        raise gateway.Unavailable("It was asked for before, with other words.")
    # Most likely the card is gone at Stripe, and then here too.
    saved_cards.look(ref=customer.card_ref)
    log.warning("automatic top-up refused", extra={"provider": "stripe", "reason": error.code})
    outcome.fail(top_up=top_up, reason=error.message, is_final=True)


def _found(top_up: TopUp) -> gateway.CardPayment | None:
    customer = PaymentCustomer.objects.of(top_up.workspace_id).first()
    if customer is None:
        return None
    return stripe_cards.payment_about(
        customer=customer.ref, reference=str(top_up.pk), since=top_up.created_at - _SLACK
    )


def _take_or_give_up(top_up: TopUp, paid: gateway.CardPayment) -> None:
    outcome.take(top_up=top_up, paid=paid)
    top_up.refresh_from_db()
    is_late = top_up.created_at + outcome.CONFIRM_WITHIN < timezone.now()
    if top_up.state == State.NEEDS_ACTION and is_late:
        _give_up(top_up)


def _give_up(top_up: TopUp) -> None:
    """Nobody confirmed it in time. A payment that was faster is credited instead."""
    try:
        stripe_cards.cancel(top_up.ref)
    except gateway.Refused:
        outcome.take(top_up=top_up, paid=gateway.payment(top_up.ref))
        return
    reason = sentence("Your bank wanted you to confirm it, and nobody did in time.")
    outcome.fail(top_up=top_up, reason=reason, is_final=False, state=State.EXPIRED)


# ------------------------------------------------------------------------- with its owner there
def confirm(*, top_up: TopUp, return_url: str) -> TopUp:
    """Try the same payment with its owner there; `pay_url` is the bank's page, if it wants one. Safe to repeat.

    One payment is charged once at most, so it does not matter which of its tries succeeds. Raises CardsUnavailable,
    InvalidRequest without a saved card.
    """
    try:
        paid = gateway.payment(top_up.ref) if top_up.ref else None
        if paid is not None and paid.status == "requires_payment_method":
            paid = _tried_again(top_up, paid, return_url)
        if paid is not None:
            outcome.take(top_up=top_up, paid=paid)
    except gateway.StripeError:
        raise CardsUnavailable(
            sentence("The payment provider does not answer. Try again.")
        ) from None
    except (Unmatched, PaymentMismatch) as why:
        raise InvalidRequest(str(why)) from None
    top_up.refresh_from_db()
    return top_up


def _tried_again(top_up: TopUp, paid: gateway.CardPayment, return_url: str) -> gateway.CardPayment:
    card = saved_cards.saved(workspace_id=top_up.workspace_id).card_ref
    try:
        return stripe_cards.confirm(
            paid.ref,
            card=card,
            return_url=return_url,
            # Of one failed try there is one next, however often the button is pressed.
            idempotency_key=f"auto:{top_up.pk}:{paid.charge}:{card}",
        )
    except gateway.Refused:
        return gateway.payment(paid.ref)  # another tab was faster


def cancel(*, top_up: TopUp) -> TopUp:
    """Give it up. A payment that was faster is credited instead. Raises CardsUnavailable."""
    try:
        if top_up.ref:
            _cancelled(top_up)
    except gateway.StripeError:
        raise CardsUnavailable(
            sentence("The payment provider does not answer. Try again.")
        ) from None
    top_up.refresh_from_db()
    return top_up


def _cancelled(top_up: TopUp) -> None:
    try:
        stripe_cards.cancel(top_up.ref)
    except gateway.Refused:
        outcome.take(top_up=top_up, paid=gateway.payment(top_up.ref))
    else:
        outcome.close(top_up=top_up, state=State.CANCELLED)


# --------------------------------------------------------------------------------------- sweep
def sweep(*, stop_at: float) -> int:
    """Look at those whose time has come: an answer was lost, or we died on the way. Says how many there were.

    Nothing is begun after `stop_at` on the monotonic clock; what was left is due again when its lease ends.
    """
    due = _claimed()
    for top_up in due:
        if time.monotonic() >= stop_at:
            break
        try:
            look(top_up=top_up)
        except gateway.Unavailable:
            continue  # the lease ends, and it is due again
        except (gateway.StripeError, Unmatched, PaymentMismatch) as error:
            log.exception("automatic top-up does not fit", extra={"provider": "stripe"})
            receive.note_unmatched(
                name=f"topup:{top_up.pk}", kind="topup", ref=top_up.ref, reason=str(error)
            )
            TopUp.objects.of(top_up.workspace_id).filter(pk=top_up.pk).update(next_at=None)
    return len(due)


def _claimed() -> list[TopUp]:
    with transaction.atomic():
        due = list(
            TopUp.objects.across_workspaces()
            .select_for_update(skip_locked=True, of=("self",))
            .select_related("workspace")
            .filter(provider=Provider.STRIPE, kind=TopUp.Kind.AUTO, next_at__lte=Now())
            .order_by("next_at")[:_BATCH]
        )
        TopUp.objects.across_workspaces().filter(pk__in=[one.pk for one in due]).update(
            next_at=Now() + LEASE
        )
    return due
