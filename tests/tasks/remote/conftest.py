"""A pool with one account at a test provider, and the loop that a worker would run."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from apps.byoa.models import Account
from apps.core.egress import Session
from apps.providers.base import Access
from apps.tasks.models import Attempt, Status, Task
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.remote import due, steps
from apps.tasks.services.remote.outcomes import Outcome
from apps.tasks.services.remote.pump import Pump
from tests.factories.byoa import account
from tests.upstream.provider import Provider
from tests.upstream.running import Upstream, on_a_thread


@pytest.fixture(autouse=True)
def _reaches_this_machine(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    settings.LOCAL_ENGINE = False


@pytest.fixture
def pool_account(db: None, upstream: Upstream) -> Account:
    return account(base_url=upstream.url, config={"poll_seconds": 0.05})


@pytest.fixture
def provider() -> Iterator[Provider]:
    """A provider whose memory the test can look into."""
    made = Provider()
    with on_a_thread(made):
        yield made


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


def finish_upstream(provider: Provider) -> None:
    """Whatever the provider works on is done at once."""
    for task in provider.store.tasks.values():
        task.behaviour = replace(task.behaviour, delay=0.0)


def stepped(one: due.Due, provider: Provider) -> Outcome:
    """The step that a pump would do, and what came of it."""

    async def go() -> Outcome:
        async with Session() as session:
            return await steps.step(one, Access(provider.server.url, "upstream-key"), session)

    return asyncio.run(go())


def again(task: Task) -> Task:
    """The task as it is now."""
    return Task.objects.of(task.workspace_id).get(id=task.id)


def attempts(task: Task) -> list[dict[str, Any]]:
    """State and cost of each attempt, in order."""
    rows = Attempt.objects.filter(task=task).order_by("number")
    return list(rows.values("state", "cost_points"))


def status(task: Task) -> Status:
    return Status(again(task).status)
