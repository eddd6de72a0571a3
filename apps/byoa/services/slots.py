"""Slots: how much each account may do at once, per minute and per day, and who does it."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Q
from django.db.models.functions import Now

from apps.byoa import policies
from apps.byoa.models import Account, SlotLease, Status


@dataclass
class _Room:
    """What one account can still take, counted down as it is booked."""

    id: int
    families: frozenset[str]
    weight: str
    slots: int
    in_use: int
    turn: int
    requests: int | None
    per_minute: int | None
    bucket_at: datetime | None
    day: date
    day_count: int
    daily_cap: int | None
    now: datetime

    def left(self) -> int:
        limits = [self.slots - self.in_use]
        if self.requests is not None:
            limits.append(self.requests)
        if self.daily_cap is not None:
            limits.append(self.daily_cap - self.day_count)
        return max(0, min(limits))

    def serves(self, family: str) -> bool:
        return not self.families or family in self.families

    def candidate(self) -> policies.Candidate:
        return policies.Candidate(self.id, self.weight, self.turn, self.in_use, self.slots)

    def take(self) -> None:
        self.in_use += 1
        self.day_count += 1
        if self.requests is not None and self.per_minute:
            self.requests -= 1
            self.bucket_at = policies.bucket_after(
                now=self.now, bucket_at=self.bucket_at, per_minute=self.per_minute
            )


class Pool:
    """The accounts that may take new tasks, as the transaction that opened it saw them.

    `book` works in memory and `save` writes all of it; nothing is taken before that. The caller sees to it that only
    one transaction books at a time (an advisory lock), and throws the pool away with its transaction.
    """

    def __init__(self, rooms: Iterable[tuple[str, _Room]]) -> None:
        self._rooms: dict[str, list[_Room]] = defaultdict(list)
        for provider, room in rooms:
            self._rooms[provider].append(room)
        self._leases: list[SlotLease] = []
        self._moved: dict[int, _Room] = {}

    def room(self) -> int:
        """How many tasks all accounts together can take."""
        return sum(room.left() for rooms in self._rooms.values() for room in rooms)

    def has_room(self, *, provider: str, family: str) -> bool:
        return any(room.serves(family) and room.left() for room in self._rooms.get(provider, ()))

    def book(
        self,
        *,
        provider: str,
        family: str,
        holder: str,
        expires_at: datetime,
        avoid: Collection[int] = (),
    ) -> int | None:
        """Give a slot to `holder`; the id of its account, or None when no account has room.

        Accounts share new tasks 1 : 2 : 4 by weight. Those to `avoid` are not asked.
        """
        able = {
            room.id: room
            for room in self._rooms.get(provider, ())
            if room.serves(family) and room.left() and room.id not in avoid
        }
        choice = policies.choose([room.candidate() for room in able.values()])
        if choice is None:
            return None
        for account_id, turn in choice.turns.items():
            able[account_id].turn = turn
            self._moved[account_id] = able[account_id]
        able[choice.id].take()
        self._leases.append(SlotLease(account_id=choice.id, holder=holder, expires_at=expires_at))
        return choice.id

    def save(self) -> None:
        """Write what was booked: two statements, however much it is."""
        if self._leases:
            SlotLease.objects.bulk_create(self._leases)
            _save_accounts(sorted(self._moved.values(), key=lambda room: room.id))
        self._leases, self._moved = [], {}


def open_pool() -> Pool:
    """The operator's accounts that may take a new task now, by the database's clock.

    That is: not paused, active or due for a probe, inside their period, below their cap, with a request to spare and a
    slot free.
    """
    return Pool(_rooms(_candidates()))


def _candidates() -> Iterable[Mapping[str, Any]]:
    now = Now()
    is_ready = Q(status=Status.ACTIVE) | Q(status=Status.COOLING, resume_at__lte=now)
    return (
        Account.objects.across_workspaces()
        .filter(is_ready, workspace=None, is_paused=False)
        .annotate(now=now, in_use=Count("leases", filter=Q(leases__expires_at__gt=now)))
        .order_by("id")
        .values(
            "id", "provider", "families", "weight", "slots", "status", "turn", "requests_per_minute", "bucket_at",
            "day", "day_count", "daily_cap", "active_from", "active_to", "time_zone", "now", "in_use",
        )
    )  # fmt: skip


def _rooms(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, _Room]]:
    for row in rows:
        room = _room(row)
        if room.left() and policies.is_within(
            now=row["now"], start=row["active_from"], end=row["active_to"], zone=row["time_zone"]
        ):
            yield row["provider"], room


def _room(row: Mapping[str, Any]) -> _Room:
    now: datetime = row["now"]
    today = now.date()  # the connection speaks UTC
    per_minute = row["requests_per_minute"]
    return _Room(
        id=row["id"],
        families=frozenset(row["families"]),
        weight=row["weight"],
        # One task is the probe of an account that has cooled; what it still does from before is one too.
        slots=1 if row["status"] == Status.COOLING else row["slots"],
        in_use=row["in_use"],
        turn=row["turn"],
        requests=policies.requests_left(now=now, bucket_at=row["bucket_at"], per_minute=per_minute),
        per_minute=per_minute,
        bucket_at=row["bucket_at"],
        day=today,
        day_count=row["day_count"] if row["day"] == today else 0,
        daily_cap=row["daily_cap"],
        now=now,
    )


# Rows are locked in one order by everybody who locks several.
_SAVE = """
WITH locked AS MATERIALIZED (
    SELECT id FROM byoa_account WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id FOR NO KEY UPDATE)
UPDATE byoa_account a
   SET turn = v.turn, bucket_at = v.bucket_at, day = v.day, day_count = v.day_count
  FROM unnest(%(ids)s::bigint[], %(turns)s::bigint[], %(buckets)s::timestamptz[], %(days)s::date[],
              %(counts)s::int[]) AS v(id, turn, bucket_at, day, day_count)
  JOIN locked ON locked.id = v.id
 WHERE a.id = v.id
"""


def _save_accounts(rooms: Sequence[_Room]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _SAVE,
            {
                "ids": [room.id for room in rooms],
                "turns": [room.turn for room in rooms],
                "buckets": [room.bucket_at for room in rooms],
                "days": [room.day for room in rooms],
                "counts": [room.day_count for room in rooms],
            },
        )


def free(*, holders: Sequence[str]) -> int:
    """Give slots back, in the caller's transaction. Says how many there were; safe to repeat."""
    if not holders:
        return 0
    return SlotLease.objects.filter(holder__in=holders).delete()[0]


_EXPIRE = """
DELETE FROM byoa_slotlease WHERE id IN (
    SELECT id FROM byoa_slotlease WHERE expires_at <= statement_timestamp()
     ORDER BY id LIMIT 10000 FOR UPDATE SKIP LOCKED)
"""


def expire() -> int:
    """Remove leases past their time. They have not counted since; this only keeps the table small."""
    with connection.cursor() as cursor:
        cursor.execute(_EXPIRE)
        return int(cursor.rowcount)
