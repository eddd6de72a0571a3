"""Cancelling on the customer's word."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.accounts.selectors import Identity
from apps.core.errors import DomainError
from apps.core.sentences import sentence
from apps.tasks import selectors
from apps.tasks.models import CANCELLABLE, STATUS_WORDS, Status, Task
from apps.tasks.services import finish

_BATCH = 200


class NotCancellable(DomainError):
    """It is running or has ended."""

    type = "not_cancellable"


def cancel_task(*, identity: Identity, task_id: uuid.UUID) -> Task:
    """Cancel a task that has not started; its hold is given back in the same transaction.

    Raises NotFound for another workspace's task and NotCancellable once it runs or has ended.
    """
    task = selectors.task(workspace_id=identity.workspace_id, task_id=task_id)
    if not finish.cancel(task=task):
        task.refresh_from_db(fields=["status"])
        raise NotCancellable(
            sentence(
                "The task is {status}; only tasks that have not started can be cancelled.",
                status=STATUS_WORDS[task.status],
            ),
            detail={"status": task.status},
        )
    return selectors.task(workspace_id=identity.workspace_id, task_id=task_id)


@dataclass(frozen=True)
class Cancelled:
    """Which tasks were cancelled, and which match, have not ended and could not be."""

    cancelled: list[uuid.UUID]
    skipped: list[uuid.UUID]


def cancel_many(
    *, identity: Identity, created_before: datetime, families: frozenset[str] | None = None
) -> Cancelled:
    """Cancel the workspace's tasks of these families (None: all) that were created before then and have not started.

    Each is ended and its hold given back in one transaction with it, once, whoever else cancels or starts it at the
    same moment. Safe to repeat: what was cancelled before is in neither list.
    """
    found = selectors.unfinished(
        workspace_id=identity.workspace_id, families=families, created_before=created_before
    )
    waiting = [one for one in reversed(found) if one.status in CANCELLABLE]
    # Those that nobody works on before those that may be started any moment, and of each the newest first: the place
    # that a cancelled task leaves must not be given to one that we are about to cancel.
    order = sorted(waiting, key=lambda one: one.status != Status.STAGED)
    cancelled: set[uuid.UUID] = set()
    for start in range(0, len(order), _BATCH):
        batch = [one.task_id for one in order[start : start + _BATCH]]
        cancelled |= finish.cancel_many(task_ids=batch)
    return Cancelled(
        cancelled=[one.task_id for one in found if one.task_id in cancelled],
        skipped=_unfinished_of(
            identity, [one.task_id for one in found if one.task_id not in cancelled]
        ),
    )


def _unfinished_of(identity: Identity, task_ids: Sequence[uuid.UUID]) -> list[uuid.UUID]:
    if not task_ids:
        return []
    left = {one.task_id for one in selectors.unfinished(workspace_id=identity.workspace_id)}
    return [task_id for task_id in task_ids if task_id in left]
