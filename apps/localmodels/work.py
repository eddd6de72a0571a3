"""Slow work beside the event loop, given up when the client leaves."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import anyio
from anyio import to_thread
from starlette.types import Receive

from apps.localmodels.errors import ApiError, failed
from apps.providers.local.base import BadMedia, LocalEngineError

T = TypeVar("T")


class ClientGone(Exception):
    """Nobody waits for the answer any more."""


@asynccontextmanager
async def while_wanted(receive: Receive) -> AsyncIterator[threading.Event]:
    """Cancels what runs inside when the client disconnects, and raises `ClientGone`.

    The request's body must have been read. The event is set at that moment, for threads, which cannot be cancelled.
    """
    gone = threading.Event()
    raised: Exception | None = None
    async with anyio.create_task_group() as group:

        async def watch() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass
            gone.set()
            group.cancel_scope.cancel()

        group.start_soon(watch)
        try:
            yield gone
        except Exception as error:  # the group would wrap it
            raised = error
        group.cancel_scope.cancel()
    if raised:
        raise raised
    if gone.is_set():
        raise ClientGone


class Bench:
    """Threads for one engine: a few at once, the others wait in order, so that no engine starves another."""

    def __init__(self, places: int) -> None:
        self._limiter = anyio.CapacityLimiter(places)

    async def run(self, work: Callable[[], T]) -> T:
        """Raises `ApiError` for what the engine says of the input."""
        try:
            return await to_thread.run_sync(work, limiter=self._limiter)
        except BadMedia as error:
            raise ApiError(str(error)) from error
        except LocalEngineError as error:
            raise failed(str(error)) from error
