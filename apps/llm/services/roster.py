"""Who answers: the accounts that a gateway process can use, and whose turn it is.

The same rules as for tasks (`byoa.policies`: families, weights 1 : 2 : 4, slots, status, period, caps), on a copy that
is read anew every second, because a call cannot wait for the transaction in which tasks book their slots. Each process
takes its share of an account's slots, so all of them together keep to it. For one event loop.
"""

import asyncio
import logging
import re
import time
from collections import Counter
from collections.abc import Collection, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings

from apps.byoa import policies, selectors
from apps.byoa.selectors import LiveAccount
from apps.byoa.services import calls, health
from apps.catalog.llm.model import LlmRoute
from apps.core.threads import in_thread
from apps.providers.base import (
    Access,
    AccountNeedsOwner,
    Need,
    ProviderError,
    ProviderUnavailable,
)

log = logging.getLogger(__name__)

_FRESH_SECONDS = 1.0
# A copy older than this is not believed, even where a new one is on its way.
_STALE_SECONDS = 5.0
# A failed account is left alone here until its row says more.
_REST_SECONDS = 1.0
_LONGEST_REST_SECONDS = 60.0
_LOCAL_SLOTS = 16
# Words about a whole account, in what else may be about a model.
_OF_ACCOUNT = re.compile(
    r"deactivat|suspend|terminat|country|territory|location|region|billing|(not|in)active",
    re.IGNORECASE,
)
_LOCAL = "local"


@dataclass(eq=False, slots=True)
class Line:
    """An account in this process: what it is (`account`; None: our own model server), and what it does here."""

    account: LiveAccount | None
    provider: str
    access: Access
    in_use: int = 0
    turn: int = 0
    resting_until: float = 0.0
    slots: int = _LOCAL_SLOTS

    @property
    def account_id(self) -> int | None:
        return None if self.account is None else self.account.id

    def has_room(self, now: float) -> bool:
        return self.in_use < self.slots and now >= self.resting_until


@dataclass(eq=False, slots=True)
class _Copy:
    """Accounts of one owner as they were read."""

    lines: dict[int, Line] = field(default_factory=dict)
    # Of the operator's: (provider, family) of accounts that will serve, if not now.
    hopeful: frozenset[tuple[str, str]] = frozenset()
    read_at: float = float("-inf")
    reading: "asyncio.Task[None] | None" = None


class Full(Exception):
    """Every account that could is busy; one is free again in a moment."""


class NobodyServes(Exception):
    """No account is there that could."""


class Roster:
    """The accounts of this process."""

    def __init__(self, *, share: "Share") -> None:
        self._share = share
        self._copies: dict[int | None, _Copy] = {}
        self._freed: asyncio.Event = asyncio.Event()
        self._called: Counter[int] = Counter()
        self._local = Line(None, _LOCAL, Access(base_url=settings.LOCAL_MODELS_URL, credential=""))
        self._telling: set[asyncio.Task[None]] = set()

    async def take(
        self,
        *,
        workspace_id: int | None,
        family: str,
        routes: Sequence[LlmRoute],
        avoid: Collection[Line],
    ) -> tuple[Line, LlmRoute]:
        """A line for a call, and the route it is on: of the first route that has one free, whoever's turn it is.

        `workspace_id`: whose accounts; None: the operator's, and our own model server. Raises Full or NobodyServes.
        Give it back with `free`.
        """
        copy = await self._fresh(workspace_id)
        now = time.monotonic()
        is_there = False
        for route in routes:
            fitting = self._fitting(copy, route, family, workspace_id, avoid)
            open_ones = [one for one in fitting if one.has_room(now)]
            if open_ones:
                return self._taken(_turn(open_ones)), route
            is_there |= any(now >= one.resting_until for one in fitting)
        raise Full if is_there else NobodyServes

    async def freed(self, *, seconds: float) -> None:
        """Until an account has room again, or so long."""
        self._freed.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._freed.wait()
        except TimeoutError:
            return

    def free(self, line: Line) -> None:
        """The call is over, whatever came of it."""
        line.in_use -= 1
        self._freed.set()

    def worked(self, line: Line) -> None:
        """The account did what it was asked; its row hears of it where that is news."""
        if line.account is not None and not line.account.is_sound:
            self._tell(in_thread(health.worked, account_ids=[line.account.id]))

    def failed(self, line: Line, error: ProviderError) -> None:
        """The account did not: it rests here at once, and its row says what is to become of it.

        That it lacks a model or an endpoint says nothing about the rest of it. A customer chooses which is asked for,
        and must not be able to park an account for all others by it.
        """
        if _is_of_request(error):
            return
        rest = _REST_SECONDS
        if isinstance(error, ProviderUnavailable) and error.retry_after_seconds:
            rest = min(error.retry_after_seconds, _LONGEST_REST_SECONDS)
        line.resting_until = time.monotonic() + rest
        if line.account is not None:
            self._tell(in_thread(health.failed, account_id=line.account.id, error=error))

    def is_served(self, *, family: str, routes: Sequence[LlmRoute]) -> bool:
        """Whether somebody of the operator's could, by the newest copy. For lists; asks nothing."""
        copy = self._copies.get(None) or _Copy()
        return any(self._fitting(copy, route, family, None, ()) for route in routes)

    def has_account(self, *, family: str, routes: Sequence[LlmRoute]) -> bool:
        """Whether the operator has any account for it, also one that rests. By the newest copy."""
        hopeful = (self._copies.get(None) or _Copy()).hopeful
        return any((route.provider, one) in hopeful for route in routes for one in ("", family))

    async def refresh(self) -> None:
        """Have a copy of the operator's accounts that is not too old."""
        await self._fresh(None)

    async def note_calls(self) -> None:
        """Write down how many calls the accounts got since the last time."""
        called, self._called = self._called, Counter()
        try:
            await in_thread(calls.count, calls=called)
        except Exception:
            self._called.update(called)
            raise

    async def close(self) -> None:
        await asyncio.gather(*self._telling, return_exceptions=True)
        await self.note_calls()

    # ------------------------------------------------------------------------ choosing
    def _fitting(
        self,
        copy: _Copy,
        route: LlmRoute,
        family: str,
        workspace_id: int | None,
        avoid: Collection[Line],
    ) -> list[Line]:
        if route.provider == _LOCAL:
            is_on = workspace_id is None and bool(settings.LOCAL_MODELS_URL)
            return [self._local] if is_on and self._local not in avoid else []
        return [
            line
            for line in copy.lines.values()
            if line.provider == route.provider
            and line.account is not None
            and line.account.serves(family)
            and line not in avoid
        ]

    def _taken(self, line: Line) -> Line:
        line.in_use += 1
        if line.account is not None:
            self._called[line.account.id] += 1
        return line

    def _tell(self, work: Coroutine[Any, Any, None]) -> None:
        async def told() -> None:
            try:
                await work
            except Exception as error:
                log.warning("account not told", extra={"error": type(error).__name__})

        task = asyncio.create_task(told())
        self._telling.add(task)
        task.add_done_callback(self._telling.discard)

    # ------------------------------------------------------------------------- reading
    async def _fresh(self, workspace_id: int | None) -> _Copy:
        copy = self._copies.get(workspace_id)
        if copy is None:
            copy = self._copies[workspace_id] = _Copy()
        age = time.monotonic() - copy.read_at
        if age > _FRESH_SECONDS and copy.reading is None:
            copy.reading = asyncio.create_task(self._read(workspace_id, copy))
        if age > _STALE_SECONDS and copy.reading is not None:
            await asyncio.shield(copy.reading)
        return copy

    async def _read(self, workspace_id: int | None, copy: _Copy) -> None:
        try:
            asked_at = time.monotonic()
            found = await in_thread(
                selectors.live_accounts, workspace_id=workspace_id, providers=PROVIDERS
            )
            if workspace_id is None:
                copy.hopeful = await in_thread(selectors.hopeful, providers=PROVIDERS)
            copy.lines = {one.id: self._line(copy, one) for one in found}
            copy.read_at = asked_at
            self._freed.set()
        except Exception as error:
            # The old copy serves on for a while; whoever needs a new one sees what is wrong.
            log.warning("accounts not read", extra={"error": type(error).__name__})
            if time.monotonic() - copy.read_at > _STALE_SECONDS:
                raise
        finally:
            copy.reading = None

    def _line(self, copy: _Copy, account: LiveAccount) -> Line:
        """The line of before with what is new of its account: it still does what it did."""
        line = copy.lines.get(account.id) or Line(account, account.provider, account.access)
        line.account, line.access = account, account.access
        line.slots = self._share.of(account.slots)
        return line


# Whoever speaks a language model's interface.
PROVIDERS = ("openai", "anthropic", "google", "federation")


def _turn(lines: Sequence[Line]) -> Line:
    if len(lines) == 1:
        return lines[0]
    candidates = [
        policies.Candidate(
            number,
            line.account.weight if line.account else "mid",
            line.turn,
            line.in_use,
            line.slots,
        )
        for number, line in enumerate(lines)
    ]
    choice = policies.choose(candidates)
    if choice is None:
        return lines[0]
    for number, turn in choice.turns.items():
        lines[number].turn = turn
    return lines[choice.id]


def _is_of_request(error: ProviderError) -> bool:
    is_setup = isinstance(error, AccountNeedsOwner) and error.need is Need.SETUP
    return is_setup and not _OF_ACCOUNT.search(str(error))


class Share:
    """How many gateway processes there are, and which of them this is."""

    def __init__(self) -> None:
        self.processes = 1
        self.rank = 0

    def of(self, slots: int) -> int:
        """This process's part of an account's slots. With fewer slots than processes each may use one."""
        whole, rest = divmod(slots, self.processes)
        return max(1, whole + (1 if self.rank < rest else 0))
