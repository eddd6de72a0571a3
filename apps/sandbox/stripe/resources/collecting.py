"""Taking the money of an invoice: which card, what a failure means, and when it is tried again."""

from apps.sandbox.stripe import errors
from apps.sandbox.stripe.errors import StripeError, Thing, invalid, wrong_state
from apps.sandbox.stripe.rendering import render
from apps.sandbox.stripe.resources import attempts, invoices
from apps.sandbox.stripe.world import World

# Days after each failed attempt.
RETRIES = (3, 5, 7)
_DAY = 86400


def collect(
    world: World, invoice: Thing, *, method: str | None = None, retries: bool = True
) -> StripeError | None:
    """Try to pay an open invoice; None when it is paid or the bank is still at it, else what stands in the way.

    The failure is on the invoice already; whether to raise it is the caller's choice.
    """
    intent = invoices.intent_of(world, invoice)
    if intent is None or invoice["status"] not in ("open", "uncollectible"):
        return None
    card = method or _card_for(world, invoice)
    if card is None:
        problem = invalid(
            "This customer has no attached payment source or default payment method. Please consider adding a"
            " default payment method.",
            code="resource_missing",
        )
        _note_failure(world, invoice, retries=retries)
        return problem
    world.save(intent, payment_method=card, status="requires_confirmation", last_payment_error=None)
    try:
        attempts.attempt(world, intent)
    except StripeError as problem:
        _note_failure(world, invoice, retries=retries)
        return problem
    if intent["status"] != "requires_action":
        return None
    world.emit("invoice.payment_action_required", invoice)
    _note_failure(world, invoice, retries=retries)
    return errors.StripeError(
        402,
        keeps=True,
        type="card_error",
        code="subscription_payment_intent_requires_action",
        message="Payment for this subscription requires additional user action before it can be completed.",
        payment_intent=render(world.store, intent),
    )


def _card_for(world: World, invoice: Thing) -> str | None:
    subscription = world.store.get(invoice["_subscription"] or "") or {}
    customer = world.must("customer", invoice["customer"])
    found: str | None = (
        invoice["default_payment_method"]
        or subscription.get("default_payment_method")
        or customer["invoice_settings"]["default_payment_method"]
    )
    return found


def _note_failure(world: World, invoice: Thing, *, retries: bool) -> None:
    count = invoice["attempt_count"] + 1
    next_at = world.now() + RETRIES[count - 1] * _DAY if retries and count <= len(RETRIES) else None
    world.save(invoice, attempt_count=count, attempted=True, next_payment_attempt=next_at)
    world.emit("invoice.payment_failed", invoice)


def pay(world: World, given: Thing, *, name: str) -> Thing:
    """POST /v1/invoices/{id}/pay. Raises StripeError with the bank's answer."""
    invoice = world.must("invoice", name)
    if invoice["status"] == "draft":
        invoices.finalize(world, invoice)
    if invoice["status"] not in ("open", "uncollectible"):
        raise wrong_state("invoice_not_payable", f"Invoice is already {invoice['status']}.")
    if given.get("paid_out_of_band"):
        return invoices.mark_paid(world, invoice, out_of_band=True)
    method = given.get("payment_method")
    if (
        method is not None
        and world.must("payment_method", method, param="payment_method")["customer"]
        != invoice["customer"]
    ):
        raise invalid(
            "The payment method must belong to the invoice's customer.", param="payment_method"
        )
    problem = collect(world, invoice, method=method)
    if problem is not None:
        raise problem
    return invoice


def _paid_by(world: World, intent: Thing) -> None:
    invoice = world.store.get(intent.get("_invoice") or "", "invoice")
    if invoice is not None and invoice["status"] in ("open", "uncollectible"):
        invoices.mark_paid(world, invoice)


attempts.ON_SUCCESS.append(_paid_by)
