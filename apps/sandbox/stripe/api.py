"""The front of `/v1`: keys, parameters, idempotency and faults, around one call at a time."""

import asyncio
import hashlib
import json
import logging
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from apps.sandbox.stripe import forms, params
from apps.sandbox.stripe.endpoints import Endpoint, shown
from apps.sandbox.stripe.errors import StripeError, Thing, invalid
from apps.sandbox.stripe.knobs import Fault
from apps.sandbox.stripe.world import World

log = logging.getLogger(__name__)
_KEYS_LAST_SECONDS = 24 * 3600
_MAX_KEY = 255
_MAX_BODY = 1_000_000
_BROKEN = {"error": {"type": "api_error", "message": "An unknown error occurred."}}
_TOO_MANY = {
    "error": {
        "type": "invalid_request_error",
        "code": "rate_limit",
        "message": "Request rate limit exceeded. Learn more about rate limits at https://stripe.com/docs/rate-limits.",
    }
}
Answer = tuple[int, str]


class Dropped(Response):
    """The connection breaks before a byte of the answer."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # ASGI has no word for it. Uvicorn's `receive` is a method of the request, which has the connection.
        transport = getattr(getattr(receive, "__self__", None), "transport", None)
        if transport is None:
            raise RuntimeError("Connections can be dropped under uvicorn only.")
        transport.abort()
        while (await receive())["type"] != "http.disconnect":
            continue


class Api:
    """Answers every call of the given endpoints. One per server: it knows which keys are being worked on."""

    def __init__(self, world: World, *, secret_key: str) -> None:
        self.world = world
        self._secret_key = secret_key
        self._in_progress: set[str] = set()

    def routes(self, endpoints: Iterable[Endpoint]) -> list[Route]:
        """In the order given; what no endpoint serves is answered by `unknown`."""
        return [Route(one.path, self._answering(one), methods=[one.method]) for one in endpoints]

    def is_key(self, request: Request) -> bool:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        return secrets.compare_digest(given.encode(), self._secret_key.encode())

    async def unknown(self, request: Request) -> Response:
        """404 as for an address that Stripe does not have (or this server does not play)."""
        call = f"{request.method}: {_path(request)}"
        message = f"Unrecognized request URL ({call})."
        return _json(
            404, json.dumps(StripeError(404, type="invalid_request_error", message=message).body)
        )

    def _answering(self, endpoint: Endpoint) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            try:
                return await self._answer(request, endpoint)
            except StripeError as error:
                return _json(error.status, json.dumps(error.body))

        return answer

    async def _answer(self, request: Request, endpoint: Endpoint) -> Response:
        if not self.is_key(request):
            raise StripeError(
                401, type="invalid_request_error", message="Invalid API Key provided."
            )
        given = await _parameters(request)
        call = f"{request.method} {_path(request)}"
        fault = self.world.knobs.fault(call, after=False)
        if fault is not None:
            return await _faulty(fault, (500, json.dumps(_BROKEN)))
        key = request.headers.get("idempotency-key", "") if request.method == "POST" else ""
        if len(key) > _MAX_KEY:
            raise invalid(f"Idempotency-Key may be at most {_MAX_KEY} characters.")
        work = _Work(
            self.world, endpoint, given, request.path_params, key, _fingerprint(call, given)
        )
        return await self._once(work, call)

    async def _once(self, work: "_Work", call: str) -> Response:
        """Work that a key names is done once; a repetition gets the same answer."""
        old = work.replay()
        if old is not None:
            return _json(*old, replayed=True)
        if work.key in self._in_progress:
            raise StripeError(
                409,
                type="idempotency_error",
                code="idempotency_key_in_use",
                message="There is currently another in-progress request using this Idempotency Key.",
            )
        if work.key:
            self._in_progress.add(work.key)
        try:
            if self.world.knobs.work_seconds:
                await asyncio.sleep(self.world.knobs.work_seconds)
            answer = work.do()
            fault = self.world.knobs.fault(call, after=True)
            if fault is not None and fault.saved:
                work.remember((500, json.dumps(_BROKEN)))
        finally:
            self._in_progress.discard(work.key)
        return _json(*answer) if fault is None else await _faulty(fault, answer)


class _Work:
    """One call with its parameters; done at most once."""

    def __init__(
        self,
        world: World,
        endpoint: Endpoint,
        given: Thing,
        path: dict[str, str],
        key: str,
        print_: str,
    ) -> None:
        self.world, self.endpoint, self.given, self.path = world, endpoint, given, path
        self.key, self.fingerprint = key, print_

    def replay(self) -> Answer | None:
        """The saved answer. Raises StripeError when the key was used for something else."""
        if not self.key:
            return None
        rows = self.world.store.execute(
            "SELECT fingerprint, status, body, at FROM idempotency WHERE key = ?", self.key
        )
        if not rows or rows[0][3] < time.time() - _KEYS_LAST_SECONDS:
            return None
        if rows[0][0] != self.fingerprint:
            raise StripeError(
                400,
                type="idempotency_error",
                message="Keys for idempotent requests can only be used with the same parameters they were first used"
                f" with. Try using a key other than '{self.key}' if you meant to execute a different request.",
            )
        return rows[0][1], rows[0][2]

    def do(self) -> Answer:
        """The work and its saved answer are one transaction, so a crash leaves both or none."""
        expand = list(self.given.pop("expand", []))
        checked = params.check(self.given, self.endpoint.params)
        self.world.request = {"id": self.world.new_id("req_"), "idempotency_key": self.key or None}
        try:
            with self.world.store.transaction():
                return self._attempt(checked, expand)
        except StripeError as error:
            return self.remember((error.status, json.dumps(error.body)))
        except Exception:
            log.exception("%s %s failed", self.endpoint.method, self.endpoint.path)
            return 500, json.dumps(_BROKEN)
        finally:
            self.world.request = {"id": None, "idempotency_key": None}

    def _attempt(self, checked: Thing, expand: list[str]) -> Answer:
        try:
            thing = self.endpoint.handler(self.world, checked, **self.path)
            return self.remember((200, json.dumps(shown(self.world, thing, expand))))
        except StripeError as error:
            if not error.keeps:
                raise
            return self.remember((error.status, json.dumps(error.body)))

    def remember(self, answer: Answer) -> Answer:
        if self.key:
            self.world.store.execute(
                "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?)",
                self.key,
                self.fingerprint,
                *answer,
                time.time(),
            )
        return answer


def _path(request: Request) -> str:
    """Without the prefix under which this server is mounted."""
    path: str = request.scope["path"]
    return path.removeprefix(request.scope.get("root_path", ""))


async def _parameters(request: Request) -> Thing:
    if request.method in ("GET", "DELETE"):
        given = forms.decode(request.url.query)
    else:
        body = await request.body()
        if len(body) > _MAX_BODY:
            raise invalid("The request body is too large.")
        given = forms.decode(body.decode("utf-8", "replace"))
    expand = given.get("expand", [])
    if not isinstance(expand, list) or not all(isinstance(path, str) for path in expand):
        raise invalid("Invalid array: expand", param="expand")
    return given


def _fingerprint(call: str, given: Thing) -> str:
    return hashlib.sha256(f"{call} {json.dumps(given, sort_keys=True)}".encode()).hexdigest()


async def _faulty(fault: Fault, answer: Answer) -> Response:
    if fault.answer == "hang":
        await asyncio.sleep(fault.seconds)
        return _json(*answer)
    if fault.answer == "drop":
        return Dropped()
    body = _TOO_MANY if fault.answer == "429" else _BROKEN
    return _json(int(fault.answer), json.dumps(body))


def _json(status: int, body: str, *, replayed: bool = False) -> Response:
    headers = {"request-id": f"req_{secrets.token_hex(8)}"}
    if replayed:
        headers["idempotent-replayed"] = "true"
    return Response(body, status, headers, media_type="application/json")
