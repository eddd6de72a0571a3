"""What waits for certain accounts: a workspace's own, the one a task's parent ran on, or the engine that made it.

Such tasks stand in a queue for each (workspace, family, account, speed, kind), in the order of their creation: what has
to wait stands before nothing that could start. Between queues the older task goes first, whoever's it is.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from django.db import connection

from apps.tasks.services.queueing import Waiting, locked

# Of one queue in one round: as many as an account is likely to have room for.
PER_QUEUE = 50
_MOST_QUEUES = 2_000
# The workspace behind which this process looks next: where there are more queues than one round looks at, each gets
# its turn.
_after = 0

_WAITS = """t.status = 'pending' AND t.provider = '' AND (t.service_mode = 'private' OR NOT t.bound_provider = '')"""
_KEY = (
    "t.workspace_id, t.family, COALESCE(t.bound_account_id, 0), t.asked_mode, t.model, t.task_type"
)
_OF_QUEUE = "(q.workspace_id, q.family, q.account, q.mode, q.model, q.task_type)"
# Hops from queue to queue on the index, so the cost is the number of queues, not of tasks.
_QUEUES = f"""
WITH RECURSIVE queue (workspace_id, family, account, mode, model, task_type, n) AS (
    (SELECT {_KEY}, 1 FROM tasks_task t WHERE {_WAITS} AND t.workspace_id > %(after)s ORDER BY {_KEY} LIMIT 1)
    UNION ALL
    SELECT s.* FROM queue q CROSS JOIN LATERAL (
        SELECT {_KEY}, q.n + 1 FROM tasks_task t
         WHERE {_WAITS} AND ({_KEY}) > {_OF_QUEUE}
         ORDER BY {_KEY} LIMIT 1) s
     WHERE q.n < %(queues)s
)
"""  # noqa: S608 - nothing but our own text
_NEXT = f"""
{_QUEUES}
SELECT q.n, q.workspace_id, h.id FROM queue q LEFT JOIN LATERAL (
    SELECT t.id, t.created_at FROM tasks_task t
     WHERE {_WAITS} AND ({_KEY}) = {_OF_QUEUE}
       AND t.wake_at <= statement_timestamp() AND t.deadline_at > statement_timestamp()
     ORDER BY t.created_at, t.id LIMIT %(per_queue)s) h ON true
 ORDER BY q.n, h.created_at, h.id
"""  # noqa: S608 - nothing but our own text


def is_empty() -> bool:
    """Whether nobody waits for certain accounts."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT EXISTS (SELECT FROM tasks_task t WHERE {_WAITS})")  # noqa: S608
        return not cursor.fetchone()[0]


def queues() -> list[list[Waiting]]:
    """The heads of every queue, locked, each queue's in its order; of more than one round's, of the next ones."""
    global _after
    with connection.cursor() as cursor:
        cursor.execute(_NEXT, {"queues": _MOST_QUEUES, "per_queue": PER_QUEUE, "after": _after})
        rows = cursor.fetchall()
    is_cut = bool(rows) and rows[-1][0] >= _MOST_QUEUES
    # The last workspace may have been cut in two: it is looked at again.
    _after = max(rows[-1][1] - 1, _after + 1) if is_cut else 0
    # A queue in which nobody is due is a row without a task.
    number = {task_id: n for n, _, task_id in rows if task_id}
    found: dict[int, list[Waiting]] = {}
    for waiting in locked(list(number)):
        found.setdefault(number[waiting.id], []).append(waiting)
    return list(found.values())


@dataclass(frozen=True)
class Queue:
    """Who waits in a queue, without a lock: for whoever looks whether they wait in vain."""

    workspace_id: int
    family: str
    account_id: int | None
    mode: str
    model: str
    task_type: str


def waiting_queues() -> list[Queue]:
    """Every queue in which somebody waits."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"{_QUEUES} SELECT workspace_id, family, account, mode, model, task_type FROM queue",  # noqa: S608
            {"queues": _MOST_QUEUES, "after": 0},
        )
        return [Queue(row[0], row[1], row[2] or None, *row[3:]) for row in cursor.fetchall()]


def in_queue(queue: Queue, *, limit: int) -> list[uuid.UUID]:
    """The oldest tasks of a queue."""
    key: list[Any] = [queue.workspace_id, queue.family, queue.account_id or 0, queue.mode]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT t.id FROM tasks_task t WHERE {_WAITS} AND ({_KEY}) = (%s, %s, %s, %s, %s, %s)"  # noqa: S608
            " ORDER BY t.created_at, t.id LIMIT %s",
            [*key, queue.model, queue.task_type, limit],
        )
        return [task_id for (task_id,) in cursor.fetchall()]
