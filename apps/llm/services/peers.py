"""How many gateway processes there are: each says that it lives, and shares an account's slots with the others."""

import asyncio
import logging
import time
from typing import Any

from django.conf import settings
from redis.asyncio import Redis
from redis.exceptions import RedisError

from apps.llm.services.roster import Share

log = logging.getLogger(__name__)

_EVERY_SECONDS = 2.0
_ALIVE_SECONDS = 8.0
_TIMEOUT_SECONDS = 1.0
_NAME = "llm:gateways"


class Peers:
    """Keeps `share` up to date. While Valkey is away everybody goes on with what was known last."""

    def __init__(self, *, gateway: str, share: Share) -> None:
        self._gateway = gateway
        self._share = share
        self._client: Redis = Redis.from_url(
            settings.REDIS_URL,
            socket_timeout=_TIMEOUT_SECONDS,
            socket_connect_timeout=_TIMEOUT_SECONDS,
        )

    async def tend(self) -> None:
        while True:
            try:
                await self._look()
            except (RedisError, OSError, TimeoutError) as error:
                log.warning("gateways not counted", extra={"error": type(error).__name__})
            await asyncio.sleep(_EVERY_SECONDS)

    async def _look(self) -> None:
        now = time.time()
        async with self._client.pipeline(transaction=False) as pipe:
            pipe.zadd(_NAME, {self._gateway: now})
            pipe.zremrangebyscore(_NAME, 0, now - _ALIVE_SECONDS)
            pipe.zrange(_NAME, 0, -1)
            found: list[Any] = await pipe.execute()
        names = sorted(name.decode() for name in found[2])
        self._share.processes = max(1, len(names))
        self._share.rank = names.index(self._gateway) if self._gateway in names else 0

    async def close(self) -> None:
        """Say that this process is gone, so that the others take its share."""
        try:
            await self._client.zrem(_NAME, self._gateway)
            await self._client.aclose()
        except (RedisError, OSError, TimeoutError):
            log.debug("gateways not told")
