"""One attempt to pay an intent: what the card answers, 3-D Secure, debits that take days, and who hears of the end."""

from collections.abc import Callable

from apps.sandbox.stripe import errors
from apps.sandbox.stripe.cards import ALWAYS, NEVER, Card
from apps.sandbox.stripe.errors import Thing
from apps.sandbox.stripe.rendering import render
from apps.sandbox.stripe.resources import charges, disputes, methods
from apps.sandbox.stripe.world import World

Listener = Callable[[World, Thing], None]
# Invoices and Checkout follow their intents: called when one has been paid, has failed, or waits for its bank.
ON_SUCCESS: list[Listener] = []
ON_FAILURE: list[Listener] = []
ON_PROCESSING: list[Listener] = []
_REFUSED_3DS = {
    "code": "payment_intent_authentication_failure",
    "message": "We are unable to authenticate your payment method. Please choose a different payment method"
    " and try again.",
    "type": "invalid_request_error",
}


def attempt(
    world: World,
    intent: Thing,
    *,
    is_off_session: bool = False,
    stops_at_action: bool = False,
    is_authenticated: bool = False,
) -> None:
    """Pay it with its method: succeeded, processing or requires_action. Raises StripeError (402) when declined."""
    method = world.must("payment_method", intent["payment_method"])
    account = methods.bank_account_of(method)
    if account is not None:
        _process(world, intent, method)
        return
    card = methods.card_of(method)
    forced = _forced(world, intent)
    reason = forced if forced is not None else (card.declines if card else "")
    may_ask = forced is None and not is_authenticated
    if not reason and may_ask and _asks(card, method, intent):
        if not is_off_session and not stops_at_action:
            _require_action(world, intent)
            return
        reason = "authentication_required"
    if reason:
        raise fail(world, intent, method, reason)
    _succeed(world, intent, charges.new(world, intent, method, status="pending"))


def fail(world: World, intent: Thing, method: Thing, reason: str) -> errors.StripeError:
    """The bank said no: a failed charge, the intent waits for another method. The error to raise."""
    charge = charges.new(world, intent, method, status="failed", reason=reason)
    said = {**errors.decline(reason), "charge": charge["id"]}
    shown = render(world.store, method)
    world.save(
        intent,
        status="requires_payment_method",
        payment_method=None,
        latest_charge=charge["id"],
        next_action=None,
        processing=None,
        last_payment_error={**said, "payment_method": shown},
    )
    world.emit("charge.failed", charge)
    world.emit("payment_intent.payment_failed", intent)
    for listener in ON_FAILURE:
        listener(world, intent)
    more = {
        "charge": charge["id"],
        "payment_intent": render(world.store, intent),
        "payment_method": shown,
    }
    return errors.declined(reason, **more)


def authenticate(world: World, intent: Thing, *, passes: bool) -> None:
    """The person's answer to 3-D Secure. Raises StripeError when the bank declines all the same."""
    if intent["status"] != "requires_action":
        return
    if passes:
        attempt(world, intent, is_authenticated=True)
        return
    world.save(
        intent,
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_payment_error=dict(_REFUSED_3DS),
    )
    world.emit("payment_intent.payment_failed", intent)
    for listener in ON_FAILURE:
        listener(world, intent)


def finish_processing(world: World, intent: Thing) -> None:
    """The bank's debit came through, or did not."""
    if intent["status"] != "processing":
        return
    method = world.must("payment_method", intent["payment_method"])
    account = methods.bank_account_of(method)
    if account is not None and account.fails:
        fail(world, intent, method, "insufficient_funds")
        return
    _succeed(world, intent, world.must("charge", intent["latest_charge"]))


def _asks(card: Card | None, method: Thing, intent: Thing) -> bool:
    if card is None:
        return False
    return card.authentication == ALWAYS or (
        card.authentication != NEVER
        and not (method["_set_up"] and method["customer"] == intent["customer"])
    )


def _forced(world: World, intent: Thing) -> str | None:
    """What the console said of this customer's next charge: a reason to decline, "" to succeed, or nothing."""
    return world.knobs.next_charge.pop(intent["customer"] or "", None)


def _require_action(world: World, intent: Thing) -> None:
    redirect = {
        "return_url": intent.get("_return_url"),
        "url": f"{world.public_url}/3ds/{intent['id']}",
    }
    world.save(
        intent,
        status="requires_action",
        next_action={"type": "redirect_to_url", "redirect_to_url": redirect},
    )
    world.emit("payment_intent.requires_action", intent)


def _process(world: World, intent: Thing, method: Thing) -> None:
    charge = charges.new(world, intent, method, status="pending")
    world.save(intent, status="processing", latest_charge=charge["id"], next_action=None)
    world.emit("charge.pending", charge)
    world.emit("payment_intent.processing", intent)
    world.later("finish_processing", intent)
    for listener in ON_PROCESSING:
        listener(world, intent)


def _succeed(world: World, intent: Thing, charge: Thing) -> None:
    method = world.must("payment_method", charge["payment_method"])
    if intent["setup_future_usage"] and intent["customer"]:
        methods.belong(world, method, intent["customer"])
    if intent["setup_future_usage"] == "off_session":
        world.save(method, _set_up=True)
    charges.succeed(world, charge)
    world.save(
        intent,
        status="succeeded",
        amount_received=intent["amount"],
        latest_charge=charge["id"],
        next_action=None,
        last_payment_error=None,
        processing=None,
    )
    world.emit("payment_intent.succeeded", intent)
    for listener in ON_SUCCESS:
        listener(world, intent)
    card = methods.card_of(method)
    if card is not None and card.disputes:
        disputes.open_dispute(world, charge, reason=card.disputes)
