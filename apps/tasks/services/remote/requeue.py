"""A task goes back among the waiting: its account did certainly not take it, so another one may."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from apps.byoa.services import slots
from apps.tasks.services import notices, wakes

# So often a task may be turned down before it is given up. Each time it rests longer, and while no account is well
# it is not tried at all.
MAX_ATTEMPTS = 20


@dataclass(frozen=True)
class TurnedDown:
    """An open attempt that ends here. `seconds` is how long the task rests before it is tried again."""

    attempt_id: int
    claims: int
    task_id: uuid.UUID
    number: int
    error: str
    seconds: float


# The tasks are locked first and then the attempts, as everywhere. Waiting again, a task keeps its place: the queue goes
# by creation.
_REQUEUE = """
WITH turned AS (
    SELECT * FROM unnest(%s::bigint[], %s::int[], %s::uuid[], %s::int[], %s::text[], %s::float[])
           AS v (attempt_id, claims, task_id, number, error, seconds)
), task AS (
    UPDATE tasks_task t
       SET status = 'pending', provider = '', started_at = NULL, progress = 0,
           wake_at = statement_timestamp() + v.seconds * interval '1 second',
           deadline_at = CASE WHEN t.deadline_seconds IS NULL
                              THEN GREATEST(t.deadline_at, t.created_at + %s * interval '1 hour')
                              ELSE t.deadline_at END
      FROM turned v
     WHERE t.id = v.task_id AND t.status = 'processing' AND t.attempt = v.number
       AND EXISTS (SELECT FROM tasks_attempt a WHERE a.id = v.attempt_id AND a.claims = v.claims
                      AND a.state IN ('ASSIGNED', 'SENDING', 'UNKNOWN', 'ACCEPTED'))
 RETURNING t.id, v.attempt_id, v.error
), attempt AS (
    UPDATE tasks_attempt a
       SET state = 'FAILED', ended_at = statement_timestamp(), next_at = NULL, error = task.error
      FROM task WHERE a.id = task.attempt_id
 RETURNING a.reference
), events AS (
    INSERT INTO tasks_taskevent (task_id, kind) SELECT id, 'pending' FROM task
)
SELECT task.id, attempt.reference FROM task JOIN tasks_attempt x ON x.id = task.attempt_id
  JOIN attempt ON attempt.reference = x.reference
"""


@transaction.atomic
def requeue(turned: Sequence[TurnedDown], *, waiting_hours: int) -> None:
    """Put tasks back and free their slots. Those that have moved on since are left."""
    if not turned:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM tasks_task WHERE id = ANY(%s) ORDER BY id FOR UPDATE",
            [[one.task_id for one in turned]],
        )
        cursor.execute(
            "SELECT FROM tasks_attempt WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE",
            [[one.attempt_id for one in turned]],
        )
        columns: list[list[Any]] = [
            [one.attempt_id for one in turned],
            [one.claims for one in turned],
            [one.task_id for one in turned],
            [one.number for one in turned],
            [one.error[:4000] for one in turned],
            [one.seconds for one in turned],
        ]
        cursor.execute(_REQUEUE, [*columns, waiting_hours])
        rows = cursor.fetchall()
    slots.free(holders=[reference for _, reference in rows])
    notices.changed([task_id for task_id, _ in rows])
    wakes.DISPATCH.after_commit()
