"""The end of an attempt: what it used, what it costs, its row, and what was held for it given back."""

import asyncio
import logging
import time
from dataclasses import dataclass, replace
from functools import partial

from apps.core.errors import DomainError
from apps.core.sentences import sentence
from apps.core.values import frozen
from apps.llm import policies
from apps.llm.models import End, UsageSource
from apps.llm.services import noting
from apps.llm.services.attempts import Attempt
from apps.llm.services.holding import Held
from apps.llm.services.journal import Slot
from apps.llm.services.lane import Lane
from apps.llm.services.roster import Line
from apps.providers.llm.base import Usage

log = logging.getLogger(__name__)


class NotRecorded(DomainError):
    """The answer was made, but what it costs cannot be written down now, so it is not given out."""

    type = "internal_error"


@frozen
class Charged:
    """What a call came to, as its row says it."""

    end: End
    usage: Usage
    usage_source: UsageSource
    points: int
    total_ms: int


@dataclass(eq=False, slots=True)
class Try:
    """An attempt under way: its row to be, its account, and what it has delivered."""

    attempt: Attempt
    line: Line
    slot: Slot
    started_at: float
    text_bytes: int = 0
    reported: Usage | None = None
    # That were found in a chat's answer; see `pictures`.
    pictures: int = 0


def note_delivery(one: Try, held: Held | None) -> None:
    """What was written so far is about to go to the customer: from here on it is charged, whatever happens.

    By our own count of what was read, too: `recovery` knows no other.
    """
    points = 0
    # Of a price for the whole answer nothing is due while it is not whole.
    if held is not None and not held.bounds.is_flat:
        usage, _ = policies.judged(
            end=End.CLIENT_LEFT,
            reported=None,
            text_bytes=one.text_bytes,
            bounds=held.bounds,
        )
        points = min(held.price.cost(usage), held.points)
    one.slot.delivering(text_bytes=one.text_bytes, points=points)


def move(lane: Lane, one: Try, held: Held, *, input_tokens: int) -> None:
    """The call is now charged to another block: the journal has to know."""
    old = one.slot
    one.slot = lane.journal.open(
        one.attempt, block_id=held.reservation.block_id, input_tokens=input_tokens
    )
    note_delivery(one, held)
    old.close()


def give_up(lane: Lane, one: Try, *, end: End, error: str) -> None:
    """An attempt that gave the customer nothing: it costs nothing, and nobody waits for its row."""
    _fill(one, end=end, error=error)
    lane.roster.free(one.line)
    lane.recorder.write(one.attempt, then=lambda _: one.slot.close())
    noting.note(one.attempt)


def record(
    lane: Lane,
    one: Try,
    held: Held | None,
    bounds: policies.Bounds,
    *,
    how: End,
    error: str = "",
) -> tuple[Charged, "asyncio.Future[bool]"]:
    """What the attempt costs, and its row on its way: nothing of the rest may leave before `recorded` has returned.

    The row is written also when nobody waits for it any more.
    """
    # Nobody else uses the account while a row is written.
    lane.roster.free(one.line)
    usage, source = policies.judged(
        end=how, reported=one.reported, text_bytes=one.text_bytes, bounds=bounds
    )
    if one.pictures and source is not UsageSource.NONE:
        usage = replace(usage, images=one.pictures)
    one.attempt.usage, one.attempt.usage_source = usage, source.value
    _charge(lane, one, held)
    _fill(one, end=how, error=error)
    written = lane.recorder.write(
        one.attempt, then=partial(_settle, lane, one, held, one.attempt.points)
    )
    noting.note(one.attempt)
    return Charged(how, usage, source, one.attempt.points, one.attempt.total_ms), written


async def recorded(one: Try, written: "asyncio.Future[bool]") -> None:
    """The row is committed. Raises NotRecorded when it is not in time."""
    if not await written:
        _withdraw(one)
        raise NotRecorded(
            sentence(
                "The answer could not be recorded, so it is not given out. Try again in a moment."
            ),
            retry_after=5,
        )


def _withdraw(one: Try) -> None:
    """A whole answer is not given out without its row: the row that follows says so, and costs nothing."""
    if not one.attempt.is_stream:
        one.attempt.points = 0
        one.attempt.usage, one.attempt.usage_source = Usage(), UsageSource.NONE.value
        one.attempt.end = End.FAILED.value
        one.attempt.error = sentence("The database could not be reached in time.")


def _charge(lane: Lane, one: Try, held: Held | None) -> None:
    """The cost, within what is held; a little more is taken where there is more, else it is ours to bear."""
    if held is None:
        return
    cost = held.price.cost(one.attempt.usage)
    over = cost - held.points
    if over > 0 and lane.purse.extend(held.reservation, more=over):
        over = 0
    one.attempt.block_id = held.reservation.block_id
    one.attempt.price_version = held.price.version
    one.attempt.points = min(cost, held.points)
    one.attempt.written_off = max(0, over)


def _settle(lane: Lane, one: Try, held: Held | None, points: int, is_written: bool) -> None:
    """The row is there, or will never be: what was held for it is free again.

    A whole answer is under way until it has left (`Serving.__exit__`): if this process dies first, it costs nothing.
    """
    if one.attempt.is_stream or not one.attempt.points:
        one.slot.close()
    if held is not None:
        lane.purse.settle(held.reservation, cost=points if is_written else 0)


def _fill(one: Try, *, end: End, error: str) -> None:
    one.attempt.end = end.value
    one.attempt.error = error
    one.attempt.total_ms = round((time.monotonic() - one.started_at) * 1000)
