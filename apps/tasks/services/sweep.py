"""Looking after what waits: tasks past their deadline, and idempotency keys past their day."""

import logging
import uuid

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from apps.tasks.models import UNFINISHED, FailureCode, Task
from apps.tasks.services import finish
from apps.tasks.services.finish import Failure

log = logging.getLogger(__name__)

_BATCH = 200


def fail_overdue() -> int:
    """End what is past its deadline, by the database's clock, each in a transaction of its own. Says how many."""
    overdue = (
        Task.objects.across_workspaces()
        .filter(status__in=[*UNFINISHED], deadline_at__lte=Now())
        .order_by("deadline_at")
        .values_list("id", flat=True)[:_BATCH]
    )
    failure = Failure(FailureCode.PROVIDER_TIMEOUT, "It did not finish before its deadline.")
    return sum(_ended(task_id, failure) for task_id in list(overdue))


def _ended(task_id: uuid.UUID, failure: Failure) -> bool:
    try:
        return finish.fail(task_id=task_id, failure=failure)
    except Exception:
        # A task that cannot be ended is a fault to look at; it must not keep the others' credits held.
        log.exception("overdue task not ended", extra={"task_id": str(task_id)})
        return False


def forget_idempotency_keys() -> int:
    """Remove records older than a day, so that their keys can be used anew. Says how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM tasks_idempotencyrecord"
            " WHERE created_at < statement_timestamp() - %s * interval '1 hour'",
            [settings.IDEMPOTENCY_HOURS],
        )
        return int(cursor.rowcount)
