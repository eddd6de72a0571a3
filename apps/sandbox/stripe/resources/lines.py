"""What an invoice is made of: periods of subscription items, prorations, and single items."""

from dataclasses import dataclass, replace
from typing import Any

from apps.sandbox.stripe import periods, taxes
from apps.sandbox.stripe.errors import Thing, invalid
from apps.sandbox.stripe.rendering import listed
from apps.sandbox.stripe.resources import prices
from apps.sandbox.stripe.wording import dollars
from apps.sandbox.stripe.world import World


@dataclass(frozen=True, slots=True)
class Part:
    """A price on a subscription: one that is there (`item`) or is wanted. Nothing of it with quantity 0."""

    price: Thing
    quantity: int
    item: str = ""
    metadata: Thing | None = None

    @property
    def amount(self) -> int:
        return int(self.price["unit_amount"]) * self.quantity


@dataclass(frozen=True, slots=True)
class Line:
    """A line before it is on an invoice; `amount` is without tax."""

    text: str
    amount: int
    start: int
    end: int
    price: Thing | None = None
    quantity: int = 1
    subscription: str = ""
    item: str = ""
    is_proration: bool = False
    invoice_item: str = ""


def parts_of(items: list[Thing]) -> list[Part]:
    return [Part(one["price"], one["quantity"], one["id"], one["metadata"]) for one in items]


def wanted(world: World, old: list[Part], changes: list[Thing]) -> list[Part]:
    """The parts after `items[]` of a call. Raises StripeError for an item that is not on the subscription."""
    new = {part.item: part for part in old}
    for place, change in enumerate(changes):
        param = f"items[{place}]"
        if "id" not in change:
            part = _added(world, change, param)
            if any(part.price["id"] == one.price["id"] for one in new.values()):
                raise invalid(
                    "Cannot add multiple subscription items with the same price.", param=param
                )
            new[f"new {place}"] = part
        elif change["id"] not in new:
            raise invalid(
                f"Invalid subscription item: {change['id']}",
                param=f"{param}[id]",
                code="resource_missing",
            )
        else:
            new[change["id"]] = _changed(world, new[change["id"]], change, param)
    parts = [part for part in new.values() if part.quantity >= 0]
    _same_interval(parts)
    return parts


def _added(world: World, change: Thing, param: str) -> Part:
    price = prices.chosen(world, change, param=param)
    if price["type"] != "recurring":
        raise invalid("The price specified must be recurring.", param=f"{param}[price]")
    return Part(
        price, _quantity(change.get("quantity", 1), param), metadata=change.get("metadata") or {}
    )


def _changed(world: World, part: Part, change: Thing, param: str) -> Part:
    if change.get("deleted"):
        return replace(part, quantity=-1)
    names_price = "price" in change or "price_data" in change
    price = prices.chosen(world, change, param=param) if names_price else part.price
    quantity = _quantity(change.get("quantity", part.quantity), param)
    return replace(
        part, price=price, quantity=quantity, metadata=change.get("metadata") or part.metadata
    )


def _quantity(quantity: int, param: str) -> int:
    if quantity < 0:
        raise invalid(
            "Invalid non-negative integer",
            param=f"{param}[quantity]",
            code="parameter_invalid_integer",
        )
    return quantity


def _same_interval(parts: list[Part]) -> None:
    if not parts:
        raise invalid("A subscription must have at least one active item.", param="items")
    if len({rhythm(part) for part in parts}) > 1:
        raise invalid("All prices on a subscription must have the same interval.", param="items")


def rhythm(part: Part) -> tuple[str, int]:
    return part.price["recurring"]["interval"], part.price["recurring"]["interval_count"]


def of_period(
    world: World, parts: list[Part], start: int, end: int, subscription: str
) -> list[Line]:
    """Whole periods."""
    return [
        Line(
            f"{part.quantity} × {_title(world, part)}",
            part.amount,
            start,
            end,
            part.price,
            part.quantity,
            subscription,
            part.item,
        )
        for part in parts
    ]


def prorations(
    world: World,
    old: list[Part],
    new: list[Part],
    *,
    at: int,
    start: int,
    end: int,
    subscription: str,
) -> list[Line]:
    """What the change gives back of the old and takes for the new, from `at` to the end of the period."""
    left, whole = max(end - at, 0), end - start
    after = {part.item: part for part in new if part.item}
    lines = []
    for part in old:
        now = after.get(part.item)
        if now is not None and (now.price["id"], now.quantity) == (part.price["id"], part.quantity):
            continue
        text = f"Unused time on {part.quantity} × {_title(world, part)}"
        lines.append(
            _proration(
                text,
                part,
                -periods.share(part.amount, left=left, whole=whole),
                at,
                end,
                subscription,
            )
        )
    before = {part.item: (part.price["id"], part.quantity) for part in old}
    for part in new:
        if before.get(part.item) == (part.price["id"], part.quantity):
            continue
        text = f"Remaining time on {part.quantity} × {_title(world, part)}"
        lines.append(
            _proration(
                text,
                part,
                periods.share(part.amount, left=left, whole=whole),
                at,
                end,
                subscription,
            )
        )
    return lines


def _proration(text: str, part: Part, amount: int, at: int, end: int, subscription: str) -> Line:
    return Line(
        text, amount, at, end, part.price, part.quantity, subscription, part.item, is_proration=True
    )


def _title(world: World, part: Part) -> str:
    product = world.must("product", part.price["product"])
    every = part.price["recurring"]["interval"] if part.price["recurring"] else "piece"
    return f"{product['name']} (at {dollars(part.price['unit_amount'])} / {every})"


# ---- items that wait for the next invoice


def keep(world: World, lines: list[Line], customer: str) -> None:
    """Bill them with the customer's next invoice of that subscription."""
    for line in lines:
        world.emit(
            "invoiceitem.created", world.new("invoiceitem", "ii_", **_item_fields(line, customer))
        )


def pending(world: World, customer: str, subscription: str | None) -> list[Line]:
    """What waits for the next invoice."""
    found = world.store.every("invoiceitem", customer=customer, invoice=None)
    return [
        Line(
            one["description"] or "",
            one["amount"],
            one["period"]["start"],
            one["period"]["end"],
            world.store.get(one["_price"] or ""),
            one["quantity"],
            one["_subscription"],
            is_proration=one["proration"],
            invoice_item=one["id"],
        )
        for one in found
        if one["_subscription"] in ("", subscription or "")
    ]


def take(world: World, lines: list[Line], invoice: str) -> None:
    """They are on that invoice now."""
    for line in lines:
        if line.invoice_item:
            world.save(world.must("invoiceitem", line.invoice_item), invoice=invoice)


def _item_fields(line: Line, customer: str) -> Thing:
    parent = {
        "type": "subscription_details",
        "subscription_details": {"subscription": line.subscription},
    }
    return {
        "amount": line.amount,
        "currency": "usd",
        "customer": customer,
        "date": line.start,
        "description": line.text,
        "discountable": not line.is_proration,
        "discounts": [],
        "invoice": None,
        "metadata": {},
        "net_amount": line.amount,
        "parent": parent if line.subscription else None,
        "period": {"start": line.start, "end": line.end},
        "pricing": _pricing(line),
        "proration": line.is_proration,
        "proration_details": None,
        "quantity": line.quantity,
        "tax_rates": [],
        "test_clock": None,
        "_price": line.price["id"] if line.price else None,
        "_subscription": line.subscription,
    }


# ---- as they stand on an invoice


def on_invoice(world: World, lines: list[Line], invoice: str, *, taxed: bool) -> Thing:
    """`invoice.lines`."""
    shown = [_shown(world, line, invoice, taxed) for line in lines]
    return {**listed(f"/v1/invoices/{invoice}/lines", shown), "total_count": len(shown)}


def _shown(world: World, line: Line, invoice: str, taxed: bool) -> Thing:
    tax = taxes.tax_on(world, line.amount) if taxed else 0
    return {
        "id": world.new_id("il_"),
        "object": "line_item",
        "amount": line.amount,
        "currency": "usd",
        "description": line.text,
        "discount_amounts": [],
        "discountable": not line.is_proration,
        "discounts": [],
        "invoice": invoice,
        "livemode": False,
        "metadata": {},
        "parent": _parent(line),
        "period": {"start": line.start, "end": line.end},
        "pretax_credit_amounts": [],
        "pricing": _pricing(line),
        "quantity": line.quantity,
        "quantity_decimal": str(line.quantity),
        "subscription": line.subscription or None,
        "subtotal": line.amount,
        "taxes": taxes.shown(tax, line.amount) if taxed else [],
    }


def _parent(line: Line) -> Thing:
    common: dict[str, Any] = {"proration": line.is_proration, "proration_details": None}
    common |= {"subscription": line.subscription or None, "invoice_item": line.invoice_item or None}
    if line.item:
        details = {**common, "subscription_item": line.item}
        return {
            "type": "subscription_item_details",
            "subscription_item_details": details,
            "invoice_item_details": None,
        }
    return {
        "type": "invoice_item_details",
        "invoice_item_details": common,
        "subscription_item_details": None,
    }


def _pricing(line: Line) -> Thing | None:
    if line.price is None:
        return None
    details = {"price": line.price["id"], "product": line.price["product"]}
    return {
        "type": "price_details",
        "price_details": details,
        "unit_amount_decimal": str(line.price["unit_amount"]),
    }
