"""Private work costs nothing; what leaves the own accounts while it waits is held and charged exactly once."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from apps.accounts.models import Workspace
from apps.billing.models import CapSpend, CreditEntry
from apps.byoa.models import Account
from apps.ops import audit
from apps.tasks.models import FamilyLoad, PenaltyDay, Task, TaskEvent, UsageDay
from apps.tasks.services import failover, finish, roll_up
from apps.tasks.services.create import create_task
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.request import TaskRequest
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, identity
from tests.factories.own import bridge_account, change, operators, private, set_account
from tests.tasks.own.helpers import ended, failed, midjourney, place
from tests.tasks.rows import again, balance, plan

FAST, RELAX = 700_000, 300_000
DOLLAR = 10_000_000
EPOCH = date(2000, 1, 1)
OUTSIDE = {
    "active_from": (datetime.now(UTC) + timedelta(hours=3)).time(),
    "active_to": (datetime.now(UTC) + timedelta(hours=6)).time(),
}


@pytest.fixture(autouse=True)
def _no_engine(settings: Any) -> None:
    settings.LOCAL_ENGINE = False


@pytest.fixture
def home(db: None) -> Workspace:
    return private(WorkspaceFactory.create(plan="premium"))


def lines(made: Task) -> list[tuple[str, int, int]]:
    """Kind and both movements of the task's ledger lines, in order."""
    rows = CreditEntry.objects.of(made.workspace_id).filter(reference=made.reference)
    return list(rows.order_by("id").values_list("kind", "available_delta", "held_delta"))


def counted(workspace: Workspace) -> dict[str, int]:
    """How many tasks are under way in each pool, as counted."""
    return dict(FamilyLoad.objects.of(workspace.pk).values_list("pool", "active"))


def waiting(workspace: Workspace, **given: Any) -> Task:
    """A private task that found its account outside its period, of a workspace that wants fail-over since."""
    account = bridge_account(workspace, "A", **OUTSIDE)
    operators()
    made = midjourney(workspace, **{"process_mode": "fast", **given})
    dispatch()
    assert place(made) == "pending"
    change(workspace, failover_families=["midjourney"])
    set_account(account, is_paused=True)
    return made


# ------------------------------------------------------------------------------ private is free
@pytest.mark.django_db(transaction=True)
@pytest.mark.concurrency
def test_private_work_is_in_the_ledger_and_the_sums_and_moves_nothing():
    home = private(WorkspaceFactory.create(plan="premium", points=0))
    bridge_account(home)
    well, badly, never = (midjourney(home, process_mode="turbo") for _ in range(3))
    finish.cancel(task=never)
    dispatch()
    held_meanwhile = balance(home)

    ended(well)
    failed(badly, is_inputs_fault=True)

    assert (held_meanwhile, balance(home)) == ((0, 0), (0, 0))
    assert [lines(one) for one in (well, badly, never)] == [
        [("HOLD", 0, 0), ("CAPTURE", 0, 0)],
        [("HOLD", 0, 0), ("RELEASE", 0, 0)],
        [("HOLD", 0, 0), ("RELEASE", 0, 0)],
    ]
    for _ in range(3):
        roll_up.count_all_new()
    days = list(UsageDay.objects.of(home.pk))
    assert {(day.service_mode, day.task_type, day.charged_points) for day in days} == {
        ("private", "imagine", 0)
    }
    assert {(day.api_key_id, day.completed, day.failed, day.cancelled) for day in days} == {
        (well.api_key_id, 1, 0, 0),
        (badly.api_key_id, 0, 1, 0),
        (never.api_key_id, 0, 0, 1),
    }
    assert list(roll_up.differences(first=EPOCH)) == []
    assert PenaltyDay.objects.of(home.pk).count() == 0
    assert audit.differences() == []


@pytest.mark.django_db
def test_private_work_passes_no_cap(home: Workspace):
    bridge_account(home)
    who = identity(home, cap_daily_points=1)
    change(home, cap_daily_points=1)

    made = create_task(
        identity=who, request=TaskRequest("midjourney", "imagine", {"prompt": "a cat"})
    ).task
    dispatch()
    ended(made)

    assert again(made).cost_points == 0
    assert not CapSpend.objects.of(home.pk).filter(points__gt=0).exists()
    assert audit.differences() == []


@pytest.mark.django_db
def test_private_work_starts_although_the_budget_was_lowered_below_what_is_spent(home: Workspace):
    bridge_account(home)
    operators()
    change(home, cap_daily_points=DOLLAR)
    midjourney(home, process_mode="fast", service_mode="public")
    change(home, cap_daily_points=1)

    assert midjourney(home).status == "pending"


# ---------------------------------------------------------------------------- moving over
@pytest.mark.django_db
def test_task_that_waits_in_vain_moves_holds_its_price_once_and_is_charged_it(home: Workspace):
    made = waiting(home)
    assert balance(home) == (DOLLAR, 0)

    assert [failover.look_after() for _ in range(3)] == [1, 0, 0]

    moved = again(made)
    assert (moved.status, moved.service_mode, moved.failover_triggered) == (
        "pending",
        "public",
        True,
    )
    assert (moved.price_points, moved.relax_points) == (FAST, RELAX)
    assert balance(home) == (DOLLAR - FAST, FAST)
    assert lines(made) == [("HOLD", -FAST, FAST)]
    events = TaskEvent.objects.filter(task=made).order_by("id").values_list("kind", "data")
    assert list(events)[-1] == ("pending", {"failover": True})
    assert counted(home) == {"private": 0, "public": 1}
    dispatch()
    assert place(made) == "public Operator fast"
    ended(made)
    assert lines(made)[1:] == [("CAPTURE", 0, -FAST)]
    assert balance(home) == (DOLLAR - FAST, 0)
    assert audit.differences() == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("became", "status", "pool"),
    [
        ({"is_paused": False}, "pending", "public"),
        ({"active_from": None, "active_to": None, "is_paused": False}, "processing", "private"),
        ({"status": "banned"}, "pending", "public"),
    ],
    ids=["outside its period", "back", "banned"],
)
def test_only_what_no_own_account_can_take_moves(
    home: Workspace, became: dict[str, Any], status: str, pool: str
):
    made = waiting(home)
    account = Account.objects.of(home.pk).get()
    set_account(account, **became)

    failover.look_after()
    if pool == "private":
        dispatch()

    assert (again(made).status, again(made).service_mode) == (status, pool)
    assert audit.differences() == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("became", "status", "code"),
    [({"is_paused": True}, "failed", 11003), ({"is_paused": False}, "pending", 0)],
    ids=["nobody left", "one comes back"],
)
def test_without_fail_over_a_task_waits_for_who_comes_back_and_ends_free_when_nobody_does(
    home: Workspace, became: dict[str, Any], status: str, code: int
):
    made = waiting(home)
    change(home, failover_families=[])
    account = Account.objects.of(home.pk).get()
    set_account(account, **became)

    failover.look_after()

    found = again(made)
    assert (found.status, found.error_code, found.service_mode) == (status, code, "private")
    assert balance(home) == (DOLLAR, 0)
    assert audit.differences() == []


@pytest.mark.django_db
@pytest.mark.parametrize("why", ["no credits", "a cap", "a budget"])
def test_task_that_cannot_be_paid_ends_free(why: str):
    points = 100 if why == "no credits" else DOLLAR
    home = private(WorkspaceFactory.create(plan="premium", points=points))
    bridge_account(home, "A", **OUTSIDE)
    operators()
    who = identity(home, cap_daily_points=100 if why == "a cap" else None)
    made = create_task(
        identity=who, request=TaskRequest("midjourney", "imagine", {"prompt": "a cat"})
    ).task
    change(home, failover_families=["midjourney"])
    if why == "a budget":
        change(home, cap_monthly_points=100)

    assert [failover.look_after() for _ in range(2)] == [1, 0]

    found = again(made)
    assert (found.status, found.error_code, found.cost_points) == ("failed", 11003, 0)
    assert found.error_message.endswith("Nothing was charged.")
    assert (found.service_mode, found.price_points) == ("private", 0)
    assert balance(home) == (points, 0)
    assert not CapSpend.objects.of(home.pk).filter(points__gt=0).exists()
    assert PenaltyDay.objects.of(home.pk).filter(relax__gt=0).count() == 0
    assert audit.differences() == []


@pytest.mark.django_db
def test_caps_and_budgets_count_what_moved(home: Workspace):
    bridge_account(home, "A", **OUTSIDE)
    operators()
    change(home, cap_daily_points=DOLLAR)
    who = identity(home, cap_total_points=DOLLAR)
    wanted = TaskRequest("midjourney", "imagine", {"prompt": "a cat", "process_mode": "fast"})
    kept, given_back = (create_task(identity=who, request=wanted).task for _ in range(2))
    change(home, failover_families=["midjourney"])
    spent = CapSpend.objects.of(home.pk).order_by("scope").values_list("scope", "points")

    failover.look_after()
    dispatch()
    before = set(spent)
    ended(kept)
    failed(given_back)

    assert before == {("key", 2 * FAST), ("workspace", 2 * FAST)}
    assert set(spent.all()) == {("key", FAST), ("workspace", FAST)}
    assert audit.differences() == []


@pytest.mark.django_db
def test_what_moves_beyond_the_plans_limit_is_staged_and_starts_in_its_turn(home: Workspace):
    bridge_account(home, "A", **OUTSIDE)
    operators()
    made = [midjourney(home) for _ in range(4)]
    plan(home, concurrency_override=2)
    change(home, failover_families=["midjourney"])

    assert failover.look_after() == 4

    assert [again(one).status for one in made] == ["pending", "pending", "staged", "staged"]
    dispatch()
    for one in made:
        ended(one)
        dispatch()
    assert balance(home) == (DOLLAR - 4 * RELAX, 0)
    assert audit.differences() == []


@pytest.mark.django_db
def test_moved_relax_task_counts_and_is_given_back_on_the_day_of_its_creation(home: Workspace):
    made = waiting(home, process_mode="relax")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    Task.objects.of(home.pk).filter(pk=made.pk).update(created_at=yesterday)

    failover.look_after()
    days = PenaltyDay.objects.of(home.pk).values_list("day", "relax")
    before = list(days)
    finish.cancel(task=again(made))

    assert before == [(yesterday.date(), 1)]
    assert list(days.all()) == [(yesterday.date(), 0)]
    assert audit.differences() == []


@pytest.mark.django_db
def test_moved_relax_task_beyond_the_allowance_costs_double(home: Workspace):
    made = waiting(home, process_mode="relax")
    PenaltyDay.objects.create(workspace=home, day=made.created_at.date(), relax=1500)

    failover.look_after()

    assert again(made).price_points == 2 * RELAX
    assert balance(home) == (DOLLAR - 2 * RELAX, 2 * RELAX)
    assert audit.differences() == []


@pytest.mark.django_db
def test_workspace_that_may_have_no_public_task_today_does_not_fail_over():
    home = private(WorkspaceFactory.create(plan="hobbyist"))
    made = waiting(home)
    PenaltyDay.objects.create(workspace=home, day=datetime.now(UTC).date(), incorrect=31)

    assert failover.look_after() == 0

    assert (again(made).status, again(made).service_mode) == ("pending", "private")
    assert balance(home) == (DOLLAR, 0)


# ------------------------------------------------------------------- crashes and races
@contextmanager
def dying_at(words: str) -> Iterator[None]:
    """The database is gone when it is asked for this."""

    def asked(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if words in sql:
            raise DatabaseError("gone")
        return execute(sql, *rest)

    with connection.execute_wrapper(asked):
        yield


@pytest.mark.django_db(transaction=True)
@pytest.mark.concurrency
@pytest.mark.parametrize(
    "words",
    [
        "left_behind",
        'UPDATE "tasks_task"',
        '"tasks_taskevent"',
        "billing_wallet",
        "notifications_notice",
    ],
)
def test_crash_in_the_middle_leaves_the_task_as_it_was(words: str):
    home = private(WorkspaceFactory.create(plan="premium"))
    made = waiting(home)

    with dying_at(words), pytest.raises(DatabaseError):
        failover.look_after()

    assert (again(made).status, again(made).service_mode, again(made).price_points) == (
        "pending", "private", 0,
    )  # fmt: skip
    assert balance(home) == (DOLLAR, 0)
    assert audit.differences() == []
    assert failover.look_after() == 1
    assert balance(home) == (DOLLAR - FAST, FAST)
    assert audit.differences() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.concurrency
def test_sweeps_dispatchers_and_cancels_at_once_move_hold_and_end_each_task_once():
    home = private(WorkspaceFactory.create(plan="premium", points=100 * DOLLAR))
    account = bridge_account(home, "A", **OUTSIDE)
    operators(slots=100)
    plan(home, concurrency_override=100)
    made = [midjourney(home, process_mode="fast") for _ in range(30)]
    change(home, failover_families=["midjourney"])
    set_account(account, is_paused=True)

    def cancel() -> None:
        for one in made[::3]:
            finish.cancel(task=one)

    assert (
        at_once(failover.look_after, failover.look_after, failover.look_after, dispatch, cancel)
        == []
    )
    failover.look_after()
    dispatch()

    now = [again(one) for one in made]
    running = [one for one in now if one.status == "processing"]
    assert len(running) + sum(one.status == "cancelled" for one in now) == 30
    assert all(one.failover_triggered for one in running)
    assert balance(home) == (100 * DOLLAR - len(running) * FAST, len(running) * FAST)
    holds = CreditEntry.objects.of(home.pk).filter(kind="HOLD", held_delta=FAST).count()
    assert holds >= len(running)
    assert counted(home) == {"private": 0, "public": len(running)}
    assert audit.differences() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.concurrency
def test_wallet_that_covers_some_of_them_is_never_overdrawn():
    home = private(WorkspaceFactory.create(plan="premium", points=5 * FAST))
    bridge_account(home, "A", **OUTSIDE)
    operators(slots=100)
    made = [midjourney(home, process_mode="fast") for _ in range(12)]
    change(home, failover_families=["midjourney"])

    assert at_once(*[functools.partial(failover.look_after)] * 4) == []

    states = sorted(again(one).status for one in made)
    assert states == ["failed"] * 7 + ["pending"] * 5
    assert balance(home) == (0, 5 * FAST)
    assert audit.differences() == []


@pytest.mark.django_db(transaction=True)
@pytest.mark.concurrency
def test_task_that_is_just_being_cancelled_is_passed_over():
    home = private(WorkspaceFactory.create(plan="premium"))
    made = waiting(home)
    with transaction.atomic():
        Task.objects.of(home.pk).select_for_update().get(pk=made.pk)
        moved: list[int] = []
        assert at_once(lambda: moved.append(failover.look_after())) == []

    assert moved == [0]
