"""Top-ups by card: from the wish to pay to the credits.

The row comes first, then Stripe's payment page under an idempotency key made of the row's id. Nobody gets to see a page
whose ref is not saved, and `confirm` credits a payment once, whoever calls it: the page the customer lands on, an event
of Stripe's, or the sweep.
"""

import logging
import re
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.accounts.models import User
from apps.billing.gateways import stripe as gateway
from apps.billing.models import Payment, PaymentCustomer, Provider, TopUp
from apps.billing.services import card_payments, customers, lots, payments
from apps.billing.services.inbox import receive
from apps.billing.services.inbox.registry import NotOurs, Unmatched
from apps.core.errors import DomainError, InvalidRequest, RateLimited
from apps.core.money import format_usd
from apps.core.sentences import sentence

log = logging.getLogger(__name__)
State = TopUp.State

# A page at Stripe lives at least half an hour.
LIFETIME = timedelta(minutes=60)
_LOOK_EVERY = timedelta(minutes=10)
_LOOK_AT_PROCESSING = timedelta(hours=1)
_RETRY = timedelta(minutes=2)
_LEASE = timedelta(minutes=5)
_BATCH = 20
# Payment pages a workspace may have open at once.
MAX_OPEN = 20
_CLIENT_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")
_NO_ANSWER = sentence(
    "The payment provider does not answer now. Nothing was charged; try again in a moment."
)
_NO_PAGE = sentence("The payment provider refused to open a payment page.")
_FINAL_INTENTS = frozenset({"canceled", "requires_payment_method"})


class CardsUnavailable(DomainError):
    """Nothing was charged; asking again with the same form is safe."""

    type = "unavailable"


# -------------------------------------------------------------------------------------- start
def start(
    *,
    workspace_id: int,
    user: User | None,
    amount_points: int,
    client_key: str,
    status_url: Callable[[UUID], str],
    saves_card: bool = False,
) -> TopUp:
    """A top-up with a page to pay it at. The same `client_key` is the same top-up, however often it is sent.

    The customer comes back to the top-up's `status_url`. Raises InvalidRequest, RateLimited or CardsUnavailable.
    """
    if not gateway.is_configured():
        raise CardsUnavailable(sentence("Cards are not taken here."))
    check_amount(amount_points)
    if not _CLIENT_KEY.fullmatch(client_key):
        raise InvalidRequest.field("client_key", sentence("Reload the page and try again."))
    top_up = _row(workspace_id, user, amount_points, client_key)
    if top_up.ref or top_up.state != State.CREATED:
        return top_up
    return _with_page(top_up, status_url(top_up.pk), saves_card=saves_card)


def check_amount(points: int) -> None:
    """Raises InvalidRequest for what is no sum to top up by, however it is paid."""
    if points % gateway.CENT:
        raise InvalidRequest.field("amount", sentence("The smallest step is one cent."))
    least, most = settings.TOPUP_MIN_POINTS, settings.TOPUP_MAX_POINTS
    if points < least:
        raise InvalidRequest.field("amount", sentence("From {amount}.", amount=format_usd(least)))
    if points > most:
        raise InvalidRequest.field("amount", sentence("At most {amount}.", amount=format_usd(most)))


def _row(workspace_id: int, user: User | None, amount_points: int, client_key: str) -> TopUp:
    now = timezone.now()
    mine = TopUp.objects.of(workspace_id)
    if not mine.filter(client_key=client_key).exists():
        _check_room(workspace_id)
    top_up, _ = mine.get_or_create(
        workspace_id=workspace_id,
        client_key=client_key,
        defaults={
            "user": user,
            "provider": Provider.STRIPE,
            "amount_points": amount_points,
            "created_at": now,
            "expires_at": now + LIFETIME,
            "next_at": now + _RETRY,
        },
    )
    if top_up.amount_points != amount_points or top_up.provider != Provider.STRIPE:
        raise InvalidRequest(
            sentence("This form was used for another payment. Reload it and try again.")
        )
    return top_up


def _check_room(workspace_id: int) -> None:
    unpaid = TopUp.objects.of(workspace_id).filter(provider=Provider.STRIPE, state=State.CREATED)
    if unpaid.count() >= MAX_OPEN:
        raise RateLimited(
            sentence("Too many payment pages are open. Pay or cancel one of them first."),
            retry_after=600,
        )


def _with_page(top_up: TopUp, return_url: str, *, saves_card: bool) -> TopUp:
    try:
        session = _made(top_up, return_url, saves_card=saves_card)
    except gateway.Unavailable:
        raise CardsUnavailable(_NO_ANSWER) from None
    except gateway.StripeError as error:
        log.exception("payment page refused", extra={"provider": "stripe", "reason": error.code})
        _set(top_up, State.FAILED, failure=_NO_PAGE)
        raise CardsUnavailable(sentence("{reason} Nothing was charged.", reason=_NO_PAGE)) from None
    return _keep_page(top_up, session)


def _made(top_up: TopUp, return_url: str, *, saves_card: bool) -> gateway.Session:
    customer = customers.ref(workspace_id=top_up.workspace_id)
    checkout = gateway.Checkout(
        customer=customer,
        reference=str(top_up.pk),
        amount_points=top_up.amount_points,
        text=f"{settings.SITE_NAME} credits",
        success_url=return_url,
        cancel_url=f"{return_url}?{urlencode({'left': 1})}",
        # A whole second of the row, so that a repetition asks with the same words.
        expires_at=(top_up.created_at + LIFETIME).replace(microsecond=0),
        saves_card=saves_card,
        with_tax=settings.STRIPE_TAX,
    )
    try:
        return gateway.make_checkout(checkout, idempotency_key=f"topup:{top_up.pk}")
    except gateway.Refused as refused:
        # The same form with another tick: the page that was made first is the one.
        before = gateway.session_about(customer=customer, reference=str(top_up.pk))
        if before is not None:
            return before
        if refused.code == "resource_missing":
            customers.forget(workspace_id=top_up.workspace_id, ref=customer)
        raise


def _keep_page(top_up: TopUp, session: gateway.Session) -> TopUp:
    kept = (
        TopUp.objects.of(top_up.workspace_id)
        .filter(pk=top_up.pk, state=State.CREATED)
        .update(
            ref=session.ref,
            pay_url=session.url,
            expires_at=session.expires_at,
            next_at=timezone.now() + _LOOK_EVERY,
        )
    )
    if not kept:
        # Cancelled in another tab meanwhile. Nobody has seen the page; if it is paid all the same, it is credited.
        gateway.expire_checkout(session.ref)
    top_up.refresh_from_db()
    return top_up


# ------------------------------------------------------------------------------------ confirm
def confirm(*, top_up: TopUp) -> TopUp:
    """Ask Stripe what became of it, and credit it when it is paid. Safe to repeat and to do at once.

    Raises Unmatched when what was paid is not what this top-up is for, Unavailable when Stripe does not answer.
    """
    if top_up.state == State.CREDITED or not top_up.ref:
        return top_up
    take(top_up=top_up, session=gateway.session(top_up.ref))
    top_up.refresh_from_db()
    return top_up


def take(*, top_up: TopUp, session: gateway.Session) -> Payment | None:
    """Bring the top-up in line with its payment page. Raises Unmatched."""
    if not session.is_paid:
        _note(top_up, session)
        return None
    _check_bound(top_up, session)
    paid = session.payment or gateway.payment(session.payment_ref)
    if not paid.is_paid:
        return None
    # Together, and the card only with the credits: a late repetition must not bring an older card back.
    with transaction.atomic():
        if paid.saves_card and paid.card is not None and card_payments.known(ref=paid.ref) is None:
            customers.remember_card(
                workspace_id=top_up.workspace_id, customer=session.customer, card=paid.card
            )
        payment, _ = payments.settle(_settled(top_up, session, paid))
    return payment


def _settled(
    top_up: TopUp, session: gateway.Session, paid: gateway.CardPayment
) -> payments.Settled:
    amount = session.total_points - session.tax_points
    return payments.Settled(
        workspace_id=top_up.workspace_id,
        provider=Provider.STRIPE,
        ref=paid.ref,
        kind=Payment.Kind.TOP_UP,
        amount_points=amount,
        tax_points=session.tax_points,
        credit_points=top_up.amount_points,
        paid_at=paid.paid_at,
        lines=[{"text": "Credits", "quantity": 1, "amount_points": amount}],
        method=paid.method,
        card_fingerprint=paid.card.fingerprint if paid.card else "",
        top_up_id=top_up.pk,
        credits_expire_at=lots.purchase_expiry(now=paid.paid_at),
        is_test=settings.TEST_PAYMENTS or not paid.is_live,
    )


def _check_bound(top_up: TopUp, session: gateway.Session) -> None:
    """The page, the sum, the currency and the payer are those of the top-up, or nothing is credited."""
    card_payments.check_mode(ref=session.ref, is_live=session.is_live)
    customer = PaymentCustomer.objects.of(top_up.workspace_id).first()
    facts = {
        "provider": (top_up.provider, Provider.STRIPE.value),
        "reference": (session.reference, str(top_up.pk)),
        "page": (session.ref, top_up.ref),
        "currency": (session.currency, gateway.CURRENCY),
        "amount": (session.total_points - session.tax_points, top_up.amount_points),
        "customer": (session.customer, customer.ref if customer else ""),
        "payment": (bool(session.payment_ref), True),
    }
    wrong = [name for name, (told, ours) in facts.items() if told != ours]
    if wrong:
        raise Unmatched(
            f"{session.ref} is not what top-up {top_up.pk} asked for: {', '.join(wrong)}"
        )


def _note(top_up: TopUp, session: gateway.Session) -> None:
    """Where an unpaid page stands, in the row."""
    paid = session.payment
    failure = paid.failure if paid else ""
    if session.status == "expired":
        _set(top_up, State.EXPIRED, failure=failure)
    elif session.status == "open":
        _set(top_up, State.CREATED, failure=failure, look_in=_LOOK_EVERY, pay_url=session.url)
    elif paid is not None and paid.status in _FINAL_INTENTS:
        _set(top_up, State.FAILED, failure=failure or sentence("The bank did not carry it out."))
    else:
        _set(top_up, State.PROCESSING, look_in=_LOOK_AT_PROCESSING)


def _set(
    top_up: TopUp,
    state: str,
    *,
    failure: str = "",
    look_in: timedelta | None = None,
    pay_url: str = "",
) -> None:
    # What is credited stays so, and what its owner cancelled is not opened again.
    TopUp.objects.of(top_up.workspace_id).filter(pk=top_up.pk, state__in=TopUp.OPEN).update(
        state=state,
        failure=failure[:300],
        pay_url=pay_url,
        next_at=None if look_in is None else timezone.now() + look_in,
        updated_at=Now(),
    )


@card_payments.settles
def of_payment(paid: gateway.CardPayment) -> Payment | None:
    """The payment of a top-up, found by our reference in it."""
    top_up = _named(paid.metadata.get("top_up", ""))
    if top_up is None or top_up.kind != TopUp.Kind.MANUAL:
        return None
    session = gateway.session(top_up.ref) if top_up.ref else None
    if session is None or session.payment_ref != paid.ref:
        raise Unmatched(f"{paid.ref} is not the payment of top-up {top_up.pk}'s page")
    return take(top_up=top_up, session=session)


def of_session(session: gateway.Session) -> TopUp | None:
    """The top-up of a payment page; one whose page was made but not saved gets it now."""
    found = TopUp.objects.across_workspaces().filter(provider=Provider.STRIPE)
    top_up = found.filter(ref=session.ref).first()
    if top_up is not None:
        return top_up
    top_up = _named(session.reference)
    if top_up is not None and not top_up.ref and top_up.provider == Provider.STRIPE:
        found.filter(pk=top_up.pk, ref="").update(ref=session.ref)
        top_up.refresh_from_db()
    return top_up


def _named(reference: str) -> TopUp | None:
    if not re.fullmatch(r"[0-9a-f-]{36}", reference):
        return None
    return TopUp.objects.across_workspaces().filter(pk=reference).first()


# ------------------------------------------------------------------------------- cancel, sweep
def cancel(*, top_up: TopUp) -> TopUp:
    """Close the page. A payment that was faster is credited instead. Raises CardsUnavailable."""
    try:
        if top_up.ref:
            gateway.expire_checkout(top_up.ref)
    except gateway.Refused:
        return confirm(top_up=top_up)  # paid or over by now
    except gateway.StripeError:
        raise CardsUnavailable(
            sentence("The payment provider does not answer. Try again.")
        ) from None
    _set(top_up, State.CANCELLED)
    top_up.refresh_from_db()
    return top_up


def sweep() -> int:
    """Look at top-ups whose time has come: nobody came back, or we died on the way. Says how many."""
    due = _claimed()
    for top_up in due:
        try:
            _look(top_up)
        except (gateway.Unavailable, NotOurs):
            continue  # the lease ends, and it is due again
        except (gateway.StripeError, Unmatched, payments.PaymentMismatch) as error:
            receive.note_unmatched(
                name=f"topup:{top_up.pk}", kind="topup", ref=top_up.ref, reason=str(error)
            )
            TopUp.objects.of(top_up.workspace_id).filter(pk=top_up.pk).update(next_at=None)
    return len(due)


def _claimed() -> list[TopUp]:
    with transaction.atomic():
        due = list(
            TopUp.objects.across_workspaces()
            .select_for_update(skip_locked=True)
            .filter(provider=Provider.STRIPE, kind=TopUp.Kind.MANUAL, next_at__lte=Now())
            .order_by("next_at")[:_BATCH]
        )
        TopUp.objects.across_workspaces().filter(pk__in=[one.pk for one in due]).update(
            next_at=Now() + _LEASE
        )
    return due


def _look(top_up: TopUp) -> None:
    if top_up.ref:
        confirm(top_up=top_up)
        return
    # We died between Stripe's page and our row, or before it.
    customer = PaymentCustomer.objects.of(top_up.workspace_id).first()
    session = customer and gateway.session_about(customer=customer.ref, reference=str(top_up.pk))
    if session:
        _keep_page(top_up, session)
        confirm(top_up=top_up)
    elif top_up.created_at + LIFETIME < timezone.now():
        _set(top_up, State.EXPIRED)
