"""Who comes next: shared between workspaces by plan, whatever else is waiting."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.byoa.models import SlotLease
from apps.catalog import registry
from apps.tasks.models import Attempt, Task
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.queueing import Startable, next_tasks
from tests.factories import WorkspaceFactory, picture, task
from tests.factories.byoa import account
from tests.tasks import rows

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_engine(settings: Any) -> None:
    settings.LOCAL_ENGINE = False


def crowd(workspace: Workspace, *, count: int = 5000) -> None:
    """So many pictures of one workspace, older than whatever comes after."""
    first = picture(workspace)
    rows.copies(first, count=count - 1)


def started(workspace: Workspace) -> int:
    return rows.statuses(workspace)["processing"]


def end_all(workspace: Workspace) -> None:
    """Everything that runs has ended; its slots are free."""
    running = Task.objects.of(workspace.pk).filter(status="processing")
    SlotLease.objects.filter(
        holder__in=Attempt.objects.filter(task__in=running).values("reference")
    ).delete()
    running.update(status="completed", ended_at=timezone.now())


def test_next_free_slot_is_the_newcomers_however_many_somebody_else_has_waiting():
    account(slots=4)
    tenant, newcomer = WorkspaceFactory.create(plan="premium"), WorkspaceFactory.create()
    crowd(tenant)
    assert dispatch() == 4
    lone = picture(newcomer)
    SlotLease.objects.filter(id=SlotLease.objects.earliest("id").pk).delete()

    assert dispatch() == 1

    assert rows.again(lone).status == "processing"
    assert started(tenant) == 4


def test_who_alone_waits_gets_every_slot():
    account(slots=30)
    tenant = WorkspaceFactory.create(plan="hobbyist")
    crowd(tenant, count=100)

    assert dispatch() == 30


def test_slots_are_shared_by_plan():
    account(slots=70)
    tenants = {
        plan: WorkspaceFactory.create(plan=plan) for plan in ("hobbyist", "developer", "premium")
    }
    for tenant in tenants.values():
        crowd(tenant, count=200)

    assert dispatch() == 70

    assert {plan: started(tenant) for plan, tenant in tenants.items()} == {
        "hobbyist": 10,
        "developer": 20,
        "premium": 40,
    }


def test_shares_hold_as_slots_come_free_one_by_one():
    account(slots=7)
    tenants = [WorkspaceFactory.create(plan=plan) for plan in ("premium", "developer", "hobbyist")]
    for tenant in tenants:
        crowd(tenant, count=50)
    dispatch()
    for _ in range(12):
        SlotLease.objects.filter(id=SlotLease.objects.earliest("id").pk).delete()
        oldest = Attempt.objects.filter(task__status="processing").earliest("id").task
        rows.change(oldest, status="completed", ended_at=timezone.now())
        assert dispatch() == 1

    assert [started(tenant) for tenant in tenants] == [4, 2, 1]


def test_equals_take_turns_and_the_oldest_of_each_comes_first():
    account(slots=4)
    one, other = WorkspaceFactory.create(), WorkspaceFactory.create()
    mine = [picture(one) for _ in range(5)]
    theirs = [picture(other) for _ in range(5)]

    dispatch()

    assert [rows.again(found).status for found in mine[:2] + theirs[:2]] == ["processing"] * 4
    assert started(one) == started(other) == 2


def test_what_runs_elsewhere_counts_in_a_workspaces_share():
    account(slots=2, families=["flux"])
    account(slots=4, families=["kling"])
    busy, idle = WorkspaceFactory.create(), WorkspaceFactory.create()
    for _ in range(4):
        video(busy)
    dispatch()
    crowd(busy, count=10)
    lone = [picture(idle) for _ in range(2)]

    assert dispatch() == 2

    assert [rows.again(found).status for found in lone] == ["processing"] * 2


def video(workspace: Workspace) -> Task:
    return task(
        workspace,
        model="kling",
        task_type="video_generation",
        input={"prompt": "a fox in a forest"},
    )


def test_family_without_room_does_not_hold_back_another_of_the_same_workspace():
    account(slots=1, families=["flux"])
    account(slots=3, families=["kling"])
    workspace = WorkspaceFactory.create(plan="premium")
    crowd(workspace, count=300)
    films = [video(workspace) for _ in range(2)]

    dispatch()

    assert [rows.again(found).status for found in films] == ["processing"] * 2
    assert started(workspace) == 3


def test_task_that_nothing_can_make_does_not_hold_back_others_of_its_family(settings: Any):
    # The engine makes some jobs of this family; this one needs an account, and there is none for it.
    account(slots=1, families=["kling"])
    made = account(families=["image_toolkit"])
    workspace = WorkspaceFactory.create(plan="premium")
    stuck = task(
        workspace,
        model="Qubico/image-toolkit",
        task_type="face-swap",
        input={"target_image": URL, "swap_image": URL},
    )
    rows.copies(stuck, count=20)
    made.delete()
    settings.LOCAL_ENGINE = True
    settings.LOCAL_ENGINE_SLOTS = 2
    possible = task(
        workspace, model="Qubico/image-toolkit", task_type="background-remove", input={"image": URL}
    )

    assert dispatch() == 1

    assert rows.again(possible).provider == "local"
    assert rows.again(stuck).status == "pending"


URL = "https://example.com/picture.png"


def test_task_whose_model_is_gone_does_not_hold_back_others_of_its_family():
    account(slots=1)
    workspace = WorkspaceFactory.create()
    gone, possible = picture(workspace), picture(workspace)
    rows.change(gone, model="Qubico/flux0")

    assert dispatch() == 1

    assert (rows.again(gone).status, rows.again(possible).status) == ("pending", "processing")


def test_task_that_rests_or_is_over_is_passed_over():
    account(slots=10)
    workspace = WorkspaceFactory.create()
    resting, over, ready = [picture(workspace) for _ in range(3)]
    rows.change(resting, wake_at=timezone.now() + timedelta(minutes=1))
    rows.change(over, deadline_at=timezone.now() - timedelta(seconds=1))

    assert dispatch() == 1

    assert rows.again(ready).status == "processing"


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_task_that_is_just_being_cancelled_is_passed_over():
    account(slots=2)
    workspace = WorkspaceFactory.create()
    first, second = picture(workspace), picture(workspace)

    with transaction.atomic():
        Task.objects.of(workspace.pk).select_for_update().get(id=first.id)
        given = rows.elsewhere(dispatch)

    assert given == 1
    assert (rows.again(first).status, rows.again(second).status) == ("pending", "processing")


def statements(call: Callable[[], Any]) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        call()
    return [query["sql"] for query in captured]


def test_looking_for_work_reads_no_more_than_the_front_of_each_queue():
    account()
    crowd(WorkspaceFactory.create(plan="premium"), count=5000)
    crowd(WorkspaceFactory.create(), count=5000)
    kinds = [Startable(spec) for spec in registry.all_specs().values() if spec.family == "flux"]
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE tasks_task")
        (look, _) = statements(lambda: next_tasks(kinds=kinds, room=5))
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {look}")
        (found,) = cursor.fetchone()[0]

    # All of them would be over a thousand; what tests before left on the pages may cost some more than the front.
    assert found["Plan"]["Shared Hit Blocks"] < 400


def test_without_room_nothing_is_read_of_the_queue_and_nothing_written():
    account(slots=1)
    crowd(WorkspaceFactory.create(), count=2)
    dispatch()
    few = statements(dispatch)
    crowd(WorkspaceFactory.create(), count=3000)

    many = statements(dispatch)

    assert len(many) == len(few)
    assert [sql for sql in many if "row_number()" in sql or "INSERT" in sql] == []
