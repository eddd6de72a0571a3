"""What leaves the own accounts while it waits is held and charged exactly once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.billing.models import CapSpend
from apps.byoa.models import Account
from apps.ops import audit
from apps.tasks.models import PenaltyDay, Task, TaskEvent
from apps.tasks.services import failover, finish
from apps.tasks.services.create import create_task
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.request import TaskRequest
from tests.factories import WorkspaceFactory, identity
from tests.factories.own import bridge_account, change, operators, private, set_account
from tests.tasks.own.helpers import ended, failed, midjourney, place
from tests.tasks.own.money import DOLLAR, FAST, OUTSIDE, RELAX, counted, lines, waiting
from tests.tasks.rows import again, balance, plan


@pytest.fixture(autouse=True)
def _no_engine(settings: Any) -> None:
    settings.LOCAL_ENGINE = False


@pytest.fixture
def home(db: None) -> Workspace:
    return private(WorkspaceFactory.create(plan="premium"))


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
def test_model_that_left_the_catalog_keeps_nobody_waiting_and_its_tasks_end_free(home: Workspace):
    bridge_account(home, "A", slots=1)
    gone, other = midjourney(home), midjourney(home)
    Task.objects.of(home.pk).filter(pk=gone.pk).update(model="no-longer")

    dispatch()
    assert (place(gone), place(other)) == ("pending", "A relax")
    failover.look_after()

    assert again(gone).error_message == "Its model is not offered any more. Nothing was charged."
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
