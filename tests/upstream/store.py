"""The provider's tasks, in memory: what each is now follows from the clock, so none needs a timer of its own."""

import time
import uuid
from dataclasses import dataclass, field
from typing import Any

import orjson

from tests.upstream import files
from tests.upstream.behaviour import Behaviour

_REASONS = {
    11000: "The model crashed.",
    11001: "The model took too long.",
    11002: "The prompt was flagged by our safety system.",
    11003: "No account is available.",
    11004: "The task was cancelled.",
    11005: "The output is gone.",
    11006: "Something went wrong.",
}
_ZERO_TIME = "0001-01-01T00:00:00Z"


@dataclass(slots=True)
class Task:
    id: str
    reference: str
    body: dict[str, Any]
    behaviour: Behaviour
    created: float
    polls: int = 0
    is_cancelled: bool = False

    def status(self) -> str:
        if self.is_cancelled:
            return "cancelled"
        age = time.time() - self.created
        if age >= self.behaviour.delay:
            return "failed" if self.behaviour.fail else "completed"
        return "pending" if age < self.behaviour.pending else "processing"

    @property
    def webhook(self) -> tuple[str, str]:
        """Endpoint and secret; empty where none was given."""
        config = _object(_object(self.body.get("config")).get("webhook_config"))
        return str(config.get("endpoint") or ""), str(config.get("secret") or "")

    def data(self, *, base: str, template: dict[str, Any], shows_reference: bool) -> dict[str, Any]:
        """The contract's task object."""
        status = self.status()
        config: dict[str, Any] = {
            "service_mode": "public",
            "webhook_config": {"endpoint": self.webhook[0], "secret": ""},
        }
        if shows_reference:
            config["client_reference"] = self.reference
        return {
            "task_id": self.id,
            "model": self.body.get("model", ""),
            "task_type": self.body.get("task_type", ""),
            "status": status,
            "config": config,
            "input": self.body.get("input"),
            "output": self._output(status, base, template),
            "meta": self._meta(status),
            "detail": None,
            "logs": [],
            "error": self._error(status),
        }

    def _output(self, status: str, base: str, template: dict[str, Any]) -> Any:
        if status == "processing":
            age = time.time() - self.created
            return {"image_url": "", "progress": int(100 * age / self.behaviour.delay)}
        if status != "completed":
            return None
        if self.behaviour.result == "text":
            return "done"
        if self.behaviour.result == "none":
            return None
        url = self._address(base)
        if template:
            return orjson.loads(orjson.dumps(template).replace(b"{url}", url.encode()))
        return {"image_url": url, "image_urls": None, "progress": 100}

    def _address(self, base: str) -> str:
        if self.behaviour.result == "inline":
            return "data:image/png;base64," + files.inline(self.id)
        return files.address(self.behaviour.result, base=base, task_id=self.id)

    def billed(self) -> int:
        """What it costs whoever ordered it, as it is now."""
        return self.behaviour.price if self._is_billed(self.status()) else 0

    def _is_billed(self, status: str) -> bool:
        return status == "completed" or (status == "failed" and self.behaviour.bills)

    def _meta(self, status: str) -> dict[str, Any]:
        price = self.behaviour.price
        is_billed = self._is_billed(status)
        consume: Any = price if is_billed else 0
        if self.behaviour.consume and status in ("completed", "failed"):
            consume = orjson.Fragment(self.behaviour.consume)
        frozen = price if is_billed or status in ("pending", "processing") else 0
        return {
            "created_at": _time(self.created),
            "started_at": _ZERO_TIME if status == "pending" else _time(self.created),
            "ended_at": _ZERO_TIME
            if status in ("pending", "processing")
            else _time(self.created + self.behaviour.delay),
            "usage": {"type": "point", "frozen": frozen, "consume": consume},
            "is_using_private_pool": False,
        }

    def _error(self, status: str) -> dict[str, Any]:
        code = {"failed": self.behaviour.fail, "cancelled": 11004}.get(status, 0)
        words = _REASONS.get(code, "It failed.") if code else ""
        return {"code": code, "raw_message": words, "message": words, "detail": None}


@dataclass
class Seen:
    """What came in under one reference."""

    submits: int = 0
    polls: int = 0
    cancels: int = 0
    look_ups: int = 0
    task_ids: list[str] = field(default_factory=list)


@dataclass
class Store:
    tasks: dict[str, Task] = field(default_factory=dict)
    # Idempotency-Key to (what was sent, task).
    keys: dict[str, tuple[bytes, Task]] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)

    def add(self, *, reference: str, body: dict[str, Any], behaviour: Behaviour) -> Task:
        task = Task(str(uuid.uuid4()), reference, body, behaviour, time.time())
        self.tasks[task.id] = task
        self.of(reference).task_ids.append(task.id)
        return task

    def of(self, reference: str) -> Seen:
        found = self.seen.get(reference)
        if found is None:
            found = self.seen[reference] = Seen()
        return found

    def named(self, reference: str) -> list[Task]:
        """Newest first."""
        seen = self.seen.get(reference)
        return [self.tasks[one] for one in reversed(seen.task_ids)] if seen else []

    def newest(self, limit: int) -> list[Task]:
        """Newest first, without going through all of them."""
        found = zip(reversed(self.tasks.values()), range(limit), strict=False)
        return [task for task, _ in found]

    def billed(self) -> dict[str, int]:
        """Points by reference; work that was done twice is billed twice."""
        return {
            name: sum(self.tasks[one].billed() for one in row.task_ids)
            for name, row in self.seen.items()
        }

    def totals(self) -> dict[str, int]:
        rows = self.seen.values()
        return {
            "references": len(self.seen),
            "tasks": len(self.tasks),
            "submits": sum(row.submits for row in rows),
            "polls": sum(row.polls for row in rows),
            "cancels": sum(row.cancels for row in rows),
            "look_ups": sum(row.look_ups for row in rows),
            # Work that was done, and paid for, twice.
            "duplicates": sum(len(row.task_ids) - 1 for row in rows if row.task_ids),
        }


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _time(seconds: float) -> str:
    return (
        f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(seconds % 1 * 1e6):06}Z"
    )
