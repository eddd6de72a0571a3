"""A pool with one account at a test provider, and the loop that a worker would run."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from apps.byoa.models import Account
from apps.tasks.models import Attempt, Status, Task
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.remote.pump import Pump
from tests.factories.byoa import account
from tests.upstream.running import Upstream


@pytest.fixture(autouse=True)
def _reaches_this_machine(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    settings.LOCAL_ENGINE = False


@pytest.fixture
def pool_account(db: None, upstream: Upstream) -> Account:
    return account(base_url=upstream.url, config={"poll_seconds": 0.05})


@pytest.fixture
def run() -> Callable[..., None]:
    """Dispatch and work until nothing is due any more; `hurry` makes everything that waits due first."""

    def go(*, hurry: bool = False) -> None:
        if hurry:
            due_now()
        dispatch()
        Pump().run(seconds=10)

    return go


def due_now() -> None:
    """Move every waiting moment to now, as if the time had passed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tasks_attempt SET next_at = statement_timestamp(), started_at = started_at - interval '1 minute'"
            " WHERE next_at IS NOT NULL"
        )
        cursor.execute(
            "UPDATE tasks_task SET wake_at = statement_timestamp() WHERE status = 'pending'"
        )
        cursor.execute(
            "UPDATE byoa_account SET resume_at = statement_timestamp() WHERE resume_at IS NOT NULL"
        )


def again(task: Task) -> Task:
    """The task as it is now."""
    return Task.objects.of(task.workspace_id).get(id=task.id)


def attempts(task: Task) -> list[dict[str, Any]]:
    """State and cost of each attempt, in order."""
    rows = Attempt.objects.filter(task=task).order_by("number")
    return list(rows.values("state", "cost_points"))


def status(task: Task) -> Status:
    return Status(again(task).status)
