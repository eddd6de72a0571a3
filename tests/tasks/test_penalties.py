"""Midjourney's daily rules against incorrect tasks in the public pool: exact counts, and what follows beyond them."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.billing.models import CreditEntry
from apps.billing.services.credits import InsufficientCredits
from apps.core.errors import DomainError, RateLimited
from apps.ops import audit
from apps.tasks.models import Task
from apps.tasks.presentation import task_data
from apps.tasks.services import finish
from apps.tasks.services.create import create_task
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.prompts import PromptRejected
from apps.tasks.services.request import TaskRequest
from tests.byoa.threads import at_once
from tests.factories import identity, picture
from tests.factories.byoa import account
from tests.factories.own import bridge_account, operators, private
from tests.tasks.own.days import (
    BAD,
    DOLLAR,
    FAST,
    RELAX,
    counts,
    had,
    penalties,
    reject,
    shop,
    today,
    told,
)
from tests.tasks.own.helpers import done, failed, midjourney, varied
from tests.tasks.rows import again, balance

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _operators_account(settings: Any, request: pytest.FixtureRequest) -> None:
    settings.LOCAL_ENGINE = False
    request.getfixturevalue("transactional_db" if "concurrency" in request.keywords else "db")
    operators(slots=1000)


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
