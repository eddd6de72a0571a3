"""One attempt: from a claimed row to how it went."""

import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from apps.core import sealing
from apps.core.wire import NoAnswer, Request, Response
from apps.notifications import policies, stored
from apps.notifications.models import Delivery
from apps.notifications.services import answers, signing
from apps.notifications.services.claims import Claimed, Outcome

log = logging.getLogger(__name__)

Send = Callable[[Request], Awaitable[Response]]
_LONGEST_ERROR = 200
# What a lane rests after "too many" or "bad gateway" that names no time.
_BUSY_REST_SECONDS = 5


@dataclass(frozen=True)
class Landed:
    """An attempt that is over.

    `asked_rest`: seconds the receiver wants to be left alone; its lane heeds them. `says_nothing` of the receiver:
    nothing was sent, or it is well and only wants no more of this event.
    """

    row: Claimed
    outcome: Outcome
    asked_rest: float = 0
    says_nothing: bool = False


async def attempt(row: Claimed, send: Send) -> Landed:
    """Send one event once. Raises nothing but cancellation: whatever goes wrong is an outcome."""
    if row.is_withheld:
        outcome = _ended(row, Delivery.State.STOPPED, None, stored.WITHHELD, 0)
        return Landed(row, outcome, says_nothing=True)
    began = time.monotonic()
    try:
        secret = sealing.unseal(row.secret, bound_to=row.sealed_to) if row.secret else ""
    except sealing.CannotOpen:
        outcome = _ended(row, Delivery.State.FAILED, None, stored.UNREADABLE, 0)
        return Landed(row, outcome, says_nothing=True)
    try:
        response = await send(_request(row, secret))
    except NoAnswer as error:
        return _failed(row, None, str(error), _ms(began))
    except Exception as error:
        # A fault of ours must not keep the others from being sent. Its message might name what is the customer's.
        log.error("delivery attempt broke", extra={"error": type(error).__name__})  # noqa: TRY400
        return _failed(row, None, stored.NOT_MADE, _ms(began))
    landed = _answered(row, response, _ms(began))
    if row.hook_id is None:
        return landed
    kept = answers.kept(response, secret=secret)
    return replace(landed, outcome=replace(landed.outcome, answer=kept))


def _request(row: Claimed, secret: str) -> Request:
    return signing.request(
        endpoint=row.endpoint,
        message_id=f"msg_{row.event_id.hex}",
        sequence=row.id,
        body=row.body,
        secret=secret,
        now=int(row.now),
    )


def _answered(row: Claimed, response: Response, ms: int) -> Landed:
    status = response.status
    if policies.acknowledges(dialect=row.dialect, status=status):
        return Landed(row, _ended(row, Delivery.State.DELIVERED, status, "", ms))
    if policies.is_gone(status):
        outcome = _ended(row, Delivery.State.STOPPED, status, stored.GONE, ms)
        return Landed(row, outcome, says_nothing=True)
    asked = policies.retry_after(status=status, headers=response.headers, now=row.now)
    rest = max(asked, _BUSY_REST_SECONDS) if policies.is_busy(status) else asked
    return replace(_failed(row, status, _reason(status), ms, asked), asked_rest=rest)


def _reason(status: int) -> str:
    return stored.NOT_FOLLOWED if 300 <= status < 400 else stored.NOT_ACKNOWLEDGED


def _failed(row: Claimed, status: int | None, error: str, ms: int, asked: float = 0) -> Landed:
    wait = policies.wait_seconds(
        attempts=row.attempts + 1, age_seconds=row.age_seconds, retry_after=asked
    )
    if wait is None:
        return Landed(row, _ended(row, Delivery.State.FAILED, status, error, ms))
    return Landed(row, _outcome(row, Delivery.State.WAITING, wait, status, error, ms))


def _ended(row: Claimed, state: str, status: int | None, error: str, ms: int) -> Outcome:
    return _outcome(row, state, 0, status, error, ms)


def _outcome(
    row: Claimed, state: str, wait: float, status: int | None, error: str, ms: int
) -> Outcome:
    return Outcome(row.id, row.claim, state, wait, status, error[:_LONGEST_ERROR], ms)


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
