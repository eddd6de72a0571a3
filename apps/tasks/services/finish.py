"""The end of a task: state, money, event and usage in one transaction, once."""

import logging
import uuid
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from apps.billing.services import credits
from apps.core import metrics
from apps.tasks.models import CANCELLABLE, UNFINISHED, Attempt, FailureCode, Status, Task, TaskEvent

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Result:
    """What a finished attempt brought: the public `output`, which engine made it, and what it cost us (points)."""

    output: dict[str, Any]
    engine: str = ""
    provider_cost_points: int = 0


@dataclass(frozen=True)
class Failure:
    """Why a task did not complete: our sentence, and the provider's own words if it had any."""

    code: FailureCode
    message: str
    raw: str = field(default="")


@transaction.atomic
def complete(*, task_id: uuid.UUID, attempt: int, result: Result) -> bool:
    """Finish a task successfully and spend its hold. False when the claim was lost, and then nothing has changed."""
    task = _locked(task_id)
    if task.status != Status.PROCESSING or task.attempt != attempt:
        return False
    task.cost_points = task.price_points
    task.output = result.output
    task.engine = result.engine
    task.progress = 100
    _end(task, Status.COMPLETED)
    _close_attempt(task, Attempt.State.SUCCEEDED, cost=result.provider_cost_points)
    credits.capture(workspace_id=task.workspace_id, reference=task.reference, cost=task.cost_points)
    return True


@transaction.atomic
def fail(*, task_id: uuid.UUID, failure: Failure, attempt: int | None = None) -> bool:
    """End a task without a result and give its hold back. With `attempt`, only while that claim is current."""
    task = _locked(task_id)
    if task.status not in UNFINISHED or attempt not in (None, task.attempt):
        return False
    task.error_code = failure.code
    task.error_message = failure.message
    task.error_raw = failure.raw[:4000]
    _end(task, Status.FAILED)
    _close_attempt(task, Attempt.State.FAILED, error=failure.raw or failure.message)
    credits.release(workspace_id=task.workspace_id, reference=task.reference)
    return True


@transaction.atomic
def cancel(*, task: Task) -> bool:
    """End a task that has not started, for free. False when it is running or has ended."""
    task = _locked(task.id)
    if task.status not in CANCELLABLE:
        return False
    task.error_code = FailureCode.CANCELLED
    task.error_message = "Cancelled before it started. Nothing was charged."
    _end(task, Status.CANCELLED)
    credits.release(workspace_id=task.workspace_id, reference=task.reference)
    return True


def _locked(task_id: uuid.UUID) -> Task:
    return Task.objects.across_workspaces().select_for_update().get(id=task_id)


def _end(task: Task, status: Status) -> None:
    """Write the final state; the row is locked and its old state was checked."""
    task.status = status
    task.lease_until = task.wake_at = None
    Task.objects.of(task.workspace_id).filter(id=task.id).update(
        status=status,
        output=task.output,
        engine=task.engine,
        progress=task.progress,
        cost_points=task.cost_points,
        error_code=task.error_code,
        error_message=task.error_message,
        error_raw=task.error_raw,
        lease_until=None,
        wake_at=None,
        ended_at=Now(),
    )
    TaskEvent.objects.create(task=task, kind=status, data={"cost_points": task.cost_points})
    _count(task)
    transaction.on_commit(lambda: _note(task))


def _close_attempt(task: Task, state: Attempt.State, *, cost: int = 0, error: str = "") -> None:
    task.attempts.filter(number=task.attempt, state=Attempt.State.RUNNING).update(
        state=state, ended_at=Now(), cost_points=cost, error=error[:4000]
    )


_COUNT = """
INSERT INTO tasks_usagebucket AS b (workspace_id, starts_at, family, completed, failed, cancelled, cost_points)
VALUES (%s, date_bin('15 minutes', statement_timestamp(), TIMESTAMPTZ '2000-01-01 00:00:00+00'), %s, %s, %s, %s, %s)
ON CONFLICT (workspace_id, starts_at, family) DO UPDATE
   SET completed = b.completed + EXCLUDED.completed, failed = b.failed + EXCLUDED.failed,
       cancelled = b.cancelled + EXCLUDED.cancelled, cost_points = b.cost_points + EXCLUDED.cost_points
"""


def _count(task: Task) -> None:
    ended = [
        int(task.status == status) for status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED)
    ]
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [task.workspace_id, task.family, *ended, task.cost_points])


def _note(task: Task) -> None:
    metrics.TASKS_ENDED.labels(task.family, task.status).inc()
    log.info(
        "task ended",
        extra={"task_id": str(task.id), "status": task.status, "workspace": task.workspace_id},
    )
