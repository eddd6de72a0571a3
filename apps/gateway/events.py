"""GET /api/v1/task/{task_id}/events: a task as server-sent events, from its present state to its end."""

import asyncio
import logging
import uuid
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from apps.accounts.selectors import Identity
from apps.core import metrics, refusals
from apps.core.errors import DomainError, NotFound, RateLimited
from apps.core.request_ids import request_id
from apps.core.threads import in_thread
from apps.gateway import admission, answers
from apps.gateway.changes import Changes
from apps.gateway.reader import Frame, Reader
from apps.tasks import selectors

log = logging.getLogger("modelyard.request")

ROUTE = "api/v1/task/<str:task_id>/events"
_SCOPE = "tasks"
_ALLOWED = "GET, OPTIONS"
# A metric's labels are bounded; a method is whatever the caller writes.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
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
    """An admitted caller, the task that is followed, and the id of the last event the caller has seen."""

    meta: dict[str, Any]
    identity: Identity
    task_id: uuid.UUID
    seen: str
    headers: dict[str, str]


class TaskEvents:
    """The endpoint. One of it serves a process: its streams share a subscription and a reader."""

    def __init__(self, timing: Timing | None = None) -> None:
        self._timing = timing or Timing()
        self._changes = Changes()
        self._reader = Reader()
        self._open: Counter[int] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        name = request_id(request.headers.get("x-request-id", ""))
        told: dict[str, str] = {}
        try:
            response = await self._admitted(request, name, told)
        except Exception as error:
            response = answers.refused(
                refusals.of_error(error, request_id=name), request_id=name, headers=told
            )
        if isinstance(response, Response):
            _note(request, response.status_code, name)
            await response(scope, receive, send)
            return
        _note(request, 200, name)
        await self._serve(response, receive, send)

    async def _admitted(
        self, request: Request, name: str, told: dict[str, str]
    ) -> Stream | Response:
        """The stream to serve, or the answer instead of it. Raises what refuses the caller."""
        meta = admission.meta_of(request.scope)
        if request.method == "OPTIONS":
            await in_thread(admission.count_anonymous, meta, told=told)
            return answers.succeeded(None, request_id=name, headers=told | {"Allow": _ALLOWED})
        identity = await in_thread(admission.admit, meta, scope=_SCOPE, told=told)
        if request.method != "GET":
            return _not_allowed(request, name, told)
        task_id = _task_id(request)
        await in_thread(selectors.task, workspace_id=identity.workspace_id, task_id=task_id)
        stream = Stream(meta, identity, task_id, _seen(request), answers.base_headers(name) | told)
        frame = await self._reader.read(task_id)
        if frame is not None and frame.is_final and frame.id == stream.seen:
            # What tells an EventSource to connect no more.
            return Response(status_code=204, headers=stream.headers)
        self._check_room(identity)
        return stream

    def _check_room(self, identity: Identity) -> None:
        """Nothing may be awaited between this and the count, or others slip in."""
        if self._open[identity.workspace_id] >= MAX_STREAMS:
            raise RateLimited(
                f"At most {MAX_STREAMS} event streams can be open at once.",
                detail={"limit": MAX_STREAMS},
                retry_after=_RETRY_AFTER_SECONDS,
            )

    async def _serve(self, stream: Stream, receive: Receive, send: Send) -> None:
        """Send until the task has ended, the client has left or does not read, or the time is over."""
        workspace = stream.identity.workspace_id
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
                        yield _event(look.news)
                    if look.is_over:
                        return
                if clock() >= quiet_until:
                    quiet_until = clock() + timing.heartbeat
                    yield b": still here\n\n"
                await _until(woken, min(look_at, quiet_until, ends_at))

    async def _look(self, stream: Stream, seen: str) -> "_Look":
        try:
            # A stream may last an hour, a key may be revoked in any second of it.
            await in_thread(admission.check_again, stream.meta, scope=_SCOPE)
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


def _event(frame: Frame) -> bytes:
    # JSON has no line breaks outside of its strings, and inside they are escaped: it is one line.
    return b"event: task\nid: %s\ndata: %s\n\n" % (frame.id.encode(), frame.data)


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


def _task_id(request: Request) -> uuid.UUID:
    try:
        return uuid.UUID(request.path_params["task_id"])
    except ValueError:
        raise NotFound("There is no such task.") from None


def _seen(request: Request) -> str:
    return request.headers.get("last-event-id") or request.query_params.get("last_event_id", "")


def _not_allowed(request: Request, name: str, told: dict[str, str]) -> Response:
    refusal = refusals.refusal(
        "invalid_request", f"{request.method} is not possible here.", request_id=name, http=405
    )
    return answers.refused(refusal, request_id=name, headers=told | {"Allow": _ALLOWED})


def _note(request: Request, status: int, name: str) -> None:
    """As for every request, but at its beginning: how long a stream lasts says nothing about us."""
    method = request.method if request.method in _METHODS else "other"
    metrics.REQUESTS.labels(method, ROUTE, status).inc()
    log.info(
        "request",
        extra={"method": method, "route": ROUTE, "status": status, "request_id": name},
    )
