"""What one task's page tells beyond its row."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.db.models import Exists, OuterRef, Q, Subquery
from django.db.models.functions import Now

from apps.core.errors import NotFound
from apps.core.sentences import sentence
from apps.files.models import StoredFile
from apps.tasks.models import IdempotencyRecord, Status, Task

# Of one family tree: what a page can show and a query can walk.
_MOST_ANCESTORS = 20
_MOST_RELATED = 60


def task_and_origin(*, workspace_id: int, task_id: uuid.UUID) -> Task:
    """The workspace's task with its key, its person, `idempotency_key` (None: none, or kept no longer) and
    `has_follow_ups`. Raises NotFound."""
    records = IdempotencyRecord.objects.of(workspace_id).filter(task=OuterRef("pk"))
    rows = Task.objects.of(workspace_id).select_related("api_key", "created_by")
    told = rows.annotate(
        idempotency_key=Subquery(records.values("key")[:1]),
        has_follow_ups=Exists(Task.objects.of(workspace_id).filter(parent=OuterRef("pk"))),
    )
    try:
        return told.get(id=task_id)
    except Task.DoesNotExist:
        raise NotFound(sentence("There is no task {id}.", id=task_id)) from None


def place_in_line(*, task: Task) -> int:
    """How many of the workspace's staged tasks of its family start before it, plus one; 0 when it is not staged."""
    if task.status != Status.STAGED:
        return 0
    staged = Task.objects.of(task.workspace_id).filter(status=Status.STAGED, family=task.family)
    same_time = Q(created_at=task.created_at, id__lt=task.id)
    return staged.filter(Q(created_at__lt=task.created_at) | same_time).count() + 1


@dataclass(frozen=True)
class Relative:
    """A task of a family tree; `depth` is 0 for the one that everything began with."""

    task_id: uuid.UUID
    depth: int
    name: str
    status: str


_TREE = """
WITH RECURSIVE up (id, parent_id, steps) AS (
    SELECT id, parent_id, 0 FROM tasks_task WHERE id = %(task)s AND workspace_id = %(workspace)s
    UNION ALL
    SELECT t.id, t.parent_id, up.steps + 1 FROM tasks_task t JOIN up ON t.id = up.parent_id
     WHERE t.workspace_id = %(workspace)s AND up.steps < %(ancestors)s
), tree (id, parent_id, depth) AS (
    SELECT * FROM (SELECT id, NULL::uuid, 0 FROM up ORDER BY steps DESC LIMIT 1) AS root
    UNION ALL
    SELECT t.id, t.parent_id, tree.depth + 1 FROM tasks_task t JOIN tree ON t.parent_id = tree.id
     WHERE t.workspace_id = %(workspace)s
), near AS (SELECT * FROM tree LIMIT %(most)s)
SELECT t.id, near.parent_id, near.depth, COALESCE(NULLIF(t.action, ''), t.task_type), t.status
  FROM near JOIN tasks_task t ON t.id = near.id ORDER BY t.created_at, t.id
"""


def family_tree(*, task: Task) -> list[Relative]:
    """Everything that the task continues and that continues it, parents before children; empty when it stands alone.

    Of very large families the sixty nearest to the first task.
    """
    if task.parent_id is None and not getattr(task, "has_follow_ups", True):
        return []  # known from reading the task
    names: dict[str, uuid.UUID | int] = {
        "task": task.id, "workspace": task.workspace_id, "ancestors": _MOST_ANCESTORS, "most": _MOST_RELATED,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_TREE, names)
        rows = cursor.fetchall()
    children: dict[uuid.UUID | None, list[Relative]] = {}
    for task_id, parent_id, depth, name, status in rows:
        children.setdefault(parent_id, []).append(Relative(task_id, depth, name, status))
    # Depth first, without recursion: what was put last is looked at next. Each once, should parents ever form a circle.
    ordered: dict[uuid.UUID, Relative] = {}
    ahead = list(reversed(children.get(None, [])))
    while ahead:
        one = ahead.pop()
        if one.task_id not in ordered:
            ordered[one.task_id] = one
            ahead += reversed(children.get(one.task_id, []))
    return list(ordered.values()) if len(ordered) > 1 else []


def outputs_of(*, workspace_id: int, task_ids: Sequence[uuid.UUID]) -> list[StoredFile]:
    """The files that these tasks made, as they were stored, whether they are kept or not: `kept` says which are."""
    gone = Q(deleted_at__isnull=False) | Q(expires_at__lte=Now())
    rows = StoredFile.objects.of(workspace_id).filter(
        task_id__in=task_ids, kind=StoredFile.Kind.OUTPUT
    )
    return list(rows.annotate(is_kept=~gone).order_by("created_at", "id"))


def kept(made: Sequence[StoredFile]) -> list[StoredFile]:
    """Those of `outputs_of` that can still be had."""
    return [file for file in made if getattr(file, "is_kept", False)]
