"""Seats: rented places for own accounts of a family, as quantities on the workspace's subscription.

More seats are charged now for the rest of the period, fewer count from the next period on. Raises as `change` does.
"""

from dataclasses import dataclass
from datetime import datetime

from apps.accounts.models import Workspace
from apps.billing.gateways import stripe_subscriptions
from apps.billing.gateways.stripe_subscriptions import Change
from apps.billing.models import Seats, Subscription
from apps.billing.selectors.subscriptions import subscription_of
from apps.billing.services.subscriptions import prices
from apps.billing.services.subscriptions.change import (
    Asked,
    charge,
    current,
    keep_seats,
    later,
    note,
    set_cancelling,
)
from apps.billing.services.subscriptions.prices import SeatPrice
from apps.billing.services.subscriptions.reading import Reading, SeatsRead
from apps.billing.services.subscriptions.start import Return, explained, start_seats
from apps.billing.services.subscriptions.sync import read, sync
from apps.core.errors import InvalidRequest
from apps.core.sentences import sentence

MOST = 1000
_NONE = SeatsRead(0, None, {})


@dataclass(frozen=True)
class Preview:
    """What it would mean to have so many seats in all.

    `today_points` is charged now, tax included, for the rest of the period that ends at `period_ends_at`; None where
    that can only be told when it is done. Fewer seats cost nothing now and count from the next period on.
    """

    has: int
    seats: int
    today_points: int | None
    monthly_points: int
    is_first_payment: bool
    period_ends_at: datetime | None


def preview(*, workspace: Workspace, family: str, seats: int) -> Preview:
    """Asks the payment provider, and changes nothing. Raises as `set_seats` does."""
    price = prices.seat_price(family)
    _check(seats, price)
    if subscription_of(workspace_id=workspace.pk) is None:
        month = price.monthly_points(seats)
        return Preview(0, seats, month, month, is_first_payment=True, period_ends_at=None)
    row = current(workspace=workspace)
    with explained():
        told = read(ref=row.ref)
        has = told.seats.get(family, _NONE)
        price = _agreed(row, family)
        today = _today(row, has, price, seats)
    return Preview(
        has=has.quantity,
        seats=seats,
        today_points=today,
        monthly_points=price.monthly_points(seats),
        is_first_payment=False,
        period_ends_at=told.period_ends_at,
    )


def _today(row: Subscription, has: SeatsRead, price: SeatPrice, seats: int) -> int | None:
    if seats <= has.quantity:
        return 0
    if has.next_quantity is not None:
        # Two changes, of which only the second one is charged: nobody can be asked what that comes to.
        return None
    told = stripe_subscriptions.preview(row.ref, _changes(has, price, seats))
    return max(told.total_points, 0)


def set_seats(*, asked: Asked, family: str, seats: int, back: Return) -> str:
    """Rent so many seats of a family in all. Returns where to pay or confirm, or nothing when it is done.

    Without a subscription one is started on Stripe's page; the customer comes back to `back`.
    """
    price = prices.seat_price(family)
    _check(seats, price)
    if subscription_of(workspace_id=asked.workspace.pk) is None:
        if seats == 0:
            return ""
        parts = price.parts(seats)
        key = asked.client_key
        return start_seats(workspace=asked.workspace, parts=parts, client_key=key, back=back)
    row = current(workspace=asked.workspace)
    with explained():
        row = _set(asked, row, family, seats)
    note(asked, "seats.changed", family, {"seats": seats})
    return row.pay_url


def _check(seats: int, price: SeatPrice) -> None:
    if not 0 <= seats <= MOST:
        raise InvalidRequest.field("seats", sentence("Between 0 and {most} seats.", most=MOST))
    if seats % price.pack:
        words = sentence("These seats come {count} at a time.", count=price.pack)
        raise InvalidRequest.field("seats", words)


def _set(asked: Asked, row: Subscription, family: str, seats: int) -> Subscription:
    told = read(ref=row.ref)
    has = told.seats.get(family, _NONE)
    price = _agreed(row, family)
    if seats < has.quantity:
        return _fewer(asked, row, told, (family, seats, price))
    if has.next_quantity is not None:
        # What waits is taken back first: seats that are paid for are not charged again.
        changes = _changes(has, price, has.quantity)
        row = later(asked, row, changes, keep_seats(family, 0, told), what=f"keep:{family}")
        told = read(ref=row.ref)
        has = told.seats.get(family, _NONE)
    if told.ends_whole and seats:
        row = set_cancelling(asked, row, cancels=False)
    if seats == has.quantity:
        return sync(ref=row.ref)
    return charge(asked, row, _changes(has, price, seats), what=f"seats:{family}:{seats}")


def _agreed(row: Subscription, family: str) -> SeatPrice:
    """What the workspace pays for seats of the family, or would today."""
    today = prices.seat_price(family)
    known = Seats.objects.of(row.workspace_id).filter(subscription=row, family=family).first()
    if known is None or not known.first_points:
        return today
    return SeatPrice(family, known.first_points, known.further_points, today.pack)


def _fewer(
    asked: Asked, row: Subscription, told: Reading, wanted: tuple[str, int, SeatPrice]
) -> Subscription:
    family, seats, price = wanted
    has = told.seats[family]
    if has.next_quantity == seats:
        return sync(ref=row.ref)
    if seats == 0 and _is_all(told, family):
        return set_cancelling(asked, row, cancels=True)
    changes = _changes(has, price, seats)
    kept = keep_seats(family, has.quantity, told)
    return later(asked, row, changes, kept, what=f"seats:{family}:{seats}")


def _is_all(told: Reading, family: str) -> bool:
    """Whether the subscription bills nothing else: at Stripe it cannot become empty, only end."""
    others = any(read_.parts for name, read_ in told.seats.items() if name != family)
    return told.billed_version is None and not others


def _changes(has: SeatsRead, price: SeatPrice, seats: int) -> list[Change]:
    """From the items that are billed to those of so many seats."""
    wanted = price.parts(seats)
    gone = [Change("", 0, ref=item.ref) for part, item in has.parts.items() if part not in wanted]
    changed = []
    for part, quantity in wanted.items():
        item = has.parts.get(part)
        if item is None:
            changed.append(Change(prices.seat_part_price(part), quantity))
        elif item.quantity != quantity:
            changed.append(Change(item.price, quantity, ref=item.ref))
    return changed + gone
