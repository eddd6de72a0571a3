"""What may follow a Midjourney task, how often, and what is said of a parent that cannot be continued."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.core.errors import DomainError
from apps.ops import audit
from apps.tasks.models import Task
from apps.tasks.services import finish
from apps.tasks.services.create import create_task
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.follow_ups import ParentOutdated
from apps.tasks.services.request import TaskRequest
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, identity, picture
from tests.factories.byoa import account
from tests.factories.own import bridge_account, operators, private
from tests.tasks.own.helpers import done, ended, failed, midjourney, refusal, upscaled, varied
from tests.tasks.rows import again, balance, change, plan

pytestmark = pytest.mark.django_db
DOLLAR = 10_000_000
SPLIT = 100_000
TWICE = "400/10005"


@pytest.fixture(autouse=True)
def _operators_account(settings: Any, request: pytest.FixtureRequest) -> None:
    settings.LOCAL_ENGINE = False
    request.getfixturevalue("transactional_db" if "concurrency" in request.keywords else "db")
    operators(slots=1000)


@pytest.fixture
def shop() -> Workspace:
    return plan(WorkspaceFactory.create(plan="premium"), concurrency_override=1000)


def refused(call: Any, *arguments: Any, **given: Any) -> str:
    with pytest.raises(DomainError) as caught:
        call(*arguments, **given)
    return refusal(caught.value)


def follow(parent: Task, task_type: str = "variation", **given: Any) -> Task:
    return midjourney(parent.workspace, task_type, origin_task_id=str(parent.id), **given)


# --------------------------------------------------------------------------------- once only
@pytest.mark.parametrize("state", ["pending", "processing", "completed"])
def test_picture_is_taken_out_of_its_grid_once(shop: Workspace, state: str):
    parent = done(shop)
    first = upscaled(parent, "1")
    if state != "pending":
        dispatch()
    if state == "completed":
        ended(first)
    before = balance(shop)

    assert refused(upscaled, parent, "1") == TWICE
    assert refused(upscaled, parent, 1) == TWICE

    assert balance(shop) == before
    assert Task.objects.of(shop.pk).filter(parent=parent).count() == 1
    assert audit.differences() == []


def test_each_picture_of_a_grid_and_every_grid_has_its_own(shop: Workspace):
    parents = [done(shop), done(shop)]

    made = [upscaled(parent, index) for parent in parents for index in ("1", "2", "3", "4")]

    assert Counter(one.action for one in made) == {f"upscale{n}": 2 for n in range(1, 5)}


@pytest.mark.parametrize("end", ["failed", "cancelled"])
def test_picture_that_was_not_taken_out_may_be_asked_for_again(shop: Workspace, end: str):
    parent = done(shop)
    first = upscaled(parent, "2")
    if end == "failed":
        dispatch()
        failed(first)
    else:
        finish.cancel(task=first)

    second = upscaled(parent, "2")

    assert refused(upscaled, parent, "2") == TWICE
    dispatch()
    assert ended(second).status == "completed"


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("mode", ["relax", "fast"])
def test_of_those_who_take_it_out_at_once_one_wins(mode: str):
    shop = plan(WorkspaceFactory.create(plan="premium"), concurrency_override=1000)
    parent = done(shop, process_mode=mode)
    who, before = identity(shop), balance(shop)
    answers: list[str] = []
    wanted = {"origin_task_id": str(parent.id), "index": "4"}

    def take() -> None:
        try:
            create_task(identity=who, request=TaskRequest("midjourney", "upscale", wanted))
            answers.append("made")
        except DomainError as error:
            answers.append(refusal(error))

    assert at_once(*[take] * 8) == []

    assert Counter(answers) == {"made": 1, TWICE: 7}
    assert balance(shop) == (before[0] - SPLIT, SPLIT)
    assert audit.differences() == []


@pytest.mark.parametrize(
    ("task_type", "given"),
    [
        ("variation", {"index": "1"}),
        ("variation", {"index": "high_variation"}),
        ("reroll", {}),
        ("outpaint", {"zoom_ratio": "2"}),
        ("pan", {"direction": "left"}),
        ("inpaint", {"mask": "https://example.com/mask.png"}),
        ("upscale", {"index": "subtle"}),
        ("upscale", {"index": "creative"}),
    ],
)
def test_everything_else_may_be_repeated(shop: Workspace, task_type: str, given: dict[str, Any]):
    parent = done(shop)

    made = [follow(parent, task_type, **given) for _ in range(2)]

    assert {one.status for one in made} == {"pending"}
    assert made[0].id != made[1].id


def test_repeated_request_for_a_picture_is_answered_with_the_first(shop: Workspace):
    parent, who = done(shop), identity(shop)
    wanted = TaskRequest(
        "midjourney",
        "upscale",
        {"origin_task_id": str(parent.id), "index": "1"},
        idempotency_key="once",
        fingerprint=b"x" * 32,
    )

    first, second = (create_task(identity=who, request=wanted) for _ in range(2))

    assert (first.task.id, second.replayed) == (second.task.id, True)


# ------------------------------------------------------------------------------ remix prompts
@pytest.mark.parametrize(
    ("task_type", "given"),
    [
        ("variation", {"index": "1"}),
        ("reroll", {}),
        ("outpaint", {"zoom_ratio": "2"}),
        ("pan", {"direction": "left"}),
        ("inpaint", {"mask": "https://example.com/mask.png"}),
    ],
)
def test_remix_prompts_are_checked_and_empty_ones_are_the_parents(
    shop: Workspace, task_type: str, given: dict[str, Any]
):
    parent = done(shop)

    assert refused(follow, parent, task_type, prompt="a dog --nothing", **given) == "400/10003"
    assert refused(follow, parent, task_type, prompt="a {big, small} dog", **given) == "400/10003"

    assert follow(parent, task_type, prompt="", **given).status == "pending"
    assert follow(parent, task_type, prompt="a dog --ar 1:2", **given).status == "pending"
    assert Task.objects.of(shop.pk).filter(parent=parent).count() == 2


def test_only_inpaint_and_imagine_may_skip_the_check(shop: Workspace):
    parent = done(shop)
    mask = "https://example.com/mask.png"
    wrong = {"prompt": "a {big, small} dog", "skip_prompt_check": True}

    assert follow(parent, "inpaint", mask=mask, **wrong).status == "pending"
    assert midjourney(shop, **wrong).status == "pending"
    assert refused(follow, parent, "pan", direction="up", **wrong) == "400/10003"


# ---------------------------------------------------------------------------------- upscalers
@pytest.mark.parametrize("version", ["4", "5", "5.2", "6", "6.1", "niji 5", "niji 6", "3"])
@pytest.mark.parametrize("index", ["light", "beta", "2x", "4x", "subtle", "creative"])
def test_upscalers_fit_their_generation_only(shop: Workspace, version: str, index: str):
    flag = f"--{version}" if version.startswith("niji") else f"--v {version}"
    parent = done(shop, prompt=f"a cat {flag}")
    generation = version.removeprefix("niji ")[0]
    fits = {"light": "4", "beta": "4", "2x": "5", "4x": "5", "subtle": "6", "creative": "6"}

    if fits[index] == generation:
        assert upscaled(parent, index).status == "pending"
    else:
        assert refused(upscaled, parent, index) == "400/10000"


def test_single_picture_has_no_quarters(shop: Workspace):
    split = done(shop, "upscale", origin_task_id=str(done(shop).id), index="1")

    assert refused(upscaled, split, "1") == "400/10000"
    assert upscaled(split, "subtle").status == "pending"


# ------------------------------------------------------------------------------------ parents
def test_parent_can_be_continued_for_three_days(shop: Workspace):
    parent = done(shop)
    change(parent, ended_at=timezone.now() - timedelta(hours=71.9))

    assert follow(parent, index="1").status == "pending"


@pytest.mark.parametrize("hours", [72.1, 1000])
def test_parent_is_outdated_after_three_days(shop: Workspace, hours: float):
    parent = done(shop)
    change(parent, ended_at=timezone.now() - timedelta(hours=hours))

    with pytest.raises(ParentOutdated) as caught:
        follow(parent, index="1")

    assert refusal(caught.value) == "400/10004"
    assert caught.value.message == "derive from origin task: parent task is outdated"


def test_neighbours_parent_is_not_found(shop: Workspace):
    theirs = done(WorkspaceFactory.create(plan="premium"))
    mine = done(shop)

    for task_type, name in (("variation", "origin_task_id"), ("seed", "task_id")):
        given = {name: str(theirs.id), **({"index": "1"} if task_type == "variation" else {})}
        assert refused(midjourney, shop, task_type, **given) == "404/10400"

    assert again(mine).status == "completed"
    assert Task.objects.of(shop.pk).count() == 1


def test_parent_of_another_family_is_not_found(shop: Workspace):
    account(slots=100)
    other = picture(shop)
    dispatch()
    ended(other)

    assert refused(midjourney, shop, "reroll", origin_task_id=str(other.id)) == "404/10400"


@pytest.mark.parametrize("state", ["pending", "processing", "failed", "cancelled"])
def test_parent_that_is_not_completed_cannot_be_continued(shop: Workspace, state: str):
    parent = midjourney(shop)
    if state in ("processing", "failed"):
        dispatch()
    if state == "failed":
        failed(parent)
    if state == "cancelled":
        finish.cancel(task=parent)

    assert refused(follow, parent, index="1") == "400/10000"
    assert balance(shop)[0] + balance(shop)[1] == DOLLAR


@pytest.mark.parametrize(
    "text", ["", "x", "0f647527", "0f647527-0000-0000-0000-00000000000g", 7, None]
)
def test_what_is_no_id_is_refused_by_its_field(shop: Workspace, text: Any):
    assert refused(midjourney, shop, "reroll", origin_task_id=text) == "400/10000"


def test_private_parent_and_public_parent_follow_in_their_own_pools_at_once(shop: Workspace):
    public = done(shop)
    private(shop)
    bridge_account(shop)
    own = done(shop)

    made = [varied(public), varied(own)]

    assert [(one.service_mode, one.price_points) for one in made] == [
        ("public", 300_000),
        ("private", 0),
    ]
