"""Streams of server-sent events about tasks: from a task's present state to its end.

Who may follow, and what they are shown, is a `Door`'s business: API keys come by `events`, people by `task_pages`.
"""

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError
from starlette.types import Receive, Send

from apps.core import metrics
from apps.core.errors import DomainError, RateLimited
from apps.gateway.changes import Changes
from apps.gateway.reader import Frame, Reader

log = logging.getLogger("modelyard.request")

# Of one workspace, in one process.
MAX_STREAMS = 100
_RETRY_AFTER_SECONDS = 15


@dataclass(frozen=True)
class Timing:
    """Seconds. `look` is how often a stream reads its task without being told to, `drain` how long a client that does
    not read is waited for, `longest` when a stream ends by itself; its client resumes."""

    heartbeat: float = 15
    look: float = 10
    drain: float = 60
    longest: float = 3600


@dataclass(frozen=True)
class Stream:
    """A task that somebody follows, and the id of the last event they have seen.

    `check` raises a DomainError as soon as they may no longer; `shown` is what they see of a frame, as JSON.
    """

    workspace_id: int
    task_id: uuid.UUID
    seen: str
    headers: dict[str, str]
    check: Callable[[], Awaitable[None]]
    shown: Callable[[Frame], bytes]


class Streams:
    """All streams of a process: they share a subscription and a reader. For one event loop."""

    def __init__(self, timing: Timing | None = None) -> None:
        self._timing = timing or Timing()
        self._changes = Changes()
        self._reader = Reader()
        self._open: Counter[int] = Counter()

    async def is_over(self, stream: Stream) -> bool:
        """Whether the task has ended and they have seen that. Raises what the database raises."""
        frame = await self._reader.read(stream.task_id)
        return frame is not None and frame.is_final and frame.id == stream.seen

    def check_room(self, stream: Stream) -> None:
        """Raises RateLimited. Nothing may be awaited between this and `serve`, or others slip in."""
        if self._open[stream.workspace_id] >= MAX_STREAMS:
            raise RateLimited(
                f"At most {MAX_STREAMS} event streams can be open at once.",
                detail={"limit": MAX_STREAMS},
                retry_after=_RETRY_AFTER_SECONDS,
            )

    async def serve(self, stream: Stream, receive: Receive, send: Send) -> None:
        """Send until the task has ended, the client has left or does not read, or the time is over."""
        workspace = stream.workspace_id
        self._open[workspace] += 1
        metrics.STREAMS.inc()
        sending = asyncio.create_task(self._send_all(stream, send))
        gone = asyncio.create_task(_until_gone(receive))
        try:
            await asyncio.wait({sending, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            gone.cancel()
            await asyncio.gather(sending, gone, return_exceptions=True)
            metrics.STREAMS.dec()
            self._open[workspace] -= 1
            if not self._open[workspace]:
                del self._open[workspace]
        if not sending.cancelled():
            try:
                sending.result()
            except TimeoutError:
                await _cut(receive)

    async def _send_all(self, stream: Stream, send: Send) -> None:
        """Raises TimeoutError when the client does not read."""
        headers = {
            **stream.headers,
            "Content-Type": "text/event-stream; charset=utf-8",
            "Cache-Control": "no-store, no-transform",
            # For a proxy that would collect the stream before it passes it on.
            "X-Accel-Buffering": "no",
        }
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        await self._put(send, {"type": "http.response.start", "status": 200, "headers": raw})
        async with aclosing(self._chunks(stream)) as chunks:
            async for chunk in chunks:
                message = {"type": "http.response.body", "body": chunk, "more_body": True}
                await self._put(send, message)
        await self._put(send, {"type": "http.response.body", "body": b""})

    async def _put(self, send: Send, message: dict[str, Any]) -> None:
        async with asyncio.timeout(self._timing.drain):
            await send(message)

    async def _chunks(self, stream: Stream) -> AsyncGenerator[bytes, None]:
        """What goes over the wire: events, and comments when there was nothing else for a while."""
        yield b"retry: 2000\n\n"
        clock, timing = asyncio.get_running_loop().time, self._timing
        seen, ends_at = stream.seen, clock() + timing.longest
        look_at, quiet_until = clock(), clock() + timing.heartbeat
        with self._changes.watching(stream.task_id) as woken:
            while clock() < ends_at:
                if woken.is_set() or clock() >= look_at:
                    # First: a change that comes while we read is a reason to read again.
                    woken.clear()
                    look_at = clock() + timing.look
                    look = await self._look(stream, seen)
                    if look.news is not None:
                        seen, quiet_until = look.news.id, clock() + timing.heartbeat
                        yield _event(look.news, stream.shown(look.news))
                    if look.is_over:
                        return
                if clock() >= quiet_until:
                    quiet_until = clock() + timing.heartbeat
                    yield b": still here\n\n"
                await _until(woken, min(look_at, quiet_until, ends_at))

    async def _look(self, stream: Stream, seen: str) -> "_Look":
        try:
            # A stream may last an hour, a key may be revoked in any second of it.
            await stream.check()
            frame = await self._reader.read(stream.task_id)
        except DomainError:
            return _Look(is_over=True)
        except (OperationalError, InterfaceError) as error:
            log.warning("stream cannot look", extra={"error": type(error).__name__})
            return _Look()
        if frame is None:
            return _Look(is_over=True)
        return _Look(frame if frame.id != seen else None, frame.is_final)


@dataclass(frozen=True)
class _Look:
    """What there is to send, and whether nothing comes after it."""

    news: Frame | None = None
    is_over: bool = False


def _event(frame: Frame, data: bytes) -> bytes:
    # JSON has no line breaks outside of its strings, and inside they are escaped: it is one line.
    return b"event: task\nid: %s\ndata: %s\n\n" % (frame.id.encode(), data)


async def _until(woken: asyncio.Event, when: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout_at(when):
            await woken.wait()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _cut(receive: Receive) -> None:
    """Drop the connection with what is still to be sent.

    ASGI has no word for this: left alone, a server keeps both until the client reads or goes. uvicorn's `receive` knows
    its transport; under another server the stream's own resources are free all the same.
    """
    transport = getattr(getattr(receive, "__self__", None), "transport", None)
    # Not every loop's transports are of asyncio's classes.
    if (abort := getattr(transport, "abort", None)) is not None:
        abort()
        # The server hears of it first, and does not take our leaving early for a fault.
        await asyncio.sleep(0)
