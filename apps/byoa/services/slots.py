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

    account: Account
    slots: int
    in_use: int
    turn: int
    requests: int | None
    bucket_at: datetime | None
    day: date
    day_count: int
    now: datetime
    # It may take a task that is nobody's follow-up.
    is_open: bool
    # It takes tasks, or will in a moment.
    is_able: bool

    @property
    def id(self) -> int:
        return self.account.pk

    def left(self, *, is_follow_up: bool = False) -> int:
        """How many more it takes. Of its old tasks' follow-ups it takes some beyond a day's cap too."""
        limits = [self.slots - self.in_use]
        if self.requests is not None:
            limits.append(self.requests)
        if self.account.daily_cap is not None and not is_follow_up:
            limits.append(self.account.daily_cap - self.day_count)
        return max(0, min(limits))

    def is_waited_for(self) -> bool:
        """Whether what only it can do waits for it: for a slot or a moment, not for tomorrow's cap."""
        cap = self.account.daily_cap
        return self.is_able and (cap is None or self.day_count < cap)

    def serves(self, family: str) -> bool:
        return not self.account.families or family in self.account.families

    def candidate(self) -> policies.Candidate:
        return policies.Candidate(self.id, self.account.weight, self.turn, self.in_use, self.slots)

    def take(self) -> None:
        self.in_use += 1
        self.day_count += 1
        per_minute = self.account.requests_per_minute
        if self.requests is not None and per_minute:
            self.requests -= 1
            self.bucket_at = policies.bucket_after(
                now=self.now, bucket_at=self.bucket_at, per_minute=per_minute
            )


@dataclass(frozen=True)
class Wish:
    """What a task needs of an account: somebody's (None: the operator's), of one of these providers, at a speed.

    `only` is the account it must run on; `is_follow_up`: because its parent did, so a pause, a period or a day's cap do
    not count. Those to `avoid` are not asked.
    """

    providers: Collection[str]
    family: str
    mode: str = ""
    workspace_id: int | None = None
    only: int | None = None
    is_follow_up: bool = False
    avoid: Collection[int] = ()
    skips_flagged: bool = False


@dataclass(frozen=True)
class Booked:
    """The account that was chosen, and the speed at which it does the work."""

    account_id: int
    provider: str
    mode: str = ""


class Pool:
    """The accounts there are, as the transaction that opened it saw them.

    `book` works in memory and `save` writes all of it; nothing is taken before that. The caller sees to it that only
    one transaction books at a time (an advisory lock), and throws the pool away with its transaction.
    """

    def __init__(self, rooms: Iterable[_Room]) -> None:
        self._rooms: dict[int | None, list[_Room]] = defaultdict(list)
        for room in rooms:
            self._rooms[room.account.workspace_id].append(room)
        self._leases: list[SlotLease] = []
        self._moved: dict[int, _Room] = {}

    def room(self) -> int:
        """How many tasks the operator's accounts together can take."""
        return sum(room.left() for room in self._rooms[None] if room.is_open)

    def has_room(self, wish: Wish) -> bool:
        """Whether such a task could start now."""
        return any(True for _ in self._able(wish))

    def is_waited_for(self, wish: Wish) -> bool:
        """Whether an account that can do it is there, be it full at the moment."""
        return any(
            room.is_waited_for() and policies.takes(room.account, mode=wish.mode)
            for room in self._fitting(wish)
        )

    def book(self, wish: Wish, *, holder: str, expires_at: datetime) -> Booked | None:
        """Give a slot to `holder`; None when no account has room.

        Accounts share new tasks 1 : 2 : 4 by weight; a task that must run on one account moves nobody's turn.
        """
        able = {room.id: room for room in self._able(wish)}
        chosen = able.get(wish.only) if wish.only is not None else self._chosen(able)
        if chosen is None:
            return None
        chosen.take()
        self._moved[chosen.id] = chosen
        self._leases.append(SlotLease(account_id=chosen.id, holder=holder, expires_at=expires_at))
        mode = policies.mode_on(chosen.account, asked=wish.mode)
        return Booked(chosen.id, chosen.account.provider, mode)

    def _chosen(self, able: Mapping[int, _Room]) -> _Room | None:
        choice = policies.choose([room.candidate() for room in able.values()])
        if choice is None:
            return None
        for account_id, turn in choice.turns.items():
            able[account_id].turn = turn
            self._moved[account_id] = able[account_id]
        return able[choice.id]

    def _fitting(self, wish: Wish) -> Iterator[_Room]:
        for room in self._rooms.get(wish.workspace_id, ()):
            if room.account.provider in wish.providers and room.serves(wish.family):
                yield room

    def _able(self, wish: Wish) -> Iterator[_Room]:
        for room in self._fitting(wish):
            if wish.only is not None and room.id != wish.only:
                continue
            if _lets_in(room, wish) and room.id not in wish.avoid:
                yield room

    def save(self) -> None:
        """Write what was booked: two statements, however much it is."""
        if self._leases:
            SlotLease.objects.bulk_create(self._leases)
            _save_accounts(sorted(self._moved.values(), key=lambda room: room.id))
        self._leases, self._moved = [], {}


def _lets_in(room: _Room, wish: Wish) -> bool:
    if wish.is_follow_up:
        return room.left(is_follow_up=True) > 0
    if wish.skips_flagged and room.account.is_flagged:
        return False
    # Whoever names an account takes the speed that it has.
    mode = wish.mode if wish.only is None else policies.mode_on(room.account, asked=wish.mode)
    return room.is_open and policies.takes(room.account, mode=mode) and room.left() > 0


def open_pool(*, workspace_ids: Collection[int] = ()) -> Pool:
    """The operator's accounts and those of the workspaces, by the database's clock.

    What is parked is left out: it can do nothing, not even for follow-ups. New tasks need one that is not paused,
    active or due for a probe, activated if it is a backup, inside its period and below its cap, with a request to
    spare and a slot free.
    """
    return Pool(map(_room, _candidates(workspace_ids)))


def _candidates(workspace_ids: Collection[int]) -> Iterable[Account]:
    now = Now()
    is_ready = Q(status=Status.ACTIVE) | Q(status__in=[Status.COOLING, Status.CHECKING])
    whose = Q(workspace=None)
    if workspace_ids:
        whose |= Q(workspace__in=workspace_ids, seat_ended_at=None)
    return (
        Account.objects.across_workspaces()
        .filter(is_ready, whose)
        .annotate(now=now, in_use=Count("leases", filter=Q(leases__expires_at__gt=now)))
        .defer("credential", "config")
        .order_by("id")
    )


def _room(account: Any) -> _Room:
    now: datetime = account.now
    today = now.date()  # the connection speaks UTC
    is_cooling = account.status == Status.COOLING
    is_probing = is_cooling and account.resume_at is not None and account.resume_at <= now
    state = policies.state_of(account, now=now)
    takes_new = state in (policies.State.ACTIVE, policies.State.NO_FAST_HOURS)
    # While it rests it takes nothing at all; then one task is the probe, and what it still does from before is one too.
    slots = (1 if is_probing else 0) if is_cooling else account.slots
    return _Room(
        account=account,
        slots=0 if account.status == Status.CHECKING else slots,
        in_use=account.in_use,
        turn=account.turn,
        requests=policies.requests_left(
            now=now, bucket_at=account.bucket_at, per_minute=account.requests_per_minute
        ),
        bucket_at=account.bucket_at,
        day=today,
        day_count=account.day_count if account.day == today else 0,
        now=now,
        is_open=takes_new,
        is_able=policies.is_able(account, now=now),
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
DELETE FROM byoa_slotlease WHERE id = ANY (ARRAY(
    SELECT id FROM byoa_slotlease WHERE expires_at <= statement_timestamp()
     ORDER BY id LIMIT 10000 FOR UPDATE SKIP LOCKED))
"""


def expire() -> int:
    """Remove leases past their time. They have not counted since; this only keeps the table small."""
    with connection.cursor() as cursor:
        cursor.execute(_EXPIRE)
        return int(cursor.rowcount)
