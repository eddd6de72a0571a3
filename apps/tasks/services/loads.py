"""How much each workspace has under way per family and pool, and who of those that are staged comes next."""

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from apps.accounts import plans
from apps.tasks.models import Status, Task
from apps.tasks.policies import PRIVATE, PUBLIC
from apps.tasks.services import wakes

_Key = tuple[int, str, str]

_LEAVE = """
UPDATE tasks_familyload l SET active = l.active - v.active, staged = l.staged - v.staged
  FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::int[], %s::int[])
       AS v (workspace_id, family, pool, active, staged)
 WHERE l.workspace_id = v.workspace_id AND l.family = v.family AND l.pool = v.pool
RETURNING l.workspace_id, l.family, l.pool, l.active, l.staged
"""
_LOCK = """
SELECT FROM tasks_familyload
 WHERE (workspace_id, family, pool) IN (SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[]))
 ORDER BY workspace_id, family, pool FOR UPDATE
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
        [workspace_id for workspace_id, _, _ in keys],
        [family for _, family, _ in keys],
        [pool for _, _, pool in keys],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_LOCK, names)
        cursor.execute(
            _LEAVE, [*names, [active[key] for key in keys], [staged[key] for key in keys]]
        )
        left = cursor.fetchall()
    for *key, now_active, now_staged in left:
        room = min(limits[tuple(key)] - now_active, now_staged)
        if room > 0:
            _promote(tuple(key), room)


def _key(task: Task) -> _Key:
    return (task.workspace_id, task.family, task.service_mode)


def _limit(task: Task) -> int:
    if task.service_mode == PRIVATE:
        return int(settings.PRIVATE_TASKS)
    workspace = task.workspace
    return plans.concurrent_tasks(
        plan=workspace.plan,
        plan_version_id=workspace.plan_version_id,
        override=workspace.concurrency_override,
    )


# The oldest first. One that is just being cancelled is passed over; it no longer wants the place. As an array and not
# after IN: what stands there may be joined and then run once per row, each time with a limit of its own.
_PROMOTE = """
WITH promoted AS (
    UPDATE tasks_task SET status = 'pending', wake_at = statement_timestamp()
     WHERE id = ANY (ARRAY(
        SELECT id FROM tasks_task
         WHERE workspace_id = %s AND family = %s AND service_mode = %s AND status = 'staged'
         ORDER BY created_at, id LIMIT %s FOR UPDATE SKIP LOCKED))
 RETURNING id
), events AS (
    INSERT INTO tasks_taskevent (task_id, kind) SELECT id, 'pending' FROM promoted
), counted AS (
    SELECT count(*)::int AS n FROM promoted
)
UPDATE tasks_familyload SET active = active + n, staged = staged - n FROM counted
 WHERE workspace_id = %s AND family = %s AND pool = %s
"""


def _promote(key: _Key, room: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_PROMOTE, [*key, room, *key])


_ROOMY = """
SELECT l.workspace_id, l.family, l.pool, w.plan, w.plan_version_id, w.concurrency_override, l.active, l.staged
  FROM tasks_familyload l JOIN accounts_workspace w ON w.id = l.workspace_id WHERE l.staged > 0
"""


def promote_staged() -> int:
    """Start what is staged although there is room: a plan was raised, or a task was passed over. Says how many loads.

    Each end of a task promotes by itself; this looks after the rest.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ROOMY)
        roomy = [row[:3] for row in cursor.fetchall() if _room(row) > 0]
    for key in roomy:
        _promote_locked(key)
    return len(roomy)


def _room(row: Sequence[Any]) -> int:
    """How many of the staged tasks of a row of `_ROOMY` may start."""
    _, _, pool, plan, version, override, active, staged = row
    if pool == PRIVATE:
        limit = int(settings.PRIVATE_TASKS)
    else:
        limit = plans.concurrent_tasks(plan=plan, plan_version_id=version, override=override)
    return min(limit - int(active), int(staged))


@transaction.atomic
def _promote_locked(key: _Key) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_ROOMY} AND (l.workspace_id, l.family, l.pool) = (%s, %s, %s) FOR UPDATE OF l",
            list(key),
        )
        rooms = [_room(row) for row in cursor.fetchall()]
    for room in rooms:
        if room > 0:
            _promote(key, room)
    wakes.DISPATCH.after_commit()


# A private task that goes over to the public pool counts there, and is staged where the plan has no room.
_MOVE = """
WITH left_behind AS (
    UPDATE tasks_familyload SET active = active - (NOT %(staged)s)::int, staged = staged - %(staged)s::int
     WHERE workspace_id = %(workspace)s AND family = %(family)s AND pool = 'private'
)
INSERT INTO tasks_familyload AS l (workspace_id, family, pool, active, staged, was_staged)
VALUES (%(workspace)s, %(family)s, 'public', (%(limit)s > 0)::int, (%(limit)s <= 0)::int, %(limit)s <= 0)
ON CONFLICT (workspace_id, family, pool) DO UPDATE
   SET active = l.active + (l.active < %(limit)s)::int, staged = l.staged + (l.active >= %(limit)s)::int,
       was_staged = l.active >= %(limit)s
RETURNING was_staged
"""


def move_to_public(task: Task) -> bool:
    """Count a waiting private task of the caller's transaction as a public one. Says whether it is to be staged."""
    workspace = task.workspace
    limit = plans.concurrent_tasks(
        plan=workspace.plan,
        plan_version_id=workspace.plan_version_id,
        override=workspace.concurrency_override,
    )
    with connection.cursor() as cursor:
        # Both in one order, as whoever ends tasks locks them.
        keys: list[list[Any]] = [[task.workspace_id] * 2, [task.family] * 2, [PRIVATE, PUBLIC]]
        cursor.execute(_LOCK, keys)
        cursor.execute(
            _MOVE,
            {
                "workspace": task.workspace_id,
                "family": task.family,
                "staged": task.status == Status.STAGED,
                "limit": limit,
            },
        )
        return bool(cursor.fetchone()[0])
