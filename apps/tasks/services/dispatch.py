"""Sending waiting tasks to workers. Called on every wake-up and by the beat: both do the same."""

import logging
import uuid

from django.db import connection

from apps.catalog import registry
from apps.catalog import selectors as catalog
from apps.core.errors import DomainError
from apps.core.queue import send

log = logging.getLogger(__name__)

_BATCH = 200
# A message can be lost with its broker; the row is then sent again after this long, doubling per send. Short
# enough for a customer to wait out, long enough that a full queue is not filled with copies.
_FIRST_RESEND_SECONDS = 30
_LONGEST_RESEND_SECONDS = 600
# How long a worker may take beyond a task's deadline before it is killed.
_GRACE_SECONDS = 60

# A processing row is due when its lease has run out: its worker is gone.
_TAKE_DUE = """
UPDATE tasks_task SET sends = sends + 1,
       wake_at = clock_timestamp() + LEAST(%s * power(2, LEAST(sends, 10)), %s) * interval '1 second'
 WHERE id IN (
    SELECT id FROM tasks_task
     WHERE status IN ('pending', 'processing') AND wake_at <= clock_timestamp()
     ORDER BY wake_at LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING id, model, task_type, created_at
"""


def dispatch() -> int:
    """Send every due task, each to the queue of its route. Says how many.

    Several may run at once: each takes other rows. A task whose route is gone waits for its next turn, and in the end
    for its deadline.
    """
    sent = 0
    while due := _take_due():
        sent += sum(_send(*row) for row in due)
        if len(due) < _BATCH:
            break
    return sent


def _take_due() -> list[tuple[uuid.UUID, str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_DUE, [_FIRST_RESEND_SECONDS, _LONGEST_RESEND_SECONDS, _BATCH])
        # RETURNING keeps no order; first come, first sent.
        rows = sorted(cursor.fetchall(), key=lambda row: (row[3], row[0]))
    return [(row[0], row[1], row[2]) for row in rows]


def _send(task_id: uuid.UUID, model: str, task_type: str) -> bool:
    try:
        spec = registry.spec_of(model, task_type)
    except DomainError:
        # The catalog no longer has it; the deadline ends the task and gives the hold back.
        log.warning("task without a spec", extra={"task_id": str(task_id), "model": model})
        return False
    route = catalog.usable_route(spec)
    if route is None:
        return False
    return send(
        "tasks.execute",
        queue=route.queue,
        time_limit=spec.timeout_seconds + _GRACE_SECONDS,
        task_id=str(task_id),
    )
