"""What Midjourney costs in the end: by the parent's speed and version, and by the speed at which it ran."""

from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.byoa.models import Account
from apps.ops import audit
from apps.tasks.models import Task
from apps.tasks.presentation import task_data
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.request import TaskRequest, prepare
from tests.factories import WorkspaceFactory, identity
from tests.factories.own import operators, set_account
from tests.tasks.own.helpers import done, ended, midjourney, place
from tests.tasks.rows import again, balance

pytestmark = pytest.mark.django_db
QUOTA, DOLLAR = 50_000, 10_000_000
PICTURE = "https://example.com/picture.png"
MASK = "https://example.com/mask.png"
MODES = ("relax", "fast", "turbo")
VERSIONS = {"v5": "a cat --v 5.2", "v6": "a cat", "niji": "a cat --niji 6", "v4": "a cat --v 4"}
# Quotas by speed, of version 5.2 or older and of newer ones; turbo with its cut of a fifth.
IMAGINE = {"relax": (3, 6), "fast": (9, 14), "turbo": (20, 25.6)}
CHANGE = {"relax": (3, 6), "fast": (9, 14), "turbo": (16, 22.4)}
CHANGES: dict[str, dict[str, Any]] = {
    "variation": {"index": "1"},
    "reroll": {},
    "inpaint": {"mask": MASK},
    "outpaint": {"zoom_ratio": "1.5"},
    "pan": {"direction": "up"},
}


def points(quotas: float) -> int:
    return round(quotas * QUOTA)


@pytest.fixture(autouse=True)
def _operators_account(db: None) -> None:
    operators(slots=1000)


@pytest.fixture
def rich(db: None) -> Workspace:
    return WorkspaceFactory.create(plan="premium", points=100 * DOLLAR)


def follow(parent: Task, task_type: str, **given: Any) -> Task:
    name = "task_id" if task_type == "seed" else "origin_task_id"
    return midjourney(parent.workspace, task_type, **{name: str(parent.id)}, **given)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("mode", MODES)
def test_imagine_and_what_follows_are_paid_by_the_parents_speed_and_version(
    rich: Workspace, mode: str, version: str
):
    newer = version in ("v6", "niji")
    parent = done(rich, prompt=VERSIONS[version], process_mode=mode)

    prices = {
        task_type: follow(parent, task_type, **given).price_points
        for task_type, given in CHANGES.items()
    }

    assert parent.cost_points == points(IMAGINE[mode][newer])
    assert prices == dict.fromkeys(CHANGES, points(CHANGE[mode][newer]))
    assert follow(parent, "seed").price_points == points(1)
    assert [follow(parent, "upscale", index=n).price_points for n in ("1", 2, "3", 4)] == [
        points(2)
    ] * 4
    assert audit.differences() == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("version", "index", "quotas"),
    [
        ("a cat --v 4", "light", CHANGE | {}),
        ("a cat --v 4", "beta", CHANGE | {}),
        ("a cat --v 5.2", "2x", {"relax": (9, 9), "fast": (18, 18), "turbo": (32, 32)}),
        ("a cat --v 5", "4x", {"relax": (27, 27), "fast": (54, 54), "turbo": (96, 96)}),
        ("a cat", "subtle", CHANGE | {}),
        ("a cat --v 6.1", "creative", CHANGE | {}),
    ],
)
def test_special_upscalers(
    rich: Workspace, mode: str, version: str, index: str, quotas: dict[str, tuple[float, float]]
):
    grid = done(rich, prompt=version, process_mode=mode)
    parent = done(rich, "upscale", origin_task_id=str(grid.id), index="1")

    made = follow(parent, "upscale", index=index)

    assert made.price_points == points(quotas[mode][index in ("subtle", "creative")])
    assert (made.asked_mode, made.model_version) == (grid.process_mode, grid.model_version)


@pytest.mark.parametrize("mode", MODES)
def test_blend_and_describe_take_a_speed_of_their_own(rich: Workspace, mode: str):
    blend = midjourney(rich, "blend", image_urls=[PICTURE, PICTURE], process_mode=mode)
    describe = midjourney(rich, "describe", image_url=PICTURE, process_mode=mode)

    assert blend.price_points == points(CHANGE[mode][1])
    assert describe.price_points == points(2)


def test_prompt_of_a_follow_up_changes_neither_speed_nor_less_than_the_version(rich: Workspace):
    parent = done(rich, process_mode="relax")

    made = follow(parent, "variation", index="1", prompt="a dog --turbo --v 5.2")

    assert (made.asked_mode, made.model_version) == ("relax", "v5.2")
    assert made.price_points == points(3)


# ------------------------------------------------------------------- by the speed it ran at
@pytest.mark.parametrize(
    ("mode", "prompt", "held", "paid"),
    [
        ("fast", "a cat", 14, 6),
        ("turbo", "a cat", 25.6, 6),
        ("fast", "a cat --v 5.2", 9, 3),
        ("turbo", "a cat --v 5.2", 20, 3),
        ("relax", "a cat", 6, 6),
    ],
)
def test_task_that_had_to_run_slowly_is_charged_the_slow_price(
    rich: Workspace, mode: str, prompt: str, held: float, paid: float
):
    set_account(operators("Spent"), is_out_of_fast=True, mode="relax")
    for account in _others("Spent"):
        set_account(account, is_paused=True)
    made = midjourney(rich, prompt=prompt, process_mode=mode)
    dispatch()
    where = place(made)

    found = ended(made)

    assert where == "public Spent relax"
    assert (found.asked_mode, found.process_mode) == (mode, "relax")
    assert task_data(found)["meta"]["usage"] == {
        "type": "point", "frozen": points(held), "consume": points(paid),
    }  # fmt: skip
    assert balance(rich) == (100 * DOLLAR - points(paid), 0)
    assert audit.differences() == []


def test_follow_up_that_had_to_run_slowly_is_charged_the_slow_price(rich: Workspace):
    parent = done(rich, process_mode="fast")
    for account in _others(""):
        set_account(account, mode="relax")
    change, split = follow(parent, "variation", index="1"), follow(parent, "upscale", index="1")
    dispatch()

    costs = [(one.price_points, one.cost_points) for one in (ended(change), ended(split))]

    assert costs == [(points(14), points(6)), (points(2), points(2))]
    assert audit.differences() == []


def test_parent_that_had_to_run_slowly_hands_that_speed_on(rich: Workspace):
    for account in _others(""):
        set_account(account, mode="relax")
    parent = done(rich, process_mode="turbo")

    made = follow(parent, "variation", index="1")

    assert (made.asked_mode, made.price_points) == ("relax", points(6))


def _others(label: str) -> Any:
    return Account.objects.across_workspaces().filter(workspace=None).exclude(label=label)


def test_quote_and_hold_are_the_same(rich: Workspace):
    who = identity(rich)
    parent = done(rich, process_mode="fast")
    wanted = TaskRequest("midjourney", "pan", {"origin_task_id": str(parent.id), "direction": "up"})

    quoted = prepare(identity=who, request=wanted).quote.points

    assert quoted == again(follow(parent, "pan", direction="up")).price_points == points(14)
