"""Counters that all processes share, for an event loop: what is counted while Valkey answers goes in the next message.

The same keys as `throttling`, so that a caller's minute is one minute whichever server it came to.
"""

import asyncio
import logging
import time
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from apps.core.batching import Batcher

log = logging.getLogger(__name__)

_TIMEOUT_SECONDS = 0.5
_PAUSE_SECONDS = 1.0
_PREFIX = "limit:"
_COUNT = """
local counts = {}
local n = #KEYS
for i = 1, n do
    counts[i] = redis.call('INCRBY', KEYS[i], ARGV[i])
    if counts[i] == tonumber(ARGV[i]) then redis.call('EXPIRE', KEYS[i], ARGV[n + i]) end
end
return counts
"""

Count = tuple[str, int, int]
"""Name, amount, seconds that the counter lives."""


class SharedCounts:
    """Adds to counters; None for everybody while Valkey cannot be asked. For one event loop."""

    def __init__(self) -> None:
        self._batches: Batcher[Count, int | None] = Batcher(self._count)
        self._client: Redis | None = None
        self._digest = ""
        self._paused_until = 0.0

    def add(self, name: str, amount: int, *, seconds: int) -> "asyncio.Future[int | None]":
        """The counter after `amount` was added. Nobody needs to wait for it."""
        return self._batches.put((_PREFIX + name, amount, seconds))

    async def close(self) -> None:
        await self._batches.drained()
        await self._forget()

    async def _count(self, counts: Sequence[Count]) -> Sequence[int | None]:
        if time.monotonic() < self._paused_until:
            return [None] * len(counts)
        try:
            return await self._ask(counts)
        except (RedisError, OSError, TimeoutError) as error:
            self._paused_until = time.monotonic() + _PAUSE_SECONDS
            log.warning("rate limits not shared", extra={"error": type(error).__name__})
            await self._forget()
            return [None] * len(counts)

    async def _ask(self, counts: Sequence[Count]) -> list[int | None]:
        client = self._connected()
        arguments: list[Any] = [name for name, _, _ in counts]
        arguments += [amount for _, amount, _ in counts]
        arguments += [seconds for _, _, seconds in counts]
        if not self._digest:
            self._digest = str(await client.script_load(_COUNT))
        try:
            found = await client.evalsha(self._digest, len(counts), *arguments)
        except NoScriptError:
            # The server was emptied; the script goes along.
            found = await client.eval(_COUNT, len(counts), *arguments)
        return [int(one) for one in found]

    def _connected(self) -> Redis:
        if self._client is None:
            self._client = Redis.from_url(
                settings.REDIS_URL,
                single_connection_client=True,
                socket_timeout=_TIMEOUT_SECONDS,
                socket_connect_timeout=_TIMEOUT_SECONDS,
                # An idle connection may have been closed.
                retry=Retry(NoBackoff(), 1),
            )
        return self._client

    async def _forget(self) -> None:
        client, self._client, self._digest = self._client, None, ""
        if client is not None:
            try:
                await client.aclose()
            except (RedisError, OSError):
                log.debug("connection was gone")
