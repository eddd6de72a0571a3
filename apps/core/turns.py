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
