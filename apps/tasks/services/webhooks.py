"""What a task's own webhook is told, written in the transaction of the change it tells of."""

from collections.abc import Iterable

import orjson
from django.utils import timezone

from apps.notifications.services import outbox
from apps.tasks.models import Task
from apps.tasks.presentation import task_data

# Receivers and the boxes in front of them refuse large bodies; what was sent in need not come back.
_MAX_BODY_BYTES = 20_000
_MAX_INPUT_BYTES = 2_000


def announce(tasks: Iterable[Task], *, kind: str = "") -> None:
    """Write one event for each task that has an endpoint. The tasks are as they are after the change.

    Without a `kind` it is what has become of the task: completed, failed or cancelled.
    """
    outbox.add([_event(task, kind or task.status) for task in tasks if task.webhook_endpoint])


def _event(task: Task, kind: str) -> outbox.Event:
    return outbox.Event(
        workspace_id=task.workspace_id,
        subject=task.reference,
        kind=f"task.{kind}",
        endpoint=task.webhook_endpoint,
        body=_body(task),
        secret=task.webhook_secret,
        sealed_to=task.reference if task.webhook_secret else "",
    )


def _body(task: Task) -> str:
    """`{"timestamp", "data"}` with the task as a GET shows it; the same bytes on every attempt."""
    data = task_data(task)
    at = task.ended_at or task.started_at or task.created_at or timezone.now()
    body = orjson.dumps({"timestamp": int(at.timestamp()), "data": data})
    if len(body) > _MAX_BODY_BYTES:
        shortened = {name: _short(value) for name, value in data["input"].items()}
        body = orjson.dumps({"timestamp": int(at.timestamp()), "data": data | {"input": shortened}})
    return body.decode()


def _short(value: object) -> object:
    return value if len(orjson.dumps(value)) <= _MAX_INPUT_BYTES else None
