"""Midjourney's daily allowance of relax tasks: what counts, what widens it, what is given back."""

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.billing.services.credits import InsufficientCredits
from apps.ops import audit
from apps.tasks.models import PenaltyDay, Task
from apps.tasks.services import finish
from apps.tasks.services.create import create_task
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.request import TaskRequest
from tests.byoa.threads import at_once
from tests.factories import identity
from tests.factories.own import operators
from tests.tasks.own.days import (
    DOLLAR,
    PICTURE,
    RELAX,
    counts,
    had,
    penalties,
    shop,
    today,
    told,
)
from tests.tasks.own.helpers import done, ended, failed, midjourney, upscaled, varied
from tests.tasks.rows import again, balance

pytestmark = pytest.mark.django_db
ALLOWED = {"hobbyist": 100, "developer": 500, "premium": 1500}


@pytest.fixture(autouse=True)
def _operators_account(settings: Any, request: pytest.FixtureRequest) -> None:
    settings.LOCAL_ENGINE = False
    request.getfixturevalue("transactional_db" if "concurrency" in request.keywords else "db")
    operators(slots=1000)


@pytest.mark.parametrize("name", ALLOWED)
def test_relax_task_beyond_the_allowance_costs_double(name: str):
    workspace = shop(name)
    had(workspace, relax=ALLOWED[name] - 1)

    last, beyond = (midjourney(workspace, process_mode="relax") for _ in range(2))

    assert (last.price_points, beyond.price_points) == (RELAX, 2 * RELAX)
    assert sum(_points(line) for line in beyond.price_lines) == 2 * RELAX
    assert penalties(workspace) == [("relax", ALLOWED[name] + 1, ALLOWED[name], RELAX)]
    assert told(workspace) == [
        {
            "penalty_type": "relax",
            "task_id": str(beyond.id),
            "threshold": ALLOWED[name],
            "cap_usage": ALLOWED[name] + 1,
        }
    ]
    dispatch()
    assert [ended(one).cost_points for one in (last, beyond)] == [RELAX, 2 * RELAX]
    assert balance(workspace) == (10 * DOLLAR - 3 * RELAX, 0)
    assert audit.differences() == []


def _points(line: dict[str, str]) -> int:
    return int(line["quantity"]) * int(line["points_per_unit"])


def test_what_costs_the_same_at_every_speed_is_no_relax_task():
    workspace = shop()
    parent = done(workspace, process_mode="relax")
    had_before = counts(workspace)

    upscaled(parent)
    midjourney(workspace, "seed", task_id=str(parent.id))
    midjourney(workspace, "describe", image_url=PICTURE, process_mode="relax")
    midjourney(workspace, process_mode="fast")

    assert had_before == counts(workspace) == (0, 1, 0)


def test_follow_up_of_a_relax_task_is_one():
    workspace = shop()
    parent = done(workspace, process_mode="relax")
    PenaltyDay.objects.of(workspace.pk).update(relax=1500)

    made = varied(parent)

    assert made.price_points == 2 * RELAX
    assert counts(workspace) == (0, 1501, 0)


@pytest.mark.parametrize(
    ("task_type", "given", "bonus"),
    [
        ("imagine", {"process_mode": "fast"}, 1),
        ("imagine", {"process_mode": "turbo"}, 1),
        ("imagine", {"process_mode": "relax"}, 0),
        ("blend", {"process_mode": "fast", "image_urls": [PICTURE, PICTURE]}, 1),
        ("describe", {"process_mode": "fast", "image_url": PICTURE}, 0),
    ],
)
def test_fast_picture_that_succeeds_brings_a_relax_task(
    task_type: str, given: dict[str, Any], bonus: int
):
    workspace = shop("hobbyist")
    done(workspace, task_type, **given)
    PenaltyDay.objects.of(workspace.pk).update(relax=100)
    PenaltyDay.objects.across_workspaces().get_or_create(
        workspace=workspace, day=today(), defaults={"relax": 100}
    )

    first, second = (midjourney(workspace, process_mode="relax") for _ in range(2))

    assert counts(workspace)[2] == bonus
    assert [first.price_points, second.price_points] == [RELAX * (2 - bonus), 2 * RELAX]
    assert [threshold for _, _, threshold, _ in penalties(workspace)] == [100 + bonus] * (2 - bonus)


def test_fast_task_that_fails_or_had_to_run_slowly_brings_none():
    workspace = shop()
    gone = midjourney(workspace, process_mode="fast")
    slow = midjourney(workspace, process_mode="fast")
    dispatch()
    failed(gone)
    Task.objects.of(workspace.pk).filter(pk=slow.pk).update(process_mode="relax")

    assert ended(slow).cost_points == RELAX

    assert counts(workspace) == (0, 0, 0)


@pytest.mark.parametrize(
    ("end", "left"), [("our fault", 0), ("cancelled", 0), ("its fault", 1), ("well", 1)]
)
def test_relax_task_that_came_to_nothing_without_fault_is_given_back(end: str, left: int):
    workspace = shop()
    made = midjourney(workspace, process_mode="relax")
    if end == "cancelled":
        finish.cancel(task=made)
    else:
        dispatch()
        if end == "well":
            ended(made)
        else:
            failed(made, is_inputs_fault=end == "its fault")

    assert counts(workspace)[1] == left


def test_give_back_is_of_the_day_of_the_task():
    workspace = shop()
    made = midjourney(workspace, process_mode="relax")
    yesterday = datetime.now(UTC) - timedelta(days=1)
    Task.objects.of(workspace.pk).filter(pk=made.pk).update(created_at=yesterday)
    PenaltyDay.objects.of(workspace.pk).update(day=yesterday.date())
    had(workspace, relax=7)

    finish.cancel(task=again(made))

    days = PenaltyDay.objects.of(workspace.pk).order_by("day").values_list("relax", flat=True)
    assert list(days) == [0, 7]


def test_task_that_was_not_made_is_not_counted():
    workspace = shop(points=RELAX)
    midjourney(workspace, process_mode="relax")

    with pytest.raises(InsufficientCredits):
        midjourney(workspace, process_mode="relax")

    assert counts(workspace) == (0, 1, 0)


def test_repeated_request_is_counted_once():
    workspace = shop()
    who = identity(workspace)
    wanted = TaskRequest(
        "midjourney", "imagine", {"prompt": "a cat"}, idempotency_key="k", fingerprint=b"f" * 32
    )

    made = [create_task(identity=who, request=wanted).task.id for _ in range(3)]

    assert len(set(made)) == 1
    assert counts(workspace) == (0, 1, 0)


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_relax_tasks_made_at_once_are_counted_and_priced_exactly():
    workspace = shop("hobbyist", points=100 * DOLLAR)
    had(workspace, relax=70)
    who = identity(workspace)
    numbers = itertools.count()

    def create() -> None:
        wanted = TaskRequest("midjourney", "imagine", {"prompt": f"cat {next(numbers)}"})
        create_task(identity=who, request=wanted)

    assert at_once(*[create] * 20, times=3) == []

    prices = Counter(Task.objects.of(workspace.pk).values_list("price_points", flat=True))
    assert prices == {RELAX: 30, 2 * RELAX: 30}
    assert sorted(number for _, number, _, _ in penalties(workspace)) == list(range(101, 131))
    assert balance(workspace)[1] == 90 * RELAX
    assert counts(workspace) == (0, 130, 0)
    assert audit.differences() == []


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_days_at_once_never_wait_for_each_other_in_a_circle():
    workspace = shop(points=100 * DOLLAR)
    made = [midjourney(workspace, process_mode="relax") for _ in range(40)]
    yesterday = datetime.now(UTC) - timedelta(days=1)
    Task.objects.of(workspace.pk).filter(pk__in=[one.pk for one in made[::2]]).update(
        created_at=yesterday
    )
    PenaltyDay.objects.create(workspace=workspace, day=yesterday.date(), relax=40)
    dispatch()
    ours = finish.Failure(11000, "No.")
    theirs = finish.Failure(11002, "No.", is_inputs_fault=True)

    def end(some: list[Task]) -> None:
        endings = [finish.Ending(one.id, (ours, theirs)[n % 3 == 0]) for n, one in enumerate(some)]
        # In one transaction or not at all: a circle would be an error here.
        assert len(finish._end(endings)) == len(some)

    lots = [made[n::4] for n in range(4)]
    assert at_once(*[lambda some=some: end(some) for some in lots]) == []

    assert counts(workspace)[0] == sum(n % 3 == 0 for some in lots for n in range(len(some)))
    assert audit.differences() == []
