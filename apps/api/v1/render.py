"""A task as the contract shows it, in answers and (later) in webhooks."""

from datetime import UTC, datetime
from typing import Any

from apps.catalog import registry
from apps.catalog.spec import TaskSpec
from apps.core.errors import DomainError
from apps.tasks.models import FINAL, Status, Task
from apps.tasks.services.create import Created

ZERO_TIME = "0001-01-01T00:00:00Z"
_MIDJOURNEY = "midjourney"
_NO_ERROR: dict[str, Any] = {"code": 0, "raw_message": "", "message": "", "detail": None}


def time_text(instant: datetime | None) -> str:
    """RFC 3339 in UTC; what has not happened yet is the year 1."""
    return ZERO_TIME if instant is None else f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def task_data(task: Task) -> dict[str, Any]:
    """The task as it is now: `data` of an answer. Every required key is there in every state."""
    return _shown(task, _output(task), _usage(task), _error(task))


def created_data(created: Created) -> dict[str, Any]:
    """The answer to a create. A replayed one shows the task as it was first answered, whatever came after."""
    if not created.replayed:
        return task_data(created.task)
    data = _shown(
        created.task,
        _first_output(created.task),
        {"type": "point", "frozen": created.task.price_points, "consume": 0},
        _NO_ERROR,
    )
    data["status"] = str(created.initial_status)
    data["meta"] |= {"started_at": ZERO_TIME, "ended_at": ZERO_TIME}
    return data


def _shown(task: Task, output: Any, usage: dict[str, Any], error: dict[str, Any]) -> dict[str, Any]:
    return {
        "task_id": str(task.id),
        "model": task.model,
        "task_type": task.task_type,
        "status": str(task.status),
        "config": {
            "service_mode": task.service_mode,
            # The secret is never given back.
            "webhook_config": {"endpoint": task.webhook_endpoint, "secret": ""},
        },
        "input": _echo(task),
        "output": output,
        "meta": _meta(task, usage),
        "detail": None,
        "logs": [],
        "error": error,
    }


def _meta(task: Task, usage: dict[str, Any]) -> dict[str, Any]:
    meta = {
        "created_at": time_text(task.created_at),
        "started_at": time_text(task.started_at),
        "ended_at": time_text(task.ended_at),
        "usage": usage,
        "is_using_private_pool": task.service_mode == "private",
    }
    if task.model == _MIDJOURNEY:
        meta |= {
            "model_version": "unknown",
            "process_mode": task.process_mode,
            "failover_triggered": False,
        }
    return meta


def _usage(task: Task) -> dict[str, Any]:
    """What is set aside and what was spent: nothing of either for a task that failed or was cancelled."""
    ended_free = task.status in FINAL and task.status != Status.COMPLETED
    return {
        "type": "point",
        "frozen": 0 if ended_free else task.price_points,
        "consume": task.cost_points if task.status == Status.COMPLETED else 0,
    }


def _error(task: Task) -> dict[str, Any]:
    if task.error_code == 0:
        return _NO_ERROR
    return {
        "code": task.error_code,
        "raw_message": task.error_raw,
        "message": task.error_message,
        "detail": None,
    }


def _output(task: Task) -> Any:
    """With its progress while it runs, where the output has a place for it."""
    output = task.output
    if task.status == Status.PROCESSING and isinstance(output, dict) and "progress" in output:
        return {**output, "progress": task.progress}
    return output


def _first_output(task: Task) -> Any:
    spec = _spec(task)
    if spec is None:
        return None
    try:
        return spec.pending(spec.parse(task.input))
    except DomainError:
        # The catalog has become stricter since.
        return None


def _echo(task: Task) -> dict[str, Any]:
    spec = _spec(task)
    sent: dict[str, Any] = task.input
    return {**spec.echo_defaults, **sent} if spec is not None and spec.echo_defaults else sent


def _spec(task: Task) -> TaskSpec | None:
    return registry.all_specs().get((task.model, task.task_type))
