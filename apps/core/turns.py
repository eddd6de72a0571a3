"""One process at a time: a turn that whoever holds it must renew.

Kept in Valkey, not as a lock of a database session: behind a pooler a session is nobody's. Two holders after a flush of
Valkey, or none for some seconds after a kill, must be harmless to the caller; a turn saves work, it guards nothing.
"""

import logging
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.core.cache import cache

log = logging.getLogger(__name__)

_SECONDS = 5
_RENEW_SECONDS = 1.0
_PRESENT_SECONDS = 3


class Turn:
    """Held since it was taken, for as long as `keep` is called at least every few seconds."""

    def __init__(self, name: str) -> None:
        self._key = f"turn:{name}"
        self._token = secrets.token_hex(8)
        self._renewed_at = time.monotonic()

    def take(self) -> bool:
        """Whether the turn is ours now. Raises what the cache raises when it is away."""
        return bool(cache.add(self._key, self._token, timeout=_SECONDS))

    def keep(self) -> bool:
        """Whether it is still ours; asks Valkey at most once a second, and goes on when it is away."""
        if time.monotonic() - self._renewed_at < _RENEW_SECONDS:
            return True
        self._renewed_at = time.monotonic()
        try:
            return self._renew()
        except Exception as error:
            # redis and socket errors have no common ancestor. Without Valkey nobody else is started either.
            log.warning("turn not renewed", extra={"error": type(error).__name__})
            return True

    def _renew(self) -> bool:
        holder = cache.get(self._key)
        if holder is None:
            return self.take()  # flushed, or we were stopped for a while
        return holder == self._token and bool(cache.touch(self._key, _SECONDS))

    def release(self) -> None:
        try:
            if cache.get(self._key) == self._token:
                cache.delete(self._key)
        except Exception as error:
            # It ends by itself in some seconds.
            log.warning("turn not released", extra={"error": type(error).__name__})


def is_taken(name: str) -> bool:
    """Whether somebody has the turn. False while Valkey is away."""
    return _is_set(f"turn:{name}")


class Presence:
    """Says that some process looks for its work by itself, so that nobody need send a message for it.

    Any number may be present. Whoever goes looks once more after `leave`: a message that was not sent because it was
    still there is for work that it can see by then.
    """

    def __init__(self, name: str) -> None:
        self._key = f"present:{name}"
        self._shown_at = float("-inf")

    def show(self) -> None:
        """To be called all the time; costs nothing more often than once a second."""
        if time.monotonic() - self._shown_at < _RENEW_SECONDS:
            return
        self._shown_at = time.monotonic()
        try:
            cache.set(self._key, 1, timeout=_PRESENT_SECONDS)
        except Exception as error:
            log.warning("presence not shown", extra={"error": type(error).__name__})

    def leave(self) -> None:
        """Safe to repeat; costs nothing while not shown."""
        if self._shown_at == float("-inf"):
            return
        self._shown_at = float("-inf")
        try:
            cache.delete(self._key)
        except Exception as error:
            # It ends by itself in some seconds.
            log.warning("presence not ended", extra={"error": type(error).__name__})


def is_present(name: str) -> bool:
    """Whether somebody looks by itself. False while Valkey is away."""
    return _is_set(f"present:{name}")


def _is_set(key: str) -> bool:
    try:
        return cache.get(key) is not None
    except Exception as error:
        log.warning("turn not asked", extra={"error": type(error).__name__})
        return False


@contextmanager
def taken(name: str) -> Iterator[Turn | None]:
    """The turn of that name, None when somebody else has it."""
    turn = Turn(name)
    if not turn.take():
        yield None
        return
    try:
        yield turn
    finally:
        turn.release()
