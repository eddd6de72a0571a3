"""What an operator may do to one task: try it anew, end it, give its credits back. Each with a reason, each on record.

The task's row is locked first and every condition is read under that lock, so two people, or a person and the work
itself, never both have their way: who comes second is refused with what has become of the task. The audit event is
written in the same transaction as the change.
"""

import logging
import uuid

from django.conf import settings
from django.db import connection, transaction

from apps.accounts.models import AuditEvent, User
from apps.billing.services import movements
from apps.byoa.services import slots
from apps.core.errors import DomainError, InvalidRequest, NotFound
from apps.core.money import format_usd
from apps.core.sentences import sentence
from apps.tasks.models import OPEN_ATTEMPT, Attempt, FailureCode, Status, Task, TaskEvent
from apps.tasks.services import finish, local_queue, notices, wakes

log = logging.getLogger(__name__)

VOIDED_MESSAGE = sentence("It was ended by the operator of this service. Nothing was charged.")
_GIVEN_UP = sentence("Given up by an operator.")


class NotPossible(DomainError):
    """The task is in a state in which this cannot be done; nothing has changed."""

    type = "invalid_request"


@transaction.atomic
def retry(
    *, task_id: uuid.UUID, actor: User | None, reason: str, attempt: int | None = None
) -> None:
    """Give up what is under way for an unfinished task and have it tried anew; a waiting one is tried at once.

    The attempt number of work at a provider rises, so nothing that the given-up attempt still brings is written; its
    provider is asked to stop, and what it charges is recorded. The hold stays. With `attempt`, only while that is the
    task's number: a form that is sent twice gives up one attempt, not two. Raises NotPossible for staged and ended
    tasks, NotFound, and InvalidRequest without a reason.
    """
    task = _locked(task_id, reason)
    if attempt is not None and task.attempt != attempt:
        raise NotPossible("The task has moved on since this page was opened. Look at it again.")
    match task.status:
        case Status.PENDING | Status.PROCESSING:
            _give_up(task)
            _wait_again(task)
        case Status.STAGED:
            raise NotPossible("It waits behind other tasks of its own workspace.")
        case _:
            raise _ended(task)
    _record(task, "task.retried", actor, {"reason": reason.strip(), "attempt": task.attempt})


@transaction.atomic
def void(*, task_id: uuid.UUID, actor: User | None, reason: str) -> None:
    """End an unfinished task now as failed, free of charge. The customer is told that the operator ended it.

    Work at a provider is abandoned: its provider is asked to stop, and a result that comes all the same is not
    delivered. Raises NotPossible for an ended task, NotFound, and InvalidRequest without a reason.
    """
    task = _locked(task_id, reason)
    if task.is_finished:
        raise _ended(task)
    finish.fail(
        task_id=task.id,
        failure=finish.Failure(FailureCode.INTERNAL_ERROR, VOIDED_MESSAGE),
        attempt_state=_state_when_given_up(task),
    )
    _record(task, "task.voided", actor, {"reason": reason.strip(), "attempt": task.attempt})


@transaction.atomic
def refund(
    *, task_id: uuid.UUID, actor: User | None, reason: str, points: int | None = None
) -> int:
    """Give back what a completed task cost, or `points` of it; says how much. Once per task.

    The task stays completed, its result stays the customer's, and no webhook is sent. Raises NotPossible, NotFound, and
    InvalidRequest without a reason or for more than the task cost.
    """
    task = _locked(task_id, reason)
    if task.status != Status.COMPLETED:
        raise NotPossible(f"The task is {task.status}: only a completed task was charged.")
    if task.cost_points == 0:
        raise NotPossible("It cost nothing.")
    amount = task.cost_points if points is None else points
    moved = movements.refund(
        workspace_id=task.workspace_id,
        reference=task.reference,
        points=amount,
        note=reason,
        actor=actor,
    )
    if not moved:
        raise NotPossible("It was refunded before; a task is refunded once.")
    _record(task, "task.refunded", actor, {"reason": reason.strip(), "points": amount})
    return amount


def _locked(task_id: uuid.UUID, reason: str) -> Task:
    if not reason.strip():
        raise InvalidRequest.field("reason", "Say why; it is kept with the task.")
    task = Task.objects.across_workspaces().filter(id=task_id).select_for_update().first()
    if task is None:
        raise NotFound(f"There is no task {task_id}.")
    return task


def _ended(task: Task) -> NotPossible:
    text = f"The task has ended: {task.status}."
    if task.status == Status.COMPLETED:
        text += f" It cost {format_usd(task.cost_points)}, which can be refunded."
    return NotPossible(text)


def _state_when_given_up(task: Task) -> Attempt.State:
    """Work at a provider goes on until somebody asks it to stop; nobody has to ask our own engine."""
    return Attempt.State.LOST if task.provider == local_queue.LOCAL else Attempt.State.ABANDONED


# An abandoned attempt is due at once: its provider is asked to stop.
_GIVE_UP = """
UPDATE tasks_attempt
   SET state = %(state)s::text, ended_at = statement_timestamp(), error = %(error)s,
       next_at = CASE WHEN %(state)s::text = 'ABANDONED' THEN statement_timestamp() END
 WHERE task_id = %(task)s AND state = ANY(%(open)s)
RETURNING reference
"""


def _give_up(task: Task) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            _GIVE_UP,
            {
                "state": _state_when_given_up(task).value,
                "error": _GIVEN_UP,
                "task": task.id,
                "open": [state.value for state in OPEN_ATTEMPT],
            },
        )
        references = [reference for (reference,) in cursor.fetchall() if reference]
    slots.free(holders=references)


# For work at a provider the number rises here already and not only with the next attempt: an answer to the one that was
# given up may come in between. At our own engine it counts the tries, of which there are few; whoever still works there
# finds the task no longer running. A deadline that the customer did not set starts anew.
_WAIT_AGAIN = """
UPDATE tasks_task
   SET status = 'pending', provider = '', attempt = attempt + %s, started_at = NULL, progress = 0, lease_until = NULL,
       wake_at = statement_timestamp(),
       deadline_at = CASE WHEN deadline_seconds IS NULL
                          THEN statement_timestamp() + %s * interval '1 hour' ELSE deadline_at END
 WHERE id = %s
"""


def _wait_again(task: Task) -> None:
    is_at_provider = task.provider not in ("", local_queue.LOCAL)
    with connection.cursor() as cursor:
        cursor.execute(_WAIT_AGAIN, [int(is_at_provider), settings.TASK_WAITING_HOURS, task.id])
    if task.status == Status.PROCESSING:
        TaskEvent.objects.create(task=task, kind=Status.PENDING)
    notices.changed([task.id])
    wakes.DISPATCH.after_commit()
    wakes.WORK.after_commit()


def _record(task: Task, action: str, actor: User | None, detail: dict[str, object]) -> None:
    AuditEvent.objects.create(
        workspace_id=task.workspace_id,
        actor=actor,
        action=action,
        target=task.reference,
        detail=detail,
    )
    log.info(
        "task changed by an operator",
        extra={"task_id": str(task.id), "workspace": task.workspace_id, "status": action},
    )
