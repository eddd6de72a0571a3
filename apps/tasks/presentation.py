"""A task as the public contract shows it: in answers, event streams and webhooks."""

from datetime import UTC, datetime
from typing import Any

from apps.accounts.models import Plan
from apps.catalog import registry
from apps.catalog.spec import TaskSpec
from apps.tasks.models import FINAL, Status, Task

ZERO_TIME = "0001-01-01T00:00:00Z"
_MIDJOURNEY = "midjourney"
_PAYING: frozenset[str] = frozenset({Plan.DEVELOPER, Plan.PREMIUM})
NO_ERROR: dict[str, Any] = {"code": 0, "raw_message": "", "message": "", "detail": None}


def time_text(instant: datetime | None) -> str:
    """RFC 3339 in UTC; what has not happened yet is the year 1."""
    return ZERO_TIME if instant is None else f"{instant.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def task_data(task: Task) -> dict[str, Any]:
    """The task as it is now: `data` of an answer. Every required key is there in every state."""
    return shown(task, output_of(task), _usage(task), _error(task))


def shown(task: Task, output: Any, usage: dict[str, Any], error: dict[str, Any]) -> dict[str, Any]:
    """The task's `data` with these three parts."""
    return {
        "task_id": str(task.id),
        "model": task.model,
        "task_type": task.task_type,
        "status": str(task.status),
        "config": _config(task),
        "input": _echo(task),
        "output": output,
        "meta": _meta(task, usage),
        "detail": None,
        "logs": [],
        "error": error,
    }


def _config(task: Task) -> dict[str, Any]:
    # The secret is never given back.
    webhook: dict[str, Any] = {"endpoint": task.webhook_endpoint, "secret": ""}
    if task.webhook_progress:
        webhook["progress"] = True
    return {
        "service_mode": task.service_mode,
        "webhook_config": webhook,
        "client_reference": task.client_reference,
        "retention": str(task.retention),
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
            "model_version": task.model_version or "unknown",
            "process_mode": task.process_mode,
            "failover_triggered": task.failover_triggered,
        }
    elif task.failover_triggered:
        meta["failover_triggered"] = True
    return meta


def _usage(task: Task) -> dict[str, Any]:
    """What is set aside and what was spent: nothing of either for a task that failed or was cancelled, unless a penalty
    has kept what was held."""
    ended_free = task.status in FINAL and task.status != Status.COMPLETED and not task.cost_points
    return {
        "type": "point",
        "frozen": 0 if ended_free else task.price_points,
        "consume": task.cost_points if task.status in FINAL else 0,
    }


def _error(task: Task) -> dict[str, Any]:
    if task.error_code == 0:
        return NO_ERROR
    return {
        "code": task.error_code,
        "raw_message": task.error_raw,
        "message": task.error_message,
        "detail": None,
    }


def output_of(task: Task) -> Any:
    """The public output: with its progress while it runs, where it has a place for that, and without what the plan
    does not show."""
    output = task.output
    if not isinstance(output, dict):
        return output
    if task.status == Status.PROCESSING and "progress" in output:
        output = {**output, "progress": task.progress}
    return visible(task, output) if task.model == _MIDJOURNEY else output


# Which plans see a field of Midjourney's output: of tasks in the public pool, and on own accounts.
_SEES: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "progress": (_PAYING, _PAYING),
    "intermediate_image_urls": (frozenset(), _PAYING),
    "discord_image_url": (frozenset({Plan.PREMIUM}), frozenset(Plan)),
    "temporary_image_urls": (frozenset({Plan.PREMIUM}), frozenset(Plan)),
}
_HIDDEN: dict[str, Any] = {"discord_image_url": ""}


def visible(task: Task, output: dict[str, Any]) -> dict[str, Any]:
    """The output with only what the task's plan and pool show; a hidden field is empty, progress jumps at the end."""
    plan = task.plan or Plan.HOBBYIST
    hidden = {
        name: _HIDDEN.get(name)
        for name, seen in _SEES.items()
        if name in output and plan not in seen[task.service_mode == "private"]
    }
    if "progress" in hidden:
        hidden["progress"] = 100 if task.status == Status.COMPLETED else 0
    return {**output, **hidden}


def _echo(task: Task) -> dict[str, Any]:
    spec = spec_of(task)
    sent: dict[str, Any] = task.input
    return {**spec.echo_defaults, **sent} if spec is not None and spec.echo_defaults else sent


def spec_of(task: Task) -> TaskSpec | None:
    """Its spec, or None when the catalog no longer has it."""
    return registry.all_specs().get((task.model, task.task_type))
