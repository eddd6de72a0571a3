"""How far an unfinished task is, in what can honestly be said of it."""

from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from apps.tasks.models import Status, Task
from apps.tasks.selectors import play

_WAITING = (Status.STAGED, Status.PENDING)
_DONE = 100


@dataclass(frozen=True)
class Progress:
    """Where it is: "queued", "running" or "saving". `ahead` counts only tasks of the same workspace: other people's
    places in the line are nobody's business. `typical` is None where nothing like it has completed here yet."""

    stage: str
    ahead: int
    percent: int
    elapsed: timedelta
    typical: timedelta | None


def progress(task: Task) -> Progress | None:
    """None once it has ended. Two queries at most."""
    if task.is_finished:
        return None
    is_waiting = task.status in _WAITING
    seconds = play.typical_seconds(
        workspace_id=task.workspace_id, model=task.model, task_type=task.task_type
    )
    return Progress(
        stage=_stage(task),
        ahead=play.ahead_of(task) if is_waiting else 0,
        percent=task.progress,
        elapsed=max(timezone.now() - (task.started_at or task.created_at), timedelta()),
        typical=None if seconds is None else timedelta(seconds=seconds),
    )


def _stage(task: Task) -> str:
    if task.status in _WAITING:
        return "queued"
    return "saving" if task.progress >= _DONE else "running"
