"""What the playground shows beside a form: earlier runs of the same thing, how long it takes, what is before it."""

from dataclasses import dataclass
from statistics import median

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef
from django.db.models.functions import Now

from apps.files.models import StoredFile
from apps.tasks.models import Status, Task

# A workspace may have millions of a model's tasks, none of them this person's: further back is not looked.
_NEWEST = 2_000
_SAMPLE = 20


@dataclass(frozen=True)
class Run:
    """A task, and the keys of its files that can still be opened."""

    task: Task
    kept: frozenset[str]


def newest_runs(
    *, workspace_id: int, model: str, task_type: str, limit: int, created_by_id: int | None = None
) -> list[Run]:
    """The workspace's newest tasks of one spec, or those of one person, among the model's newest 2,000. One query."""
    newest = Task.objects.of(workspace_id).filter(model=model).order_by("-created_at", "-id")
    rows = Task.objects.of(workspace_id).filter(
        id__in=newest.values("id")[:_NEWEST], task_type=task_type
    )
    if created_by_id is not None:
        rows = rows.filter(created_by_id=created_by_id)
    files = StoredFile.objects.of(workspace_id).filter(
        task_id=OuterRef("pk"), deleted_at__isnull=True, expires_at__gt=Now()
    )
    found = rows.annotate(kept=ArraySubquery(files.values("key")))
    newest_first = found.order_by("-created_at", "-id")[:limit]
    return [Run(task, frozenset(task.kept)) for task in newest_first]


def typical_seconds(*, workspace_id: int, model: str, task_type: str) -> float | None:
    """The middle of how long the newest 20 took that completed, from start to end; None when nothing has."""
    rows = Task.objects.of(workspace_id).filter(
        model=model, status=Status.COMPLETED, started_at__isnull=False, task_type=task_type
    )
    spans = rows.order_by("-created_at", "-id").values_list("started_at", "ended_at")[:_SAMPLE]
    took = [(ended - started).total_seconds() for started, ended in spans if ended and started]
    return median(took) if took else None


def ahead_of(task: Task) -> int:
    """How many of the workspace's own tasks of the family and pool wait longer than this one, which waits."""
    rows = Task.objects.of(task.workspace_id).filter(
        family=task.family,
        service_mode=task.service_mode,
        status__in=[Status.STAGED, Status.PENDING],
        created_at__lt=task.created_at,
    )
    return rows.count()
