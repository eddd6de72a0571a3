"""GET /api/v1/task/{task_id}/events: a task as server-sent events, from its present state to its end."""

import logging
import uuid
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from apps.core import metrics, refusals
from apps.core.errors import NotFound
from apps.core.request_ids import request_id
from apps.core.threads import in_thread
from apps.gateway import admission, answers
from apps.gateway.following import Stream, Streams
from apps.gateway.reader import Frame
from apps.tasks import selectors

log = logging.getLogger("modelyard.request")

ROUTE = "api/v1/task/<str:task_id>/events"
_SCOPE = "tasks"
_ALLOWED = "GET, OPTIONS"
# A metric's labels are bounded; a method is whatever the caller writes.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class TaskEvents:
    """The endpoint: who has a key of the workspace follows a task of it."""

    route = ROUTE

    def __init__(self, streams: Streams) -> None:
        self._streams = streams

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
            self._note(request, response.status_code, name)
            await response(scope, receive, send)
            return
        self._note(request, 200, name)
        await self._streams.serve(response, receive, send)

    async def _admitted(
        self, request: Request, name: str, told: dict[str, str]
    ) -> Stream | Response:
        """The stream to serve, or the answer instead of it. Raises what refuses the caller."""
        if request.method == "OPTIONS":
            meta = admission.meta_of(request.scope)
            await in_thread(admission.count_anonymous, meta, told=told)
            return answers.succeeded(None, request_id=name, headers=told | {"Allow": _ALLOWED})
        stream = await self._stream(request, name, told)
        if isinstance(stream, Response):
            return stream
        await in_thread(selectors.task, workspace_id=stream.workspace_id, task_id=stream.task_id)
        if await self._streams.is_over(stream):
            # What tells an EventSource to connect no more.
            return Response(status_code=204, headers=stream.headers)
        self._streams.check_room(stream)
        return stream

    async def _stream(self, request: Request, name: str, told: dict[str, str]) -> Stream | Response:
        meta = admission.meta_of(request.scope)
        identity = await in_thread(admission.admit, meta, scope=_SCOPE, told=told)
        if request.method != "GET":
            return not_allowed(request, name, told)
        return Stream(
            workspace_id=identity.workspace_id,
            task_id=task_id(request),
            seen=seen(request),
            headers=answers.base_headers(name) | told,
            # A stream may last an hour, a key may be revoked in any second of it.
            check=partial(in_thread, admission.check_again, meta, scope=_SCOPE),
            shown=_data,
        )

    def _note(self, request: Request, status: int, name: str) -> None:
        """As for every request, but at its beginning: how long a stream lasts says nothing about us."""
        method = request.method if request.method in _METHODS else "other"
        metrics.REQUESTS.labels(method, self.route, status).inc()
        log.info(
            "request",
            extra={"method": method, "route": self.route, "status": status, "request_id": name},
        )


def _data(frame: Frame) -> bytes:
    return frame.data


def task_id(request: Request) -> uuid.UUID:
    """Raises NotFound for what can be no task's."""
    try:
        return uuid.UUID(request.path_params["task_id"])
    except ValueError:
        raise NotFound("There is no such task.") from None


def seen(request: Request) -> str:
    return request.headers.get("last-event-id") or request.query_params.get("last_event_id", "")


def not_allowed(request: Request, name: str, told: dict[str, Any]) -> Response:
    refusal = refusals.refusal(
        "invalid_request", f"{request.method} is not possible here.", request_id=name, http=405
    )
    return answers.refused(refusal, request_id=name, headers=told | {"Allow": _ALLOWED})
