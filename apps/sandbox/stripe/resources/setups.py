"""SetupIntents: a card saved for later without paying now."""

from typing import Any

from stripe import params as declared

from apps.sandbox.stripe import errors
from apps.sandbox.stripe.cards import NEVER
from apps.sandbox.stripe.endpoints import Endpoint, listing, metadata, reading
from apps.sandbox.stripe.errors import Thing, wrong_state
from apps.sandbox.stripe.rendering import render
from apps.sandbox.stripe.resources import customers, methods
from apps.sandbox.stripe.world import World

_OPEN = ("requires_payment_method", "requires_confirmation", "requires_action")


def create(world: World, given: Thing) -> Thing:
    if "customer" in given:
        customers.existing(world, given["customer"], param="customer")
    setup = new(
        world,
        customer=given.get("customer"),
        description=given.get("description"),
        metadata=metadata(given),
        usage=given.get("usage", "off_session"),
        _return_url=given.get("return_url"),
        automatic_payment_methods=given.get("automatic_payment_methods"),
        payment_method_types=given.get("payment_method_types", ["card"]),
    )
    _take_method(world, setup, given)
    return run(world, setup) if given.get("confirm") else setup


def new(world: World, **fields: Any) -> Thing:
    setup = world.new(
        "setup_intent",
        "seti_",
        **{
            "application": None,
            "automatic_payment_methods": None,
            "cancellation_reason": None,
            "customer": None,
            "description": None,
            "excluded_payment_method_types": None,
            "flow_directions": None,
            "last_setup_error": None,
            "latest_attempt": None,
            "mandate": None,
            "metadata": {},
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_options": {},
            "payment_method_types": ["card"],
            "single_use_mandate": None,
            "status": "requires_payment_method",
            "usage": "off_session",
            **fields,
        },
    )
    setup["client_secret"] = f"{setup['id']}_secret_{world.new_id('')}"
    world.store.put(setup)
    world.emit("setup_intent.created", setup)
    return setup


def run(world: World, setup: Thing, *, is_authenticated: bool = False) -> Thing:
    """Save its card: succeeded or requires_action. Raises StripeError (402) when the bank refuses the card."""
    method = world.must("payment_method", setup["payment_method"])
    card = methods.card_of(method)
    if card is not None and not card.attaches:
        raise _fail(world, setup, card.declines)
    if card is not None and card.authentication != NEVER and not is_authenticated:
        redirect = {
            "return_url": setup.get("_return_url"),
            "url": f"{world.public_url}/3ds/{setup['id']}",
        }
        world.save(
            setup,
            status="requires_action",
            next_action={"type": "redirect_to_url", "redirect_to_url": redirect},
        )
        world.emit("setup_intent.requires_action", setup)
        return setup
    if setup["customer"]:
        methods.belong(world, method, setup["customer"])
    world.save(method, _set_up=True)
    world.save(setup, status="succeeded", next_action=None, last_setup_error=None)
    world.emit("setup_intent.succeeded", setup)
    return setup


def authenticate(world: World, setup: Thing, *, passes: bool) -> None:
    """The person's answer to 3-D Secure."""
    if setup["status"] != "requires_action":
        return
    if passes:
        run(world, setup, is_authenticated=True)
        return
    error = {
        "code": "setup_intent_authentication_failure",
        "type": "invalid_request_error",
        "message": "We are unable to authenticate your payment method. Please choose a different payment method.",
    }
    world.save(
        setup,
        status="requires_payment_method",
        payment_method=None,
        next_action=None,
        last_setup_error=error,
    )
    world.emit("setup_intent.setup_failed", setup)


def _fail(world: World, setup: Thing, reason: str) -> errors.StripeError:
    said = errors.decline(reason)
    world.save(setup, status="requires_payment_method", payment_method=None, last_setup_error=said)
    world.emit("setup_intent.setup_failed", setup)
    return errors.declined(reason, setup_intent=render(world.store, setup))


def _take_method(world: World, setup: Thing, given: Thing) -> None:
    if "payment_method" in given:
        method = methods.resolve(world, given["payment_method"], param="payment_method")
        world.save(setup, payment_method=method["id"], status="requires_confirmation")


def _confirm(world: World, given: Thing, *, name: str) -> Thing:
    setup = world.must("setup_intent", name)
    _take_method(world, setup, given)
    if setup["status"] != "requires_confirmation":
        raise wrong_state(
            "setup_intent_unexpected_state",
            f"This SetupIntent's status is {setup['status']}: it cannot be confirmed.",
        )
    return run(world, setup)


def _cancel(world: World, given: Thing, *, name: str) -> Thing:
    setup = world.must("setup_intent", name)
    if setup["status"] not in _OPEN:
        raise wrong_state(
            "setup_intent_unexpected_state",
            f"This SetupIntent's status is {setup['status']}: it cannot be canceled.",
        )
    world.save(
        setup,
        status="canceled",
        cancellation_reason=given.get("cancellation_reason"),
        next_action=None,
    )
    world.emit("setup_intent.canceled", setup)
    return setup


ENDPOINTS = (
    Endpoint("POST", "/v1/setup_intents", declared.SetupIntentCreateParams, create),
    listing(
        "setup_intent",
        "/v1/setup_intents",
        declared.SetupIntentListParams,
        filters={"customer": "customer", "payment_method": "payment_method"},
    ),
    reading("setup_intent", "/v1/setup_intents/{name}", declared.SetupIntentRetrieveParams),
    Endpoint(
        "POST", "/v1/setup_intents/{name}/confirm", declared.SetupIntentConfirmParams, _confirm
    ),
    Endpoint("POST", "/v1/setup_intents/{name}/cancel", declared.SetupIntentCancelParams, _cancel),
)
