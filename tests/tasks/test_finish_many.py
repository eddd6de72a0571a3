"""Many ends in one transaction, and ends that race: once each, and the money with them."""

import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.billing import selectors as billing
from apps.billing.models import CreditEntry
from apps.billing.services import credits
from apps.byoa.models import SlotLease
from apps.notifications.models import Delivery
from apps.ops import audit
from apps.tasks.models import Attempt, FailureCode, Status, Task, UsageBucket
from apps.tasks.services import finish, sweep
from apps.tasks.services.create import create_task
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.finish import Ending, Failure, Result
from apps.tasks.services.request import TaskRequest
from tests.byoa.threads import at_once
from tests.factories import PICTURE, WorkspaceFactory, identity, picture
from tests.factories.byoa import account
from tests.tasks import rows

pytestmark = pytest.mark.django_db
DONE = Result({"image_url": "http://testserver/files/mj/x.png"}, "federation", 7000)
FAILED = Failure(FailureCode.PROVIDER_FAILED, "The provider could not make it.", "oops", 300)
CANCELLED = Failure(FailureCode.CANCELLED, "Cancelled.")


@pytest.fixture(autouse=True)
def _pool(settings: Any, db: None) -> None:
    settings.LOCAL_ENGINE = False
    account(slots=1000)


def running(workspace: Workspace, count: int, **request: Any) -> list[Task]:
    """Tasks that an account works on."""
    made = rows.pictures(workspace, count, **request)
    dispatch()
    return [rows.again(one) for one in made]


def completed(found: Task) -> Ending:
    return Ending(found.id, DONE, 1, Attempt.State.SUCCEEDED)


def failed(found: Task) -> Ending:
    return Ending(found.id, FAILED, 1)


def ledger(workspace: Workspace) -> list[tuple[str, int, int, int, int]]:
    lines = CreditEntry.objects.of(workspace.pk).order_by("id")
    return list(
        lines.values_list("kind", "available_delta", "held_delta", "available_after", "held_after")
    )


def test_batch_over_several_workspaces_ends_each_task_with_its_money():
    one, other = WorkspaceFactory.create(), WorkspaceFactory.create()
    endpoint = "https://example.com/hook"
    mine = running(one, 3, webhook_endpoint=endpoint)
    theirs = running(other, 3)
    waiting = picture(other)
    Delivery.objects.across_workspaces().all().delete()
    batch = [
        completed(mine[0]), failed(theirs[0]), completed(theirs[1]), failed(mine[1]), completed(mine[2]),
        Ending(waiting.id, CANCELLED),
    ]  # fmt: skip

    assert finish.end_many(batch) == {ending.task_id for ending in batch}

    assert [rows.again(task).status for task in mine] == ["completed", "failed", "completed"]
    assert [rows.again(task).status for task in [*theirs, waiting]] == [
        "failed", "completed", "processing", "cancelled",
    ]  # fmt: skip
    assert rows.balance(one) == (10_000_000 - 40_000, 0)
    assert rows.balance(other) == (10_000_000 - 40_000, 20_000)
    assert rows.loads(one) == {"flux": (0, 0)}
    assert rows.loads(other) == {"flux": (1, 0)}
    bucket = UsageBucket.objects.of(other.pk).get()
    assert (bucket.completed, bucket.failed, bucket.cancelled, bucket.cost_points) == (
        1,
        1,
        1,
        20_000,
    )
    ended = Attempt.objects.filter(task__in=mine).order_by("task__created_at")
    assert list(ended.values_list("state", "cost_points", "price_points", "error")) == [
        ("SUCCEEDED", 7000, 20_000, ""),
        ("FAILED", 300, 0, "oops"),
        ("SUCCEEDED", 7000, 20_000, ""),
    ]
    assert set(SlotLease.objects.values_list("holder", flat=True)) == {
        theirs[2].attempts.get().reference
    }
    told = Delivery.objects.across_workspaces().values_list("workspace_id", "subject", "kind")
    assert sorted(told) == sorted(
        (one.pk, task.reference, f"task.{kind}")
        for task, kind in zip(mine, ["completed", "failed", "completed"], strict=True)
    )
    assert audit.differences() == []


def test_lines_of_one_batch_follow_from_one_another(workspace: Workspace):
    tasks = running(workspace, 6)
    batch = [completed(task) if n % 2 else failed(task) for n, task in enumerate(tasks)]

    finish.end_many(batch)

    lines = ledger(workspace)
    assert Counter(line[0] for line in lines[-6:]) == {"CAPTURE": 3, "RELEASE": 3}
    for before, after in pairwise(lines):
        assert after[3:] == (before[3] + after[1], before[4] + after[2])


def test_hundred_end_in_as_many_statements_as_two(workspace: Workspace):
    rows.plan(workspace, concurrency_override=200)
    tasks = running(workspace, 102)

    def statements(batch: list[Task]) -> int:
        with CaptureQueriesContext(connection) as captured:
            finish.end_many([completed(task) for task in batch])
        return len(captured)

    assert statements(tasks[:2]) == statements(tasks[2:])


def test_what_was_ended_before_is_left_and_the_rest_of_the_batch_ends(workspace: Workspace):
    tasks = running(workspace, 3)
    finish.end_many([completed(tasks[0])])

    ended = finish.end_many([failed(tasks[0]), completed(tasks[1]), failed(tasks[2])])
    again = finish.end_many([failed(tasks[0]), completed(tasks[1]), failed(tasks[2])])

    assert (ended, again) == ({tasks[1].id, tasks[2].id}, set())
    assert rows.statuses(workspace) == {"completed": 2, "failed": 1}
    assert rows.balance(workspace) == (10_000_000 - 40_000, 0)
    bucket = UsageBucket.objects.of(workspace.pk).get()
    assert (bucket.completed, bucket.failed) == (2, 1)
    assert audit.differences() == []


def test_ending_twice_in_one_batch_is_one_end(workspace: Workspace):
    (found,) = running(workspace, 1)

    assert finish.end_many([completed(found), failed(found)]) == {found.id}

    assert rows.balance(workspace) in ((10_000_000, 0), (9_980_000, 0))
    assert audit.differences() == []


def test_ending_of_an_earlier_attempt_or_of_no_task_changes_nothing(workspace: Workspace):
    (found,) = running(workspace, 1)
    rows.change(found, attempt=2)

    assert finish.end_many([completed(found), Ending(uuid.uuid4(), FAILED)]) == set()

    assert rows.again(found).status == Status.PROCESSING


def test_task_that_runs_cannot_be_cancelled_nor_one_that_waits_completed(workspace: Workspace):
    (found,) = running(workspace, 1)
    waiting = picture(workspace)

    ended = finish.end_many([Ending(found.id, CANCELLED), Ending(waiting.id, DONE)])

    assert ended == set()


@pytest.mark.django_db(transaction=True)
def test_one_whose_hold_is_gone_does_not_keep_the_others():
    account(slots=1000)
    workspace, neighbour = WorkspaceFactory.create(), WorkspaceFactory.create()
    tasks = [*running(workspace, 3), *running(neighbour, 2)]
    # Settled by hand, which no code of ours does.
    credits.release(workspace_id=workspace.pk, reference=tasks[1].reference)

    ended = finish.end_many([completed(task) for task in tasks])

    assert ended == {task.id for task in tasks} - {tasks[1].id}
    assert rows.again(tasks[1]).status == "processing"
    assert rows.balance(workspace) == (10_000_000 - 40_000, 0)
    assert rows.balance(neighbour) == (10_000_000 - 40_000, 0)
    assert audit.differences() == [
        f"task {tasks[1].id} is unfinished (processing) but its hold was settled"
    ]


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_two_batches_over_the_same_tasks_and_wallets_end_everything_once():
    account(slots=1000)
    tenants = [rows.plan(WorkspaceFactory.create(), concurrency_override=100) for _ in range(3)]
    tasks = [task for tenant in tenants for task in running(tenant, 20)]
    forth = [completed(task) for task in tasks]
    back = [failed(task) for task in reversed(tasks)]
    ended: list[set[uuid.UUID]] = []

    problems = at_once(
        *[lambda batch=batch: ended.append(finish.end_many(batch)) for batch in (forth, back) * 2]
    )

    assert problems == []
    assert sorted(map(len, ended)) == [0, 0, 0, 60] or sum(map(len, ended)) == 60
    assert len(set().union(*ended)) == 60
    assert audit.differences() == []


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_creates_with_every_cap_and_settlements_never_wait_for_each_other_in_a_circle():
    account(slots=1000)
    workspace = rows.plan(WorkspaceFactory.create(), concurrency_override=1000)
    big = 10**12
    who = [
        identity(workspace, cap_total_points=big, cap_monthly_points=big, cap_daily_points=big)
        for _ in range(2)
    ]

    def create() -> None:
        for one in who:
            create_task(identity=one, request=TaskRequest(**PICTURE))

    def end_some() -> None:
        waiting = Task.objects.of(workspace.pk).filter(status="pending").order_by("?")[:7]
        finish.cancel_many(task_ids=[task.id for task in waiting])

    problems = at_once(create, create, create, end_some, end_some, end_some, times=15)

    assert problems == []
    assert audit.differences() == []


Racer = Callable[[Task], Any]


def complete(task: Task) -> Any:
    return finish.end_many([completed(task)])


def fail_it(task: Task) -> Any:
    return finish.end_many([failed(task)])


def cancel(task: Task) -> Any:
    return finish.cancel(task=task)


def overdue(task: Task) -> Any:
    rows.change(task, deadline_at=timezone.now() - timedelta(seconds=1))
    return sweep.fail_overdue()


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("starts", "racers"),
    [("running", (complete, fail_it, overdue)), ("waiting", (cancel, overdue, cancel))],
)
def test_ends_that_race_have_one_winner_and_one_settlement(starts: str, racers: tuple[Racer, ...]):
    account(slots=1000)
    workspace = rows.plan(WorkspaceFactory.create(), concurrency_override=1000)
    made = rows.pictures(workspace, 50)
    if starts == "running":
        dispatch()

    def race(job: tuple[Racer, Task]) -> None:
        try:
            job[0](job[1])
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=9) as pool:
        list(pool.map(race, [(racer, task) for task in made for racer in racers]))

    counted = rows.statuses(workspace)
    assert sum(counted[status] for status in ("completed", "failed", "cancelled")) == 50
    settled = CreditEntry.objects.of(workspace.pk).filter(kind__in=["CAPTURE", "RELEASE"])
    assert settled.count() == 50
    assert settled.filter(kind="CAPTURE").count() == counted["completed"]
    assert rows.balance(workspace) == (10_000_000 - 20_000 * counted["completed"], 0)
    assert rows.loads(workspace) == {"flux": (0, 0)}
    assert SlotLease.objects.count() == Attempt.objects.filter(state="ASSIGNED").count() == 0
    assert audit.differences() == []


def test_wallets_of_bystanders_are_untouched(workspace: Workspace):
    bystander = WorkspaceFactory.create()
    before = billing.wallet(workspace_id=bystander.pk)
    finish.end_many([completed(task) for task in running(workspace, 3)])

    after = billing.wallet(workspace_id=bystander.pk)

    assert (after.available, after.held) == (before.available, before.held)
    assert ledger(bystander)[1:] == []
