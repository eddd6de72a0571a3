"""Checkout sessions: what is asked for, and what each becomes. `paying.py` is the person's side of them."""

from stripe.params import checkout as declared

from apps.sandbox.stripe.endpoints import Endpoint, listing, metadata, refuse
from apps.sandbox.stripe.errors import Thing, invalid, wrong_state
from apps.sandbox.stripe.rendering import listed
from apps.sandbox.stripe.resources import customers, intents, prices, subscriptions
from apps.sandbox.stripe.taxes import tax_on
from apps.sandbox.stripe.world import World

_MIN_SECONDS, _MAX_SECONDS = 30 * 60, 24 * 3600
_MAX_REFERENCE = 200
_SLACK = 60  # between the caller's clock and ours
_REQUIRES = {
    "payment": ("line_items", "success_url"),
    "subscription": ("line_items", "success_url"),
    "setup": ("success_url",),
}


_ONLY_IN = {
    "subscription": "subscription_data",
    "payment": "payment_intent_data",
    "setup": "setup_intent_data",
}
# Parameters of Stripe's that would change the sum: refused, lest they pass unnoticed.
_UNPLAYED = ("discounts", "allow_promotion_codes", "shipping_options", "optional_items")


def create(world: World, given: Thing) -> Thing:
    mode = given.get("mode", "payment")
    _check(world, given, mode)
    taxed = bool(given.get("automatic_tax", {}).get("enabled"))
    lines = [
        _line(world, item, place, mode, taxed)
        for place, item in enumerate(given.get("line_items", []))
    ]
    subtotal = sum(line["amount_subtotal"] for line in lines)
    total = sum(line["amount_total"] for line in lines)
    if mode == "payment":
        intents.checked_amount(total, param="line_items")
    session = world.new("checkout.session", "cs_test_", **_fields(world, given, mode), _lines=lines)
    session.update(
        amount_subtotal=subtotal if lines else None,
        amount_total=total if lines else None,
        automatic_tax={
            "enabled": taxed,
            "liability": {"type": "self"} if taxed else None,
            "provider": None,
            "status": "complete" if taxed else None,
        },
        currency="usd" if lines else given.get("currency"),
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": total - subtotal}
        if lines
        else None,
        url=f"{world.public_url}/pay/{session['id']}",
    )
    return world.store.put(session)


def current(world: World, name: str) -> Thing:
    """The session; one whose time is over expires now."""
    session = world.must("checkout.session", name)
    if session["status"] == "open" and session["expires_at"] <= world.real_now():
        _expire(world, session)
    return session


def expire(world: World, _: Thing, *, name: str) -> Thing:
    session = current(world, name)
    if session["status"] != "open":
        raise wrong_state(
            "resource_missing",
            f"Only open Checkout Sessions can be expired. This Session has a status of {session['status']}.",
        )
    return _expire(world, session)


def expire_due(world: World) -> None:
    """Every session whose time is over."""
    for session in world.store.every("checkout.session", status="open"):
        current(world, session["id"])


def _expire(world: World, session: Thing) -> Thing:
    world.save(session, status="expired", url=None)
    subscription = world.store.get(session["_subscription"] or "")
    if subscription is not None and subscription["status"] == "incomplete":
        subscriptions.end(world, subscription, status="incomplete_expired")
    intent = world.store.get(session["_intent"] or "", "payment_intent")
    if intent is not None and intent["status"] not in ("succeeded", "canceled", "processing"):
        intents.void(world, intent, reason="automatic")
    world.emit("checkout.session.expired", session)
    return session


def _check(world: World, given: Thing, mode: str) -> None:
    for name in _REQUIRES[mode]:
        if not given.get(name):
            raise invalid(f"Missing required param: {name}.", param=name, code="parameter_missing")
    refuse(given, _UNPLAYED)
    if given.get("ui_mode", "hosted_page") != "hosted_page":
        raise invalid("Only the hosted page is played here.", param="ui_mode")
    for other, name in _ONLY_IN.items():
        if mode != other and name in given:
            raise invalid(f"You can not pass `{name}` unless in `{other}` mode.", param=name)
    if len(given.get("client_reference_id", "")) > _MAX_REFERENCE:
        raise invalid(
            "Invalid string: client_reference_id is too long.", param="client_reference_id"
        )
    _check_customer(world, given)
    _check_expiry(world, given)


def _check_customer(world: World, given: Thing) -> None:
    if "customer" not in given:
        return
    customers.existing(world, given["customer"], param="customer")
    if "customer_email" in given:
        raise invalid(
            "You may only specify one of these parameters: customer, customer_email.",
            param="customer",
        )


def _check_expiry(world: World, given: Thing) -> None:
    if "expires_at" not in given:
        return
    seconds = given["expires_at"] - world.real_now()
    if not _MIN_SECONDS - _SLACK <= seconds <= _MAX_SECONDS + _SLACK:
        raise invalid(
            "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.",
            param="expires_at",
        )


def _line(world: World, item: Thing, place: int, mode: str, taxed: bool) -> Thing:
    param = f"line_items[{place}]"
    price = prices.chosen(world, item, param=param)
    if (price["type"] == "recurring") and mode != "subscription":
        raise invalid("You specified `payment` mode but passed a recurring price.", param=param)
    quantity = item.get("quantity", 0)
    if quantity < 1:
        raise invalid("Quantity is required.", param=f"{param}[quantity]", code="parameter_missing")
    amount = price["unit_amount"] * quantity
    tax = tax_on(world, amount) if taxed else 0
    product = world.must("product", price["product"])
    return {
        "id": world.new_id("li_"),
        "object": "item",
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": tax,
        "amount_total": amount + tax,
        "currency": "usd",
        "description": product["name"],
        "metadata": metadata(item),
        "price": price,
        "quantity": quantity,
    }


def _fields(world: World, given: Thing, mode: str) -> Thing:
    collects = mode == "subscription" or "customer" in given
    return {
        "adaptive_pricing": {"enabled": False},
        "after_expiration": None,
        "allow_promotion_codes": None,
        "billing_address_collection": given.get("billing_address_collection"),
        "cancel_url": given.get("cancel_url"),
        "client_reference_id": given.get("client_reference_id"),
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {},
        "customer": given.get("customer"),
        "customer_creation": None if collects else given.get("customer_creation", "if_required"),
        "customer_details": None,
        "customer_email": given.get("customer_email"),
        "discounts": [],
        "expires_at": given.get("expires_at", world.real_now() + _MAX_SECONDS),
        "invoice": None,
        "invoice_creation": {"enabled": False} if mode == "payment" else None,
        "locale": given.get("locale"),
        "metadata": metadata(given),
        "mode": mode,
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "always" if mode == "subscription" else "if_required",
        "payment_method_options": {},
        "payment_method_types": given.get("payment_method_types", ["card"]),
        "payment_status": "no_payment_required" if mode == "setup" else "unpaid",
        "recovered_from": None,
        "saved_payment_method_options": given.get("saved_payment_method_options"),
        "setup_intent": None,
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": given.get("submit_type"),
        "subscription": None,
        "success_url": given["success_url"],
        "ui_mode": "hosted_page",
        "wallet_options": None,
        "_intent": None,
        "_subscription": None,
        "_payment_intent_data": given.get("payment_intent_data", {}),
        "_subscription_data": given.get("subscription_data", {}),
        "_setup_intent_data": given.get("setup_intent_data", {}),
    }


def _retrieve(world: World, _: Thing, *, name: str) -> Thing:
    return current(world, name)


def _lines(world: World, _: Thing, *, name: str) -> Thing:
    session = world.must("checkout.session", name)
    return listed(f"/v1/checkout/sessions/{name}/line_items", session["_lines"])


def _update(world: World, given: Thing, *, name: str) -> Thing:
    session = world.must("checkout.session", name)
    return world.save(session, metadata=metadata(given, session["metadata"]))


_FILTERS = {
    "customer": "customer",
    "payment_intent": "payment_intent",
    "subscription": "subscription",
    "status": "status",
}
ENDPOINTS = (
    Endpoint("POST", "/v1/checkout/sessions", declared.SessionCreateParams, create),
    listing(
        "checkout.session", "/v1/checkout/sessions", declared.SessionListParams, filters=_FILTERS
    ),
    Endpoint("GET", "/v1/checkout/sessions/{name}", declared.SessionRetrieveParams, _retrieve),
    Endpoint("POST", "/v1/checkout/sessions/{name}", declared.SessionUpdateParams, _update),
    Endpoint("POST", "/v1/checkout/sessions/{name}/expire", declared.SessionExpireParams, expire),
    Endpoint(
        "GET",
        "/v1/checkout/sessions/{name}/line_items",
        declared.SessionListLineItemsParams,
        _lines,
    ),
)
