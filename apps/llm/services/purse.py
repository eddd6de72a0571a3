"""The points that a gateway process may spend at once, without asking the database: its credit blocks, in memory.

A call reserves the most it can cost, from a block of its key; when a block runs low the next is taken, for all who wait
for it together. What a call did cost stays spent of its block, the rest is free again. A block that nobody uses for a
second, or that somebody else needs, goes back. For one event loop.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

from apps.accounts.selectors import Identity
from apps.core.money import POINTS_PER_USD
from apps.core.threads import in_thread
from apps.llm.services import blocks

log = logging.getLogger(__name__)

_IDLE_SECONDS = 1.0
# So long a block gives out reservations; then it ends with the last of them.
_OLDEST_SECONDS = 30.0
_RENEW_SECONDS = 20.0
_RECALLS_SECONDS = 1.0
_TICK_SECONDS = 0.25
# So long before its lease ends a block that could not be extended is used no more.
_MARGIN_SECONDS = 30.0
# A block is worth so many calls at the beginning, and twice as many whenever it lasted less than a second.
_FIRST_CALLS = 4
_MOST_BLOCK = 5 * POINTS_PER_USD
# How long somebody who lacks credits waits for blocks that other processes give back.
_RECALL_SECONDS = 1.5

Owner = tuple[int, int | None, int | None]


@dataclass(eq=False, slots=True)
class _Block:
    id: uuid.UUID
    points: int
    opened_at: float
    lease_until: float
    spent: int = 0
    reserved: int = 0
    in_use: int = 0
    used_at: float = 0.0
    is_closing: bool = False

    @property
    def free(self) -> int:
        return self.points - self.spent - self.reserved

    def gives(self, now: float) -> bool:
        return not self.is_closing and now < self.lease_until - _MARGIN_SECONDS


@dataclass(eq=False, slots=True)
class Reservation:
    """Points set aside for one call. `points` is what it may cost at most; ended by `Purse.settle`, once."""

    block: _Block
    points: int
    owner: Owner
    is_open: bool = True

    @property
    def block_id(self) -> uuid.UUID:
        return self.block.id


@dataclass(eq=False, slots=True)
class _Wish:
    wanted: int
    least: int
    future: "asyncio.Future[Reservation]"


@dataclass(eq=False, slots=True)
class _Pot:
    """What one key (or person) has here."""

    blocks: list[_Block] = field(default_factory=list)
    wishes: list[_Wish] = field(default_factory=list)
    taking: "asyncio.Task[None] | None" = None
    size: int = 0
    taken_at: float = 0.0


class Purse:
    """All blocks of this process. `tend` must run beside it; `close` gives everything back."""

    def __init__(self, *, gateway: str) -> None:
        self.gateway = gateway
        self._pots: dict[Owner, _Pot] = {}
        self._renewed_at = time.monotonic()
        self._looked_at = time.monotonic()

    # ------------------------------------------------------------------ for calls
    def at_once(self, identity: Identity, *, wanted: int) -> Reservation | None:
        """Set `wanted` points aside from a block that is here; None: `reserve` has to get one."""
        owner = _owner(identity)
        pot = self._pots.get(owner)
        return None if pot is None or pot.wishes else self._from(pot, owner, wanted)

    async def reserve(self, identity: Identity, *, wanted: int, least: int) -> Reservation:
        """Set `wanted` points aside, or as much as there is if that is at least `least`.

        Raises InsufficientCredits or SpendLimitReached.
        """
        if (found := self.at_once(identity, wanted=wanted)) is not None:
            return found
        owner = _owner(identity)
        pot = self._pots.setdefault(owner, _Pot())
        future: asyncio.Future[Reservation] = asyncio.get_running_loop().create_future()
        wish = _Wish(wanted, least, future)
        pot.wishes.append(wish)
        if pot.taking is None:
            pot.taking = asyncio.create_task(self._take_all(identity, owner, pot))
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled() and future.exception() is None:
                self.settle(future.result(), cost=0)
            raise

    def extend(self, reservation: Reservation, *, more: int) -> bool:
        """Set more aside for a call that is under way, from the same block; says whether there was as much."""
        block = reservation.block
        if block.free < more or not block.gives(time.monotonic()):
            return False
        block.reserved += more
        reservation.points += more
        return True

    def settle(self, reservation: Reservation, *, cost: int) -> None:
        """The call has cost this much, and its row says so; the rest is free again. Safe to repeat."""
        if not reservation.is_open:
            return
        reservation.is_open = False
        block = reservation.block
        block.reserved -= reservation.points
        block.spent += cost
        block.in_use -= 1
        block.used_at = time.monotonic()

    # ---------------------------------------------------------------- taking blocks
    def _from(self, pot: _Pot, owner: Owner, wanted: int) -> Reservation | None:
        now = time.monotonic()
        # The oldest first, so that it is used up and the next can rest.
        for block in pot.blocks:
            if block.free >= wanted and block.gives(now):
                return _reserved(block, owner, wanted, now)
        return None

    async def _take_all(self, identity: Identity, owner: Owner, pot: _Pot) -> None:
        try:
            while pot.wishes:
                await self._take_for(identity, owner, pot)
        finally:
            pot.taking = None

    async def _take_for(self, identity: Identity, owner: Owner, pot: _Pot) -> None:
        """Serve the wishes there are, with one block for all of them where there is as much."""
        pot.wishes = [one for one in pot.wishes if not one.future.done()]
        if self._serve(pot, owner):
            return
        first = pot.wishes[0]
        total = sum(one.wanted for one in pot.wishes)
        try:
            block = await self._taken(identity, pot, total=total, least=first.least)
        except Exception as error:
            # Only the first is refused: the next may need less.
            if first in pot.wishes:
                pot.wishes.remove(first)
            if not first.future.done():
                first.future.set_exception(error)
            return
        pot.blocks.append(block)
        if not self._serve(pot, owner):
            # Less than the first wanted, but enough for it to begin.
            pot.wishes.remove(first)
            _grant(first, _reserved(block, owner, block.free, time.monotonic()), self)

    def _serve(self, pot: _Pot, owner: Owner) -> bool:
        """Give to whoever waits, in order, what is there; says whether the first got something."""
        served = False
        while pot.wishes:
            first = pot.wishes[0]
            found = self._from(pot, owner, first.wanted)
            if found is None:
                return served
            pot.wishes.pop(0)
            _grant(first, found, self)
            served = True
        return True

    async def _taken(self, identity: Identity, pot: _Pot, *, total: int, least: int) -> _Block:
        wanted = self._size(pot, total)
        for is_last_try in (False, True):
            asked_at = time.monotonic()
            taken = await in_thread(
                blocks.take,
                identity=identity,
                gateway=self.gateway,
                wanted=wanted,
                needed=total,
                least=least,
                is_last_try=is_last_try,
            )
            if taken is not None:
                break
            await self._ask_back(identity.workspace_id)
        else:
            raise RuntimeError("a block was neither taken nor refused")
        lease_until = asked_at + blocks.LEASE_SECONDS
        return _Block(taken.id, taken.points, asked_at, lease_until, used_at=time.monotonic())

    def _size(self, pot: _Pot, total: int) -> int:
        now = time.monotonic()
        first = max(total, _FIRST_CALLS * total // max(1, len(pot.wishes)))
        is_busy = now - pot.taken_at < _IDLE_SECONDS
        pot.size = min(max(first, pot.size * 2 if is_busy else 0), max(_MOST_BLOCK, total))
        pot.taken_at = now
        return pot.size

    async def _ask_back(self, workspace_id: int) -> None:
        """Have idle blocks of the workspace given back, here and elsewhere, and wait a moment for that."""
        idle = [
            block
            for owner, pot in self._pots.items()
            if owner[0] == workspace_id
            for block in pot.blocks
            if not block.in_use and not block.is_closing
        ]
        await self._settle(idle)
        recalled = await in_thread(blocks.recall, workspace_id=workspace_id, but=self.gateway)
        until = time.monotonic() + _RECALL_SECONDS
        while recalled and time.monotonic() < until:
            await asyncio.sleep(0.1)
            left = await in_thread(
                blocks.count_elsewhere, workspace_id=workspace_id, but=self.gateway
            )
            if left < recalled:
                return

    # ------------------------------------------------------------------ looking after
    async def tend(self) -> None:
        """Give back what is not used, extend what is. Runs as long as the process; errors are only logged."""
        while True:
            await asyncio.sleep(_TICK_SECONDS)
            try:
                await self._tend_once()
            except Exception as error:
                log.warning("blocks not tended", extra={"error": type(error).__name__})

    async def _tend_once(self) -> None:
        if not any(pot.blocks for pot in self._pots.values()):
            self._forget_empty()
            return
        now = time.monotonic()
        if now - self._renewed_at > _RENEW_SECONDS or now - self._looked_at > _RECALLS_SECONDS:
            await self._renew(is_due=now - self._renewed_at > _RENEW_SECONDS)
        now = time.monotonic()
        for block in self._all():
            block.is_closing |= now - block.opened_at > _OLDEST_SECONDS
        await self._settle([block for block in self._all() if _is_over(block, now)])
        self._forget_empty()

    async def _renew(self, *, is_due: bool) -> None:
        asked_at = self._looked_at = time.monotonic()
        if is_due:
            states = await in_thread(blocks.renew, gateway=self.gateway)
            self._renewed_at = asked_at
        else:
            states = dict.fromkeys(await in_thread(blocks.recalled, gateway=self.gateway), True)
        for block in self._all():
            if is_due and block.id in states:
                block.lease_until = asked_at + blocks.LEASE_SECONDS
            block.is_closing |= states.get(block.id, False)

    async def _settle(self, over: list[_Block]) -> None:
        if not over:
            return
        for block in over:
            block.is_closing = True
        await in_thread(blocks.settle, block_ids=[block.id for block in over])
        gone = set(over)
        for pot in self._pots.values():
            pot.blocks = [block for block in pot.blocks if block not in gone]

    async def close(self) -> None:
        """Settle everything. Calls that are still under way must have ended."""
        await self._settle(list(self._all()))

    def _all(self) -> Iterator[_Block]:
        for pot in self._pots.values():
            yield from pot.blocks

    def _forget_empty(self) -> None:
        for owner in [one for one, pot in self._pots.items() if not pot.blocks and not pot.taking]:
            if time.monotonic() - self._pots[owner].taken_at > _IDLE_SECONDS:
                del self._pots[owner]


def _is_over(block: _Block, now: float) -> bool:
    if block.in_use:
        return False
    return block.is_closing or now - block.used_at > _IDLE_SECONDS


def _reserved(block: _Block, owner: Owner, points: int, now: float) -> Reservation:
    block.reserved += points
    block.in_use += 1
    block.used_at = now
    return Reservation(block, points, owner)


def _grant(wish: _Wish, reservation: Reservation, purse: Purse) -> None:
    if wish.future.done():
        purse.settle(reservation, cost=0)
    else:
        wish.future.set_result(reservation)


def _owner(identity: Identity) -> Owner:
    return identity.workspace_id, identity.key_id, identity.user_id
