"""What an answer of Stripe's means for an automatic top-up, and the one transaction that writes it down.

Locks: the workspace's AutoTopUp first, then whatever `payments.settle` locks, the wallet last.
"""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.billing.gateways import stripe as gateway
from apps.billing.gateways import stripe_cards
from apps.billing.models import AutoTopUp, Payment, PaymentCustomer, Provider, TopUp
from apps.billing.selectors.people import recipients
from apps.billing.services import card_payments, lots, payments
from apps.billing.services.auto_topup import stopping
from apps.billing.services.inbox.registry import Unmatched
from apps.core.money import format_usd
from apps.core.sentences import sentence
from apps.notifications.services import mail

State = TopUp.State

# How long the card's owner has to show the bank who they are. https://docs.stripe.com/payments/3d-secure
CONFIRM_WITHIN = timedelta(hours=23)
LOOK_AT_PROCESSING = timedelta(hours=1)
# Declines after which asking again is of no use. https://docs.stripe.com/declines/codes
HARD = frozenset({
    "card_not_supported", "currency_not_supported", "do_not_try_again", "expired_card",
    "fraudulent", "incorrect_number", "invalid_account", "invalid_expiry_month", "invalid_expiry_year",
    "invalid_number", "lost_card", "merchant_blacklist", "not_permitted", "pickup_card",
    "restricted_card", "revocation_of_all_authorizations", "revocation_of_authorization", "security_violation",
    "service_not_allowed", "stolen_card", "stop_payment_order", "transaction_not_allowed",
})  # fmt: skip
_MOST_FAILURES = 2


def take(*, top_up: TopUp, paid: gateway.CardPayment) -> Payment | None:
    """Bring the top-up in line with what Stripe says of its payment now. Safe to repeat and in any order.

    Raises Unmatched when what was paid is not what this top-up is for.
    """
    if not paid.is_paid:
        _note(top_up, paid)
        return None
    tax = _checked_tax(top_up, paid)
    with transaction.atomic():
        row = _locked(top_up)
        payment, is_new = payments.settle(_settled(top_up, paid, tax))
        if row is not None and is_new:
            row.failures = 0
            row.save(update_fields=["failures", "updated_at"])
    return payment


def _settled(top_up: TopUp, paid: gateway.CardPayment, tax: int) -> payments.Settled:
    points = top_up.amount_points
    return payments.Settled(
        workspace_id=top_up.workspace_id,
        provider=Provider.STRIPE,
        ref=paid.ref,
        kind=Payment.Kind.TOP_UP,
        amount_points=points,
        tax_points=tax,
        credit_points=points,
        paid_at=paid.paid_at,
        lines=[{"text": "Credits", "quantity": 1, "amount_points": points}],
        method=paid.method,
        card_fingerprint=paid.card.fingerprint if paid.card else "",
        top_up_id=top_up.pk,
        credits_expire_at=lots.purchase_expiry(now=paid.paid_at),
        is_test=settings.TEST_PAYMENTS or not paid.is_live,
    )


def _checked_tax(top_up: TopUp, paid: gateway.CardPayment) -> int:
    """The tax in it. The sum, the currency and the payer are those of the top-up, or nothing is credited."""
    card_payments.check_mode(ref=paid.ref, is_live=paid.is_live)
    customer = PaymentCustomer.objects.of(top_up.workspace_id).first()
    told = paid.metadata.get(stripe_cards.TAX, "0")
    tax = int(told) * gateway.CENT if told.isascii() and told.isdigit() and len(told) < 12 else 0
    facts = {
        "provider": (top_up.provider, Provider.STRIPE.value),
        "reference": (paid.metadata.get(stripe_cards.TOP_UP), str(top_up.pk)),
        "payment": (paid.ref, top_up.ref or paid.ref),
        "currency": (paid.currency, gateway.CURRENCY),
        "amount": (paid.total_points - tax, top_up.amount_points),
        "customer": (paid.customer, customer.ref if customer else ""),
    }
    wrong = [name for name, (said, ours) in facts.items() if said != ours]
    if wrong:
        raise Unmatched(f"{paid.ref} is not what top-up {top_up.pk} asked for: {', '.join(wrong)}")
    return tax


def _note(top_up: TopUp, paid: gateway.CardPayment) -> None:
    """Where an unpaid one stands."""
    if paid.status == "requires_action" or (
        paid.status == "requires_payment_method" and paid.failure_code == stripe_cards.WANTS_OWNER
    ):
        _wait_for_owner(top_up, paid)
    elif paid.status == "requires_payment_method":
        reason = paid.failure or sentence("The bank did not carry it out.")
        fail(top_up=top_up, reason=reason, is_final=paid.failure_code in HARD, ref=paid.ref)
    elif paid.status == "canceled":
        close(top_up=top_up, state=State.CANCELLED, ref=paid.ref)
    else:
        _set(top_up, state=State.PROCESSING, ref=paid.ref, look_in=LOOK_AT_PROCESSING)


@transaction.atomic
def _wait_for_owner(top_up: TopUp, paid: gateway.CardPayment) -> None:
    """The bank wants to see the owner: they are written to once, and confirm the same payment on its status page."""
    changed = _set(
        top_up,
        state=State.NEEDS_ACTION,
        ref=paid.ref,
        pay_url=paid.action_url,
        look_in=LOOK_AT_PROCESSING,
        failure=sentence("Your bank wants you to confirm this payment."),
    )
    if not changed:
        return
    mail.add(
        key=f"auto_topup_confirm:{top_up.pk}",
        to=recipients(workspace_id=top_up.workspace_id),
        template="auto_topup_confirm",
        context={
            "workspace": top_up.workspace,
            "amount": format_usd(top_up.amount_points),
            "hours": int(CONFIRM_WITHIN.total_seconds()) // 3600,
            "url": f"{settings.BASE_URL}/w/{top_up.workspace.slug}/billing/topup/{top_up.pk}",
        },
        workspace_id=top_up.workspace_id,
    )


@transaction.atomic
def fail(
    *, top_up: TopUp, reason: str, is_final: bool, ref: str = "", state: str = State.FAILED
) -> None:
    """It came to nothing. After a refusal for good, or the second in a row, automatic top-ups end. Counts once."""
    row = _locked(top_up)
    if not _set(top_up, state=state, ref=ref, failure=reason) or row is None:
        return
    row.failures += 1
    row.save(update_fields=["failures", "updated_at"])
    if is_final or row.failures >= _MOST_FAILURES:
        stopping.stop(row=row, reason=reason)


@transaction.atomic
def close(*, top_up: TopUp, state: str, ref: str = "", reason: str = "") -> None:
    """It is over and nobody's card is to blame."""
    _locked(top_up)
    _set(top_up, state=state, ref=ref, failure=reason)


def _locked(top_up: TopUp) -> AutoTopUp | None:
    return stopping.locked(workspace_id=top_up.workspace_id)


def _set(
    top_up: TopUp,
    *,
    state: str,
    ref: str = "",
    failure: str = "",
    pay_url: str = "",
    look_in: timedelta | None = None,
) -> bool:
    """What is over stays so. Says whether it was open until now."""
    facts = {"ref": ref} if ref else {}
    changed = (
        TopUp.objects.of(top_up.workspace_id)
        .filter(pk=top_up.pk, state__in=TopUp.OPEN, ref__in=["", ref] if ref else [top_up.ref])
        .update(
            state=state,
            failure=failure[:300],
            pay_url=pay_url,
            next_at=None if look_in is None else timezone.now() + look_in,
            updated_at=Now(),
            **facts,
        )
    )
    return bool(changed)
