"""The worker's loop for providers: HTTP of hundreds of attempts at once, database in batches, one thread.

It alternates: claim what is due, let the event loop run until something has come of it, write that. The database is
asked only while the event loop stands still (Django forbids it inside), which is a few milliseconds at a time.
"""

import asyncio
import time
from collections.abc import Collection, Coroutine
from dataclasses import dataclass
from typing import Any

import uvloop

from apps.byoa import selectors as byoa
from apps.byoa.models import Account
from apps.core import sealing, turns
from apps.core.egress import Session
from apps.core.sentences import sentence
from apps.core.stopping import is_stopping
from apps.providers.base import Access, ProviderUnavailable
from apps.tasks.models import FailureCode
from apps.tasks.services import dispatch, wakes
from apps.tasks.services.remote import due, steps, storing, writing
from apps.tasks.services.remote.due import Due
from apps.tasks.services.remote.outcomes import (
    AfterAll,
    Elsewhere,
    Ended,
    Later,
    Outcome,
)
from apps.tasks.services.remote.pace import Pace

_MOST_IN_FLIGHT = 400
_TICK_SECONDS = 0.03
_DISPATCH_SECONDS = 0.03
# With much under way a moment's patience makes the batches larger.
_GATHER_SECONDS = 0.008
_FOLLOW_SECONDS = 0.1
_RENEW_SECONDS = 5.0
_DRAIN_SECONDS = 2.0
_ACCESS_SECONDS = 2.0
# With nothing due sooner than this the loop ends; the beat or the next message starts it again.
_LINGER_SECONDS = 0.5


@dataclass(frozen=True)
class _Known:
    """How to use an account, as it was a moment ago; `access` None when it cannot be used."""

    account_id: int
    until: float
    access: Access | None
    per_minute: int | None


class Pump:
    """One run of the loop. Any number may run at once, in any number of processes: each claims other attempts."""

    def __init__(self, *, most_in_flight: int = _MOST_IN_FLIGHT) -> None:
        self._most = most_in_flight
        self._running: dict[asyncio.Task[Outcome], Due] = {}
        self._known: dict[int, _Known] = {}
        self._pace = Pace()
        self._followed_at = self._renewed_at = self._dispatched_at = 0.0
        self._presence = turns.Presence(wakes.PUMP)

    def run(self, *, seconds: float) -> None:
        """Work until nothing is due, or for about so long."""
        until = time.monotonic() + seconds
        with (
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as self._runner,
            wakes.DISPATCH.handled_by(_nothing),
            wakes.WORK.handled_by(_nothing),
        ):
            self._session = self._runner.run(_opened())
            try:
                while self._turn(is_claiming=time.monotonic() < until):
                    until = self._until(until, seconds)
                    if is_stopping() and time.monotonic() > until + _DRAIN_SECONDS:
                        break
            finally:
                self._presence.leave()
                self._runner.run(self._close())

    def _until(self, until: float, seconds: float) -> float:
        """A worker that stops claims nothing more, and what is under way gets a moment; the rest is found by its lease.

        At the end of its time a loop goes on all the same if something takes long: another one need not be there.
        """
        now = time.monotonic()
        if is_stopping():
            return min(until, now)
        return now + seconds if now > until + _DRAIN_SECONDS else until

    def _turn(self, *, is_claiming: bool) -> bool:
        if is_claiming:
            self._presence.show()
            self._dispatch()
            self._claim()
        else:
            self._presence.leave()
        if self._running:
            self._handle(self._runner.run(self._some()))
            self._renew()
            return True
        return is_claiming and self._rest()

    def _dispatch(self) -> None:
        """While we are here nobody sends a message for what waits or was just freed."""
        if time.monotonic() - self._dispatched_at >= _DISPATCH_SECONDS:
            self._dispatched_at = time.monotonic()
            dispatch.dispatch_waiting()

    def _rest(self) -> bool:
        seconds = due.seconds_to_next()
        if seconds is None or seconds > _LINGER_SECONDS:
            return False
        self._runner.run(asyncio.sleep(min(max(seconds, 0.005), _TICK_SECONDS)))
        return True

    def _claim(self) -> None:
        busy = [one.id for one in self._running.values()]
        self._start(due.to_send(limit=self._most - len(busy), busy=busy))
        if time.monotonic() - self._followed_at >= _FOLLOW_SECONDS:
            self._followed_at = time.monotonic()
            busy = [one.id for one in self._running.values()]
            self._start(due.to_follow(limit=self._most - len(busy), busy=busy))

    def _start(self, found: list[Due]) -> None:
        self._learn({one.account_id for one in found if one.account_id is not None})
        for one in found:
            work = self._step(one, self._known.get(one.account_id or 0))
            self._running[self._runner.get_loop().create_task(work)] = one

    def _step(self, one: Due, known: "_Known | None") -> Coroutine[Any, Any, Outcome]:
        if known is None or known.access is None:
            return _without_account(one)
        if one.state == due.State.ACCEPTED:
            seconds = self._pace.seconds_to_wait(
                account_id=known.account_id, per_minute=known.per_minute
            )
            if seconds:
                return _later(one, seconds)
        return steps.step(one, known.access, self._session)

    def _learn(self, account_ids: Collection[int]) -> None:
        """Open the credentials that are needed. They are kept a moment, in this object only."""
        now = time.monotonic()
        missing = [
            one for one in account_ids if one not in self._known or self._known[one].until < now
        ]
        if not missing:
            return
        accounts = Account.objects.across_workspaces().in_bulk(missing)
        for account_id in missing:
            account = accounts.get(account_id)
            per_minute = account.requests_per_minute if account else None
            until = now + _ACCESS_SECONDS
            self._known[account_id] = _Known(account_id, until, _access_to(account), per_minute)

    async def _some(self) -> list[Outcome]:
        """What has come of at least one step, or nothing after a moment."""
        running = list(self._running)
        done, _ = await asyncio.wait(
            running, timeout=_TICK_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        if done and len(running) > len(done):
            more, _ = await asyncio.wait(running, timeout=_GATHER_SECONDS)
            done = more
        for one in done:
            del self._running[one]
        return [one.result() for one in done]

    def _handle(self, outcomes: list[Outcome]) -> None:
        for outcome, files in storing.announced(outcomes):
            work = self._runner.get_loop().create_task(storing.stored(outcome, files))
            self._running[work] = outcome.due
        writing.write([outcome for outcome in outcomes if not storing.has_to_be(outcome)])

    def _renew(self) -> None:
        if time.monotonic() - self._renewed_at >= _RENEW_SECONDS and self._running:
            self._renewed_at = time.monotonic()
            due.renew([one.id for one in self._running.values()])

    async def _close(self) -> None:
        for one in self._running:
            one.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._session.__aexit__(None, None, None)


def work(*, seconds: float = 60) -> None:
    """Send, follow and finish what is due at providers, for about so long."""
    if _is_idle():
        return
    Pump().run(seconds=seconds)
    # What came while we were leaving: no message was sent for it.
    dispatch.dispatch_waiting()
    if not _is_idle():
        wakes.WORK.now()


def _is_idle() -> bool:
    left = due.seconds_to_next()
    return left is None or left > _LINGER_SECONDS


async def _opened() -> Session:
    return await Session(connections=_MOST_IN_FLIGHT, per_host=_MOST_IN_FLIGHT).__aenter__()


def _nothing() -> None:
    """The loop looks by itself."""


def _access_to(account: Account | None) -> Access | None:
    if account is None:
        return None
    try:
        return byoa.access(account)
    except sealing.CannotOpen:
        return None


async def _later(one: Due, seconds: float) -> Outcome:
    """Its account has been asked as often as it may be."""
    return Later(one, seconds)


async def _without_account(one: Due) -> Outcome:
    """The account was removed, or its credential cannot be opened."""
    if one.state == due.State.ABANDONED:
        return AfterAll(one)
    if one.state == due.State.SENDING:
        error = ProviderUnavailable(sentence("The account cannot be used any more."))
        return Elsewhere(one, error)
    if one.account_id is not None:
        # Its owner may set the credential anew before the task's time is over.
        return Later(one, 30)
    message = sentence("The account that worked on it was removed. Nothing was charged.")
    return Ended(one, FailureCode.ACCOUNT_UNAVAILABLE, message)
