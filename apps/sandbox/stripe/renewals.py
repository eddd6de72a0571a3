"""What time does to subscriptions: renewals, retries, cancellations at the period's end, and what is never paid."""

from collections.abc import Callable, Iterator

from apps.sandbox.stripe import periods
from apps.sandbox.stripe.errors import Thing
from apps.sandbox.stripe.resources import collecting, lines, subscriptions
from apps.sandbox.stripe.world import World

_DAY = 86400
_UPCOMING_SECONDS = 3 * _DAY
_FIRST_PAYMENT_SECONDS = 23 * 3600
_RENEWED = ("active", "past_due", "unpaid")
_MOST_STEPS = 10_000
Step = tuple[int, int, Callable[[World, Thing], None], Thing]


def advance(world: World, until: int) -> int:
    """Let all happen that is due until then, each thing at its time; the clock stands there. How many things."""
    done = 0
    with world.store.transaction():
        while done < _MOST_STEPS:
            due = [step for step in _agenda(world) if step[0] <= until]
            if not due:
                break
            at, _, happens, thing = min(due, key=lambda step: step[:2])
            world.move_clock_to(at)
            happens(world, thing)
            done += 1
        world.move_clock_to(until)
    return done


def next_renewal(world: World, subscription: Thing) -> int:
    return subscriptions.period_of(world, subscription)[1]


def _agenda(world: World) -> Iterator[Step]:
    """Everything that a clock starts; at the same instant the lower number is first."""
    for one in world.store.every("subscription", status=[*_RENEWED, "incomplete"]):
        if one["status"] == "incomplete":
            yield one["created"] + _FIRST_PAYMENT_SECONDS, 0, _expire_incomplete, one
            continue
        end = next_renewal(world, one)
        yield end, 3, _renew, one
        if one["_announced"] != end and not one["cancel_at_period_end"]:
            yield end - _UPCOMING_SECONDS, 1, _announce, one
        if one["pending_update"]:
            yield one["pending_update"]["expires_at"], 2, _expire_pending, one
    for invoice in world.store.every("invoice", status="open"):
        if invoice["next_payment_attempt"]:
            yield invoice["next_payment_attempt"], 2, _retry, invoice


def _announce(world: World, subscription: Thing) -> None:
    """invoice.upcoming: an invoice without an id, three days before."""
    end = next_renewal(world, subscription)
    world.save(subscription, _announced=end)
    parts = lines.parts_of(subscriptions.items_of(world, subscription))
    due = sum(part.amount for part in parts)
    details = {"subscription": subscription["id"], "metadata": subscription["metadata"]}
    coming = {
        "object": "invoice",
        "amount_due": due,
        "billing_reason": "upcoming",
        "currency": "usd",
        "customer": subscription["customer"],
        "next_payment_attempt": end,
        "status": "draft",
        "total": due,
        "parent": {"type": "subscription_details", "subscription_details": details},
    }
    world.emit("invoice.upcoming", coming)


def _renew(world: World, subscription: Thing) -> None:
    start, end = subscriptions.period_of(world, subscription)
    if subscription["cancel_at_period_end"]:
        subscriptions.end(world, subscription)
        return
    items = subscriptions.items_of(world, subscription)
    parts = lines.parts_of(items)
    after = periods.end_of(end, subscription["billing_cycle_anchor"], parts[0].price["recurring"])
    previous = subscriptions.previous_items(world, subscription)
    subscriptions.set_items(world, subscription, parts, end, after)
    bought = lines.pending(world, subscription["customer"], subscription["id"])
    bought += lines.of_period(world, parts, end, after, subscription["id"])
    invoice = subscriptions.bill(
        world, subscription, bought, reason="subscription_cycle", start=start, end=end
    )
    previous["latest_invoice"] = None
    world.emit("customer.subscription.updated", subscription, previous=previous)
    if invoice["status"] == "open" and subscription["status"] != "unpaid":
        _collect(world, subscription, invoice)


def _retry(world: World, invoice: Thing) -> None:
    subscription = world.store.get(invoice["_subscription"] or "", "subscription")
    if subscription is None:
        collecting.collect(world, invoice)
    else:
        _collect(world, subscription, invoice)


def _collect(world: World, subscription: Thing, invoice: Thing) -> None:
    problem = collecting.collect(world, invoice)
    if problem is None:
        return
    is_last = invoice["next_payment_attempt"] is None
    outcome = world.knobs.after_retries if is_last else "past_due"
    if outcome == "canceled":
        subscriptions.end(world, subscription, reason="payment_failed")
    else:
        subscriptions.set_status(world, subscription, outcome)


def _expire_incomplete(world: World, subscription: Thing) -> None:
    """The first invoice was not paid within 23 hours."""
    subscriptions.end(world, subscription, status="incomplete_expired", reason="payment_failed")


def _expire_pending(world: World, subscription: Thing) -> None:
    subscriptions.drop_pending(world, subscription)
    world.emit("customer.subscription.pending_update_expired", subscription)
