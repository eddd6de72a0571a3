"""Payment methods: cards (and bank accounts whose debits take time), attached to a customer or used once."""

from stripe import params as declared

from apps.sandbox.stripe import cards, errors
from apps.sandbox.stripe.cards import BANK_ACCOUNTS, BY_NUMBER, BY_TOKEN, BankAccount, Card
from apps.sandbox.stripe.endpoints import Endpoint, metadata, paged, reading
from apps.sandbox.stripe.errors import Thing, invalid
from apps.sandbox.stripe.resources import customers
from apps.sandbox.stripe.world import World


def create(world: World, given: Thing) -> Thing:
    if given.get("type") != "card" or "card" not in given:
        raise invalid("Missing required param: card. Only cards can be made here.", param="card")
    details = given["card"]
    card = BY_TOKEN.get(details.get("token", "")) or cards.card(details.get("number", ""))
    if card is None:
        raise errors.StripeError(
            402,
            type="card_error",
            code="incorrect_number",
            param="number",
            message="Your card number is incorrect.",
        )
    return new(world, card, given)


def new(world: World, source: Card | BankAccount, given: Thing | None = None) -> Thing:
    """A method of a test card, belonging to nobody yet."""
    kind = "card" if isinstance(source, Card) else "us_bank_account"
    return world.new(
        "payment_method",
        "pm_",
        allow_redisplay="unspecified",
        customer=None,
        type=kind,
        billing_details={
            "address": None,
            "email": None,
            "name": None,
            "phone": None,
            "tax_id": None,
        },
        metadata=metadata(given or {}),
        _number=source.number,
        _set_up=False,
        **{kind: source.details()},
    )


def resolve(world: World, name: str, *, param: str) -> Thing:
    """The method of an id; one of Stripe's tokens (pm_card_visa) makes a new one. Raises StripeError."""
    if name in BY_TOKEN:
        return new(world, BY_TOKEN[name])
    return world.must("payment_method", name, param=param)


def card_of(method: Thing) -> Card | None:
    return BY_NUMBER.get(method["_number"])


def bank_account_of(method: Thing) -> BankAccount | None:
    return BANK_ACCOUNTS.get(method["_number"])


def attach(world: World, given: Thing, *, name: str) -> Thing:
    method = resolve(world, name, param="payment_method")
    customer = customers.existing(world, given["customer"], param="customer")
    card = card_of(method)
    if card is not None and not card.attaches:
        raise errors.declined(card.declines)
    return belong(world, method, customer["id"])


def belong(world: World, method: Thing, customer: str) -> Thing:
    """Saved with a customer from now on. Raises StripeError when it is somebody else's."""
    if method["customer"] == customer:
        return method
    if method["customer"] is not None or method.get("_detached"):
        raise invalid(
            "The payment method you provided has already been attached to a customer or was detached from one.",
            param="payment_method",
        )
    world.save(method, customer=customer)
    world.emit("payment_method.attached", method)
    return method


def detach(world: World, _: Thing, *, name: str) -> Thing:
    """Gone from its customer, also as a default; it can never be attached again."""
    method = world.must("payment_method", name)
    owner = method["customer"]
    if owner is None:
        raise invalid(
            "The payment method is not attached to a customer, so detaching it is not possible."
        )
    customer = world.must("customer", owner)
    if customer["invoice_settings"]["default_payment_method"] == name:
        customer["invoice_settings"]["default_payment_method"] = None
        world.store.put(customer)
        world.emit("customer.updated", customer)
    for subscription in world.store.every(
        "subscription", customer=owner, default_payment_method=name
    ):
        world.save(subscription, default_payment_method=None)
    world.save(method, customer=None, _detached=True)
    world.emit("payment_method.detached", method, previous={"customer": owner})
    return method


def update(world: World, given: Thing, *, name: str) -> Thing:
    method = world.must("payment_method", name)
    if "allow_redisplay" in given:
        method["allow_redisplay"] = given["allow_redisplay"]
    method["billing_details"].update(given.get("billing_details") or {})
    world.save(method, metadata=metadata(given, method["metadata"]))
    world.emit("payment_method.updated", method)
    return method


def _list(world: World, given: Thing) -> Thing:
    if "customer" not in given:
        raise invalid(
            "Missing required param: customer.", param="customer", code="parameter_missing"
        )
    return _of_customer(world, given, name=given["customer"], param="customer")


def _of_customer(world: World, given: Thing, *, name: str, param: str = "") -> Thing:
    world.must("customer", name, param=param)
    equal = {"customer": name} | ({"type": given["type"]} if "type" in given else {})
    return paged(world, "payment_method", "/v1/payment_methods", given, equal)


def _of_customer_one(world: World, _: Thing, *, name: str, method: str) -> Thing:
    found = world.must("payment_method", method)
    if found["customer"] != name:
        raise errors.missing("payment_method", method)
    return found


ENDPOINTS = (
    Endpoint("POST", "/v1/payment_methods", declared.PaymentMethodCreateParams, create),
    Endpoint("GET", "/v1/payment_methods", declared.PaymentMethodListParams, _list),
    reading("payment_method", "/v1/payment_methods/{name}", declared.PaymentMethodRetrieveParams),
    Endpoint("POST", "/v1/payment_methods/{name}", declared.PaymentMethodUpdateParams, update),
    Endpoint(
        "POST", "/v1/payment_methods/{name}/attach", declared.PaymentMethodAttachParams, attach
    ),
    Endpoint(
        "POST", "/v1/payment_methods/{name}/detach", declared.PaymentMethodDetachParams, detach
    ),
    Endpoint(
        "GET",
        "/v1/customers/{name}/payment_methods",
        declared.CustomerPaymentMethodListParams,
        _of_customer,
    ),
    Endpoint(
        "GET",
        "/v1/customers/{name}/payment_methods/{method}",
        declared.CustomerPaymentMethodRetrieveParams,
        _of_customer_one,
    ),
)
