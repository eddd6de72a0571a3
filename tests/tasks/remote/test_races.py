"""Several pumps, sweeps and customers at the same attempts at the same moment."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from apps.byoa.models import SlotLease
from apps.ops import audit
from apps.providers.base import Accepted, Running
from apps.tasks.models import Attempt, Task
from apps.tasks.services import finish, sweep
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.remote import due, writing
from apps.tasks.services.remote.outcomes import Later, Moved, Took
from apps.tasks.services.remote.pump import Pump
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory
from tests.factories.byoa import account
from tests.tasks import rows
from tests.tasks.remote.conftest import due_now
from tests.upstream.running import Upstream

pytestmark = [pytest.mark.concurrency, pytest.mark.django_db(transaction=True)]


def pump() -> None:
    Pump().run(seconds=20)


def test_two_pumps_send_each_of_two_hundred_once(upstream: Upstream):
    account(base_url=upstream.url, slots=500, config={"poll_seconds": 0.05})
    workspace = rows.plan(WorkspaceFactory.create(), concurrency_override=500)
    rows.pictures(workspace, 200)
    dispatch()

    assert at_once(pump, pump) == []
    due_now()
    assert at_once(pump, pump) == []

    totals = upstream.totals()
    assert (totals["submits"], totals["tasks"], totals["duplicates"]) == (200, 200, 0)
    assert rows.statuses(workspace) == {"completed": 200}
    assert rows.balance(workspace) == (10_000_000 - 200 * 20_000, 0)
    assert SlotLease.objects.count() == 0
    assert audit.differences() == []


def test_news_of_attempts_and_their_ends_never_wait_for_each_other_in_a_circle():
    account(slots=500)
    workspace = rows.plan(WorkspaceFactory.create(), concurrency_override=500)
    rows.pictures(workspace, 80)
    dispatch()
    held = due.to_send(limit=100, busy=())
    writing.write([Took(one, Accepted("x", {"task_id": "x"})) for one in held])
    Attempt.objects.update(next_at=timezone.now())
    held = due.to_follow(limit=100, busy=())
    chance = random.Random(1)

    def shuffled() -> list[due.Due]:
        return chance.sample(held, len(held))

    def tell() -> None:
        writing.write([Later(one, 60) for one in shuffled()])

    def progress() -> None:
        percent = chance.randrange(1, 99)
        writing.write([Moved(one, Running(progress=percent)) for one in shuffled()])

    def renew() -> None:
        due.renew([one.id for one in shuffled()])

    def end_some() -> None:
        failure = finish.Failure(11000, "No.")
        some = [finish.Ending(one.task_id, failure, one.number) for one in shuffled()[:4]]
        finish.end_many(some)

    steps: list[Callable[[], Any]] = [tell, tell, progress, progress, renew, end_some, end_some]
    assert at_once(*steps, times=20) == []
    assert audit.differences() == []


def test_deadline_and_result_at_once_end_a_task_once(upstream: Upstream):
    account(base_url=upstream.url, slots=500, config={"poll_seconds": 0.05})
    workspace = rows.plan(WorkspaceFactory.create(), concurrency_override=500)
    made = rows.pictures(workspace, 40, input={"prompt": "[delay=0.2]"})
    dispatch()

    def work() -> None:
        Pump().run(seconds=3)

    def deadlines() -> None:
        for task in made:
            Task.objects.of(workspace.pk).filter(id=task.id, status="processing").update(
                deadline_at=timezone.now()
            )
            sweep.fail_overdue()

    assert at_once(work, deadlines) == []
    due_now()
    pump()

    counted = rows.statuses(workspace)
    assert counted["completed"] + counted["failed"] == 40
    assert rows.balance(workspace) == (10_000_000 - 20_000 * counted["completed"], 0)
    done = Attempt.objects.filter(state="SUCCEEDED").count()
    assert done == counted["completed"]
    assert SlotLease.objects.count() == 0
    assert audit.differences() == []
