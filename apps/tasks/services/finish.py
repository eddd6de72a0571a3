"""The end of tasks: state, money, events and usage in one transaction, once.

Many end in one transaction as cheaply as one does, so there is one way for both. Rows are locked in the same order
everywhere: tasks by id, usage, caps, loads, and wallets last.
"""

import logging
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.db import DatabaseError, connection, transaction
from django.db.models.functions import Now

from apps.billing.services import credits
from apps.byoa.services import slots
from apps.core.errors import DomainError
from apps.core.sentences import sentence
from apps.tasks import policies
from apps.tasks.models import (
    CANCELLABLE,
    OPEN_ATTEMPT,
    UNFINISHED,
    Attempt,
    FailureCode,
    Status,
    Task,
)
from apps.tasks.services import aftermath, loads, penalties, usage, webhooks

log = logging.getLogger(__name__)

_PREVIEWS = "intermediate_image_urls"
CANCELLED_MESSAGE = sentence("Cancelled before it started. Nothing was charged.")


@dataclass(frozen=True)
class Result:
    """What a finished attempt brought: the public `output`, which engine made it, and what it cost us (points).

    `facts` are kept for tasks that continue this one.
    """

    output: dict[str, Any]
    engine: str = ""
    provider_cost_points: int = 0
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Failure:
    """Why a task did not complete: our sentence, and the provider's own words if it had any.

    `provider_cost_points` is what the provider charged us all the same; the customer pays nothing, unless the failure
    `is_inputs_fault` and the rules of the family say otherwise (`penalties`).
    """

    code: FailureCode
    message: str
    raw: str = field(default="")
    provider_cost_points: int = 0
    is_inputs_fault: bool = False


@dataclass(frozen=True)
class Ending:
    """How a task is to end. With `attempt`, only while that claim is current; without, from any unfinished state.

    `attempt_state` is what becomes of its open attempt.
    """

    task_id: uuid.UUID
    outcome: Result | Failure
    attempt: int | None = None
    attempt_state: Attempt.State = Attempt.State.FAILED

    @property
    def status(self) -> Status:
        if isinstance(self.outcome, Result):
            return Status.COMPLETED
        is_cancel = self.outcome.code == FailureCode.CANCELLED
        return Status.CANCELLED if is_cancel else Status.FAILED

    def fits(self, task: Task) -> bool:
        """Whether the task is still where this ending starts from."""
        if self.attempt is not None and task.attempt != self.attempt:
            return False
        match self.status:
            case Status.COMPLETED:
                return task.status == Status.PROCESSING
            case Status.CANCELLED:
                return task.status in CANCELLABLE
            case _:
                return task.status in UNFINISHED


def complete(*, task_id: uuid.UUID, attempt: int, result: Result) -> bool:
    """Finish a task successfully and spend its hold. False when the claim was lost, and then nothing has changed."""
    return bool(_end([Ending(task_id, result, attempt, Attempt.State.SUCCEEDED)]))


def fail(
    *,
    task_id: uuid.UUID,
    failure: Failure,
    attempt: int | None = None,
    attempt_state: Attempt.State = Attempt.State.FAILED,
) -> bool:
    """End a task without a result and give its hold back. With `attempt`, only while that claim is current."""
    return bool(_end([Ending(task_id, failure, attempt, attempt_state)]))


def cancel(*, task: Task) -> bool:
    """End a task that has not started, for free. False when it is running or has ended."""
    return bool(cancel_many(task_ids=[task.id]))


def cancel_many(*, task_ids: Sequence[uuid.UUID]) -> set[uuid.UUID]:
    """End those of the tasks that have not started, for free. Says which they were."""
    failure = Failure(FailureCode.CANCELLED, CANCELLED_MESSAGE)
    return end_many([Ending(task_id, failure) for task_id in task_ids])


def end_many(endings: Sequence[Ending]) -> set[uuid.UUID]:
    """End tasks in one transaction; the ids of those that ended. One that cannot be ended does not keep the others."""
    if not endings:
        return set()
    try:
        return _end(endings)
    except (DatabaseError, DomainError):
        if len(endings) == 1 or connection.in_atomic_block:
            raise
    return {task_id for ending in endings for task_id in _tried(ending)}


def _tried(ending: Ending) -> set[uuid.UUID]:
    try:
        return _end([ending])
    except (DatabaseError, DomainError) as error:
        # The sweep comes back to it; its deadline ends it at the latest.
        log.exception(
            "task not ended", extra={"task_id": str(ending.task_id), "error": type(error).__name__}
        )
        return set()


@transaction.atomic
def _end(endings: Sequence[Ending]) -> set[uuid.UUID]:
    ending_of = {ending.task_id: ending for ending in endings}
    locked = _locked(list(ending_of))
    late = _too_late(locked, ending_of)
    tasks = [task for task in locked if ending_of[task.id].fits(task) and task.id not in late]
    if not tasks:
        return set()
    was = {task.id: task.status for task in tasks}
    for task in tasks:
        _apply(task, ending_of[task.id])
    punished = penalties.judge([(task, _is_fault(ending_of[task.id])) for task in tasks])
    _write(tasks)
    usage.count(tasks)
    _close_attempts([(task, ending_of[task.id]) for task in tasks])
    webhooks.announce(tasks)
    # From here on the workspaces' new tasks wait for our commit, so all else comes before.
    settlements = [_settlement(task) for task in tasks]
    credits.free_caps(settlements)
    loads.leave(tasks, was=was)
    credits.hold_nothing([_free(task) for task in tasks if task.service_mode == "private"])
    credits.settle_many(settlements)
    penalties.tell(punished)
    aftermath.ended(tasks)
    return set(was)


def _locked(task_ids: list[uuid.UUID]) -> list[Task]:
    return list(
        Task.objects.across_workspaces()
        .filter(id__in=task_ids)
        .select_related("workspace")
        .order_by("id")
        .select_for_update(of=("self",))
    )


def _too_late(tasks: Sequence[Task], ending_of: Mapping[uuid.UUID, Ending]) -> set[uuid.UUID]:
    """Successes past a deadline that the customer set. It holds also while nobody sweeps; the sweep will end them."""
    timed = [
        task.id
        for task in tasks
        if task.deadline_seconds is not None and ending_of[task.id].status == Status.COMPLETED
    ]
    if not timed:
        return set()
    overdue = Task.objects.across_workspaces().filter(id__in=timed, deadline_at__lte=Now())
    return set(overdue.values_list("id", flat=True))


def _apply(task: Task, ending: Ending) -> None:
    task.status = ending.status
    task.lease_until = task.wake_at = None
    match ending.outcome:
        case Result(output=output, engine=engine):
            task.cost_points = policies.cost_of(task)
            task.output, task.engine, task.progress = _with_previews(task, output), engine, 100
        case Failure(code=code, message=message, raw=raw):
            task.error_code, task.error_message, task.error_raw = code, message, raw[:4000]


def _with_previews(task: Task, output: dict[str, Any]) -> dict[str, Any]:
    """The result, and the pictures that were shown on the way where the output has a place for them."""
    before = task.output if isinstance(task.output, dict) else {}
    if _PREVIEWS in output and before.get(_PREVIEWS):
        return {**output, _PREVIEWS: before[_PREVIEWS]}
    return output


def _is_fault(ending: Ending) -> bool:
    return isinstance(ending.outcome, Failure) and ending.outcome.is_inputs_fault


def _settlement(task: Task) -> credits.Settlement:
    """A task that failed costs nothing, unless a penalty has given it a cost."""
    is_paid = task.status == Status.COMPLETED or task.cost_points > 0
    cost = task.cost_points if is_paid else None
    return credits.Settlement(task.workspace_id, task.reference, cost)


def _free(task: Task) -> credits.FreeHold:
    return credits.FreeHold(task.workspace_id, task.reference, task.api_key_id, task.created_by_id)


_WRITE = """
WITH ended AS (
    UPDATE tasks_task t
       SET status = v.status, output = v.output, engine = v.engine, progress = v.progress, cost_points = v.cost,
           error_code = v.code, error_message = v.message, error_raw = v.raw, lease_until = NULL, wake_at = NULL,
           ended_at = statement_timestamp()
      FROM unnest(%s::uuid[], %s::text[], %s::jsonb[], %s::text[], %s::int[], %s::bigint[], %s::int[], %s::text[],
                  %s::text[]) AS v (id, status, output, engine, progress, cost, code, message, raw)
     WHERE t.id = v.id
 RETURNING t.id, t.status, t.cost_points, t.ended_at
), events AS (
    INSERT INTO tasks_taskevent (task_id, kind, data)
    SELECT id, status, jsonb_build_object('cost_points', cost_points) FROM ended
)
SELECT id, ended_at FROM ended
"""


def _write(tasks: Sequence[Task]) -> None:
    """The final states; the rows are locked and their old states were checked."""
    columns: list[list[Any]] = [
        [task.id for task in tasks],
        [str(task.status) for task in tasks],
        [None if task.output is None else orjson.dumps(task.output).decode() for task in tasks],
        [task.engine for task in tasks],
        [task.progress for task in tasks],
        [task.cost_points for task in tasks],
        [int(task.error_code) for task in tasks],
        [task.error_message for task in tasks],
        [task.error_raw for task in tasks],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, columns)
        ended_at = dict(cursor.fetchall())
    for task in tasks:
        task.ended_at = ended_at[task.id]


def _facts(ending: Ending) -> dict[str, Any]:
    if isinstance(ending.outcome, Result):
        return ending.outcome.facts
    # Such a failure is not held against the platform (`family_days`).
    return {"is_inputs_fault": True} if ending.outcome.is_inputs_fault else {}


# Attempts are locked by id, by whoever writes several. An abandoned one is due at once: its provider is asked to stop.
_CLOSE = """
WITH locked AS MATERIALIZED (
    SELECT id FROM tasks_attempt WHERE task_id = ANY(%s) AND state = ANY(%s) ORDER BY id FOR NO KEY UPDATE
)
UPDATE tasks_attempt a
   SET state = v.state, ended_at = statement_timestamp(), cost_points = v.cost, price_points = v.price,
       error = v.error, facts = v.facts,
       next_at = CASE WHEN v.state = 'ABANDONED' THEN statement_timestamp() END
  FROM unnest(%s::uuid[], %s::int[], %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::jsonb[])
       AS v (task_id, number, state, cost, price, error, facts), locked
 WHERE a.id = locked.id AND a.task_id = v.task_id AND a.number = v.number
RETURNING a.reference
"""


def _close_attempts(ended: Sequence[tuple[Task, Ending]]) -> None:
    ids = [task.id for task, _ in ended]
    columns: list[list[Any]] = [
        ids,
        [state.value for state in OPEN_ATTEMPT],
        ids,
        [task.attempt for task, _ in ended],
        [ending.attempt_state.value for _, ending in ended],
        [ending.outcome.provider_cost_points for _, ending in ended],
        [task.cost_points for task, _ in ended],
        [(task.error_raw or task.error_message)[:4000] for task, _ in ended],
        [orjson.dumps(_facts(ending)).decode() for _, ending in ended],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_CLOSE, columns)
        holders = [reference for (reference,) in cursor.fetchall() if reference]
    slots.free(holders=holders)
