"""Which waiting tasks of the public pool come next: as many as there is room for, shared fairly between workspaces.

A workspace's next task is placed by how much the workspace has running and waiting before it, divided by its plan's
share: who has nothing running goes first, however many tasks somebody else has waiting. What waits for certain accounts
is in `own_queue`.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from apps.accounts import plans
from apps.catalog.spec import TaskSpec
from apps.tasks.models import Task

# A task of a workspace far down its own queue never comes next, so this many of each are enough to choose from.
PER_WORKSPACE = 200


@dataclass(frozen=True)
class Waiting:
    """A task that could start, locked by the caller's transaction. `asked` are the accounts that failed it before.

    `mode` is the speed it asks for. `bound_provider` and `bound_account` are where it must run, `is_follow_up`: because
    its parent did.
    """

    id: uuid.UUID
    workspace_id: int
    model: str
    task_type: str
    attempt: int
    created_at: datetime
    deadline_seconds: int | None
    mode: str = ""
    is_private: bool = False
    bound_provider: str = ""
    bound_account: int | None = None
    is_follow_up: bool = False
    asked: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Startable:
    """A kind of task that could start now: a spec at a speed."""

    spec: TaskSpec
    mode: str = ""


# The inner recursion hops from workspace to workspace on the index of waiting tasks, so its cost is the number of
# workspaces that wait, not of tasks.
_WAITS = "t.status = 'pending' AND t.provider = '' AND t.service_mode = 'public' AND t.bound_provider = ''"
_NEXT = """
WITH RECURSIVE lane (family, workspace_id) AS (
    SELECT f.name, (SELECT t.workspace_id FROM tasks_task t
                     WHERE {waits} AND t.family = f.name
                     ORDER BY t.workspace_id LIMIT 1)
      FROM unnest(%(families)s::text[]) AS f (name)
    UNION ALL
    SELECT l.family, (SELECT t.workspace_id FROM tasks_task t
                       WHERE {waits} AND t.family = l.family
                         AND t.workspace_id > l.workspace_id
                       ORDER BY t.workspace_id LIMIT 1)
      FROM lane l WHERE l.workspace_id IS NOT NULL
), head AS (
    SELECT l.workspace_id, t.id, t.created_at
      FROM lane l CROSS JOIN LATERAL (
           SELECT t.id, t.created_at FROM tasks_task t
            WHERE {waits} AND t.family = l.family
              AND t.workspace_id = l.workspace_id
              AND (t.model, t.task_type, t.asked_mode)
                  IN (SELECT * FROM unnest(%(models)s::text[], %(task_types)s::text[], %(modes)s::text[]))
              AND t.wake_at <= statement_timestamp() AND t.deadline_at > statement_timestamp()
            ORDER BY t.created_at, t.id LIMIT %(per_workspace)s) t
     WHERE l.workspace_id IS NOT NULL
), load AS (
    SELECT w.id AS workspace_id, COALESCE(bought.weight, newest.weight) AS weight,
           (SELECT count(*) FROM tasks_task t WHERE t.workspace_id = w.id AND t.status = 'processing') AS running
      FROM accounts_workspace w
      JOIN unnest(%(plans)s::text[], %(shares)s::int[]) AS newest (plan, weight) ON newest.plan = w.plan
      LEFT JOIN unnest(%(versions)s::bigint[], %(version_plans)s::text[], %(version_shares)s::int[])
           AS bought (id, plan, weight) ON bought.id = w.plan_version_id AND bought.plan = w.plan
     WHERE w.id IN (SELECT workspace_id FROM head)
)
SELECT h.id FROM head h JOIN load USING (workspace_id)
 ORDER BY (running + row_number() OVER (PARTITION BY workspace_id ORDER BY h.created_at, h.id))::float / weight,
          h.created_at, h.id
 LIMIT %(room)s
""".replace("{waits}", _WAITS)


def next_tasks(*, kinds: Sequence[Startable], room: int) -> list[Waiting]:
    """At most `room` waiting tasks of these kinds, in the order in which they are to start, locked.

    One that somebody else has locked (it is just being cancelled) is passed over.
    """
    if not kinds or room <= 0:
        return []
    shares = plans.shares()
    with connection.cursor() as cursor:
        cursor.execute(
            _NEXT,
            {
                "families": sorted({kind.spec.family for kind in kinds}),
                "models": [kind.spec.model for kind in kinds],
                "task_types": [kind.spec.task_type for kind in kinds],
                "modes": [kind.mode for kind in kinds],
                "per_workspace": min(room, PER_WORKSPACE),
                "plans": [share.plan for share in shares if share.version is None],
                "shares": [share.weight for share in shares if share.version is None],
                "versions": [share.version for share in shares if share.version is not None],
                "version_plans": [share.plan for share in shares if share.version is not None],
                "version_shares": [share.weight for share in shares if share.version is not None],
                "room": room,
            },
        )
        ids = [task_id for (task_id,) in cursor.fetchall()]
    return locked(ids)


def locked(ids: Sequence[uuid.UUID]) -> list[Waiting]:
    """Those of the tasks that still wait and that nobody else has locked, in the order of the ids."""
    rows = (
        Task.objects.across_workspaces()
        .filter(id__in=ids, status="pending", provider="")
        .order_by("id")
        .select_for_update(skip_locked=True, of=("self",))
        .only(*_READ)
    )
    found = {row.id: _waiting(row) for row in rows}
    return [found[task_id] for task_id in ids if task_id in found]


_READ = (
    "id", "workspace", "model", "task_type", "attempt", "created_at", "deadline_seconds", "asked_mode", "service_mode",
    "bound_provider", "bound_account", "parent",
)  # fmt: skip


def _waiting(row: Task) -> Waiting:
    return Waiting(
        id=row.id,
        workspace_id=row.workspace_id,
        model=row.model,
        task_type=row.task_type,
        attempt=row.attempt,
        created_at=row.created_at,
        deadline_seconds=row.deadline_seconds,
        mode=row.asked_mode,
        is_private=row.service_mode == "private",
        bound_provider=row.bound_provider,
        bound_account=row.bound_account_id,
        is_follow_up=row.parent_id is not None,
    )


_WAITING_FAMILIES = """
WITH RECURSIVE family (name) AS (
    (SELECT t.family FROM tasks_task t WHERE {waits} ORDER BY t.family LIMIT 1)
    UNION ALL
    SELECT (SELECT t.family FROM tasks_task t WHERE {waits} AND t.family > f.name ORDER BY t.family LIMIT 1)
      FROM family f WHERE f.name IS NOT NULL
)
SELECT name FROM family WHERE name IS NOT NULL
""".replace("{waits}", _WAITS)


def waiting_families() -> list[str]:
    """The families that have a task waiting for the public pool."""
    with connection.cursor() as cursor:
        cursor.execute(_WAITING_FAMILIES)
        return [name for (name,) in cursor.fetchall()]
