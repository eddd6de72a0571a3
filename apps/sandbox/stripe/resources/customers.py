"""Customers."""

from stripe import params as declared

from apps.sandbox.stripe.endpoints import Endpoint, listing, metadata
from apps.sandbox.stripe.errors import Thing, invalid
from apps.sandbox.stripe.world import World

_PLAIN = (
    "address",
    "description",
    "email",
    "name",
    "phone",
    "shipping",
    "preferred_locales",
    "tax_exempt",
)


def create(world: World, given: Thing) -> Thing:
    customer = world.new(
        "customer",
        "cus_",
        **{name: given.get(name) for name in _PLAIN},
        balance=given.get("balance", 0),
        currency=None,
        default_source=None,
        delinquent=False,
        discount=None,
        invoice_prefix=world.new_id("")[:8].upper(),
        metadata=metadata(given),
        next_invoice_sequence=1,
        invoice_settings={
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        test_clock=None,
    )
    customer["tax_exempt"] = given.get("tax_exempt") or "none"
    _settle_default_card(world, customer, given)
    world.store.put(customer)
    world.emit("customer.created", customer)
    return customer


def update(world: World, given: Thing, *, name: str) -> Thing:
    customer = existing(world, name)
    previous = {field: customer.get(field) for field in given if field in customer}
    customer.update({field: given[field] or None for field in _PLAIN if field in given})
    customer["metadata"] = metadata(given, customer["metadata"])
    if "balance" in given:
        customer["balance"] = given["balance"]
    _settle_default_card(world, customer, given)
    world.store.put(customer)
    world.emit("customer.updated", customer, previous=previous)
    return customer


def delete(world: World, _: Thing, *, name: str) -> Thing:
    """What remains is a mark; its payments keep their reference."""
    customer = existing(world, name)
    world.store.put({**customer, "deleted": True})
    world.emit("customer.deleted", customer)
    return {"id": name, "object": "customer", "deleted": True}


def existing(world: World, name: str, *, param: str = "") -> Thing:
    """A customer that was not deleted. Raises StripeError."""
    customer = world.must("customer", name, param=param)
    if customer.get("deleted"):
        raise invalid(f"No such customer: '{name}'", param=param or "id", code="resource_missing")
    return customer


def retrieve(world: World, _: Thing, *, name: str) -> Thing:
    customer = world.must("customer", name)
    return (
        {"id": name, "object": "customer", "deleted": True} if customer.get("deleted") else customer
    )


def _settle_default_card(world: World, customer: Thing, given: Thing) -> None:
    settings = given.get("invoice_settings") or {}
    if "default_payment_method" not in settings:
        return
    param = "invoice_settings[default_payment_method]"
    name = settings["default_payment_method"] or None
    if name is not None:
        method = world.must("payment_method", name, param=param)
        if method["customer"] != customer["id"]:
            raise invalid(
                "The customer does not have a payment method with the ID " + name, param=param
            )
    customer["invoice_settings"]["default_payment_method"] = name


ENDPOINTS = (
    Endpoint("POST", "/v1/customers", declared.CustomerCreateParams, create),
    listing("customer", "/v1/customers", declared.CustomerListParams, filters={"email": "email"}),
    Endpoint("GET", "/v1/customers/{name}", declared.CustomerRetrieveParams, retrieve),
    Endpoint("POST", "/v1/customers/{name}", declared.CustomerUpdateParams, update),
    Endpoint("DELETE", "/v1/customers/{name}", declared.CustomerDeleteParams, delete),
)
