"""The bridge: the family's calls, and `/_knobs`, `/_seen`, `/_tasks`, `/_reset` for whoever runs the test."""

import re
import time
from dataclasses import asdict
from typing import Any

import orjson

from tests.bridge import submits
from tests.bridge.behaviour import Knobs
from tests.bridge.store import MODES, Store, Task
from tests.upstream.http import Reply, Request, Server

BAD_SECRET = "bad"
_PREFIX = re.compile(r"^/mj-(relax|fast|turbo)(?=/mj/)")
_PAGE = b"<html><body><h1>Just a moment</h1></body></html>"


class Bridge:
    """One bridge with its own tasks, account and knobs."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.knobs = Knobs()
        self.store = Store()
        self.server = Server(self._handle, host=host, port=port)

    async def start(self) -> None:
        await self.server.start()

    async def stop(self) -> None:
        self.server.stop()

    def _handle(self, request: Request) -> Reply:
        path = request.path.rstrip("/")
        if path.startswith("/_"):
            return self._control(path, request)
        if path.startswith("/images/"):
            return self._image(path)
        if request.headers.get("mj-api-secret", "") in ("", BAD_SECRET):
            return Reply(status=401, body=b"unauthorized", content_type="text/plain")
        found = _PREFIX.match(path)
        mode = found.group(1) if found else ""
        return self._route(path[len(found.group()) :] if found else path, request, mode)

    def _route(self, path: str, request: Request, mode: str) -> Reply:
        match (request.method, path.split("/")[1:]):
            case ("POST", ["mj", "submit", call]):
                return self._submit(call, request, mode)
            case ("GET", ["mj", "task", "list"]):
                return self._list()
            case ("POST", ["mj", "task", "list-by-condition"]):
                return self._by_ids(_parsed(request.body) or {})
            case ("GET", ["mj", "task", task_id, "fetch"]):
                return self._fetch(task_id)
            case ("GET", ["mj", "task", task_id, "image-seed"]):
                return self._image_seed(task_id)
            case ("POST", ["mj", "task", task_id, "cancel"]):
                return self._cancel(task_id)
            case ("GET", ["mj", "account", "list"]):
                return self._accounts()
        return Reply(status=404, body=_PAGE, content_type="text/html")

    # -------------------------------------------------------------------------------- the interface
    def _submit(self, call: str, request: Request, mode: str) -> Reply:
        body = _parsed(request.body)
        if body is None:
            return submits.answer(submits.INVALID, "the body is not an object")
        made = submits.Submit(call, body, mode)
        seen = self.store.of(made.state)
        seen.submits += 1
        behaviour = self.knobs.behaviour_for(made.prompt)
        is_refusing = bool(behaviour.refuse) and (
            not behaviour.times or seen.submits <= behaviour.times
        )
        if is_refusing and behaviour.refuse != "lost":
            return submits.refused(behaviour.refuse, until=self.knobs.banned_until)
        reply, self.knobs = submits.taken(made, self.knobs, self.store, behaviour)
        if is_refusing:
            return Reply(fault="drop")
        return reply

    def _fetch(self, task_id: str) -> Reply:
        task = self.store.tasks.get(task_id)
        if task is None or task.behaviour.lie == "forgotten":
            # As the family does: nothing, and no word about it.
            return Reply()
        self.store.of(task.state).fetches += 1
        task.fetches += 1
        task.finished_fetches += task.status() == "SUCCESS"
        data = self._data(task)
        if task.behaviour.lie == "other_id":
            data["id"] = f"{task.id}9"
        return _json(data)

    def _image_seed(self, task_id: str) -> Reply:
        task = self.store.tasks.get(task_id)
        if task is None:
            return submits.answer(submits.NOT_FOUND, "the task does not exist or has expired")
        if task.status() != "SUCCESS":
            return submits.answer(submits.INVALID, "the task is not finished")
        return submits.answer(submits.SUBMITTED, "success", task.seed)

    def _cancel(self, task_id: str) -> Reply:
        task = self.store.tasks.get(task_id)
        if not self.knobs.cancels:
            return Reply(status=404, body=_PAGE, content_type="text/html")
        if task is not None:
            self.store.of(task.state).cancels += 1
            if task.status() not in ("SUCCESS", "FAILURE"):
                task.is_cancelled = True
        return Reply()

    def _list(self) -> Reply:
        if self.knobs.task_list == "off":
            return Reply(status=404, body=_PAGE, content_type="text/html")
        return _json([self._data(task) for task in self.store.newest(100)])

    def _by_ids(self, body: dict[str, Any]) -> Reply:
        ids = body.get("ids") or []
        return _json([self._data(task) for one in ids if (task := self.store.tasks.get(str(one)))])

    def _accounts(self) -> Reply:
        if self.knobs.account_list == "off":
            return Reply(status=404, body=_PAGE, content_type="text/html")
        if self.knobs.account_list == "admin":
            return Reply(status=403, body=b"forbidden", content_type="text/plain")
        return _json([account(self.knobs)])

    def _data(self, task: Task) -> dict[str, Any]:
        return task.data(
            self.server.url,
            discord_links=self.knobs.discord_links,
            shows_state=self.knobs.task_list != "blind",
        )

    def _image(self, path: str) -> Reply:
        name = path.removeprefix("/images/").removesuffix(".png")
        task = self.store.tasks.get(name.split("-")[0])
        if task is None:
            return Reply(status=404, body=b"no such picture", content_type="text/plain")
        return Reply(body=task.image(name), content_type="image/png")

    # -------------------------------------------------------------------------------------- control
    def _control(self, path: str, request: Request) -> Reply:
        match (request.method, path):
            case ("GET", "/_seen"):
                return _json(self._seen(request.query))
            case ("GET", "/_tasks"):
                return _json([told(task) for task in self.store.tasks.values()])
            case (_, "/_knobs"):
                return self._set_knobs(_parsed(request.body))
            case ("POST", "/_finish"):
                return self._finish()
            case ("POST", "/_age"):
                return self._age(_parsed(request.body) or {})
            case ("POST", "/_reset"):
                self.store, self.knobs = Store(), Knobs()
                return _json({})
        return Reply(status=404)

    def _finish(self) -> Reply:
        for task in self.store.tasks.values():
            if task.started is not None:
                task.started = time.time() - task.behaviour.delay
        return _json({})

    def _age(self, body: dict[str, Any]) -> Reply:
        task = self.store.tasks[body["id"]]
        task.started = time.time() - task.behaviour.delay * body["share"]
        return _json({})

    def _set_knobs(self, values: dict[str, Any] | None) -> Reply:
        try:
            self.knobs = self.knobs.set(values or {})
        except (ValueError, TypeError) as error:
            return Reply(status=400, body=str(error).encode(), content_type="text/plain")
        return _json(asdict(self.knobs))

    def _seen(self, query: dict[str, str]) -> dict[str, Any]:
        if "state" in query:
            return asdict(self.store.of(query["state"]))
        states = {state: asdict(one) for state, one in self.store.seen.items()}
        return {"totals": self.store.totals(), "states": states}


def account(knobs: Knobs) -> dict[str, Any]:
    """As bridges list it, the account's own secrets included."""
    is_off = knobs.captcha or bool(knobs.banned_until)
    why = submits.why_off(knobs)
    return {
        "id": "channel-1",
        "channelId": "channel-1",
        "guildId": "guild-1",
        "userToken": "planted-account-token-0123456789",
        "enable": not knobs.banned_until,
        "lock": knobs.captcha,
        "disabledReason": why if is_off else None,
        "mode": None,
        "allowModes": [mode.upper() for mode in MODES],
        "coreSize": knobs.slots,
        "queueSize": 10,
        "subscribePlan": f"{knobs.plan.title()} (Active monthly, renews next month)",
        "fastTimeRemaining": f"{knobs.fast_hours:g}/15 hours ({knobs.fast_hours / 0.15:.1f}%)",
        "fastExhausted": knobs.fast_hours <= 0,
    }


def told(task: Task) -> dict[str, Any]:
    """What a test wants to know of a task that a fetch does not tell."""
    return {
        "id": task.id,
        "action": task.action,
        "prompt": task.prompt,
        "state": task.state,
        "mode": task.mode,
        "status": task.status(),
        "index": task.index,
        "parent": task.parent.id if task.parent else None,
        "bodies": task.bodies,
    }


def _json(data: Any) -> Reply:
    return Reply(body=orjson.dumps(data))


def _parsed(body: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
