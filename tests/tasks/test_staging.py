"""The limit per family: what goes over it is staged, what goes over that is refused, and places are handed on."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, transaction

from apps.accounts.models import Workspace
from apps.billing.services.credits import InsufficientCredits
from apps.ops import audit
from apps.tasks.models import FailureCode, Status, Task, TaskEvent
from apps.tasks.services import claims, finish, loads, sweep
from apps.tasks.services.cancel import cancel_many, cancel_task
from apps.tasks.services.create import ConcurrencyExceeded, create_task
from apps.tasks.services.request import TaskRequest
from tests.factories import ILLUSTRATION, PICTURE, ROUTE, WorkspaceFactory, identity, task
from tests.factories.byoa import account
from tests.tasks import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def hobbyist(db: None) -> Workspace:
    """Two tasks of a family at once."""
    return WorkspaceFactory.create(plan="hobbyist")


def full(workspace: Workspace) -> list[Task]:
    """As many tasks as there can be: two under way, fifty staged."""
    who = identity(workspace)
    return [create_task(identity=who, request=TaskRequest(**ILLUSTRATION)).task for _ in range(52)]


def status(found: Task) -> str:
    return rows.again(found).status


def start(found: Task) -> claims.Claim:
    claim = claims.claim(task_id=found.id, route=ROUTE, worker="test")
    assert claim is not None
    return claim


def test_third_task_of_a_hobbyist_is_staged(hobbyist: Workspace):
    made = [task(hobbyist) for _ in range(3)]

    assert [one.status for one in made] == ["pending", "pending", "staged"]
    assert [status(one) for one in made] == ["pending", "pending", "staged"]
    assert rows.loads(hobbyist) == {"local": (2, 1)}
    assert rows.balance(hobbyist) == (10_000_000 - 30_000, 30_000)
    assert audit.differences() == []


def test_task_over_fifty_staged_ones_is_refused_and_nothing_is_held(hobbyist: Workspace):
    full(hobbyist)

    with pytest.raises(ConcurrencyExceeded) as refusal:
        task(hobbyist)

    assert refusal.value.detail == {"family": "local"}
    assert (refusal.value.retry_after or 0) > 0
    assert rows.statuses(hobbyist) == {"pending": 2, "staged": 50}
    assert rows.loads(hobbyist) == {"local": (2, 50)}
    assert rows.balance(hobbyist) == (10_000_000 - 520_000, 520_000)
    assert audit.differences() == []


def test_refused_task_does_not_count_against_its_keys_cap(hobbyist: Workspace):
    full(hobbyist)
    capped = identity(hobbyist, cap_total_points=10_000)
    with pytest.raises(ConcurrencyExceeded):
        create_task(identity=capped, request=TaskRequest(**ILLUSTRATION))
    cancel_many_of(hobbyist)

    made = create_task(identity=capped, request=TaskRequest(**ILLUSTRATION)).task

    assert made.status == "pending"


def cancel_many_of(workspace: Workspace) -> None:
    now = Task.objects.of(workspace.pk).latest("created_at").created_at
    everything = identity(workspace)
    cancel_many(identity=everything, created_before=now.replace(year=now.year + 1))


def test_full_family_leaves_other_families_and_workspaces_alone(hobbyist: Workspace):
    account()
    full(hobbyist)

    other_family = task(hobbyist, **PICTURE)
    neighbour = task(WorkspaceFactory.create(plan="hobbyist"))

    assert (other_family.status, neighbour.status) == ("pending", "pending")
    assert rows.loads(hobbyist) == {"local": (2, 50), "flux": (1, 0)}


@pytest.mark.parametrize(
    ("plan", "override", "room"),
    [("developer", None, 10), ("premium", None, 30), ("hobbyist", 5, 5), ("premium", 1, 1)],
)
def test_limit_is_the_plans_unless_the_operator_set_another(
    plan: str, override: int | None, room: int
):
    workspace = rows.plan(WorkspaceFactory.create(plan=plan), concurrency_override=override)
    who = identity(workspace)

    made = [
        create_task(identity=who, request=TaskRequest(**ILLUSTRATION)).task for _ in range(room + 1)
    ]

    assert Counter(one.status for one in made) == {"pending": room, "staged": 1}


def test_override_of_nothing_stages_everything():
    workspace = rows.plan(WorkspaceFactory.create(), concurrency_override=0)

    assert task(workspace).status == "staged"
    assert rows.loads(workspace) == {"local": (0, 1)}


def test_without_credits_nothing_is_counted():
    workspace = WorkspaceFactory.create(plan="hobbyist", points=15_000)
    task(workspace)

    with pytest.raises(InsufficientCredits):
        task(workspace)

    assert rows.loads(workspace) == {"local": (1, 0)}
    assert audit.differences() == []


def end(how: str, found: Task) -> None:
    match how:
        case "completed":
            claim = start(found)
            assert finish.complete(task_id=found.id, attempt=claim.attempt, result=RESULT)
        case "failed":
            claim = start(found)
            assert finish.fail(task_id=found.id, attempt=claim.attempt, failure=FAILURE)
        case "cancelled":
            assert finish.cancel(task=found)
        case "overdue":
            rows.change(found, deadline_at=found.created_at)
            assert sweep.fail_overdue() == 1


RESULT = finish.Result(output={"image_url": "http://testserver/files/mj/x.png"})
FAILURE = finish.Failure(FailureCode.PROVIDER_FAILED, "No.")


@pytest.mark.parametrize("how", ["completed", "failed", "cancelled", "overdue"])
def test_every_end_starts_the_oldest_staged_task(hobbyist: Workspace, how: str):
    first, _, third, fourth = [task(hobbyist) for _ in range(4)]

    end(how, first)

    assert (status(third), status(fourth)) == ("pending", "staged")
    assert rows.loads(hobbyist) == {"local": (2, 1)}
    assert list(TaskEvent.objects.filter(task=third).order_by("id").values_list("kind")) == [
        ("created",),
        ("pending",),
    ]
    assert audit.differences() == []


def test_no_more_start_than_have_room_whatever_the_planner_does(hobbyist: Workspace):
    made = [task(hobbyist) for _ in range(8)]

    # Left with nested loops, PostgreSQL runs a subquery that locks with SKIP LOCKED once per row, each time for others.
    with transaction.atomic(), connection.cursor() as cursor:
        for way in ("hashjoin", "mergejoin", "hashagg", "sort", "material", "bitmapscan"):
            cursor.execute(f"SET LOCAL enable_{way} = off")
        finish.cancel_many(task_ids=rows.ids(made[:1]))

    assert [status(one) for one in made[2:]] == ["pending"] + ["staged"] * 5
    assert rows.loads(hobbyist) == {"local": (2, 5)}


def test_several_that_end_together_start_as_many(hobbyist: Workspace):
    made = [task(hobbyist) for _ in range(6)]

    finish.cancel_many(task_ids=rows.ids(made[:2]))

    assert [status(one) for one in made[2:]] == ["pending", "pending", "staged", "staged"]
    assert rows.loads(hobbyist) == {"local": (2, 2)}


def test_place_of_a_staged_task_that_is_cancelled_is_free_again(hobbyist: Workspace):
    made = full(hobbyist)

    cancelled = cancel_task(identity=identity(hobbyist), task_id=made[-1].id)

    assert cancelled.status == Status.CANCELLED
    assert rows.loads(hobbyist) == {"local": (2, 49)}
    assert task(hobbyist).status == "staged"
    with pytest.raises(ConcurrencyExceeded):
        task(hobbyist)
    assert rows.balance(hobbyist) == (10_000_000 - 520_000, 520_000)
    assert audit.differences() == []


def test_staged_task_past_its_deadline_fails_for_free(hobbyist: Workspace):
    *_, third = [task(hobbyist) for _ in range(3)]
    rows.change(third, deadline_at=third.created_at)

    assert sweep.fail_overdue() == 1

    assert (status(third), rows.again(third).error_code) == ("failed", FailureCode.PROVIDER_TIMEOUT)
    assert rows.loads(hobbyist) == {"local": (2, 0)}
    assert audit.differences() == []


def test_higher_plan_starts_staged_tasks_with_the_next_sweep(hobbyist: Workspace):
    made = [task(hobbyist) for _ in range(14)]
    assert loads.promote_staged() == 0
    rows.plan(hobbyist, plan="developer")

    assert [loads.promote_staged(), loads.promote_staged()] == [1, 0]

    assert [status(one) for one in made] == ["pending"] * 10 + ["staged"] * 4
    assert rows.loads(hobbyist) == {"local": (10, 4)}
    assert audit.differences() == []


def test_lower_plan_lets_nothing_start_until_enough_has_ended(hobbyist: Workspace):
    rows.plan(hobbyist, plan="developer")
    made = [task(hobbyist) for _ in range(11)]
    rows.plan(hobbyist, plan="hobbyist")

    finish.cancel_many(task_ids=rows.ids(made[:8]))
    assert status(made[10]) == "staged"
    finish.cancel_many(task_ids=[made[8].id])

    assert status(made[10]) == "pending"
    assert rows.loads(hobbyist) == {"local": (2, 0)}


def test_repeated_request_for_a_staged_task_is_the_same_staged_task(hobbyist: Workspace):
    made = [task(hobbyist) for _ in range(2)]
    who = identity(hobbyist)
    keyed = TaskRequest(**ILLUSTRATION, idempotency_key="k", fingerprint=b"1" * 32)
    first = create_task(identity=who, request=keyed)
    finish.cancel(task=made[0])

    second = create_task(identity=who, request=keyed)

    assert (first.initial_status, second.initial_status) == ("staged", "staged")
    assert (second.replayed, second.task.id, second.task.status) == (True, first.task.id, "pending")
    assert rows.loads(hobbyist) == {"local": (2, 0)}
    assert audit.differences() == []


def test_repeated_request_is_answered_though_everything_is_full(hobbyist: Workspace):
    keyed = TaskRequest(**ILLUSTRATION, idempotency_key="k", fingerprint=b"1" * 32)
    first = create_task(identity=identity(hobbyist), request=keyed)
    while rows.loads(hobbyist)["local"] != (2, 50):
        task(hobbyist)

    again = create_task(identity=identity(hobbyist), request=keyed)

    assert (again.replayed, again.task.id) == (True, first.task.id)


def test_refusal_leaves_the_idempotency_key_unused(hobbyist: Workspace):
    made = full(hobbyist)
    keyed = TaskRequest(**ILLUSTRATION, idempotency_key="k", fingerprint=b"1" * 32)
    with pytest.raises(ConcurrencyExceeded):
        create_task(identity=identity(hobbyist), request=keyed)
    finish.cancel(task=made[0])

    assert create_task(identity=identity(hobbyist), request=keyed).replayed is False


def test_staged_task_is_nothing_to_claim(hobbyist: Workspace):
    *_, third = [task(hobbyist) for _ in range(3)]

    assert claims.claim(task_id=third.id, route=ROUTE, worker="test") is None


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("cap", [{}, {"cap_total_points": 1_000_000_000}])
def test_limits_hold_to_the_task_when_everybody_comes_at_once(cap: dict[str, int]):
    workspace = WorkspaceFactory.create(plan="hobbyist")
    who = identity(workspace, **cap)

    def create(_: int) -> str:
        try:
            return create_task(identity=who, request=TaskRequest(**ILLUSTRATION)).task.status
        except ConcurrencyExceeded:
            return "refused"
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=16) as pool:
        answers = Counter(pool.map(create, range(200)))

    assert answers == {"pending": 2, "staged": 50, "refused": 148}
    assert rows.statuses(workspace) == {"pending": 2, "staged": 50}
    assert rows.loads(workspace) == {"local": (2, 50)}
    assert rows.balance(workspace) == (10_000_000 - 520_000, 520_000)
    assert audit.differences() == []


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_no_place_is_lost_or_given_twice_while_tasks_come_and_go():
    workspace = WorkspaceFactory.create(plan="hobbyist")
    who = identity(workspace)

    def come_and_go(_: int) -> None:
        try:
            made = create_task(identity=who, request=TaskRequest(**ILLUSTRATION)).task
            finish.cancel(task=made)
            loads.promote_staged()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=12) as pool:
        list(pool.map(come_and_go, range(120)))

    assert rows.statuses(workspace) == {"cancelled": 120}
    assert rows.loads(workspace) == {"local": (0, 0)}
    assert rows.balance(workspace) == (10_000_000, 0)
    assert audit.differences() == []
