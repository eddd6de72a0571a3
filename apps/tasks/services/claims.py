"""Claiming a task: who may work on it, until when, and how a worker that lost it finds out."""

import contextlib
import logging
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now

from apps.catalog.spec import Route
from apps.core.sentences import sentence
from apps.tasks.models import Attempt, Status, Task, TaskEvent
from apps.tasks.services import aftermath, notices

log = logging.getLogger(__name__)

LEASE_SECONDS = 30
_RENEW_SECONDS = 10
# A task whose workers died this often (out of memory, a crash in a library) is given up.
MAX_ATTEMPTS = 3


@dataclass(frozen=True)
class Claim:
    """The right to work on a task, proved by the attempt number until somebody raises it."""

    task: Task
    attempt: int


_CLAIM = """
UPDATE tasks_task
   SET status = 'processing', attempt = attempt + 1, progress = 0, provider = 'local', process_mode = asked_mode,
       deadline_at = CASE WHEN started_at IS NULL AND deadline_seconds IS NULL
                          THEN statement_timestamp() + %(seconds)s * interval '1 second' ELSE deadline_at END,
       started_at = COALESCE(started_at, statement_timestamp()),
       lease_until = statement_timestamp() + %(lease)s * interval '1 second',
       wake_at = statement_timestamp() + %(lease)s * interval '1 second'
 WHERE id = %(id)s AND deadline_at > statement_timestamp()
   AND (status = 'pending' OR (status = 'processing' AND lease_until <= statement_timestamp()))
RETURNING attempt
"""


@transaction.atomic
def claim(*, task_id: uuid.UUID, route: Route, worker: str, seconds: int = 600) -> Claim | None:
    """Take the task, or None when somebody else has it, it has ended or its deadline is over.

    From the first claim on it has `seconds` to end, unless its customer set a deadline.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"id": task_id, "lease": LEASE_SECONDS, "seconds": seconds})
        row = cursor.fetchone()
    if row is None:
        return None
    task = Task.objects.across_workspaces().select_related("workspace").get(id=task_id)
    task.attempts.filter(state=Attempt.State.RUNNING).update(
        state=Attempt.State.LOST,
        ended_at=Now(),
        error=sentence("The worker stopped without a word."),
    )
    Attempt.objects.create(
        task=task,
        number=task.attempt,
        provider=route.provider,
        job=route.job,
        state=Attempt.State.RUNNING,
        worker=worker[:100],
    )
    TaskEvent.objects.create(task=task, kind=Status.PROCESSING, data={"attempt": task.attempt})
    aftermath.started([task.id])
    return Claim(task, task.attempt)


@contextlib.contextmanager
def kept_alive(claimed: Claim) -> Iterator[None]:
    """Renews the lease while the work goes on, from a thread of its own."""
    stop = threading.Event()
    keeper = threading.Thread(target=_renew, args=(claimed, stop), name="lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        stop.set()
        keeper.join()


def _renew(claimed: Claim, stop: threading.Event) -> None:
    while not stop.wait(_RENEW_SECONDS):
        try:
            renew(claimed)
        except DatabaseError as error:
            # The database may be back before the lease is over; the next turn connects anew.
            log.warning("lease not renewed", extra={"error": type(error).__name__})
        finally:
            connection.close()


_RENEW = """
UPDATE tasks_task SET lease_until = statement_timestamp() + %(lease)s * interval '1 second',
                      wake_at = statement_timestamp() + %(lease)s * interval '1 second'
 WHERE id = %(id)s AND status = 'processing' AND attempt = %(attempt)s AND deadline_at > statement_timestamp()
"""


def renew(claimed: Claim) -> bool:
    """Extend the lease. False when the claim is lost or the deadline over."""
    with connection.cursor() as cursor:
        cursor.execute(
            _RENEW, {"id": claimed.task.id, "attempt": claimed.attempt, "lease": LEASE_SECONDS}
        )
        return int(cursor.rowcount) == 1


def report_progress(claimed: Claim, percent: int) -> None:
    """Show how far the work is. Ignored once the claim is lost."""
    Task.objects.of(claimed.task.workspace_id).filter(
        id=claimed.task.id, status=Status.PROCESSING, attempt=claimed.attempt
    ).update(progress=max(0, min(99, percent)))
    notices.changed([claimed.task.id])


@transaction.atomic
def give_up_attempt(claimed: Claim, *, error: str, retry_in_seconds: int) -> None:
    """End this attempt and let the task be claimed again after a while."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tasks_task SET lease_until = statement_timestamp(),"
            " wake_at = statement_timestamp() + %s * interval '1 second'"
            " WHERE id = %s AND status = 'processing' AND attempt = %s",
            [retry_in_seconds, claimed.task.id, claimed.attempt],
        )
    claimed.task.attempts.filter(number=claimed.attempt, state=Attempt.State.RUNNING).update(
        state=Attempt.State.FAILED, ended_at=Now(), error=error[:4000]
    )
