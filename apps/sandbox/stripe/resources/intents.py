"""PaymentIntents: an amount that is to be paid, through all its attempts."""

from typing import Any

from stripe import params as declared

from apps.sandbox.stripe.endpoints import Endpoint, listing, metadata, reading, refuse
from apps.sandbox.stripe.errors import Thing, invalid, wrong_state
from apps.sandbox.stripe.resources import attempts, customers, methods, prices
from apps.sandbox.stripe.world import World

_UNPLAYED = ("application_fee_amount", "transfer_data", "on_behalf_of", "confirmation_token")
MIN_AMOUNT = 50
MAX_AMOUNT = 99_999_999
_CONFIRMABLE = ("requires_payment_method", "requires_confirmation")
_OPEN = (*_CONFIRMABLE, "requires_action", "requires_capture")


def create(world: World, given: Thing) -> Thing:
    amount = checked_amount(given["amount"])
    currency = prices.currency_of(given)
    customer = given.get("customer")
    if customer is not None:
        customers.existing(world, customer, param="customer")
    if given.get("off_session") and not given.get("confirm"):
        raise invalid("You can only set off_session when confirm is true.", param="off_session")
    _refuse_manual(given)
    intent = new(
        world,
        amount=amount,
        currency=currency,
        customer=customer,
        description=given.get("description"),
        metadata=metadata(given),
        receipt_email=given.get("receipt_email"),
        setup_future_usage=given.get("setup_future_usage"),
        _return_url=given.get("return_url"),
        automatic_payment_methods=_automatic(given),
        statement_descriptor=given.get("statement_descriptor"),
        payment_method_types=given.get("payment_method_types", ["card"]),
    )
    _take_method(world, intent, given)
    if given.get("confirm"):
        _confirm(world, intent, given)
    return intent


def new(world: World, **fields: Any) -> Thing:
    """An intent that waits for a payment method; `payment_intent.created` is sent."""
    intent = world.new("payment_intent", "pi_", **{**_EMPTY, **fields})
    intent["client_secret"] = f"{intent['id']}_secret_{world.new_id('')}"
    world.store.put(intent)
    world.emit("payment_intent.created", intent)
    return intent


def checked_amount(amount: int, *, param: str = "amount") -> int:
    if amount < 1:
        raise invalid(
            "This value must be greater than or equal to 1.",
            param=param,
            code="parameter_invalid_integer",
        )
    if amount < MIN_AMOUNT:
        raise invalid("Amount must be at least $0.50 usd", param=param, code="amount_too_small")
    if amount > MAX_AMOUNT:
        raise invalid(
            "Amount must be no more than $999,999.99", param=param, code="amount_too_large"
        )
    return amount


def update(world: World, given: Thing, *, name: str) -> Thing:
    intent = world.must("payment_intent", name)
    changed: Thing = {
        field: given[field]
        for field in ("description", "receipt_email", "setup_future_usage")
        if field in given
    }
    if {"amount", "payment_method", "customer"} & given.keys() and intent[
        "status"
    ] not in _CONFIRMABLE:
        raise _unexpected(intent, "updated")
    if "amount" in given:
        changed["amount"] = checked_amount(given["amount"])
    if "customer" in given:
        changed["customer"] = customers.existing(world, given["customer"], param="customer")["id"]
    world.save(intent, **changed, metadata=metadata(given, intent["metadata"]))
    _take_method(world, intent, given)
    return intent


def confirm(world: World, given: Thing, *, name: str) -> Thing:
    intent = world.must("payment_intent", name)
    _refuse_manual(given)
    if "setup_future_usage" in given:
        world.save(intent, setup_future_usage=given["setup_future_usage"] or None)
    if "return_url" in given:
        world.save(intent, _return_url=given["return_url"])
    _take_method(world, intent, given)
    return _confirm(world, intent, given)


def cancel(world: World, given: Thing, *, name: str) -> Thing:
    intent = world.must("payment_intent", name)
    if intent["status"] not in _OPEN:
        raise _unexpected(intent, "canceled")
    return void(world, intent, reason=given.get("cancellation_reason"))


def void(world: World, intent: Thing, *, reason: str | None) -> Thing:
    """Canceled; it can no longer be paid."""
    world.save(
        intent,
        status="canceled",
        canceled_at=world.real_now(),
        cancellation_reason=reason,
        next_action=None,
    )
    world.emit("payment_intent.canceled", intent)
    return intent


def _confirm(world: World, intent: Thing, given: Thing) -> Thing:
    if intent["status"] not in _CONFIRMABLE:
        raise _unexpected(intent, "confirmed")
    if intent["payment_method"] is None:
        raise wrong_state(
            "payment_intent_unexpected_state",
            "You cannot confirm this PaymentIntent because it's missing a payment method.",
        )
    is_away = bool(given.get("off_session"))
    attempts.attempt(
        world,
        intent,
        is_off_session=is_away,
        stops_at_action=given.get("error_on_requires_action", False),
    )
    return intent


def _take_method(world: World, intent: Thing, given: Thing) -> None:
    if "payment_method_data" in given:
        raise invalid(
            "Payment method data is taken on our own pages only.", param="payment_method_data"
        )
    if "payment_method" not in given:
        return
    method = methods.resolve(world, given["payment_method"], param="payment_method")
    if method.get("_detached"):
        raise invalid(
            "The provided PaymentMethod was detached from a Customer. It may not be used again.",
            param="payment_method",
        )
    if method["customer"] is not None and method["customer"] != intent["customer"]:
        raise invalid(
            "The provided PaymentMethod cannot be attached. It is attached to another customer.",
            param="payment_method",
        )
    world.save(intent, payment_method=method["id"], status="requires_confirmation")


def _refuse_manual(given: Thing) -> None:
    refuse(given, _UNPLAYED)
    if given.get("capture_method", "automatic") == "manual":
        raise invalid(
            "This account captures at once: capture_method cannot be manual.",
            param="capture_method",
        )


def _automatic(given: Thing) -> Thing | None:
    if "payment_method_types" in given:
        return None
    return given.get("automatic_payment_methods") or {"enabled": True, "allow_redirects": "always"}


def _unexpected(intent: Thing, verb: str) -> Exception:
    message = (
        f"This PaymentIntent could not be {verb} because it has a status of {intent['status']}."
    )
    return wrong_state(
        "payment_intent_unexpected_state", message, payment_intent={"id": intent["id"]}
    )


_EMPTY: Thing = {
    "status": "requires_payment_method",
    "amount_capturable": 0,
    "amount_details": {"tip": {}},
    "amount_received": 0,
    "application": None,
    "application_fee_amount": None,
    "automatic_payment_methods": None,
    "canceled_at": None,
    "cancellation_reason": None,
    "capture_method": "automatic_async",
    "confirmation_method": "automatic",
    "customer": None,
    "description": None,
    "excluded_payment_method_types": None,
    "last_payment_error": None,
    "latest_charge": None,
    "metadata": {},
    "next_action": None,
    "on_behalf_of": None,
    "payment_method": None,
    "payment_method_configuration_details": None,
    "payment_method_options": {},
    "payment_method_types": ["card"],
    "processing": None,
    "receipt_email": None,
    "review": None,
    "setup_future_usage": None,
    "shipping": None,
    "source": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "transfer_data": None,
    "transfer_group": None,
}

ENDPOINTS = (
    Endpoint("POST", "/v1/payment_intents", declared.PaymentIntentCreateParams, create),
    listing(
        "payment_intent",
        "/v1/payment_intents",
        declared.PaymentIntentListParams,
        filters={"customer": "customer"},
    ),
    reading("payment_intent", "/v1/payment_intents/{name}", declared.PaymentIntentRetrieveParams),
    Endpoint("POST", "/v1/payment_intents/{name}", declared.PaymentIntentUpdateParams, update),
    Endpoint(
        "POST", "/v1/payment_intents/{name}/confirm", declared.PaymentIntentConfirmParams, confirm
    ),
    Endpoint(
        "POST", "/v1/payment_intents/{name}/cancel", declared.PaymentIntentCancelParams, cancel
    ),
)
