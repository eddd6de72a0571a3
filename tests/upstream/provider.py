"""The provider: the contract's calls, and `/_knobs`, `/_seen`, `/_billed`, `/_reset` for whoever runs the test."""

import asyncio
from dataclasses import asdict
from typing import Any, Literal, cast

import orjson

from apps.core import envelopes
from tests.upstream import files
from tests.upstream.behaviour import Behaviour, Knobs
from tests.upstream.callbacks import Callbacks
from tests.upstream.http import Reply, Request, Server
from tests.upstream.store import Store, Task

_BAD_KEY = "bad"
_LONGEST_LIST = 100
# What an HTTP status stands for where a test asks for one; others are a gateway's page.
_ERRORS = {
    400: "invalid_request", 401: "invalid_api_key", 402: "insufficient_credits", 403: "plan_required",
    404: "not_found", 409: "idempotency_conflict", 413: "payload_too_large", 429: "rate_limited",
    500: "internal_error", 503: "no_route",
}  # fmt: skip
_WRONG_TYPES: dict[str, Any] = {
    "code": 200,
    "message": ["success"],
    "data": {"task_id": {"id": 7}, "status": 3, "output": "yes", "meta": [], "error": "no"},
}
_GATEWAY_PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


class Provider:
    """One provider with its own tasks and knobs."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.knobs = Knobs()
        self.store = Store()
        self.server = Server(self._handle, host=host, port=port)
        self.callbacks = Callbacks()
        self._background: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        await self.server.start()

    async def stop(self) -> None:
        for task in self._background:
            task.cancel()
        self.server.stop()
        await self.callbacks.close()

    def _handle(self, request: Request) -> Reply:
        path = request.path.rstrip("/")
        if path.startswith("/_"):
            return self._control(path, request)
        if path.startswith("/files/"):
            return files.serve(path)
        if self.knobs.everything:
            return self._faulty(self.knobs.everything, b"{}", self.knobs.behaviour)
        if _key(request) in ("", _BAD_KEY):
            return _error("invalid_api_key", "Unknown key.")
        return self._route(path, request)

    def _route(self, path: str, request: Request) -> Reply:
        match (request.method, path.split("/")[1:]):
            case ("POST", ["api", "v1", "task"]):
                return self._create(request)
            case ("GET", ["api", "v1", "task", task_id]):
                return self._poll(task_id)
            case ("DELETE", ["api", "v1", "task", task_id]):
                return self._cancel(task_id)
            case ("GET", ["api", "v1", "tasks"]):
                return self._list(request)
            case ("GET", ["account", "info"]):
                return self._account()
        return _error("not_found", envelopes.ROUTE_NOT_FOUND)

    # ------------------------------------------------------------------------- the contract
    def _create(self, request: Request) -> Reply:
        body = _parsed(request.body)
        if body is None or not body.get("model"):
            return _error("invalid_request", "The body is not a task.")
        key = request.headers.get("idempotency-key", "")
        reference = _text(body, "config", "client_reference") or key
        seen = self.store.of(reference)
        seen.submits += 1
        if self.knobs.idempotent and key in self.store.keys:
            return self._replay(key, request.body)
        behaviour = self.knobs.behaviour_for(_text(body, "input", "prompt"))
        is_faulty = bool(behaviour.create) and (
            not behaviour.times or seen.submits <= behaviour.times
        )
        if is_faulty and not behaviour.makes_task():
            return self._faulty(behaviour.create, b"{}", behaviour)
        task = self.store.add(reference=reference, body=body, behaviour=behaviour)
        if key:
            self.store.keys[key] = (request.body, task)
        self.callbacks.plan(task, self._data)
        answer = self._task_body(task)
        if is_faulty:
            return self._faulty(behaviour.create, answer, behaviour)
        return Reply(body=answer, after=behaviour.slow)

    def _replay(self, key: str, body: bytes) -> Reply:
        first, task = self.store.keys[key]
        if first != body:
            return _error("idempotency_conflict", "This key was used with another body.")
        return Reply(body=self._task_body(task), headers={"idempotent-replayed": "true"})

    def _poll(self, task_id: str) -> Reply:
        task = self.store.tasks.get(task_id)
        if task is None:
            return _error("not_found", "There is no such task.")
        self.store.of(task.reference).polls += 1
        task.polls += 1
        behaviour = task.behaviour
        if behaviour.poll and (not behaviour.poll_times or task.polls <= behaviour.poll_times):
            return self._faulty(behaviour.poll, self._task_body(task), behaviour)
        return Reply(body=self._task_body(task), after=behaviour.slow)

    def _cancel(self, task_id: str) -> Reply:
        task = self.store.tasks.get(task_id)
        if task is None:
            return _error("not_found", "There is no such task.")
        self.store.of(task.reference).cancels += 1
        if task.status() != "pending":
            return _error("not_cancellable", f"The task is {task.status()}.")
        task.is_cancelled = True
        return Reply(body=self._task_body(task))

    def _list(self, request: Request) -> Reply:
        mode = self.knobs.look_up
        if mode == "off":
            return _error("not_found", envelopes.ROUTE_NOT_FOUND)
        reference = request.query.get("client_reference")
        if reference is not None:
            self.store.of(reference).look_ups += 1
        if mode not in ("on", "ignored", "blind"):
            return self._faulty(mode, b"{}", self.knobs.behaviour)
        limit = min(int(request.query.get("limit", "20")), _LONGEST_LIST)
        is_filtered = reference is not None and mode != "ignored"
        tasks = self.store.named(reference or "") if is_filtered else self.store.newest(limit)
        items = [self._data(task) for task in tasks[:limit]]
        return Reply(body=_success({"items": items, "next_cursor": None}))

    def _account(self) -> Reply:
        balance = self.knobs.balance
        wallet = {"balance": balance, "frozen": 0, "currency": "point"}
        data = {"plan": "premium", "equivalent_in_usd": balance / 10_000_000, "wallet": wallet}
        return Reply(body=_success(data))

    # ------------------------------------------------------------------------------ answers
    def _data(self, task: Task) -> dict[str, Any]:
        return task.data(
            base=self.knobs.files_url or self.server.url,
            template=self.knobs.output,
            shows_reference=self.knobs.look_up != "blind",
        )

    def _task_body(self, task: Task) -> bytes:
        return _success(self._data(task))

    def _faulty(self, word: str, right: bytes, behaviour: Behaviour) -> Reply:
        """The answer `right`, spoiled the way `word` says."""
        reply = _spoiled(word, right, retry_after=behaviour.retry_after)
        reply.after = behaviour.slow
        return reply

    # ------------------------------------------------------------------------------ control
    def _control(self, path: str, request: Request) -> Reply:
        match (request.method, path):
            case ("GET", "/_seen"):
                return _json(self._seen(request.query))
            case ("GET", "/_billed"):
                return _json(self.store.billed())
            case ("GET", "/_knobs"):
                return _json(self.knobs.shown())
            case ("POST", "/_knobs"):
                return self._set_knobs(_parsed(request.body))
            case ("POST", "/_reset"):
                self.store = Store()
                self.knobs = Knobs()
                return _json({})
        return Reply(status=404)

    def _set_knobs(self, values: dict[str, Any] | None) -> Reply:
        if values is None:
            return Reply(status=400, body=b"not an object", content_type="text/plain")
        seconds = values.pop("refuse", 0)
        try:
            self.knobs.set(values)
        except (ValueError, TypeError) as error:
            return Reply(status=400, body=str(error).encode(), content_type="text/plain")
        if seconds:
            job = asyncio.get_running_loop().create_task(self.server.refuse(float(seconds)))
            self._background.add(job)
            job.add_done_callback(self._background.discard)
        return _json(self.knobs.shown())

    def _seen(self, query: dict[str, str]) -> dict[str, Any]:
        """Totals and every reference; `?totals=1` only those (with 100,000 tasks the rest is long), or one's."""
        if "reference" in query:
            return asdict(self.store.of(query["reference"]))
        totals = self.store.totals() | {"callbacks": self.callbacks.sent}
        if "totals" in query:
            return {"totals": totals}
        seen = self.store.seen
        return {
            "totals": totals,
            "references": {name: asdict(one) for name, one in seen.items()},
        }


def _spoiled(word: str, right: bytes, *, retry_after: int) -> Reply:
    if word.isdigit():
        return _status(int(word), retry_after)
    bodies = {
        "html": Reply(body=_GATEWAY_PAGE, content_type="text/html"),
        "truncated": Reply(body=right[: len(right) // 2]),
        "empty": Reply(),
        "types": _json(_WRONG_TYPES),
    }
    if word in bodies:
        return bodies[word]
    fault = {"lost": "drop"}.get(word, word)
    return Reply(body=right, fault=cast(Literal["drop", "hang", "stall"], fault))


def _status(status: int, retry_after: int) -> Reply:
    if status not in _ERRORS:
        return Reply(status=status, body=_GATEWAY_PAGE, content_type="text/html")
    reply = _error(_ERRORS[status], f"The test asked for {status}.")
    if status in (429, 503):
        reply.headers["retry-after"] = str(retry_after)
    return reply


def _error(type: str, message: str) -> Reply:
    body = envelopes.failure(type=type, message=message, request_id="req_test")
    return Reply(status=body["code"], body=orjson.dumps(body))


def _success(data: Any) -> bytes:
    return orjson.dumps(envelopes.success(data))


def _json(data: Any) -> Reply:
    return Reply(body=orjson.dumps(data))


def _key(request: Request) -> str:
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    return request.headers.get("x-api-key") or bearer


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def _text(body: dict[str, Any], outer: str, inner: str) -> str:
    value = body.get(outer)
    found = value.get(inner) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
