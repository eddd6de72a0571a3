"""Midjourney's daily rules for the public pool: exact counts, what follows beyond them, and what gives back."""

import itertools
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.billing.models import CreditEntry
from apps.billing.services.credits import InsufficientCredits
from apps.core.errors import DomainError, RateLimited
from apps.notifications.models import Notice
from apps.ops import audit
from apps.tasks.models import Penalty, PenaltyDay, Task
from apps.tasks.presentation import task_data
from apps.tasks.services import finish
from apps.tasks.services.create import create_task
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.prompts import PromptRejected
from apps.tasks.services.request import TaskRequest
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, identity, picture
from tests.factories.byoa import account
from tests.factories.own import bridge_account, operators, private
from tests.tasks.own.helpers import done, ended, failed, midjourney, upscaled, varied
from tests.tasks.rows import again, balance, plan

pytestmark = pytest.mark.django_db
FAST, RELAX, DOLLAR = 700_000, 300_000, 10_000_000
INCORRECT = {"hobbyist": 30, "developer": 60, "premium": 60}
ALLOWED = {"hobbyist": 100, "developer": 500, "premium": 1500}
BAD = "a cat --nothing 3"
PICTURE = "https://example.com/picture.png"


@pytest.fixture(autouse=True)
def _operators_account(settings: Any, request: pytest.FixtureRequest) -> None:
    settings.LOCAL_ENGINE = False
    request.getfixturevalue("transactional_db" if "concurrency" in request.keywords else "db")
    operators(slots=1000)


def shop(name: str = "premium", **fields: Any) -> Workspace:
    """A workspace on that plan that may have as many tasks under way as it likes."""
    made = WorkspaceFactory.create(plan=name, **{"points": 10 * DOLLAR, **fields})
    return plan(made, concurrency_override=1000)


def today() -> Any:
    return datetime.now(UTC).date()


def had(workspace: Workspace, **counts: Any) -> PenaltyDay:
    """So much has happened today."""
    return PenaltyDay.objects.create(workspace=workspace, **{"day": today(), **counts})


def counts(workspace: Workspace) -> tuple[int, int, int]:
    """Incorrect, relax and bonus of all days."""
    rows = PenaltyDay.objects.of(workspace.pk).values_list("incorrect", "relax", "bonus")
    incorrect, relax, bonus = (
        (sum(column) for column in zip(*rows, strict=True)) if rows else (0, 0, 0)
    )
    return incorrect, relax, bonus


def penalties(workspace: Workspace) -> list[tuple[str, int, int, int]]:
    """Kind, number, threshold and points, in order."""
    rows = Penalty.objects.of(workspace.pk).order_by("id")
    return list(rows.values_list("kind", "number", "threshold", "points"))


def told(workspace: Workspace) -> list[dict[str, Any]]:
    rows = Notice.objects.of(workspace.pk).filter(type="mj_penalty_triggered").order_by("id")
    return list(rows.values_list("detail", flat=True))


def reject(workspace: Workspace, prompt: str = BAD) -> str:
    with pytest.raises(DomainError) as caught:
        midjourney(workspace, prompt=prompt)
    return caught.value.type


# ------------------------------------------------------------------------- incorrect prompts
def test_the_thirty_first_incorrect_task_of_a_hobbyist_blocks_the_day():
    workspace, other = shop("hobbyist"), shop("hobbyist")
    answers = [reject(workspace) for _ in range(32)]

    assert answers == ["prompt_rejected"] * 30 + ["rate_limited"] * 2
    with pytest.raises(RateLimited) as caught:
        midjourney(workspace)
    assert caught.value.detail == {"limit": 30, "used": 32, "family": "midjourney"}
    left = datetime.combine(today() + timedelta(days=1), datetime.min.time(), UTC) - datetime.now(
        UTC
    )
    assert abs((caught.value.retry_after or 0) - left.total_seconds()) < 60
    assert Task.objects.of(workspace.pk).count() == 0
    assert balance(workspace) == (10 * DOLLAR, 0)
    assert penalties(workspace) == [("error", 31, 30, 0), ("error", 32, 30, 0)]
    assert told(workspace) == [
        {"penalty_type": "error", "task_id": "", "threshold": 30, "cap_usage": number}
        for number in (31, 32)
    ]
    # Neither a neighbour nor another family, nor the own accounts are concerned.
    assert midjourney(other).status == "pending"
    private(workspace)
    bridge_account(workspace)
    account()
    assert midjourney(workspace).service_mode == "private"
    assert picture(workspace).status == "pending"


@pytest.mark.parametrize(
    "prompt", ["", "--ar 1:1", BAD, "a {red, blue} cat", "a cat https://a.example/x.png"]
)
def test_every_kind_of_refused_prompt_counts(prompt: str):
    workspace = shop()

    assert reject(workspace, prompt) == "prompt_rejected"

    assert counts(workspace) == (1, 0, 0)


def test_refused_remix_prompt_counts_and_a_refused_private_prompt_does_not():
    workspace = shop()
    parent = done(workspace, process_mode="fast")
    with pytest.raises(PromptRejected):
        varied(parent, prompt=BAD)
    private(workspace)
    bridge_account(workspace)

    assert reject(workspace) == "prompt_rejected"

    assert counts(workspace) == (1, 0, 1)


def test_what_is_refused_for_another_reason_does_not_count():
    workspace = shop(points=0)

    with pytest.raises(InsufficientCredits):
        midjourney(workspace, process_mode="relax")
    with pytest.raises(DomainError, match="process_mode"):
        midjourney(workspace, process_mode="slow")

    assert counts(workspace) == (0, 0, 0)


def test_the_block_ends_with_the_day():
    workspace = shop("hobbyist")
    had(workspace, day=today() - timedelta(days=1), incorrect=500, relax=500)

    assert midjourney(workspace).price_points == RELAX
    assert reject(workspace) == "prompt_rejected"

    assert penalties(workspace) == []


@pytest.mark.parametrize("name", ["developer", "premium"])
def test_paying_plans_are_not_blocked(name: str):
    workspace = shop(name)
    had(workspace, incorrect=60)

    assert reject(workspace) == "prompt_rejected"

    assert midjourney(workspace).status == "pending"
    assert penalties(workspace) == [("error", 61, 60, 0)]


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_refusals_at_once_are_counted_exactly():
    workspace = shop("hobbyist")
    who = identity(workspace)
    answers: list[str] = []

    def ask() -> None:
        try:
            create_task(identity=who, request=TaskRequest("midjourney", "imagine", {"prompt": BAD}))
        except DomainError as error:
            answers.append(error.type)

    assert at_once(*[ask] * 20, times=5) == []

    assert Counter(answers) == {"prompt_rejected": 30, "rate_limited": 70}
    assert counts(workspace) == (100, 0, 0)
    assert sorted(number for _, number, _, _ in penalties(workspace)) == list(range(31, 101))
    assert len(told(workspace)) == 70


# --------------------------------------------------------------------------- incorrect tasks
@pytest.mark.parametrize(("name", "before"), [("premium", 60), ("developer", 60), ("premium", 200)])
def test_task_beyond_the_allowance_of_a_paying_plan_keeps_its_hold(name: str, before: int):
    workspace = shop(name)
    had(workspace, incorrect=before)
    made = midjourney(workspace, process_mode="fast")
    dispatch()

    found = failed(made, is_inputs_fault=True)

    assert (found.status, found.price_points, found.cost_points) == ("failed", FAST, FAST)
    assert task_data(found)["meta"]["usage"] == {"type": "point", "frozen": FAST, "consume": FAST}
    assert found.error_message == (
        "The provider's moderation refused it."
        f" Incorrect task {before + 1} of today: above 60 a day the held amount is kept."
    )
    lines = CreditEntry.objects.of(workspace.pk).filter(reference=made.reference).order_by("id")
    assert list(lines.values_list("kind", "available_delta", "held_delta")) == [
        ("HOLD", -FAST, FAST),
        ("CAPTURE", 0, -FAST),
    ]
    assert balance(workspace) == (10 * DOLLAR - FAST, 0)
    assert penalties(workspace) == [("error", before + 1, 60, FAST)]
    assert told(workspace) == [
        {"penalty_type": "error", "task_id": str(made.id), "threshold": 60, "cap_usage": before + 1}
    ]
    assert audit.differences() == []


@pytest.mark.parametrize(
    ("name", "before"), [("premium", 59), ("developer", 59), ("hobbyist", 29), ("hobbyist", 30)]
)
def test_task_within_the_allowance_or_of_a_hobbyist_is_free(name: str, before: int):
    workspace = shop(name)
    made = midjourney(workspace, process_mode="fast")
    dispatch()
    had(workspace, incorrect=before)

    found = failed(made, is_inputs_fault=True)

    assert (found.status, found.cost_points) == ("failed", 0)
    assert found.error_message.endswith("Nothing was charged.")
    assert balance(workspace) == (10 * DOLLAR, 0)
    assert counts(workspace)[0] == before + 1
    assert [points for *_, points in penalties(workspace)] == [0] * (before == 30)
    assert audit.differences() == []


@pytest.mark.parametrize("how", ["our fault", "cancelled", "private", "another family"])
def test_what_is_nobodys_incorrect_task_costs_nothing_beyond_the_allowance(how: str):
    workspace = shop()
    had(workspace, incorrect=60)
    if how == "private":
        private(workspace)
        bridge_account(workspace)
    if how == "another family":
        account()
        made = picture(workspace)
    else:
        made = midjourney(workspace, process_mode="fast")
    if how == "cancelled":
        finish.cancel(task=made)
    else:
        dispatch()
        failed(made, is_inputs_fault=how != "our fault")

    assert again(made).cost_points == 0
    assert counts(workspace)[0] == 60
    assert penalties(workspace) == []
    assert audit.differences() == []


def test_waived_day_has_no_consequences():
    workspace, blocked = shop(), shop("hobbyist")
    had(workspace, incorrect=100, relax=2000, waived_at=timezone.now())
    had(blocked, incorrect=100, waived_at=timezone.now())

    made = midjourney(workspace, process_mode="relax")
    dispatch()
    failed(made, is_inputs_fault=True)
    assert reject(blocked) == "prompt_rejected"

    assert (again(made).price_points, again(made).cost_points) == (RELAX, 0)
    assert midjourney(blocked).status == "pending"
    assert penalties(workspace) == penalties(blocked) == []


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_tasks_that_fail_at_once_beyond_the_allowance_are_kept_exactly_from_the_right_one_on():
    workspace = shop(points=100 * DOLLAR)
    made = [midjourney(workspace, process_mode="fast") for _ in range(40)]
    had(workspace, incorrect=40)
    dispatch()
    fault = finish.Failure(11002, "No. Nothing was charged.", is_inputs_fault=True)
    lots = [made[n::20] for n in range(20)]

    def end(some: list[Task]) -> None:
        finish.end_many([finish.Ending(one.id, fault) for one in some])

    assert at_once(*[lambda some=some: end(some) for some in lots]) == []

    costs = Counter(again(one).cost_points for one in made)
    assert costs == {0: 20, FAST: 20}
    assert sorted(number for _, number, _, _ in penalties(workspace)) == list(range(61, 81))
    assert balance(workspace) == (100 * DOLLAR - 20 * FAST, 0)
    assert counts(workspace) == (80, 0, 0)
    assert audit.differences() == []


# ------------------------------------------------------------------------------------- relax
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
