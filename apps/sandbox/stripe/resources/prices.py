"""Products and prices."""

from stripe import params as declared

from apps.sandbox.stripe.endpoints import Endpoint, metadata, paged, reading
from apps.sandbox.stripe.errors import Thing, invalid
from apps.sandbox.stripe.world import World

_MAX_AMOUNT = 99_999_999
_INTERVALS = {"day": 365, "week": 52, "month": 12, "year": 1}


def create_product(world: World, given: Thing) -> Thing:
    if "id" in given and world.store.get(given["id"]) is not None:
        raise invalid("Product already exists.", param="id", code="resource_already_exists")
    product = world.new(
        "product",
        "prod_",
        active=given.get("active", True),
        default_price=None,
        description=given.get("description"),
        images=given.get("images", []),
        marketing_features=[],
        metadata=metadata(given),
        name=given["name"],
        package_dimensions=None,
        shippable=None,
        statement_descriptor=given.get("statement_descriptor"),
        tax_code=given.get("tax_code"),
        type="service",
        unit_label=given.get("unit_label"),
        updated=world.real_now(),
        url=given.get("url"),
    )
    if "id" in given:
        world.store.forget(product["id"])
        product = world.save(product, id=given["id"])
    if "default_price_data" in given:
        price = create_price(world, {**given["default_price_data"], "product": product["id"]})
        world.save(product, default_price=price["id"])
    world.emit("product.created", product)
    return product


def update_product(world: World, given: Thing, *, name: str) -> Thing:
    product = world.must("product", name)
    plain = ("active", "description", "name", "default_price", "tax_code", "unit_label", "url")
    changes = {field: given[field] for field in plain if field in given}
    previous = {field: product[field] for field in changes}
    world.save(
        product, **changes, metadata=metadata(given, product["metadata"]), updated=world.real_now()
    )
    world.emit("product.updated", product, previous=previous)
    return product


def create_price(world: World, given: Thing) -> Thing:
    price = world.new("price", "price_", **_price_fields(world, given))
    world.emit("price.created", price)
    return price


def update_price(world: World, given: Thing, *, name: str) -> Thing:
    price = world.must("price", name)
    _take_lookup_key(world, given)
    plain = ("active", "nickname", "lookup_key", "tax_behavior")
    changes = {field: given[field] for field in plain if field in given}
    previous = {field: price[field] for field in changes}
    world.save(price, **changes, metadata=metadata(given, price["metadata"]))
    world.emit("price.updated", price, previous=previous)
    return price


def inline(world: World, data: Thing, *, param: str) -> Thing:
    """The price of a `price_data`, with the product it names or brings. It stays out of lists: it is not active."""
    if "product_data" in data:
        product = create_product(world, data["product_data"])
    elif "product" in data:
        product = world.must("product", data["product"], param=f"{param}[product]")
    else:
        raise invalid(
            f"Missing required param: {param}[product_data].", param=param, code="parameter_missing"
        )
    fields = _price_fields(world, {**data, "product": product["id"]}, param=param)
    return world.new("price", "price_", **{**fields, "active": False})


def chosen(world: World, item: Thing, *, param: str) -> Thing:
    """The price of an item that names one or brings its own."""
    if "price_data" in item:
        return inline(world, item["price_data"], param=f"{param}[price_data]")
    if "price" not in item:
        raise invalid(
            f"Missing required param: {param}[price].", param=param, code="parameter_missing"
        )
    price = world.must("price", item["price"], param=f"{param}[price]")
    if not price["active"]:
        raise invalid(f"The price specified is inactive: {price['id']}", param=f"{param}[price]")
    return price


def amount_of(given: Thing, *, param: str) -> int:
    """`unit_amount`, or a `unit_amount_decimal` without a fraction. Raises StripeError."""
    raw = given.get("unit_amount", given.get("unit_amount_decimal"))
    if raw is None:
        raise invalid("Missing required param: unit_amount.", param=param, code="parameter_missing")
    try:
        amount = int(raw)
    except ValueError:
        raise invalid(f"Invalid decimal: {raw}", param=param) from None
    if amount < 0:
        raise invalid("Invalid non-negative integer", param=param, code="parameter_invalid_integer")
    if amount > _MAX_AMOUNT:
        raise invalid(
            "Amount must be no more than $999,999.99", param=param, code="amount_too_large"
        )
    return amount


def _price_fields(world: World, given: Thing, *, param: str = "") -> Thing:
    amount = amount_of(given, param=f"{param}[unit_amount]" if param else "unit_amount")
    if "product" not in given:
        given = {
            **given,
            "product": create_product(world, given.get("product_data", {"name": "Product"}))["id"],
        }
    world.must("product", given["product"], param="product")
    _take_lookup_key(world, given)
    recurring = given.get("recurring")
    return {
        "active": given.get("active", True),
        "billing_scheme": "per_unit",
        "currency": currency_of(given),
        "custom_unit_amount": None,
        "lookup_key": given.get("lookup_key"),
        "metadata": metadata(given),
        "nickname": given.get("nickname"),
        "product": given["product"],
        "recurring": _recurring(recurring),
        "tax_behavior": given.get("tax_behavior", "unspecified"),
        "tiers_mode": None,
        "transform_quantity": None,
        "type": "recurring" if recurring else "one_time",
        "unit_amount": amount,
        "unit_amount_decimal": str(amount),
    }


def currency_of(given: Thing) -> str:
    """Three letters in lower case; this account sells in US dollars only."""
    currency = str(given.get("currency", "")).lower()
    if currency != "usd":
        raise invalid(f"Invalid currency: {currency}. This account accepts usd.", param="currency")
    return currency


def _recurring(given: Thing | None) -> Thing | None:
    if given is None:
        return None
    interval, count = given["interval"], given.get("interval_count", 1)
    if not 1 <= count <= 3 * _INTERVALS[interval]:
        raise invalid(
            "Invalid interval_count: at most three years.", param="recurring[interval_count]"
        )
    return {
        "interval": interval,
        "interval_count": count,
        "meter": None,
        "usage_type": "licensed",
        "trial_period_days": None,
    }


def _take_lookup_key(world: World, given: Thing) -> None:
    key = given.get("lookup_key")
    taken = world.store.every("price", lookup_key=key) if key else []
    if taken and not given.get("transfer_lookup_key"):
        raise invalid(
            f"A price (`{taken[0]['id']}`) already uses that lookup key.",
            param="lookup_key",
            code="resource_already_exists",
        )
    for price in taken:
        world.save(price, lookup_key=None)


def _list_prices(world: World, given: Thing) -> Thing:
    fields = {
        "active": "active",
        "currency": "currency",
        "product": "product",
        "type": "type",
        "lookup_keys": "lookup_key",
    }
    equal = {field: given[name] for name, field in fields.items() if name in given}
    return paged(world, "price", "/v1/prices", given, _as_stored(equal))


def _list_products(world: World, given: Thing) -> Thing:
    equal = {
        field: given[name]
        for name, field in {"active": "active", "ids": "id"}.items()
        if name in given
    }
    return paged(world, "product", "/v1/products", given, _as_stored(equal))


def _as_stored(equal: Thing) -> Thing:
    """SQLite reads JSON's true as 1."""
    return {name: int(value) if isinstance(value, bool) else value for name, value in equal.items()}


ENDPOINTS = (
    Endpoint("POST", "/v1/products", declared.ProductCreateParams, create_product),
    Endpoint("GET", "/v1/products", declared.ProductListParams, _list_products),
    reading("product", "/v1/products/{name}", declared.ProductRetrieveParams),
    Endpoint("POST", "/v1/products/{name}", declared.ProductModifyParams, update_product),
    Endpoint("POST", "/v1/prices", declared.PriceCreateParams, create_price),
    Endpoint("GET", "/v1/prices", declared.PriceListParams, _list_prices),
    reading("price", "/v1/prices/{name}", declared.PriceRetrieveParams),
    Endpoint("POST", "/v1/prices/{name}", declared.PriceModifyParams, update_price),
)
