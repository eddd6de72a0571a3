"""Changes of a subscription: other prices or quantities now, with or without proration, and what they would cost."""

from stripe import params as declared

from apps.sandbox.stripe import periods
from apps.sandbox.stripe.endpoints import Endpoint, listing, metadata, paged, reading
from apps.sandbox.stripe.errors import Thing, invalid
from apps.sandbox.stripe.resources import collecting, customers, invoices, lines, subscriptions
from apps.sandbox.stripe.resources.invoices import Bill
from apps.sandbox.stripe.resources.lines import Line, Part
from apps.sandbox.stripe.world import World

_PENDING_SECONDS = 23 * 3600


def update(world: World, given: Thing, *, name: str) -> Thing:
    subscriptions.refuse_unplayed(given)
    subscription = subscriptions.alive(world, name)
    subscriptions.check_card(world, given, subscription["customer"])
    if subscription["status"] == "incomplete" and "items" in given:
        raise invalid(
            "The subscription's first invoice must be paid before its items can change.",
            param="items",
        )
    previous = _settle_plain(world, subscription, given)
    if "items" in given:
        _change_items(world, subscription, given)
    elif previous:
        world.emit("customer.subscription.updated", subscription, previous=previous)
    return subscription


def _settle_plain(world: World, subscription: Thing, given: Thing) -> Thing:
    """Everything but the items; the old values of what changed."""
    new: Thing = {
        name: given[name] or None
        for name in ("description", "default_payment_method")
        if name in given
    }
    if "metadata" in given:
        new["metadata"] = metadata(given, subscription["metadata"])
    if "automatic_tax" in given:
        new["automatic_tax"] = {
            **subscription["automatic_tax"],
            "enabled": given["automatic_tax"]["enabled"],
        }
    if "cancel_at_period_end" in given:
        ends = given["cancel_at_period_end"]
        at = subscriptions.period_of(world, subscription)[1] if ends else None
        reason = "cancellation_requested" if ends else None
        new |= {
            "cancel_at_period_end": ends,
            "cancel_at": at,
            "canceled_at": world.now() if ends else None,
            "cancellation_details": {"comment": None, "feedback": None, "reason": reason},
        }
    previous = {
        name: subscription[name] for name, value in new.items() if subscription[name] != value
    }
    world.save(subscription, **new)
    return previous


def _change_items(world: World, subscription: Thing, given: Thing) -> None:
    old = lines.parts_of(subscriptions.items_of(world, subscription))
    new = lines.wanted(world, old, given["items"])
    behavior = given.get("proration_behavior", "create_prorations")
    start, end = subscriptions.period_of(world, subscription)
    now = given.get("proration_date", world.now())
    if not start <= now <= end:
        raise invalid("proration_date must lie in the current period.", param="proration_date")
    bought: list[Line] = []
    if behavior != "none":
        bought = lines.prorations(
            world, old, new, at=now, start=start, end=end, subscription=subscription["id"]
        )
    restarts = lines.rhythm(old[0]) != lines.rhythm(new[0])
    if restarts:
        bought, start, end = _restarted(world, subscription, bought, new, now)
    subscriptions.drop_pending(world, subscription)
    payment = given.get("payment_behavior", "allow_incomplete")
    if (behavior == "always_invoice" or restarts) and bought:
        _bill_change(world, subscription, new, bought, (start, end), payment)
        return
    lines.keep(world, bought, subscription["customer"])
    _apply(world, subscription, new, start, end)


def _restarted(
    world: World, subscription: Thing, bought: list[Line], new: list[Part], now: int
) -> tuple[list[Line], int, int]:
    """Another interval begins a whole period now: the old one's rest is given back, nothing is prorated anew."""
    end = periods.end_of(now, now, new[0].price["recurring"])
    credits = [line for line in bought if line.amount < 0]
    world.save(subscription, billing_cycle_anchor=now)
    return credits + lines.of_period(world, new, now, end, subscription["id"]), now, end


def _bill_change(
    world: World,
    subscription: Thing,
    new: list[Part],
    bought: list[Line],
    period: tuple[int, int],
    payment: str,
) -> None:
    waits = payment == "pending_if_incomplete"
    if not waits:
        _apply(world, subscription, new, *period)
    everything = bought + lines.pending(world, subscription["customer"], subscription["id"])
    invoice = subscriptions.bill(
        world,
        subscription,
        everything,
        reason="subscription_update",
        start=world.now(),
        end=world.now(),
    )
    problem = None
    if invoice["status"] == "open" and payment != "default_incomplete":
        problem = collecting.collect(world, invoice, retries=not waits)
    if waits and invoice["status"] != "paid":
        _hold(world, subscription, new, period, invoice)
        return
    if waits:
        _apply(world, subscription, new, *period)
    subscriptions.raise_if_wanted(problem, payment)
    if problem is not None:
        subscriptions.set_status(world, subscription, "past_due")


def _apply(world: World, subscription: Thing, new: list[Part], start: int, end: int) -> None:
    previous = subscriptions.previous_items(world, subscription)
    subscriptions.set_items(world, subscription, new, start, end)
    world.emit("customer.subscription.updated", subscription, previous=previous)


def _hold(
    world: World, subscription: Thing, new: list[Part], period: tuple[int, int], invoice: Thing
) -> None:
    """`pending_if_incomplete`: the change comes when its invoice is paid, within 23 hours."""
    shown = [
        {
            "id": part.item or None,
            "object": "subscription_item",
            "price": part.price,
            "quantity": part.quantity,
        }
        for part in new
    ]
    world.save(
        subscription,
        _pending_invoice=invoice["id"],
        _pending={
            "parts": [[part.price, part.quantity, part.item, part.metadata] for part in new],
            "period": period,
        },
        pending_update={
            "billing_cycle_anchor": None,
            "cancel_at_period_end": None,
            "discount": None,
            "discounts": None,
            "expires_at": world.now() + _PENDING_SECONDS,
            "metadata": None,
            "subscription_items": shown,
            "trial_end": None,
        },
    )
    world.emit("customer.subscription.updated", subscription, previous={"pending_update": None})


def _invoice_paid(world: World, invoice: Thing) -> None:
    subscription = world.store.get(invoice["_subscription"] or "", "subscription")
    if subscription is None or subscription["_pending_invoice"] != invoice["id"]:
        return
    held = subscription["_pending"]
    world.save(subscription, pending_update=None, _pending_invoice=None, _pending=None)
    _apply(world, subscription, [Part(*part) for part in held["parts"]], *held["period"])
    world.emit("customer.subscription.pending_update_applied", subscription)


def cancel(world: World, given: Thing, *, name: str) -> Thing:
    """DELETE: over at once; `prorate` gives the rest of the period back with the next (or a last) invoice."""
    subscription = subscriptions.alive(world, name)
    start, end = subscriptions.period_of(world, subscription)
    if given.get("prorate"):
        old = lines.parts_of(subscriptions.items_of(world, subscription))
        gone = lines.prorations(
            world, old, [], at=world.now(), start=start, end=end, subscription=name
        )
        lines.keep(world, gone, subscription["customer"])
    if given.get("invoice_now"):
        waiting = lines.pending(world, subscription["customer"], name)
        if waiting:
            subscriptions.bill(
                world, subscription, waiting, reason="manual", start=start, end=world.now()
            )
    first = subscription["status"] == "incomplete"
    return subscriptions.end(
        world, subscription, status="incomplete_expired" if first else "canceled"
    )


# ---- previews


def preview(world: World, given: Thing) -> Thing:
    """POST /v1/invoices/create_preview: the invoice that a change would make, or the next one. Nothing is kept."""
    details = given.get("subscription_details", {})
    if "subscription" in given:
        bill = _preview_change(
            world, subscriptions.alive(world, given["subscription"]), given, details
        )
    else:
        bill = _preview_start(world, given, details)
    return invoices.shape(world, bill, world.new_id("upcoming_in_"))


def _preview_start(world: World, given: Thing, details: Thing) -> Bill:
    if "customer" not in given:
        raise invalid(
            "Missing required param: customer.", param="customer", code="parameter_missing"
        )
    customer = customers.existing(world, given["customer"], param="customer")
    parts = lines.wanted(world, [], details.get("items", []))
    now = world.now()
    bought = lines.of_period(
        world, parts, now, periods.end_of(now, now, parts[0].price["recurring"]), ""
    )
    return Bill(customer["id"], bought, "upcoming", now, now, taxed=_taxed(given, None))


def _preview_change(world: World, subscription: Thing, given: Thing, details: Thing) -> Bill:
    old = lines.parts_of(subscriptions.items_of(world, subscription))
    new = lines.wanted(world, old, details["items"]) if "items" in details else old
    start, end = subscriptions.period_of(world, subscription)
    at = details.get("proration_date", world.now())
    behavior = details.get("proration_behavior", "create_prorations")
    bought = lines.pending(world, subscription["customer"], subscription["id"])
    if behavior != "none":
        name = subscription["id"]
        bought += lines.prorations(world, old, new, at=at, start=start, end=end, subscription=name)
    if lines.rhythm(old[0]) != lines.rhythm(new[0]):
        after = periods.end_of(at, at, new[0].price["recurring"])
        bought = [line for line in bought if line.amount < 0]
        bought += lines.of_period(world, new, at, after, subscription["id"])
    elif behavior != "always_invoice" and not subscription["cancel_at_period_end"]:
        after = periods.end_of(end, subscription["billing_cycle_anchor"], new[0].price["recurring"])
        bought += lines.of_period(world, new, end, after, subscription["id"])
    return Bill(
        subscription["customer"],
        bought,
        "upcoming",
        start,
        end,
        taxed=_taxed(given, subscription),
        subscription=subscription,
    )


def _taxed(given: Thing, subscription: Thing | None) -> bool:
    default = subscription["automatic_tax"]["enabled"] if subscription else False
    return bool(given.get("automatic_tax", {}).get("enabled", default))


# ---- single items


def _create_item(world: World, given: Thing) -> Thing:
    name = given["subscription"]
    before = {item["id"] for item in world.store.every("subscription_item", subscription=name)}
    update(world, _as_update(given, {}), name=name)
    items = world.store.every("subscription_item", subscription=name)
    return next(item for item in items if item["id"] not in before)


def _update_item(world: World, given: Thing, *, name: str) -> Thing:
    item = world.must("subscription_item", name)
    update(world, _as_update(given, {"id": name}), name=item["subscription"])
    return world.must("subscription_item", name)


def _delete_item(world: World, given: Thing, *, name: str) -> Thing:
    item = world.must("subscription_item", name)
    update(world, _as_update(given, {"id": name, "deleted": True}), name=item["subscription"])
    return {"id": name, "object": "subscription_item", "deleted": True}


def _as_update(given: Thing, item: Thing) -> Thing:
    of_item = ("price", "price_data", "quantity", "metadata")
    of_call = ("proration_behavior", "proration_date", "payment_behavior", "off_session")
    item = item | {name: given[name] for name in of_item if name in given}
    return {"items": [item]} | {name: given[name] for name in of_call if name in given}


def _list(world: World, given: Thing) -> Thing:
    status = given.get("status", "")
    equal: Thing = {"customer": given["customer"]} if "customer" in given else {}
    if status not in ("", "all", "ended"):
        equal["status"] = status
    elif status != "all":
        ended = ["canceled", "incomplete_expired"]
        going = ["active", "past_due", "unpaid", "incomplete", "paused", "trialing"]
        equal["status"] = ended if status == "ended" else going
    return paged(world, "subscription", "/v1/subscriptions", given, equal)


invoices.ON_PAID.append(_invoice_paid)
ENDPOINTS = (
    Endpoint("POST", "/v1/invoices/create_preview", declared.InvoiceCreatePreviewParams, preview),
    Endpoint("POST", "/v1/subscriptions", declared.SubscriptionCreateParams, subscriptions.create),
    Endpoint("GET", "/v1/subscriptions", declared.SubscriptionListParams, _list),
    reading("subscription", "/v1/subscriptions/{name}", declared.SubscriptionRetrieveParams),
    Endpoint("POST", "/v1/subscriptions/{name}", declared.SubscriptionUpdateParams, update),
    Endpoint("DELETE", "/v1/subscriptions/{name}", declared.SubscriptionCancelParams, cancel),
    Endpoint("POST", "/v1/subscription_items", declared.SubscriptionItemCreateParams, _create_item),
    listing(
        "subscription_item",
        "/v1/subscription_items",
        declared.SubscriptionItemListParams,
        filters={"subscription": "subscription"},
    ),
    reading(
        "subscription_item",
        "/v1/subscription_items/{name}",
        declared.SubscriptionItemRetrieveParams,
    ),
    Endpoint(
        "POST", "/v1/subscription_items/{name}", declared.SubscriptionItemUpdateParams, _update_item
    ),
    Endpoint(
        "DELETE",
        "/v1/subscription_items/{name}",
        declared.SubscriptionItemDeleteParams,
        _delete_item,
    ),
)
