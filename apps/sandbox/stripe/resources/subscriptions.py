"""Subscriptions: their start and end, and what they become by their invoices. `changes.py` alters what they hold."""

from typing import Any

from apps.sandbox.stripe import periods
from apps.sandbox.stripe.endpoints import metadata, refuse
from apps.sandbox.stripe.errors import StripeError, Thing, invalid, missing
from apps.sandbox.stripe.rendering import render
from apps.sandbox.stripe.resources import collecting, customers, invoices, lines
from apps.sandbox.stripe.resources.invoices import Bill
from apps.sandbox.stripe.resources.lines import Line, Part
from apps.sandbox.stripe.world import World

ENDED = ("canceled", "incomplete_expired")
# Parameters of Stripe's that this server does not play: refused, lest they pass unnoticed.
UNPLAYED = (
    "add_invoice_items",
    "application_fee_percent",
    "backdate_start_date",
    "billing_cycle_anchor",
    "billing_cycle_anchor_config",
    "billing_schedules",
    "billing_thresholds",
    "cancel_at",
    "days_until_due",
    "default_tax_rates",
    "discounts",
    "pause_collection",
    "pending_invoice_item_interval",
    "transfer_data",
    "trial_end",
    "trial_from_plan",
    "trial_period_days",
)


def create(world: World, given: Thing) -> Thing:
    """POST /v1/subscriptions."""
    refuse_unplayed(given)
    if "customer" not in given:
        raise invalid(
            "Missing required param: customer.", param="customer", code="parameter_missing"
        )
    customer = customers.existing(world, given["customer"], param="customer")
    parts = lines.wanted(world, [], given.get("items", []))
    check_card(world, given, customer["id"])
    subscription = start(
        world,
        customer["id"],
        parts,
        metadata=metadata(given),
        description=given.get("description"),
        default_payment_method=given.get("default_payment_method"),
        automatic_tax=bool(given.get("automatic_tax", {}).get("enabled")),
        cancel_at_period_end=given.get("cancel_at_period_end", False),
    )
    invoice = world.must("invoice", subscription["latest_invoice"])
    behavior = given.get("payment_behavior", "allow_incomplete")
    if behavior != "default_incomplete" and invoice["status"] == "open":
        problem = collecting.collect(world, invoice, retries=False)
        raise_if_wanted(problem, behavior)
    return subscription


def start(
    world: World,
    customer: str,
    parts: list[Part],
    *,
    automatic_tax: bool = False,
    default_payment_method: str | None,
    **fields: Any,
) -> Thing:
    """A subscription whose first invoice is open (or paid, when it asks for nothing)."""
    now = world.now()
    subscription = world.store.put(
        {
            **_EMPTY,
            "id": world.new_id("sub_"),
            "created": now,
            "billing_cycle_anchor": now,
            "start_date": now,
            "customer": customer,
            "default_payment_method": default_payment_method,
            "automatic_tax": {
                "enabled": automatic_tax,
                "disabled_reason": None,
                "liability": {"type": "self"} if automatic_tax else None,
            },
            **fields,
        }
    )
    end = periods.end_of(now, now, parts[0].price["recurring"])
    items = set_items(world, subscription, parts, now, end)
    world.emit("customer.subscription.created", subscription)
    bought = lines.of_period(world, lines.parts_of(items), now, end, subscription["id"])
    bought += lines.pending(world, customer, None)
    bill(world, subscription, bought, reason="subscription_create", start=now, end=now)
    return subscription


def bill(
    world: World, subscription: Thing, bought: list[Line], *, reason: str, start: int, end: int
) -> Thing:
    """A final invoice; it is the subscription's latest."""
    text = {
        "subscription_create": "Subscription creation",
        "subscription_update": "Subscription update",
    }.get(reason)
    invoice = invoices.draft(
        world,
        Bill(
            subscription["customer"],
            bought,
            reason,
            start,
            end,
            taxed=subscription["automatic_tax"]["enabled"],
            subscription=subscription,
            description=text,
        ),
    )
    world.save(subscription, latest_invoice=invoice["id"])
    return invoices.finalize(world, invoice)


def items_of(world: World, subscription: Thing) -> list[Thing]:
    return world.store.every("subscription_item", subscription=subscription["id"])


def period_of(world: World, subscription: Thing) -> tuple[int, int]:
    first = items_of(world, subscription)[0]
    return first["current_period_start"], first["current_period_end"]


def set_items(
    world: World, subscription: Thing, parts: list[Part], start: int, end: int
) -> list[Thing]:
    """The subscription has exactly these parts from now on; those that were there keep their ids."""
    kept = {part.item for part in parts}
    for item in items_of(world, subscription):
        if item["id"] not in kept:
            world.store.forget(item["id"])
    for part in parts:
        fields = {
            "current_period_start": start,
            "current_period_end": end,
            "price": part.price,
            "plan": _plan(part.price),
            "quantity": part.quantity,
            "metadata": part.metadata or {},
        }
        if part.item:
            world.save(world.must("subscription_item", part.item), **fields)
        else:
            world.new(
                "subscription_item",
                "si_",
                billed_until=None,
                billing_thresholds=None,
                current_trial=None,
                discounts=[],
                subscription=subscription["id"],
                tax_rates=[],
                **fields,
            )
    return items_of(world, subscription)


def end(
    world: World,
    subscription: Thing,
    *,
    status: str = "canceled",
    reason: str = "cancellation_requested",
) -> Thing:
    """Over now. What is unpaid is not tried again; a change that waited for its payment is void."""
    now = world.now()
    world.save(
        subscription,
        status=status,
        ended_at=now,
        canceled_at=subscription["canceled_at"] or now,
        cancellation_details={"comment": None, "feedback": None, "reason": reason},
    )
    for invoice in world.store.every("invoice", _subscription=subscription["id"], status="open"):
        world.save(invoice, auto_advance=False, next_payment_attempt=None)
    drop_pending(world, subscription)
    type_ = (
        "customer.subscription.deleted" if status == "canceled" else "customer.subscription.updated"
    )
    world.emit(type_, subscription)
    return subscription


def drop_pending(world: World, subscription: Thing) -> None:
    """The change that waited will not come; its invoice is void."""
    name = subscription["_pending_invoice"]
    if name is None:
        return
    world.save(subscription, pending_update=None, _pending_invoice=None, _pending=None)
    invoice = world.must("invoice", name)
    if invoice["status"] == "open":
        invoices.void(world, invoice)


def set_status(world: World, subscription: Thing, status: str) -> None:
    if subscription["status"] == status:
        return
    previous = {"status": subscription["status"]}
    world.save(subscription, status=status)
    world.emit("customer.subscription.updated", subscription, previous=previous)


def alive(world: World, name: str) -> Thing:
    """Raises StripeError (404) for one that has ended, as Stripe does for changes of it."""
    subscription = world.must("subscription", name)
    if subscription["status"] in ENDED:
        raise missing("subscription", name)
    return subscription


def refuse_unplayed(given: Thing) -> None:
    refuse(given, UNPLAYED)
    if given.get("collection_method", "charge_automatically") != "charge_automatically":
        raise invalid("The sandbox charges automatically only.", param="collection_method")


def check_card(world: World, given: Thing, customer: str) -> None:
    name = given.get("default_payment_method")
    if (
        name
        and world.must("payment_method", name, param="default_payment_method")["customer"]
        != customer
    ):
        raise invalid(
            f"The customer does not have a payment method with the ID {name}.",
            param="default_payment_method",
        )


def raise_if_wanted(problem: StripeError | None, behavior: str) -> None:
    """`error_if_incomplete` undoes everything; a missing card is always an error; else the state tells."""
    if problem is None:
        return
    if problem.status == 400 or behavior == "error_if_incomplete":
        problem.keeps = False
        raise problem


def _plan(price: Thing) -> Thing:
    """The old name of a recurring price."""
    return {
        "id": price["id"],
        "object": "plan",
        "active": price["active"],
        "amount": price["unit_amount"],
        "currency": price["currency"],
        "interval": price["recurring"]["interval"],
        "interval_count": price["recurring"]["interval_count"],
        "product": price["product"],
        "livemode": False,
    }


def _invoice_paid(world: World, invoice: Thing) -> None:
    subscription = world.store.get(invoice["_subscription"] or "", "subscription")
    if subscription is None or subscription["status"] in ENDED:
        return
    unpaid = world.store.every("invoice", _subscription=subscription["id"], status="open")
    waits = [one for one in unpaid if one["id"] != subscription["_pending_invoice"]]
    if invoice["amount_due"]:
        _remember_card(world, subscription, invoice)
    if not waits:
        set_status(world, subscription, "active")


def _remember_card(world: World, subscription: Thing, invoice: Thing) -> None:
    """A customer without a default card gets the one that paid, as Checkout and the invoice page arrange."""
    intent = invoices.intent_of(world, invoice)
    if (
        intent is not None
        and not subscription["default_payment_method"]
        and intent["payment_method"]
    ):
        world.save(subscription, default_payment_method=intent["payment_method"])


def previous_items(world: World, subscription: Thing) -> Thing:
    """`previous_attributes` of a change of items."""
    shown: Thing = render(world.store, subscription)["items"]
    return {"items": shown}


invoices.ON_PAID.append(_invoice_paid)

_EMPTY: Thing = {
    "object": "subscription",
    "livemode": False,
    "application": None,
    "application_fee_percent": None,
    "billing_cycle_anchor_config": None,
    "billing_mode": {"type": "flexible", "flexible": {"proration_discounts": "included"}},
    "billing_schedules": [],
    "billing_thresholds": None,
    "cancel_at": None,
    "cancel_at_period_end": False,
    "canceled_at": None,
    "cancellation_details": {"comment": None, "feedback": None, "reason": None},
    "collection_method": "charge_automatically",
    "currency": "usd",
    "days_until_due": None,
    "default_source": None,
    "default_tax_rates": [],
    "description": None,
    "discounts": [],
    "ended_at": None,
    "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
    "latest_invoice": None,
    "metadata": {},
    "next_pending_invoice_item_invoice": None,
    "on_behalf_of": None,
    "pause_collection": None,
    "payment_settings": {
        "payment_method_options": None,
        "payment_method_types": None,
        "save_default_payment_method": "off",
    },
    "pending_invoice_item_interval": None,
    "pending_setup_intent": None,
    "pending_update": None,
    "schedule": None,
    "status": "incomplete",
    "test_clock": None,
    "transfer_data": None,
    "trial_end": None,
    "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
    "trial_start": None,
    "_pending_invoice": None,
    "_pending": None,
    "_announced": None,
}
