"""The answer to a create."""

from typing import Any

from apps.core.errors import DomainError
from apps.tasks.models import Task
from apps.tasks.presentation import NO_ERROR, ZERO_TIME, shown, spec_of, task_data
from apps.tasks.services.create import Created


def created_data(created: Created) -> dict[str, Any]:
    """The answer to a create. A replayed one shows the task as it was first answered, whatever came after."""
    if not created.replayed:
        return task_data(created.task)
    data = shown(
        created.task,
        _first_output(created.task),
        {"type": "point", "frozen": created.task.price_points, "consume": 0},
        NO_ERROR,
    )
    data["status"] = str(created.initial_status)
    data["meta"] |= {"started_at": ZERO_TIME, "ended_at": ZERO_TIME}
    return data


def _first_output(task: Task) -> Any:
    spec = spec_of(task)
    if spec is None:
        return None
    try:
        return spec.pending(spec.parse(task.input))
    except DomainError:
        # The catalog has become stricter since.
        return None
