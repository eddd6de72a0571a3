"""Looking after what waits: tasks past their deadline, and idempotency keys past their day."""

from django.conf import settings
from django.db import connection
from django.db.models.functions import Now

from apps.core.sentences import sentence
from apps.tasks.models import UNFINISHED, Attempt, FailureCode, Status, Task
from apps.tasks.services import finish, local_queue
from apps.tasks.services.finish import Ending, Failure

_BATCH = 200


def fail_overdue() -> int:
    """End what is past its deadline, by the database's clock, each in a transaction of its own. Says how many."""
    overdue = (
        Task.objects.across_workspaces()
        .filter(status__in=[*UNFINISHED], deadline_at__lte=Now())
        .order_by("deadline_at")
        .only("id", "status", "provider", "attempt")[:_BATCH]
    )
    return len(finish.end_many([_overdue(task) for task in overdue]))


def _overdue(task: Task) -> Ending:
    if task.status != Status.PROCESSING:
        message = sentence("It could not be started before its deadline. Nothing was charged.")
        return Ending(task.id, Failure(FailureCode.PROVIDER_TIMEOUT, message), task.attempt)
    # Work at a provider may go on there: the attempt stays on record as abandoned, and the provider is asked to stop.
    is_remote = task.provider != local_queue.LOCAL
    message = sentence("It did not finish before its deadline. Nothing was charged.")
    return Ending(
        task.id,
        Failure(FailureCode.PROVIDER_TIMEOUT, message),
        task.attempt,
        Attempt.State.ABANDONED if is_remote else Attempt.State.FAILED,
    )


def forget_idempotency_keys() -> int:
    """Remove records older than a day, so that their keys can be used anew. Says how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM tasks_idempotencyrecord"
            " WHERE created_at < statement_timestamp() - %s * interval '1 hour'",
            [settings.IDEMPOTENCY_HOURS],
        )
        return int(cursor.rowcount)
