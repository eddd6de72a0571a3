"""When an event is sent again, and when we give up."""

import random
from collections.abc import Mapping
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime

from apps.core.sentences import sentence
from apps.notifications.models import Delivery

# After the first attempt, the second, …: the public contract's list, 31 hours in all.
_WAITS = (5, 5, 60, 600, 3_600, 6 * 3_600, 24 * 3_600)
# Then every 12 hours until the event is 5 days old, so that a receiver that is away for a long weekend misses nothing.
_LONG_WAIT = 12 * 3_600
_LONGEST_AGE = 5 * 24 * 3_600
_LONGEST_RETRY_AFTER = 24 * 3_600
_JITTER_FROM, _JITTER = 60, 0.1

NEEDS_DEVELOPER = sentence("Account events by webhook come with the Developer plan.")
# By rank of the plan: Hobbyist, Developer, Premium and what is above.
_MOST_ENDPOINTS = (1, 5, 20)
# An endpoint that fails so often in a row, or for so long, is told of; after days it is switched off.
TOLD_AFTER_FAILURES = 5
TOLD_AFTER = timedelta(minutes=10)
DISABLED_AFTER = timedelta(days=5)

_GONE = 410
_BUSY = frozenset({429, 502, 503, 504})
_HAS_RETRY_AFTER = frozenset({429, 503})


def most_endpoints(*, rank: int) -> int:
    """How many endpoints a workspace may have on a plan of this rank."""
    return _MOST_ENDPOINTS[min(max(rank, 0), len(_MOST_ENDPOINTS) - 1)]


def acknowledges(*, dialect: str, status: int) -> bool:
    """Any 2xx; of a v2 receiver 200 and nothing else."""
    return status == 200 if dialect == Delivery.Dialect.V2 else 200 <= status < 300


def is_gone(status: int) -> bool:
    """The receiver wants nothing more of this."""
    return status == _GONE


def is_busy(status: int) -> bool:
    """The receiver, or what stands before it, asks for fewer requests."""
    return status in _BUSY


def wait_seconds(*, attempts: int, age_seconds: float, retry_after: float = 0) -> float | None:
    """How long after its `attempts`th failure an event is sent again; None to give up.

    Every event gets the contract's eight attempts, however old it is. `retry_after` is what the receiver asked for; it
    counts up to a day. Jitter only lengthens, and only waits of a minute and more.
    """
    if attempts <= len(_WAITS):
        wait: float = _WAITS[attempts - 1]
    elif age_seconds + _LONG_WAIT <= _LONGEST_AGE:
        wait = _LONG_WAIT
    else:
        return None
    if wait >= _JITTER_FROM:
        wait *= 1 + random.random() * _JITTER  # noqa: S311 - spreads load, keeps no secret
    return max(wait, min(retry_after, _LONGEST_RETRY_AFTER))


def retry_after(*, status: int, headers: Mapping[str, str], now: float) -> float:
    """The seconds from `now` (Unix time) that a 429 or 503 asks us to wait; 0 when it does not say."""
    text = headers.get("retry-after", "").strip() if status in _HAS_RETRY_AFTER else ""
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return max(at.timestamp() - now, 0)
