"""What all endpoints of `/v1` do around their own part: find the caller, shape refusals, count, note."""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any, NamedTuple

from prometheus_client import Counter, Histogram
from starlette.types import Receive, Scope, Send

from apps.core import metrics, refusals
from apps.core.refusals import Refusal
from apps.core.request_ids import request_id
from apps.gateway import answers
from apps.gateway.http import EXTENSION, ShortWay
from apps.gateway.llm import requests
from apps.gateway.llm.lanes import Lanes
from apps.gateway.llm.requests import Asked, ClientLeft
from apps.gateway.surfaces.base import dumps
from apps.llm.services.lane import Lane

log = logging.getLogger("modelyard.request")

Shape = Callable[[Refusal], dict[str, Any]]
Who = Callable[[Lane, Scope, dict[str, str]], Awaitable[Asked]]


class Ready(NamedTuple):
    """An answer that only needs to be sent: in `body` all of it where the server takes it so, and then no `head`."""

    status: int
    head: list[tuple[bytes, bytes]] | None
    body: bytes


class Exchange:
    """One request, and what goes back: headers in front, an answer once."""

    __slots__ = (
        "_receive", "_send", "_short", "_started_at", "name", "route", "scope", "status", "told",
    )  # fmt: skip

    def __init__(self, scope: Scope, receive: Receive, send: Send, *, route: str) -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self._started_at = time.monotonic()
        self._short: ShortWay | None = (scope.get("extensions") or {}).get(EXTENSION)
        self.route = route
        self.name = _request_id(scope)
        self.told: dict[str, str] = {}
        self.status = 0

    async def body(self) -> bytes:
        """All of it. Raises TooLarge, InvalidRequest where it does not come in time, ClientLeft."""
        arrived = self._short.arrived() if self._short is not None else None
        if arrived is not None:
            return requests.within_bounds(arrived)
        return await requests.body_of(self.scope, self._receive)

    async def gone(self) -> None:
        """Returns when the client has left."""
        while (await self._receive())["type"] != "http.disconnect":
            continue

    async def answer(
        self,
        body: bytes,
        *,
        status: int = 200,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        await self.give(self.ready(body, status=status, content_type=content_type, headers=headers))

    def ready(
        self,
        body: bytes,
        *,
        status: int = 200,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Ready:
        """All that `give` needs, with what is told by now."""
        head = self._head(content_type, headers)
        head.append((b"content-length", b"%d" % len(body)))
        if self._short is not None:
            return Ready(status, None, self._short.written(status, head, body))
        return Ready(status, head, body)

    async def give(self, ready: Ready) -> None:
        """Send it. There is no other answer."""
        status, head, body = ready
        self.status = status
        if self._short is not None:
            await self._short.send(body)
        else:
            await self._send({"type": "http.response.start", "status": status, "headers": head})
            await self._send({"type": "http.response.body", "body": body})
        self._note()

    async def begin(
        self, *, status: int = 200, content_type: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Send the head. From here on there is no other answer."""
        self.status = status
        self._note()
        head = self._head(content_type, headers)
        await self._send({"type": "http.response.start", "status": status, "headers": head})

    def _head(
        self, content_type: str, headers: Mapping[str, str] | None
    ) -> list[tuple[bytes, bytes]]:
        fields = answers.base_headers(self.name) | self.told
        if headers:
            fields |= headers
        head = [(_field(name), value.encode("latin-1")) for name, value in fields.items()]
        head.append((b"content-type", content_type.encode()))
        return head

    async def write(self, data: bytes, *, is_last: bool = False) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": not is_last})

    async def close(self) -> None:
        await self._send({"type": "http.response.body", "body": b""})

    @property
    def has_begun(self) -> bool:
        return self.status != 0

    def _note(self) -> None:
        """Of a stream at the head: how long it lasts says nothing about us."""
        seconds = time.monotonic() - self._started_at
        count, duration = _meters(self.route, self.status)
        count.inc()
        duration.observe(seconds)
        # What was answered has a row of its own; what was not has this line.
        level = logging.DEBUG if self.status < 400 else logging.INFO
        if log.isEnabledFor(level):
            facts = {"route": self.route, "status": self.status, "request_id": self.name}
            log.log(level, "request", extra=facts)


class Endpoint:
    """An ASGI application for one path.

    `work` is its own part; `shape` how its clients expect errors, `who` finds the caller.
    """

    def __init__(
        self,
        lanes: Lanes,
        *,
        route: str,
        shape: Shape,
        work: Callable[[Lane, Exchange, Asked], Awaitable[None]],
        method: str = "POST",
        who: Who = requests.asked,
    ) -> None:
        self._lanes = lanes
        self._route = route
        self._shape = shape
        self._work = work
        self._method = method
        self._who = who

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(scope, receive, send, route=self._route)
        try:
            await self._serve(exchange)
        except ClientLeft:
            return
        except Exception as error:
            if exchange.has_begun:
                # A stream says by itself what went wrong; this is our fault.
                log.exception("answer broke off", extra={"request_id": exchange.name})
                return
            await self.refuse(exchange, refusals.of_error(error, request_id=exchange.name))

    async def _serve(self, exchange: Exchange) -> None:
        method = exchange.scope["method"]
        if method == "OPTIONS":
            await self._allow(exchange)
            return
        lane = await self._lanes.get()
        asked = await self._who(lane, exchange.scope, exchange.told)
        if method != self._method:
            refusal = refusals.refusal(
                "invalid_request",
                f"{method} is not possible here; use {self._method}.",
                request_id=exchange.name,
                http=405,
            )
            exchange.told["Allow"] = f"{self._method}, OPTIONS"
            await self.refuse(exchange, refusal)
            return
        await self._work(lane, exchange, asked)

    async def refuse(self, exchange: Exchange, refusal: Refusal) -> None:
        await exchange.answer(
            dumps(self._shape(refusal)), status=refusal.status, headers=refusal.headers
        )

    async def _allow(self, exchange: Exchange) -> None:
        exchange.told["Allow"] = f"{self._method}, OPTIONS"
        await exchange.answer(b"", status=204)


@cache
def _meters(route: str, status: int) -> tuple[Counter, Histogram]:
    # Looking a label up takes longer than counting.
    return metrics.REQUESTS.labels("POST", route, status), metrics.REQUEST_SECONDS.labels(route)


@cache
def _field(name: str) -> bytes:
    """The name of a header of ours; there are a few dozen."""
    return name.lower().encode()


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            return request_id(value.decode("latin-1"))
    return request_id("")
