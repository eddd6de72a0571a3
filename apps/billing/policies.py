"""Rules of money that need no database."""

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from apps.core.sentences import sentence


def clawback(*, credit_points: int, paid_points: int, back_points: int) -> int:
    """How many of the credits a payment brought are to be taken back when `back_points` of `paid_points` went back.

    In proportion, rounded down, and all of them when all went back; more than all can never be taken.
    """
    if back_points >= paid_points:
        return credit_points if back_points else 0
    return credit_points * back_points // paid_points


def tax_share(*, tax_points: int, total_points: int, back_points: int) -> int:
    """How much of what went back is tax: in proportion, rounded down, and all of it when all went back."""
    if back_points >= total_points:
        return tax_points
    return tax_points * back_points // total_points


@dataclass(frozen=True)
class LotRest:
    """What is left of a lot; `reference` is that of the line that brought it. `expires_at` None: never."""

    entry_id: int
    reference: str
    expires_at: datetime | None
    points: int


@dataclass(frozen=True)
class Stretch:
    """Ledger lines from `first_id` on, up to the next that brings something or takes a payment's credits back.

    `clawed` points were taken back first, because of the payment that `payment` names; then `spent` went.
    """

    first_id: int
    spent: int
    clawed: int = 0
    payment: str = ""


_NEVER = datetime.max.replace(tzinfo=UTC)


class _Lots:
    """Lots as of one moment; what is taken comes from the one that expires first, among equals from the oldest."""

    def __init__(self) -> None:
        self.left: dict[int, int] = {}
        self._order: list[tuple[datetime, int]] = []
        self._by_reference: dict[str, int] = {}

    def add(self, lot: LotRest) -> None:
        self.left[lot.entry_id] = lot.points
        self._by_reference[lot.reference] = lot.entry_id
        heapq.heappush(self._order, (lot.expires_at or _NEVER, lot.entry_id))

    def take(self, points: int) -> None:
        while points > 0 and self._order:
            lot = self._order[0][1]
            points -= self._take_from(lot, points)
            if not self.left[lot]:
                heapq.heappop(self._order)

    def claw(self, points: int, payment: str) -> None:
        lot = self._by_reference.get(payment)
        self.take(points - (self._take_from(lot, points) if lot is not None else 0))

    def _take_from(self, lot: int, points: int) -> int:
        taken = min(self.left[lot], points)
        self.left[lot] -= taken
        return taken


def lots_after(lots: Iterable[LotRest], stretches: Iterable[Stretch]) -> dict[int, int]:
    """What is left of each lot, by its id, after these ledger lines. Nothing is taken from a lot that came later."""
    ahead = deque(sorted(lots, key=lambda lot: lot.entry_id))
    known = _Lots()
    for stretch in stretches:
        while ahead and ahead[0].entry_id <= stretch.first_id:
            known.add(ahead.popleft())
        known.claw(stretch.clawed, stretch.payment)
        known.take(stretch.spent)
    for lot in ahead:
        known.add(lot)
    return known.left


def expirable(*, expired_points: int, held: int, available: int) -> int:
    """How much of what is left of expired lots may go now.

    What is held may have to come from them: it stays until its work has ended.
    """
    return min(max(expired_points - held, 0), available)


def token_points(value: int, decimals: int) -> int:
    """Points of so many of a dollar token's smallest units, rounded down to a whole point."""
    scale: int = 10**decimals
    return value * 10_000_000 // scale


@dataclass(frozen=True)
class Caps:
    """What a key, a member or a workspace may spend, in points; None: as much as there is.

    Without `refuses` what is spent is counted, and people are told, but nothing is refused.
    """

    daily: int | None = None
    monthly: int | None = None
    total: int | None = None
    refuses: bool = True


@dataclass(frozen=True)
class Counter:
    """A cap that counts: whose, in which period, and from when to when that is (None: no end)."""

    scope: str
    subject_id: int
    period: str
    words: str
    since: datetime
    resets_at: datetime | None
    cap: int
    refuses: bool = True


_A_DAY = sentence("a day (UTC)")
_A_MONTH = sentence("a month (UTC)")
_IN_ALL = sentence("in all")


def counters(*, scope: str, subject_id: int, caps: Caps, now: datetime) -> list[Counter]:
    """The caps that are set, in their periods at this moment: UTC days and months."""
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    month = day.replace(day=1)
    next_month = (month + timedelta(days=32)).replace(day=1)
    periods = [
        (f"{day:%Y-%m-%d}", _A_DAY, day, day + timedelta(days=1), caps.daily),
        (f"{day:%Y-%m}", _A_MONTH, month, next_month, caps.monthly),
        ("total", _IN_ALL, datetime(2000, 1, 1, tzinfo=UTC), None, caps.total),
    ]
    return [
        Counter(str(scope), subject_id, period, words, since, resets_at, cap, caps.refuses)
        for period, words, since, resets_at, cap in periods
        if cap is not None
    ]


_TOLD_AT = (100, 80, 50)


def share_to_tell(*, spent: int, cap: int) -> int:
    """The highest of 50, 80 and 100 percent of a cap that the spending has reached; 0: none."""
    if cap <= 0:
        return 0
    return next((percent for percent in _TOLD_AT if spent * 100 >= cap * percent), 0)


def days_left(*, available: int, spent: int, seconds: float) -> int | None:
    """For how many whole days the balance lasts when spending goes on as in these seconds; None: nothing was spent.

    Less than a day of spending counts as a day of it: one busy hour is not a busy week.
    """
    if spent <= 0:
        return None
    return int(available * max(int(seconds), _DAY_SECONDS) // (spent * _DAY_SECONDS))


_DAY_SECONDS = 86_400
