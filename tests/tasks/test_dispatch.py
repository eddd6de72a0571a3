"""Which account does a task, and that nobody is given more than fits."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.byoa.models import Account, SlotLease
from apps.byoa.services import slots
from apps.core import queue
from apps.ops import audit
from apps.tasks.models import Attempt, Task, TaskEvent
from apps.tasks.services import finish
from apps.tasks.services.dispatch import dispatch
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, picture, task
from tests.factories.byoa import account
from tests.tasks import rows

pytestmark = pytest.mark.django_db
URL = "https://example.com/picture.png"
EITHER = {
    "model": "Qubico/image-toolkit",
    "task_type": "background-remove",
    "input": {"image": URL},
}


@pytest.fixture
def no_engine(settings: Any) -> None:
    settings.LOCAL_ENGINE = False


def attempt(found: Task) -> Attempt:
    return found.attempts.latest("number")


def turned_down(found: Task) -> None:
    """Its account did not take it, and it waits again."""
    last = attempt(found)
    Attempt.objects.filter(pk=last.pk).update(state="FAILED", ended_at=timezone.now(), next_at=None)
    slots.free(holders=[last.reference or ""])
    rows.change(found, status="pending", provider="", started_at=None, wake_at=timezone.now())


def test_task_is_assigned_with_everything_that_goes_with_it(no_engine: None, workspace: Workspace):
    pool = account(slots=1)
    found = picture(workspace)

    assert dispatch() == 1

    stored, opened = rows.again(found), attempt(found)
    assert (stored.status, stored.provider, stored.attempt) == ("processing", "federation", 1)
    assert (stored.wake_at, stored.lease_until) == (None, None)
    assert stored.started_at is not None
    assert (opened.number, opened.state, opened.account_id) == (1, "ASSIGNED", pool.pk)
    assert opened.deadline_at == stored.deadline_at
    lease = SlotLease.objects.get()
    assert (lease.account_id, lease.holder) == (pool.pk, opened.reference)
    assert lease.expires_at > stored.deadline_at
    assert len(opened.reference or "") >= 32
    kinds = TaskEvent.objects.filter(task=found).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["created", "processing"]
    assert audit.differences() == []


def test_no_two_attempts_have_names_that_can_be_guessed_from_each_other(
    no_engine: None, workspace: Workspace
):
    account(slots=10)
    for _ in range(10):
        picture(workspace)
    dispatch()

    names = list(Attempt.objects.values_list("reference", flat=True))

    assert len({(name or "")[:8] for name in names}) == 10


def test_never_more_than_there_are_slots(no_engine: None, workspace: Workspace):
    pools = [account(slots=2), account(slots=3)]
    rows.plan(workspace, concurrency_override=100)
    rows.copies(picture(workspace), count=20)

    assert [dispatch(), dispatch()] == [5, 0]

    used = Counter(SlotLease.objects.values_list("account_id", flat=True))
    assert used == {pools[0].pk: 2, pools[1].pk: 3}
    assert rows.statuses(workspace) == {"processing": 5, "pending": 16}


def test_more_than_one_batch_is_given_away_by_one_call(no_engine: None, workspace: Workspace):
    account(slots=1200)
    rows.copies(picture(workspace), count=999)

    assert dispatch() == 1000


def test_without_an_account_tasks_wait_as_they_are(no_engine: None, workspace: Workspace):
    made = account()
    found = picture(workspace)
    made.delete()
    before = rows.again(found)

    assert dispatch() == 0

    after = rows.again(found)
    assert {f.name: getattr(after, f.name) for f in Task._meta.fields} == {
        f.name: getattr(before, f.name) for f in Task._meta.fields
    }


@pytest.mark.parametrize(
    "fields",
    [
        {"is_paused": True},
        {"status": "invalid_credentials"},
        {"status": "cooling", "resume_at": timezone.now() + timedelta(hours=1)},
        {"families": ["kling"]},
        {"daily_cap": 5, "day": timezone.now().date(), "day_count": 5},
        {"provider": "another"},
    ],
)
def test_account_that_may_not_take_it_leaves_it_waiting(
    no_engine: None, workspace: Workspace, fields: dict[str, Any]
):
    pool = account()
    found = picture(workspace)
    Account.objects.across_workspaces().filter(pk=pool.pk).update(**fields)

    assert dispatch() == 0

    assert rows.again(found).status == "pending"


def test_account_outside_its_period_leaves_it_waiting(no_engine: None, workspace: Workspace):
    pool = account()
    found = picture(workspace)
    now = timezone.now()
    Account.objects.across_workspaces().filter(pk=pool.pk).update(
        active_from=(now + timedelta(hours=1)).time(), active_to=(now + timedelta(hours=2)).time()
    )
    assert dispatch() == 0
    Account.objects.across_workspaces().filter(pk=pool.pk).update(
        active_from=(now - timedelta(hours=1)).time()
    )

    assert dispatch() == 1

    assert attempt(found).account_id == pool.pk


def test_cooled_account_is_tried_with_one_task(no_engine: None, workspace: Workspace):
    account(slots=5, status="cooling", resume_at=timezone.now() - timedelta(seconds=1))
    for _ in range(3):
        picture(workspace)

    assert [dispatch(), dispatch()] == [1, 0]


def test_family_goes_to_the_accounts_that_serve_it(no_engine: None, workspace: Workspace):
    flux, kling = account(families=["flux"]), account(families=["kling"])
    still = picture(workspace)
    film = task(workspace, model="kling", task_type="video_generation", input={"prompt": "a fox"})

    dispatch()

    assert (attempt(still).account_id, attempt(film).account_id) == (flux.pk, kling.pk)


def test_account_that_failed_a_task_is_the_last_to_be_asked_again(
    no_engine: None, workspace: Workspace
):
    pools = {account(slots=5).pk for _ in range(3)}
    found = picture(workspace)
    asked = []
    for _ in range(4):
        dispatch()
        asked.append(attempt(found).account_id)
        turned_down(found)

    assert set(asked[:3]) == pools
    assert asked[3] in pools
    assert [one.number for one in found.attempts.order_by("number")] == [1, 2, 3, 4]


def test_task_that_came_back_keeps_its_place(no_engine: None, workspace: Workspace):
    pool = account(slots=1)
    first = picture(workspace)
    dispatch()
    second = picture(workspace)
    turned_down(first)

    dispatch()

    assert (rows.again(first).status, rows.again(second).status) == ("processing", "pending")
    assert attempt(first).account_id == pool.pk


@pytest.mark.parametrize(("engine_slots", "by"), [(5, "local"), (0, "federation")])
def test_engine_is_preferred_and_an_account_takes_what_it_has_no_room_for(
    workspace: Workspace, settings: Any, engine_slots: int, by: str
):
    settings.LOCAL_ENGINE_SLOTS = engine_slots
    account()
    found = task(workspace, **EITHER)

    assert dispatch() == 1

    assert rows.again(found).provider == by


def test_engine_and_accounts_share_what_is_more_than_either_can_do(
    workspace: Workspace, settings: Any
):
    settings.LOCAL_ENGINE_SLOTS = 3
    account(slots=2)
    for _ in range(8):
        task(workspace, **EITHER)

    assert [dispatch(), dispatch()] == [5, 0]

    by = Counter(Task.objects.of(workspace.pk).values_list("provider", flat=True))
    assert by == {"local": 3, "federation": 2, "": 3}


def test_engine_is_handed_no_more_than_its_slots(workspace: Workspace, settings: Any):
    settings.LOCAL_ENGINE_SLOTS = 2
    made = [task(workspace) for _ in range(4)]

    assert [dispatch(), dispatch()] == [2, 0]
    finish.fail(task_id=made[0].id, failure=finish.Failure(11000, "No."))

    assert dispatch() == 1
    assert [rows.again(one).provider for one in made] == ["local", "local", "local", ""]


def test_lost_message_to_the_engine_is_sent_again_ever_more_rarely(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(queue, "_send", lambda job, arguments, **_: sent.append(arguments) or True)
    found = task(workspace)
    waits = []
    for _ in range(7):
        rows.change(found, wake_at=timezone.now())
        assert dispatch() == 1
        wait = (rows.again(found).wake_at or timezone.now()) - timezone.now()
        waits.append(round(wait.total_seconds()))

    assert [one["task_id"] for one in sent if "task_id" in one] == [str(found.id)] * 7
    assert waits == [30, 60, 120, 240, 480, 600, 600]


def test_engines_message_is_not_repeated_before_its_time(workspace: Workspace):
    task(workspace)

    assert [dispatch(), dispatch(), dispatch()] == [1, 0, 0]


@pytest.mark.parametrize("seconds", [60, 86_400])
def test_own_deadline_counts_from_creation_and_the_slot_is_kept_that_long(
    no_engine: None, workspace: Workspace, seconds: int
):
    account()
    found = picture(workspace, deadline_seconds=seconds)
    rows.change(found, created_at=found.created_at, deadline_at=found.deadline_at)

    dispatch()

    stored = rows.again(found)
    assert stored.deadline_at == found.deadline_at
    assert attempt(found).deadline_at == found.deadline_at
    assert SlotLease.objects.get().expires_at > found.deadline_at


def test_model_has_its_whole_time_from_the_start_however_long_the_task_waited(
    no_engine: None, workspace: Workspace
):
    account()
    found = picture(workspace)
    rows.change(found, deadline_at=timezone.now() + timedelta(seconds=5))

    dispatch()

    assert rows.again(found).deadline_at > timezone.now() + timedelta(seconds=60)


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_dispatchers_at_once_never_give_a_slot_or_a_task_twice(settings: Any):
    settings.LOCAL_ENGINE = False
    pools = [account(slots=7), account(slots=5, requests_per_minute=60), account(slots=9)]
    tenants = [WorkspaceFactory.create() for _ in range(2)]
    for tenant in tenants:
        rows.copies(picture(tenant), count=60)

    assert at_once(*[dispatch] * 6, times=3) == []

    used = Counter(SlotLease.objects.values_list("account_id", flat=True))
    assert used == {pools[0].pk: 7, pools[1].pk: 5, pools[2].pk: 9}
    assert (
        Attempt.objects.count()
        == Task.objects.across_workspaces().filter(status="processing", attempt=1).count()
        == 21
    )


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_tasks_cancelled_while_they_are_given_away_end_once(settings: Any):
    settings.LOCAL_ENGINE = False
    account(slots=400)
    workspace = rows.plan(WorkspaceFactory.create(), concurrency_override=500)
    made = rows.pictures(workspace, 60)

    def cancel() -> None:
        for one in reversed(made):
            finish.cancel(task=one)

    assert at_once(cancel, dispatch, dispatch) == []

    counted = rows.statuses(workspace)
    assert counted["cancelled"] + counted["processing"] == 60
    assert SlotLease.objects.count() == counted["processing"]
    assert rows.loads(workspace) == {"flux": (counted["processing"], 0)}
    assert audit.differences() == []
