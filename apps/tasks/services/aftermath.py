"""What follows when tasks have started, moved or ended: who is told, and what is woken."""

import logging
import uuid
from collections.abc import Sequence
from functools import partial

from django.db import transaction

from apps.core import metrics
from apps.tasks.models import Status, Task
from apps.tasks.services import notices, wakes, webhooks

log = logging.getLogger(__name__)


def started(task_ids: Sequence[uuid.UUID]) -> None:
    """Streams hear of every start, webhooks where the task asked for it. In the transaction that starts them."""
    notices.changed(task_ids)
    started = Task.objects.across_workspaces().filter(id__in=task_ids, status=Status.PROCESSING)
    told = [task for task in started.exclude(webhook_endpoint="") if webhooks.tells_start(task)]
    webhooks.announce(told, kind="processing")


def ended(tasks: Sequence[Task]) -> None:
    """Tell the streams, count, and have whoever waits for the freed slots dispatched."""
    transaction.on_commit(partial(_note, list(tasks)))
    notices.changed([task.id for task in tasks])
    wakes.DISPATCH.after_commit()


def _note(tasks: list[Task]) -> None:
    for task in tasks:
        metrics.TASKS_ENDED.labels(task.family, task.status).inc()
        log.info(
            "task ended",
            extra={"task_id": str(task.id), "status": task.status, "workspace": task.workspace_id},
        )
