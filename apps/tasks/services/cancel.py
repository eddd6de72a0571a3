"""Cancelling on the customer's word."""

import uuid

from apps.accounts.selectors import Identity
from apps.core.errors import DomainError
from apps.tasks import selectors
from apps.tasks.models import Task
from apps.tasks.services import finish


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
            f"The task is {task.status}; only tasks that have not started can be cancelled.",
            detail={"status": task.status},
        )
    return selectors.task(workspace_id=identity.workspace_id, task_id=task_id)
