"""Hearing which tasks changed: one subscription to Valkey for all streams of a process."""

import asyncio
import contextlib
import logging
import uuid
from collections import defaultdict
from collections.abc import Iterator

from django.conf import settings
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from apps.tasks.services import notices

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 2.0
_RECONNECT_SECONDS = 1.0
# When nothing was heard for so long we ask whether somebody is there, and give up after as long again.
_SILENCE_SECONDS = 10.0


class Changes:
    """Wakes whoever watches a task when it changed. Listens only while somebody watches; for one event loop.

    Notices can be lost (Valkey away, a slow subscriber cut off), so a watcher looks by itself now and then. After
    every interruption all of them are woken once.
    """

    def __init__(self) -> None:
        self._watchers: defaultdict[uuid.UUID, set[asyncio.Event]] = defaultdict(set)
        self._listener: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def watching(self, task_id: uuid.UUID) -> Iterator[asyncio.Event]:
        """An event that is set whenever the task changed; the watcher clears it."""
        woken = asyncio.Event()
        self._watchers[task_id].add(woken)
        if self._listener is None:
            self._listener = asyncio.create_task(self._listen())
        try:
            yield woken
        finally:
            self._leave(task_id, woken)

    def _leave(self, task_id: uuid.UUID, woken: asyncio.Event) -> None:
        watchers = self._watchers[task_id]
        watchers.discard(woken)
        if not watchers:
            del self._watchers[task_id]
        if not self._watchers and self._listener is not None:
            self._listener.cancel()
            self._listener = None

    async def _listen(self) -> None:
        while True:
            try:
                await self._hear()
            except Exception as error:
                # Whatever it was: without this loop all streams of the process are slow until it restarts.
                log.warning("changes not heard", extra={"error": type(error).__name__})
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _hear(self) -> None:
        client = Redis.from_url(
            settings.REDIS_URL,
            socket_connect_timeout=_CONNECT_SECONDS,
            # The loop above connects anew, and wakes everybody when it has.
            retry=Retry(NoBackoff(), 0),
        )
        async with client, client.pubsub() as pubsub:
            await pubsub.subscribe(notices.CHANNEL)
            while True:
                self._tell(await self._next(pubsub))

    async def _next(self, pubsub: PubSub) -> dict[str, object]:
        """The next message of whatever kind. Raises when nobody is there any more."""
        message = await pubsub.get_message(timeout=_SILENCE_SECONDS)
        if message is None:
            await pubsub.ping()
            message = await pubsub.get_message(timeout=_SILENCE_SECONDS)
        if message is None:
            raise OSError("no answer")
        found: dict[str, object] = message
        return found

    def _tell(self, message: dict[str, object]) -> None:
        if message["type"] == "subscribe":
            # Whatever changed while nobody listened was told to nobody.
            for watchers in self._watchers.values():
                _wake(watchers)
        elif message["type"] == "message" and isinstance(data := message["data"], bytes):
            task_id = notices.task_of(data)
            if task_id is not None and task_id in self._watchers:
                _wake(self._watchers[task_id])


def _wake(watchers: set[asyncio.Event]) -> None:
    for woken in watchers:
        woken.set()
