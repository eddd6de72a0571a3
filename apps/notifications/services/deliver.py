"""The pump: claims what is due, has it sent on an event loop of its own, writes down how it went.

One thread does both, in turn: Django's database calls are made while the loop stands still, so nothing here needs a
lock, and the answers that come in meanwhile are dealt with together afterwards.

At least once: a pump that dies leaves its claims to their leases, and what it sent without writing down is sent again.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

import uvloop
from django.db import connection

from apps.core import egress, metrics, stopping, turns
from apps.notifications.models import Delivery
from apps.notifications.services import claims, health
from apps.notifications.services.attempt import Landed, Send, attempt
from apps.notifications.services.claims import Claimed
from apps.notifications.services.lanes import IN_FLIGHT, Lanes
from apps.notifications.services.outbox import TURN

log = logging.getLogger(__name__)

# Long, because the end of a slice cuts off receivers that are slow at that moment; they get the event again.
SLICE_SECONDS = 600
_DRAIN_SECONDS = 2
# With nothing to do the pump stays a moment: the next event finds open connections and no start of a job.
_LINGER_SECONDS = 3
# Looking for work takes at most a quarter of the pump's time, and less when there is none.
_LOOK_SHARE = 3
_SHORTEST_LOOK, _LONGEST_LOOK = 0.005, 0.05
_TOGETHER_SECONDS = 0.002

_lanes = Lanes()


def deliver(
    *, slice_seconds: float = SLICE_SECONDS, linger_seconds: float = _LINGER_SECONDS
) -> bool:
    """Send what is due until nothing is. True when the time was over before the work.

    One process at a time does it; a call while another runs does nothing.
    """
    with turns.taken(TURN) as turn:
        if turn is None:
            return False
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            # A host that several customers share must not keep them waiting for each other: lanes limit, not hosts.
            session = egress.Session(connections=IN_FLIGHT, per_host=IN_FLIGHT)
            runner.run(session.__aenter__())
            try:
                pump = Pump(
                    runner.get_loop(),
                    session.send,
                    _lanes,
                    keep=lambda: turn.keep() and not stopping.is_stopping(),
                )
                return pump.run(slice_seconds=slice_seconds, linger_seconds=linger_seconds)
            finally:
                runner.run(session.__aexit__(None, None, None))


def is_due() -> bool:
    """Whether something waits to be sent now. To be asked after the turn was given back: while it was held, nobody
    sent a message for new work."""
    return bool(claims.walk(after="").lanes)


class Pump:
    """One run of it. `keep` says whether it may go on; it is asked all the time."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        send: Send,
        lanes: Lanes,
        *,
        keep: Callable[[], bool] = lambda: True,
    ) -> None:
        self._loop = loop
        self._send = send
        self._lanes = lanes
        self._keep = keep
        self._flying: dict[Claimed, asyncio.Task[None]] = {}
        self._landed: list[Landed] = []
        self._unwritten: list[Landed] = []
        self._news = asyncio.Event()
        self._walked_to = ""
        self._look_at = 0.0
        self._found_nothing = False
        self._look_pause = _SHORTEST_LOOK
        self._active_at = time.monotonic()

    def run(self, *, slice_seconds: float, linger_seconds: float) -> bool:
        """Pump until nothing was in flight or could be claimed for a while; True when the slice ended first."""
        ends_at = time.monotonic() + slice_seconds
        try:
            while self._keep():
                if time.monotonic() >= ends_at:
                    return True
                self._look()
                self._fly()
                self._settle()
                if self._is_quiet(linger_seconds):
                    return False
            return False
        finally:
            self._drain()

    def _is_quiet(self, linger_seconds: float) -> bool:
        if self._flying or not self._found_nothing:
            self._active_at = time.monotonic()
            return False
        return time.monotonic() - self._active_at >= linger_seconds

    def _look(self) -> None:
        """Claim what there is room for, unless we looked just now."""
        began = time.monotonic()
        if began < self._look_at or self._lanes.in_flight >= IN_FLIGHT:
            return
        found = claims.walk(after=self._walked_to)
        self._walked_to = found.goes_on_after
        rows = claims.take(shares=self._lanes.share(found.lanes, now=began))
        for row in rows:
            self._start(row)
        self._found_nothing = not rows and not self._walked_to
        took = time.monotonic() - began
        idle = self._look_pause * 1.5 if not rows else _SHORTEST_LOOK
        self._look_pause = min(idle, _LONGEST_LOOK)
        self._look_at = time.monotonic() + max(self._look_pause, took * _LOOK_SHARE)

    def _start(self, row: Claimed) -> None:
        self._lanes.started(row.lane)
        if row.claim == 1:
            metrics.DELIVERY_DELAY_SECONDS.observe(max(row.age_seconds, 0))
        self._flying[row] = self._loop.create_task(self._attempt(row))

    async def _attempt(self, row: Claimed) -> None:
        landed = await attempt(row, self._send)
        self._landed.append(landed)  # a list of this moment, not of when the attempt began
        self._news.set()

    def _fly(self) -> None:
        """Let the loop run until something lands or it is time to look again."""
        seconds = self._look_at - time.monotonic()
        if self._lanes.in_flight >= IN_FLIGHT:
            seconds = _LONGEST_LOOK
        self._loop.run_until_complete(self._wait(max(seconds, 0)))

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._news.wait()
        if self._landed:
            # What lands together is written together.
            await asyncio.sleep(_TOGETHER_SECONDS)
        self._news.clear()

    def _settle(self) -> None:
        landed, self._landed = self._landed, []
        if landed:
            self._found_nothing = False  # there is room now for what did not fit before
        for one in landed:
            del self._flying[one.row]
            self._learn(one)
        self._unwritten += landed
        written = claims.record(outcomes=[one.outcome for one in self._unwritten])
        done = [one for one in self._unwritten if one.row.id in written]
        self._unwritten = []
        for one in done:
            _note(one)
        health.note(done)

    def _learn(self, one: Landed) -> None:
        lane = one.row.lane
        if one.outcome.state == Delivery.State.DELIVERED:
            self._lanes.succeeded(lane)
        elif one.says_nothing:
            self._lanes.dropped(lane)
        else:
            self._lanes.failed(lane, now=time.monotonic(), asked_rest=one.asked_rest)

    def _drain(self) -> None:
        """Give what is in flight a moment; what is not back then is sent again when its lease ends."""
        ends_at = time.monotonic() + _DRAIN_SECONDS
        if connection.errors_occurred:
            # The database went away in the middle; what it was not told yet may still be told.
            connection.close_if_unusable_or_obsolete()
        try:
            while self._flying and (left := ends_at - time.monotonic()) > 0:
                self._loop.run_until_complete(self._wait(left))
                self._settle()
            self._settle()
        finally:
            self._drop_all()

    def _drop_all(self) -> None:
        for row, task in self._flying.items():
            task.cancel()
            self._lanes.dropped(row.lane)
        self._flying.clear()


def _note(one: Landed) -> None:
    outcome = one.outcome
    is_final = outcome.state != Delivery.State.WAITING
    metrics.DELIVERIES.labels(outcome.state.lower() if is_final else "retried").inc()
    if outcome.state in (Delivery.State.FAILED, Delivery.State.STOPPED):
        log.warning(
            "delivery given up",
            extra={
                "workspace": one.row.workspace_id,
                "attempt": one.row.attempts + 1,
                "status": outcome.status,
                "reason": outcome.error,
            },
        )
