"""Which account takes the next task, and whether it may now. Numbers in, numbers out: no clock, no database."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from apps.byoa.models import Weight

# What a task costs an account in virtual time: high takes four while low takes one.
STRIDES: dict[str, int] = {Weight.LOW: 4, Weight.MID: 2, Weight.HIGH: 1}
# How far behind the furthest an account may be and catch up: what it missed while its slots were full comes back, what
# it missed while it was parked does not.
LAG = 8


@dataclass(frozen=True)
class Candidate:
    """An account that may take the task."""

    id: int
    weight: str
    turn: int
    in_use: int
    slots: int


@dataclass(frozen=True)
class Choice:
    """Who takes it, and the new `turn` of every account whose turn moved."""

    id: int
    turns: dict[int, int]


def choose(candidates: Sequence[Candidate]) -> Choice | None:
    """Stride scheduling: the smallest turn goes next and moves on by its stride, which shares 1 : 2 : 4 by weight.

    Those that fell behind by more than LAG are first moved up together, so that a healed or new account gets its share
    and no burst, and their order among themselves stays. Ties go to the emptiest, then to the oldest.
    """
    if not candidates:
        return None
    turns = _caught_up({one.id: one.turn for one in candidates})
    first = min(candidates, key=lambda one: (turns[one.id], one.in_use / one.slots, one.id))
    turns[first.id] += STRIDES[first.weight]
    return Choice(
        first.id, {one.id: turns[one.id] for one in candidates if turns[one.id] != one.turn}
    )


def _caught_up(turns: dict[int, int]) -> dict[int, int]:
    front = max(turns.values())
    behind = front - LAG - min(turns.values())
    if behind <= 0:
        return turns
    return {
        key: min(turn + behind, front) if turn < front - LAG else turn
        for key, turn in turns.items()
    }


# ------------------------------------------------------------------ may it take a task now
def is_within(*, now: datetime, start: time | None, end: time | None, zone: str) -> bool:
    """Whether the clock on the wall of `zone` is in [start, end), which may cross midnight.

    An hour that the clocks repeat counts both times, one that they skip never comes. Equal ends mean the whole day.
    """
    if start is None or end is None or start == end:
        return True
    local = now.astimezone(ZoneInfo(zone)).time()
    if start < end:
        return start <= local < end
    return local >= start or local < end


def requests_left(
    *, now: datetime, bucket_at: datetime | None, per_minute: int | None
) -> int | None:
    """How many requests the bucket allows at once; None without a limit.

    GCRA: `bucket_at` is when the bucket is full again. It holds ten seconds' worth, so a minute's allowance never
    goes out in one burst.
    """
    if per_minute is None:
        return None
    burst, interval = _bucket(per_minute)
    missing = max((bucket_at or now) - now, timedelta(0))
    # A request costs one interval; what is partly refilled is not there yet.
    return max(0, burst - math.ceil(missing / interval))


def bucket_after(*, now: datetime, bucket_at: datetime | None, per_minute: int) -> datetime:
    """When the bucket is full again after one request now."""
    _, interval = _bucket(per_minute)
    return max(bucket_at or now, now) + interval


def _bucket(per_minute: int) -> tuple[int, timedelta]:
    if per_minute < 1:
        return 0, timedelta(minutes=1)
    return max(1, per_minute // 6), timedelta(minutes=1) / per_minute
