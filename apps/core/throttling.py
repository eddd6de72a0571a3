"""How many requests a minute: exact under any concurrency, one round trip to Valkey for each request.

A window is a minute of the clock. The counter is raised first and looked at afterwards, so there is no moment between
the look and the count in which others slip through.
"""

import ipaddress
import logging
import threading
import time
from functools import cache
from typing import Any

from django.conf import settings
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from apps.core.errors import RateLimited
from apps.core.sentences import sentence
from apps.core.values import frozen

log = logging.getLogger(__name__)

WINDOW_SECONDS = 60
# What one process lets a key spend money on per minute while nobody can count for all of them.
ALONE_PER_MINUTE = 60
_TIMEOUT_SECONDS = 0.25
# Valkey is asked again this long after it failed, so that an outage does not cost every request a time-out.
_PAUSE_SECONDS = 1.0
_paused_until = 0.0
_start = threading.Lock()


@frozen
class Allowance:
    """A caller's minute, or longer window, after a request was counted: what the standard headers say."""

    limit: int
    used: int
    reset_seconds: int
    name: str = ""
    window_seconds: int = WINDOW_SECONDS

    @property
    def headers(self) -> dict[str, str]:
        headers = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(max(0, self.limit - self.used)),
            "RateLimit-Reset": str(self.reset_seconds),
        }
        return headers | {"Retry-After": str(self.reset_seconds)} if self.is_over else headers

    @property
    def is_over(self) -> bool:
        return self.used > self.limit

    def require(self) -> None:
        """Raises RateLimited when the window is used up."""
        if self.is_over:
            raise RateLimited(
                sentence(
                    "{problem} Try again in {seconds} s.",
                    problem=self._too_many(),
                    seconds=self.reset_seconds,
                ),
                detail={"limit": self.limit, "window_seconds": self.window_seconds},
                retry_after=self.reset_seconds,
            )

    def _too_many(self) -> str:
        if self.window_seconds == WINDOW_SECONDS:
            return sentence("More than {limit} requests in a minute.", limit=self.limit)
        return sentence(
            "More than {limit} tries in {minutes} minutes.",
            limit=self.limit,
            minutes=self.window_seconds // 60,
        )


def count_key(*, key_id: int, limit: int | None, is_paid: bool) -> Allowance:
    """Count a request of an API key. `is_paid`: it may cost money, so it is limited even without Valkey."""
    return _count(f"key:{key_id}", limit or settings.API_RATE_PER_MINUTE, is_paid=is_paid)


def count_address(*, ip: str) -> Allowance:
    """Count a request that no valid key came with. Neighbours of an IPv6 network count as one caller."""
    return _count(f"ip:{_network(ip)}", settings.ANONYMOUS_RATE_PER_MINUTE, is_paid=False)


def count_callback(*, ip: str) -> Allowance:
    """Count a call from a provider's address: many come from one, so it may call as often as a customer's key."""
    return _count(f"hook:{_network(ip)}", settings.API_RATE_PER_MINUTE, is_paid=False)


def count_try(*, caller: str, limit: int, window_seconds: int) -> Allowance:
    """Count a guess at a secret before it is looked up, so that no guesses slip through at once.

    A guess that was right is given back with `forgive`. Without Valkey each process counts by itself.
    """
    return _count(f"try:{caller}", limit, is_paid=True, window_seconds=window_seconds)


def forgive(allowance: Allowance) -> None:
    """The counted request was none that the limit is about."""
    if _shared_count(allowance.name, allowance.window_seconds, -1) is None:
        _alone().incr(allowance.name, allowance.window_seconds, -1)


@frozen
class Window:
    """A caller's present window: the name under which all processes count it, and when it ends."""

    name: str
    limit: int
    window_seconds: int
    reset_seconds: int

    def allowance(self, used: int | None) -> Allowance:
        """What the count says. None: nobody could count for all processes; then each lets a few through by itself."""
        limit = self.limit
        if used is None:
            limit = min(limit, ALONE_PER_MINUTE)
            used = _alone().incr(self.name, self.window_seconds)
        return Allowance(limit, used, self.reset_seconds, self.name, self.window_seconds)


def window(*, caller: str, limit: int, window_seconds: int = WINDOW_SECONDS) -> Window:
    """The window of a caller now, for who counts by other means (`shared_counts`)."""
    now = time.time()
    number = int(now // window_seconds)
    reset_seconds = max(1, int((number + 1) * window_seconds - now))
    return Window(f"{caller}:{number}", limit, window_seconds, reset_seconds)


def key_window(*, key_id: int, limit: int | None) -> Window:
    """The minute of an API key, as `count_key` counts it."""
    return window(caller=f"key:{key_id}", limit=limit or settings.API_RATE_PER_MINUTE)


def _count(
    caller: str, limit: int, *, is_paid: bool, window_seconds: int = WINDOW_SECONDS
) -> Allowance:
    counted = window(caller=caller, limit=limit, window_seconds=window_seconds)
    used = _shared_count(counted.name, window_seconds)
    if used is None and not is_paid:
        used = 0
    return counted.allowance(used)


def _shared_count(name: str, seconds: int, amount: int = 1) -> int | None:
    """The count over all processes, or None while Valkey cannot be asked."""
    global _paused_until
    if time.monotonic() < _paused_until:
        return None
    try:
        return int(_shared().incr(name, seconds, amount))
    except (StorageError, RedisError) as error:
        # The first wraps what goes wrong in use, the second is what connecting raises.
        _paused_until = time.monotonic() + _PAUSE_SECONDS
        cause = error.storage_error if isinstance(error, StorageError) else error
        log.warning("rate limits not shared", extra={"error": type(cause).__name__})
        return None


class _Own(threading.local):
    """A connection for each thread: a pool looks at the socket before every use, one more system call."""

    storage: RedisStorage | None = None


_own = _Own()


def _shared() -> RedisStorage:
    if _own.storage is None:
        # One retry at once: the server may have closed a connection that was idle.
        options: dict[str, Any] = {
            "single_connection_client": True,
            "retry": Retry(NoBackoff(), 1),
            "socket_timeout": _TIMEOUT_SECONDS,
            "socket_connect_timeout": _TIMEOUT_SECONDS,
        }
        _own.storage = RedisStorage(
            settings.REDIS_URL, key_prefix="limit", wrap_exceptions=True, **options
        )
    return _own.storage


def forget_connections() -> None:
    """For tests that change the server's address: this thread connects anew."""
    global _paused_until
    _own.storage = None
    _paused_until = 0.0


def _alone() -> MemoryStorage:
    # The lock: two first callers must not count in two places.
    with _start:
        return _made_alone()


@cache
def _made_alone() -> MemoryStorage:
    return MemoryStorage()


def _network(ip: str) -> str:
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        return "unknown"
    if address.version == 4:
        return ip
    return str(ipaddress.ip_network((ip, 64), strict=False).network_address)
