"""How much each workspace has under way per family, and who of those that are staged comes next."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, transaction

from apps.accounts import plans
from apps.tasks.models import Status, Task
from apps.tasks.services import wakes

_Key = tuple[int, str]

_LEAVE = """
UPDATE tasks_familyload l SET active = l.active - v.active, staged = l.staged - v.staged
  FROM unnest(%s::bigint[], %s::text[], %s::int[], %s::int[]) AS v (workspace_id, family, active, staged)
 WHERE l.workspace_id = v.workspace_id AND l.family = v.family
RETURNING l.workspace_id, l.family, l.active, l.staged
"""
_LOCK = """
SELECT FROM tasks_familyload WHERE (workspace_id, family) IN (SELECT * FROM unnest(%s::bigint[], %s::text[]))
 ORDER BY workspace_id, family FOR UPDATE
"""


def leave(tasks: Sequence[Task], *, was: Mapping[uuid.UUID, str]) -> None:
    """Stop counting tasks that end, in the transaction that ends them, and let staged ones take their places.

    `was` says in which state each of them counted until now.
    """
    staged = Counter(_key(task) for task in tasks if was[task.id] == Status.STAGED)
    active = Counter(_key(task) for task in tasks if was[task.id] != Status.STAGED)
    limits = {_key(task): _limit(task) for task in tasks}
    keys = sorted(limits)
    names: list[list[Any]] = [
        [workspace_id for workspace_id, _ in keys],
        [family for _, family in keys],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, names)
        cursor.execute(
            _LEAVE, [*names, [active[key] for key in keys], [staged[key] for key in keys]]
        )
        left = cursor.fetchall()
    for workspace_id, family, now_active, now_staged in left:
        room = min(limits[workspace_id, family] - now_active, now_staged)
        if room > 0:
            _promote(workspace_id, family, room)


def _key(task: Task) -> _Key:
    return (task.workspace_id, task.family)


def _limit(task: Task) -> int:
    workspace = task.workspace
    return plans.concurrent_tasks(
        plan=workspace.plan,
        plan_version_id=workspace.plan_version_id,
        override=workspace.concurrency_override,
    )


# The oldest first. One that is just being cancelled is passed over; it no longer wants the place.
_PROMOTE = """
WITH promoted AS (
    UPDATE tasks_task SET status = 'pending', wake_at = statement_timestamp()
     WHERE id IN (
        SELECT id FROM tasks_task WHERE workspace_id = %s AND family = %s AND status = 'staged'
         ORDER BY created_at, id LIMIT %s FOR UPDATE SKIP LOCKED)
 RETURNING id
), events AS (
    INSERT INTO tasks_taskevent (task_id, kind) SELECT id, 'pending' FROM promoted
), counted AS (
    SELECT count(*)::int AS n FROM promoted
)
UPDATE tasks_familyload SET active = active + n, staged = staged - n FROM counted
 WHERE workspace_id = %s AND family = %s
"""


def _promote(workspace_id: int, family: str, room: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_PROMOTE, [workspace_id, family, room, workspace_id, family])


_ROOMY = """
SELECT l.workspace_id, l.family, w.plan, w.plan_version_id, w.concurrency_override, l.active, l.staged
  FROM tasks_familyload l JOIN accounts_workspace w ON w.id = l.workspace_id WHERE l.staged > 0
"""


def promote_staged() -> int:
    """Start what is staged although there is room: a plan was raised, or a task was passed over. Says how many pairs.

    Each end of a task promotes by itself; this looks after the rest.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ROOMY)
        rows = cursor.fetchall()
    roomy = [
        (workspace_id, family)
        for workspace_id, family, plan, version, override, active, _ in rows
        if active < plans.concurrent_tasks(plan=plan, plan_version_id=version, override=override)
    ]
    for workspace_id, family in roomy:
        _promote_locked(workspace_id, family)
    return len(roomy)


@transaction.atomic
def _promote_locked(workspace_id: int, family: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_ROOMY} AND l.workspace_id = %s AND l.family = %s FOR UPDATE OF l",
            [workspace_id, family],
        )
        for _, _, plan, version, override, active, staged in cursor.fetchall():
            limit = plans.concurrent_tasks(plan=plan, plan_version_id=version, override=override)
            if (room := min(limit - active, staged)) > 0:
                _promote(workspace_id, family, room)
    wakes.DISPATCH.after_commit()
