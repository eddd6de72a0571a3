"""What a task's own webhook is told, or the workspace's endpoints, in the transaction of the change it tells of."""

import secrets
from collections.abc import Iterable
from typing import Any

import orjson
from django.utils import timezone

from apps.notifications.events import TASK_EVENTS
from apps.notifications.models import Delivery
from apps.notifications.services import endpoint_out, outbox
from apps.tasks.models import Task
from apps.tasks.presentation import task_data
from apps.tasks.presentation_v2 import V2, fetch_data

# Receivers and the boxes in front of them refuse large bodies; what was sent in need not come back.
_MAX_BODY_BYTES = 20_000
_MAX_INPUT_BYTES = 2_000


def announce(tasks: Iterable[Task], *, kind: str = "") -> None:
    """Write one event for each task that has an endpoint, and for the workspace's own of the others that they chose.

    The tasks are as they are after the change. Without a `kind` it is what has become of the task: completed, failed
    or cancelled.
    """
    found = list(tasks)
    outbox.add([_event(task, kind or task.status) for task in found if task.webhook_endpoint])
    _tell_endpoints([task for task in found if not task.webhook_endpoint], kind)


def _tell_endpoints(tasks: list[Task], kind: str) -> None:
    """Bodies are made only where somebody listens."""
    kinds = {task.id: f"task.{kind or task.status}" for task in tasks}
    asked = set(kinds.values()) & set(TASK_EVENTS)
    if not asked:
        return
    heard = endpoint_out.heard({task.workspace_id for task in tasks}, asked)
    endpoint_out.add(
        [
            endpoint_out.Told(task.workspace_id, task.reference, kinds[task.id], _unified(task))
            for task in tasks
            if (task.workspace_id, kinds[task.id]) in heard
        ]
    )


def tells_creation(task: Task) -> bool:
    """Whether its creation is an event. Receivers of the older shape hear of the start first."""
    return bool(task.webhook_endpoint) and task.dialect != V2


def tells_start(task: Task) -> bool:
    """Whether its start is an event: to those who want to hear of progress, and in the older shape always."""
    return bool(task.webhook_endpoint) and (task.webhook_progress or task.dialect == V2)


# What the database decides about a new task is not known when its body is made; it puts it in place of these marks.
_AT_CREATION = """
replace(replace(replace(%s, %s, status), %s,
                to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')),
        '"' || %s || '"', floor(EXTRACT(EPOCH FROM created_at))::bigint::text)
"""
CREATED_CTE = outbox.ADD_CTE.format(body=_AT_CREATION, subject="task")
# Of a task without a webhook of its own: for the endpoints that listen at that moment. Nothing has to be asked before.
HEARD_CTE = endpoint_out.ADD_CTE.format(body=_AT_CREATION, subject="task")


def created_parameters(task: Task) -> list[Any]:
    """What `CREATED_CTE` takes: the event of a task's creation, in the statement that creates it."""
    body, marks = _created_body(task)
    return [*outbox.cte_parameters(_event(task, "created", body=body)), body, *marks]


def heard_parameters(task: Task) -> list[Any]:
    """The same for `HEARD_CTE`."""
    body, marks = _created_body(task)
    return [task.reference, body, *marks, "task.created"]


def _created_body(task: Task) -> tuple[str, list[str]]:
    """The body with marks, and the marks.

    The marks hold random bits, so nothing a customer sends looks like one.
    """
    mark = secrets.token_hex(16)
    status, created_at, timestamp = (f"@{mark}:{name}@" for name in ("status", "created", "time"))
    data = task_data(task)
    data["status"] = status
    data["meta"]["created_at"] = created_at
    return _shortened(timestamp, data), [status, created_at, timestamp]


def _event(task: Task, kind: str, *, body: str = "") -> outbox.Event:
    return outbox.Event(
        workspace_id=task.workspace_id,
        subject=task.reference,
        kind=f"task.{kind}",
        endpoint=task.webhook_endpoint,
        body=body or _body(task),
        secret=task.webhook_secret,
        sealed_to=task.reference if task.webhook_secret else "",
        dialect=Delivery.Dialect.V2 if task.dialect == V2 else Delivery.Dialect.UNIFIED,
    )


def _body(task: Task) -> str:
    """`{"timestamp", "data"}` with the task as a GET shows it; the same bytes on every attempt."""
    if task.dialect == V2:
        return orjson.dumps(fetch_data(task, is_webhook=True)).decode()
    return _unified(task)


def _unified(task: Task) -> str:
    data = task_data(task)
    at = task.ended_at or task.started_at or task.created_at or timezone.now()
    return _shortened(int(at.timestamp()), data)


def _shortened(timestamp: int | str, data: dict[str, Any]) -> str:
    body = orjson.dumps({"timestamp": timestamp, "data": data})
    if len(body) > _MAX_BODY_BYTES:
        shortened = {name: _short(value) for name, value in data["input"].items()}
        body = orjson.dumps({"timestamp": timestamp, "data": data | {"input": shortened}})
    return body.decode()


def _short(value: object) -> object:
    return value if len(orjson.dumps(value)) <= _MAX_INPUT_BYTES else None
