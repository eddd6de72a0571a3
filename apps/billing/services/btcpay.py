"""Top-ups through a BTCPay Server: its invoice is the payment page, each settled payment of it is credited.

A webhook, the sweep and the status page all do the same: read the invoice as it is now. BTCPay knows no idempotency
keys, so an invoice is looked for by our order id before one is made.
"""

import re
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Now
from django.utils import timezone

from apps.accounts.models import User
from apps.billing import words
from apps.billing.gateways import btcpay as gateway
from apps.billing.models import Payment, Provider, Reversal, TopUp
from apps.billing.services import lots, payments
from apps.billing.services.inbox.registry import Later, Unmatched, handles
from apps.core.errors import DomainError, InvalidRequest
from apps.core.money import format_usd
from apps.core.sentences import sentence

State = TopUp.State

PATIENCE = timedelta(minutes=60)
CENT = 100_000
# BTCPay itself watches an invoice for a day after its end.
_WATCHED = timedelta(hours=26)
_LOOK_EVERY = timedelta(minutes=5)
_BATCH = 20
_NO_ANSWER = sentence(
    "The payment server does not answer now. Nothing was charged; try again in a moment."
)
_CLIENT_KEY = re.compile(r"[A-Za-z0-9_-]{8,64}")


class BtcpayUnavailable(DomainError):
    """Nothing was charged; asking again with the same form is safe."""

    type = "unavailable"


# -------------------------------------------------------------------------------------- start
def start(
    *, workspace_id: int, user: User | None, amount_points: int, client_key: str, return_url: str
) -> TopUp:
    """A top-up with a page to pay it at. The same `client_key` is the same top-up, however often it is sent."""
    if not gateway.is_configured():
        raise BtcpayUnavailable(sentence("Other coins are not taken here."))
    _check(amount_points, client_key)
    top_up = _row(workspace_id, user, amount_points, client_key)
    if not top_up.ref:
        try:
            _give_page(top_up, return_url)
        except gateway.BtcpayError:
            raise BtcpayUnavailable(_NO_ANSWER) from None
    return top_up


def _check(points: int, client_key: str) -> None:
    least, most = settings.TOPUP_MIN_POINTS, settings.TOPUP_MAX_POINTS
    if points % CENT or not least <= points <= most:
        bounds = {"least": format_usd(least), "most": format_usd(most)}
        refused = sentence("From {least} to {most}, in whole cents.", **bounds)
        raise InvalidRequest.field("amount", refused)
    if not _CLIENT_KEY.fullmatch(client_key):
        raise InvalidRequest.field("client_key", sentence("Reload the page and try again."))


def _row(workspace_id: int, user: User | None, amount_points: int, client_key: str) -> TopUp:
    now = timezone.now()
    top_up, _ = TopUp.objects.of(workspace_id).get_or_create(
        workspace_id=workspace_id,
        client_key=client_key,
        defaults={
            "user": user,
            "provider": Provider.BTCPAY,
            "amount_points": amount_points,
            "expires_at": now + PATIENCE,
            "next_at": now + _LOOK_EVERY,
        },
    )
    if top_up.amount_points != amount_points or top_up.provider != Provider.BTCPAY:
        raise InvalidRequest(
            sentence("This form was used for another payment. Reload it and try again.")
        )
    return top_up


def _give_page(top_up: TopUp, return_url: str) -> None:
    order = str(top_up.pk)
    found = gateway.invoice_of(order_id=order) or gateway.make_invoice(
        order_id=order, amount_points=top_up.amount_points, return_url=f"{return_url}{top_up.pk}"
    )
    TopUp.objects.of(top_up.workspace_id).filter(pk=top_up.pk, ref="").update(
        ref=found.ref, pay_url=found.pay_url, expires_at=found.expires_at, updated_at=Now()
    )
    top_up.refresh_from_db()


# ------------------------------------------------------------------------------------ refresh
def refresh(*, top_up: TopUp) -> TopUp:
    """Bring it in line with its invoice. Safe to repeat and to do at once. Raises Unmatched or BtcpayError."""
    if not top_up.ref:
        found = gateway.invoice_of(order_id=str(top_up.pk))
        if found is None:
            return top_up
        TopUp.objects.of(top_up.workspace_id).filter(pk=top_up.pk, ref="").update(ref=found.ref)
        top_up.refresh_from_db()
    invoice = gateway.invoice(top_up.ref)
    _check_bound(top_up, invoice)
    paid = gateway.payments_of(invoice.ref)
    for one in paid:
        _take(top_up, one)
    _take_back(top_up, paid)
    _note(top_up, invoice)
    if invoice.status == "Settled" and not _received(top_up):
        raise Unmatched(f"Invoice {invoice.ref} is settled ({invoice.additional_status}) unpaid.")
    return top_up


def _check_bound(top_up: TopUp, invoice: gateway.Invoice) -> None:
    facts = {
        "invoice": (invoice.ref, top_up.ref),
        "order": (invoice.order_id, str(top_up.pk)),
        "store": (invoice.store_id, settings.BTCPAY_STORE_ID),
        "currency": (invoice.currency.upper(), gateway.CURRENCY),
        "amount": (invoice.amount_points, top_up.amount_points),
    }
    wrong = [name for name, (told, ours) in facts.items() if told != ours]
    if wrong:
        raise Unmatched(f"Invoice {invoice.ref} is not that of its top-up: {', '.join(wrong)}")


def _take(top_up: TopUp, paid: gateway.InvoicePayment) -> None:
    if paid.status != "Settled" or paid.points <= 0:
        return
    payment, is_new = payments.settle(
        payments.Settled(
            workspace_id=top_up.workspace_id,
            provider=Provider.BTCPAY,
            ref=paid.ref,
            kind=Payment.Kind.TOP_UP,
            amount_points=paid.points,
            credit_points=paid.points,
            paid_at=paid.received_at,
            lines=[{"text": "Credits", "quantity": 1, "amount_points": paid.points}],
            method=words.through_btcpay(method=paid.method),
            top_up_id=top_up.pk,
            credits_expire_at=lots.purchase_expiry(now=timezone.now()),
            is_test=settings.TEST_PAYMENTS,
        )
    )
    if not is_new:
        _tell(payment, is_in_effect=False)


def _take_back(top_up: TopUp, paid: list[gateway.InvoicePayment]) -> None:
    """What BTCPay once called settled and calls so no more."""
    settled = {one.ref for one in paid if one.status == "Settled"}
    for payment in Payment.objects.of(top_up.workspace_id).filter(top_up_id=top_up.pk):
        if payment.ref not in settled:
            _tell(payment, is_in_effect=True)


def _tell(payment: Payment, *, is_in_effect: bool) -> None:
    mine = Reversal.objects.of(payment.workspace_id).filter(payment=payment)
    if not is_in_effect and not mine.filter(kind=Reversal.Kind.REORG, is_in_effect=True).exists():
        return
    payments.reverse(
        payment_id=payment.pk,
        went_back=payments.WentBack(
            kind=Reversal.Kind.REORG,
            ref=payment.ref,
            amount_points=payment.total_points,
            is_in_effect=is_in_effect,
            status="gone" if is_in_effect else "back",
            reason="BTCPay Server no longer counts the payment.",
        ),
    )


def _received(top_up: TopUp) -> int:
    mine = Payment.objects.of(top_up.workspace_id).filter(top_up_id=top_up.pk)
    sums = mine.aggregate(paid=Sum("credit_points"), back=Sum("clawed_points"))
    return int(sums["paid"] or 0) - int(sums["back"] or 0)


@transaction.atomic
def _note(top_up: TopUp, invoice: gateway.Invoice) -> None:
    held = TopUp.objects.of(top_up.workspace_id).select_for_update().get(pk=top_up.pk)
    received = _received(held)
    held.state = _state(invoice, received, held.amount_points)
    held.failure = ""
    if 0 < received < held.amount_points:
        held.failure = words.received_part(received=received, wanted=held.amount_points)
    elif held.state == State.FAILED:
        held.failure = sentence("The payment was not confirmed in time.")
    held.pay_url = invoice.pay_url if invoice.status == "New" else ""
    is_watched = timezone.now() < held.created_at + _WATCHED
    held.next_at = timezone.now() + _LOOK_EVERY if is_watched else None
    held.save(update_fields=["state", "failure", "pay_url", "next_at", "updated_at"])
    top_up.refresh_from_db()


def _state(invoice: gateway.Invoice, received: int, wanted: int) -> str:
    # A settled invoice within the store's tolerance is paid, whatever is missing to the last cent.
    if received >= wanted or (invoice.status == "Settled" and received):
        return State.CREDITED
    states: dict[str, str] = {
        "New": State.CREATED,
        "Processing": State.PROCESSING,
        "Settled": State.PROCESSING,
        "Expired": State.EXPIRED,
        "Invalid": State.FAILED,
    }
    return states.get(invoice.status, State.PROCESSING)


# ------------------------------------------------------------------------------- events, sweep
@handles(
    "InvoiceCreated",
    "InvoiceReceivedPayment",
    "InvoiceProcessing",
    "InvoicePaymentSettled",
    "InvoiceSettled",
    "InvoiceExpired",
    "InvoiceInvalid",
    source=Provider.BTCPAY,
)
def look(ref: str) -> None:
    """An event spoke of this invoice."""
    found = TopUp.objects.across_workspaces().filter(provider=Provider.BTCPAY, ref=ref).first()
    try:
        found = found or _unsaved(ref)
        refresh(top_up=found)
    except gateway.Unavailable as error:
        raise Later(str(error)) from None
    except gateway.Refused as error:
        raise Unmatched(f"Invoice {ref}: {error}") from None


def _unsaved(ref: str) -> TopUp:
    """The top-up of an invoice that was made just before we died."""
    order = gateway.invoice(ref).order_id
    found = TopUp.objects.across_workspaces().filter(provider=Provider.BTCPAY, ref="")
    is_id = re.fullmatch(r"[0-9a-f-]{36}", order)
    top_up = found.filter(pk=order).first() if is_id else None
    if top_up is None:
        raise Unmatched(f"Invoice {ref} is of no top-up.")
    return top_up


def sweep() -> int:
    """Look at top-ups whose time has come: a webhook may have been lost. Says how many."""
    with transaction.atomic():
        due = list(
            TopUp.objects.across_workspaces()
            .select_for_update(skip_locked=True)
            .filter(provider=Provider.BTCPAY, next_at__lte=Now())
            .order_by("next_at")[:_BATCH]
        )
        ids = [one.pk for one in due]
        TopUp.objects.across_workspaces().filter(pk__in=ids).update(next_at=Now() + _LOOK_EVERY)
    for top_up in due:
        _look_at(top_up)
    return len(due)


def _look_at(top_up: TopUp) -> None:
    try:
        refresh(top_up=top_up)
    except gateway.Unavailable:
        return  # due again in some minutes
    except (gateway.Refused, Unmatched, payments.PaymentMismatch):
        # The event, or the operator's look at the server, tells the story; asking again does not.
        TopUp.objects.of(top_up.workspace_id).filter(pk=top_up.pk).update(next_at=None)
    if not top_up.ref and top_up.expires_at and top_up.expires_at < timezone.now():
        TopUp.objects.of(top_up.workspace_id).filter(pk=top_up.pk).update(
            state=State.EXPIRED, next_at=None
        )
