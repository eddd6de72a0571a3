"""What a subscription at Stripe means for us. A function of Stripe's facts alone: no row of ours and no clock.

A change that waits for the next period (a cheaper plan, fewer seats) is made at Stripe at once, without money, because
Stripe has no other way to bill it then. What was paid for is kept in the subscription's metadata until the period it
was paid for is over: `keep_plan` = "<version id>@<end of the period>", `keep_seats_<family>` = "<seats>@<end>".
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from apps.accounts.models import PlanVersion
from apps.billing.gateways.stripe_subscriptions import Facts, Item
from apps.billing.models import Subscription
from apps.billing.services.subscriptions.prices import Part, SeatPart

State = Subscription.State

KEEP_PLAN = "keep_plan"
KEEP_SEATS = "keep_seats_"

# https://docs.stripe.com/api/subscriptions/object: "unpaid" and "paused" are subscriptions whose renewal is not paid;
# when they end is our dunning's decision.
_STATES = {
    "incomplete": State.INCOMPLETE,
    "incomplete_expired": State.ENDED,
    "trialing": State.ACTIVE,
    "active": State.ACTIVE,
    "past_due": State.PAST_DUE,
    "unpaid": State.PAST_DUE,
    "paused": State.PAST_DUE,
    "canceled": State.ENDED,
}


class UnknownPrice(Exception):
    """The subscription holds a price that is none of ours, or two plans."""


@dataclass(frozen=True)
class SeatsRead:
    """Seats of a family: now, and where they get fewer, from the next period on."""

    quantity: int
    next_quantity: int | None
    parts: Mapping[SeatPart, Item]


@dataclass(frozen=True)
class Reading:
    """`version_id` and `seats` are what the workspace has now; `next_version_id` a plan it will have instead.

    `plan_item` is the item whose price bills the plan, which after a downgrade is already the next one's.
    """

    state: State
    version_id: int | None
    next_version_id: int | None
    cancels: bool
    seats: Mapping[str, SeatsRead]
    period_starts_at: datetime | None
    period_ends_at: datetime | None
    pay_url: str
    plan_item: Item | None = None
    billed_version: PlanVersion | None = None
    facts: Facts | None = field(default=None, repr=False)

    @property
    def ends_whole(self) -> bool:
        """Whether the subscription ends with its period, not just its plan."""
        return self.facts is not None and self.facts.cancels_at_period_end


def read(facts: Facts, meanings: Mapping[str, Part]) -> Reading:
    """Raises UnknownPrice."""
    state = _STATES.get(facts.status)
    if state is None:
        raise UnknownPrice(f"{facts.ref} is in a state we do not know: {facts.status}")
    plan_item, billed = _plan(facts, meanings)
    starts_at = max((item.period_starts_at for item in facts.items), default=None)
    kept = _kept(facts.metadata.get(KEEP_PLAN, ""), starts_at)
    billed_id = billed.pk if billed is not None else None
    waits = kept is not None and kept != billed_id
    return Reading(
        state=state,
        version_id=kept if waits else billed_id,
        next_version_id=billed_id if waits else None,
        cancels=facts.cancels_at_period_end or (waits and billed_id is None),
        seats=_seats(facts, meanings, starts_at),
        period_starts_at=starts_at,
        period_ends_at=max((item.period_ends_at for item in facts.items), default=None),
        pay_url=_pay_url(facts, state),
        plan_item=plan_item,
        billed_version=billed,
        facts=facts,
    )


def _plan(facts: Facts, meanings: Mapping[str, Part]) -> tuple[Item | None, PlanVersion | None]:
    found: list[tuple[Item, PlanVersion]] = []
    for item in facts.items:
        part = meanings.get(item.price)
        if part is None:
            raise UnknownPrice(f"{facts.ref} holds {item.price}, which is no price of ours")
        if isinstance(part, PlanVersion):
            found.append((item, part))
    if len(found) > 1:
        raise UnknownPrice(f"{facts.ref} holds two plans")
    return found[0] if found else (None, None)


def _seats(
    facts: Facts, meanings: Mapping[str, Part], starts_at: datetime | None
) -> dict[str, SeatsRead]:
    billed: dict[str, dict[SeatPart, Item]] = {}
    for item in facts.items:
        part = meanings[item.price]
        if isinstance(part, SeatPart):
            billed.setdefault(part.family, {})[part] = item
    kept = {
        name.removeprefix(KEEP_SEATS): _kept(text, starts_at)
        for name, text in facts.metadata.items()
        if name.startswith(KEEP_SEATS)
    }
    families = set(billed) | {family for family, quantity in kept.items() if quantity}
    return {
        family: _seats_of(billed.get(family, {}), kept.get(family)) for family in sorted(families)
    }


def _seats_of(parts: Mapping[SeatPart, Item], kept: int | None) -> SeatsRead:
    billed = sum(part.pack * item.quantity for part, item in parts.items())
    if kept is not None and kept > billed:
        return SeatsRead(kept, billed, parts)
    return SeatsRead(billed, None, parts)


def keep(value: int, until: datetime) -> str:
    """The word in the metadata that keeps a plan version or a number of seats until then."""
    return f"{value}@{int(until.timestamp())}"


def _kept(text: str, starts_at: datetime | None) -> int | None:
    value, _, until = text.partition("@")
    if starts_at is None or not (value.isdecimal() and until.isdecimal()):
        return None
    return int(value) if starts_at < datetime.fromtimestamp(int(until), tz=UTC) else None


def _pay_url(facts: Facts, state: State) -> str:
    waits = state in (State.PAST_DUE, State.INCOMPLETE) or facts.has_pending_update
    return facts.pay_url if waits else ""
