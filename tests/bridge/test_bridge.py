"""The scripted bridge, asked the way the platform asks: by the adapter, through the guard, over HTTP."""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from apps.core import egress
from apps.core.wire import Request, Response
from apps.providers import flow, midjourney_buttons
from apps.providers.base import (
    Accepted,
    Access,
    AccountNeedsOwner,
    BadCredentials,
    Done,
    Need,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    Running,
    Standing,
    Work,
)
from apps.providers.midjourney_bridge import MidjourneyBridge
from tests.bridge.running import RunningBridge
from tests.providers.midjourney.samples import PNG
from tests.providers.wire import told

pytestmark = pytest.mark.usefixtures("allowed")
adapter = MidjourneyBridge()
Why = ProviderRefused.Why
RIGHT = "any-secret-but-bad"
UNKNOWN = (ProviderUnavailable, True, None)
NOT_CREATED = (ProviderUnavailable, False, None)


@pytest.fixture
def allowed(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


def quick(request: Request) -> Response:
    """Sent by the platform's client, with little patience."""
    return egress.send(replace(request, timeout_seconds=2))


def ask(steps: flow.Steps[Any]) -> Any:
    try:
        return flow.run(steps, quick)
    except ProviderError as error:
        return error


class Customer:
    """One account at one bridge, and the work it is given."""

    def __init__(self, bridge: RunningBridge, secret: str = RIGHT, **config: Any) -> None:
        self.bridge = bridge
        self.access = Access(bridge.url, secret, config)
        self._count = 0

    def work(
        self, job: str, *, mode: str = "fast", after: Done | None = None, **given: Any
    ) -> Work:
        self._count += 1
        parent = {**after.facts, "id": after.provider_id} if after else {}
        reference = f"ref-{self._count:04}"
        return Work(reference, job, "midjourney", job, given, mode=mode, parent=parent)

    def submit(self, work: Work) -> Any:
        return ask(adapter.submit(work, self.access))

    def poll(self, accepted: Accepted) -> Any:
        return ask(adapter.poll(accepted.handle, self.access))

    def look_up(self, work: Work) -> Any:
        return ask(adapter.look_up(work, self.access))

    def check(self) -> Any:
        return ask(adapter.check(self.access))

    def made(self, job: str, **given: Any) -> Any:
        """The end of the work: its result or why there is none."""
        accepted = self.submit(self.work(job, **given))
        if not isinstance(accepted, Accepted):
            return accepted
        self.bridge.finish()
        return self.poll(accepted)

    def picture(self, done: Done) -> Image.Image:
        data = egress.fetch(done.output["image_url"], max_bytes=1_000_000).data
        return Image.open(io.BytesIO(data)).convert("RGB")


@pytest.fixture
def customer(bridge: RunningBridge) -> Customer:
    return Customer(bridge)


def quarters(picture: Image.Image) -> list[Any]:
    width, height = picture.size
    places = [(0, 0), (width // 2, 0), (0, height // 2), (width // 2, height // 2)]
    return [picture.getpixel(place) for place in places]


# ------------------------------------------------------------------------------------------ the pictures


def test_imagine_gives_a_grid_of_four(customer: Customer):
    done = customer.made("imagine", prompt="a flying city", aspect_ratio="16:9")

    picture = customer.picture(done)
    assert picture.size == (64, 36)
    assert len(set(quarters(picture))) == 4
    assert len(picture.getcolors() or []) == 4
    assert list(done.links) == ["discord_image_url"]
    assert midjourney_buttons.actions(done.facts["buttons"]) == [
        *(f"upscale{n}" for n in range(1, 5)),
        "reroll",
        *(f"variation{n}" for n in range(1, 5)),
    ]


def test_every_task_has_its_own_picture(customer: Customer):
    first, second = (customer.made("imagine", prompt="a flying city") for _ in range(2))

    assert quarters(customer.picture(first)) != quarters(customer.picture(second))


def test_previews_grow_while_it_runs(customer: Customer):
    customer.bridge.knobs(delay=3600.0)
    accepted = customer.submit(customer.work("imagine", prompt="a flying city"))
    running = customer.poll(accepted)

    assert running == Running(0)

    [made] = customer.bridge.tasks()
    customer.bridge.age(made["id"], 0.5)
    running = customer.poll(accepted)

    assert (running.progress, len(running.previews)) == (50, 1)
    assert len(customer.picture(Done({"image_url": running.previews[0]})).getcolors() or []) == 4


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_upscale_takes_one_picture_out_of_the_grid(customer: Customer, number: int):
    grid = customer.made("imagine", prompt="a flying city")

    single = customer.made("upscale", after=grid, index=str(number))

    assert customer.picture(single).getcolors() == [
        (64 * 64, quarters(customer.picture(grid))[number - 1])
    ]


@pytest.mark.parametrize(
    ("version", "offered"),
    [
        ("", ["upscale_subtle", "upscale_creative"]),
        (" --v 5", ["upscale_2x", "upscale_4x"]),
        (" --v 4", ["upscale_light", "upscale_beta"]),
    ],
)
def test_a_single_picture_offers_what_its_version_has(
    customer: Customer, version: str, offered: list[str]
):
    single = single_of(customer, prompt=f"a flying city{version}")

    assert midjourney_buttons.actions(single.facts["buttons"]) == [
        *offered,
        "low_variation",
        "high_variation",
        "inpaint",
        "outpaint_2x",
        "outpaint_1.5x",
        "outpaint_custom",
        "outpaint_square",
        *(f"pan_{where}" for where in ("left", "right", "up", "down")),
    ]


def single_of(customer: Customer, *, prompt: str = "a flying city") -> Done:
    done = customer.made("upscale", after=customer.made("imagine", prompt=prompt), index="1")
    assert isinstance(done, Done)
    return done


@pytest.mark.parametrize(
    ("job", "given"),
    [
        ("upscale", {"index": "subtle"}),
        ("variation", {"index": "high_variation"}),
        ("outpaint", {"zoom_ratio": 2}),
        ("outpaint", {"zoom_ratio": 1}),
        ("outpaint", {"zoom_ratio": 1.7, "prompt": "a wider city"}),
        ("inpaint", {"mask": PNG, "prompt": "a tree"}),
        ("pan", {"direction": "left"}),
    ],
)
def test_follow_ups_of_a_single_picture(customer: Customer, job: str, given: Any):
    done = customer.made(job, after=single_of(customer), **given)

    assert isinstance(done, Done)
    assert customer.picture(done).size == (64, 64)


@pytest.mark.parametrize("remix", [True, False])
def test_follow_ups_of_a_grid_in_and_out_of_remix_mode(customer: Customer, remix: bool):
    customer.bridge.knobs(remix=remix)
    grid = customer.made("imagine", prompt="a flying city")

    varied = customer.made("variation", after=grid, index="2")
    rerolled = customer.made("reroll", after=grid)
    changed = customer.made("reroll", after=grid, prompt="a swimming city")

    assert [type(one) for one in (varied, rerolled, changed)] == [Done] * 3
    prompts = [one["prompt"] for one in customer.bridge.tasks()]
    assert prompts[0] == "a flying city --fast"
    assert prompts[3] == "a swimming city --fast"


def test_a_remix_prompt_needs_remix_mode(customer: Customer):
    grid = customer.made("imagine", prompt="a flying city")

    refused = customer.made("variation", after=grid, index="2", prompt="a dog")
    stopped = customer.bridge.tasks()[-1]
    customer.bridge.knobs(remix=True)
    done = customer.made("variation", after=grid, index="2", prompt="a dog")

    assert told(refused) == (ProviderRefused, Why.FAILED)
    assert stopped["status"] == "FAILURE"
    assert isinstance(done, Done)
    assert customer.bridge.tasks()[-1]["prompt"] == "a dog --fast"


def test_a_bridge_of_the_simple_kind(customer: Customer):
    customer.bridge.knobs(follow_ups="change")
    simple = Customer(customer.bridge, actions="change")
    grid = simple.made("imagine", prompt="a flying city")

    single = simple.made("upscale", after=grid, index="3")
    again = simple.made("upscale", after=grid, index="3")
    varied = simple.made("variation", after=grid, index="1")

    assert single.provider_id == again.provider_id
    assert quarters(simple.picture(single)) == [quarters(simple.picture(grid))[2]] * 4
    assert isinstance(varied, Done)


def test_describe_blend_and_seed(customer: Customer):
    described = customer.made("describe", image_url=PNG)
    blended = customer.made("blend", image_urls=[PNG, PNG], dimension="square")
    seed = customer.made("seed", after=blended)

    assert len(described.output["prompts"]) == 4
    assert described.output["description"].startswith("1️⃣ harbour at dusk")
    assert customer.picture(blended).size == (64, 64)
    assert seed.output["seed"].isdigit()
    assert seed == customer.made("seed", after=blended)


# ----------------------------------------------------------------------------------------- mode, account


@pytest.mark.parametrize("mode", ["relax", "fast", "turbo"])
@pytest.mark.parametrize("by_path", [True, False])
def test_bridge_sees_which_mode_was_asked_for(bridge: RunningBridge, mode: str, by_path: bool):
    customer = Customer(bridge, mode_paths=by_path)

    customer.made("imagine", prompt="a city --turbo", mode=mode)

    asked = {"path": mode, "filter": ""} if by_path else {"path": "", "filter": mode}
    assert bridge.seen("ref-0001")["modes"] == [asked | {"flag": mode, "ran": mode}]


def test_fast_hours_run_out(customer: Customer):
    customer.bridge.knobs(fast_hours=1.5, fast_cost=0.5)

    made = [customer.made("imagine", prompt="a city", mode=mode) for mode in ("fast", "turbo")]
    exhausted = customer.made("imagine", prompt="a city", mode="fast")
    slow = customer.made("imagine", prompt="a city", mode="relax")

    assert [type(one) for one in made] == [Done, Done]
    assert told(exhausted) == (AccountNeedsOwner, Need.FAST_HOURS)
    assert isinstance(slow, Done)
    assert customer.check() == Standing(
        "Plan standard, 0 fast hours left.",
        plan="standard",
        fast_hours=0.0,
        has_relax=True,
        slots=3,
    )


def test_fast_hours_may_run_out_after_it_was_taken(customer: Customer):
    customer.bridge.knobs(fast_hours=0.0, exhausted="task")

    error = customer.made("imagine", prompt="a city", mode="fast")

    assert told(error) == (AccountNeedsOwner, Need.FAST_HOURS)
    assert error.ends_work


def test_the_smallest_plan_has_no_relax(customer: Customer):
    customer.bridge.knobs(plan="basic")

    assert told(customer.made("imagine", prompt="a city", mode="relax")) == NOT_CREATED
    assert (customer.check().plan, customer.check().has_relax) == ("basic", False)


def test_captcha_and_ban_stop_everything(customer: Customer):
    customer.bridge.knobs(captcha=True)
    captcha = [customer.made("imagine", prompt="a city"), customer.check()]
    customer.bridge.knobs(captcha=False, banned_until=4_000_000_000)
    banned = [customer.made("imagine", prompt="a city"), customer.check()]

    assert [told(error) for error in captcha] == [(AccountNeedsOwner, Need.CAPTCHA)] * 2
    assert [told(error) for error in banned] == [(AccountNeedsOwner, Need.BANNED)] * 2
    assert "planted-account-token" not in repr(captcha + banned)


def test_check_where_accounts_are_not_told(customer: Customer):
    for word in ("off", "admin"):
        customer.bridge.knobs(account_list=word)
        assert customer.check() == Standing(
            "The bridge takes the secret; it does not tell plan or hours."
        )


def test_wrong_secret(bridge: RunningBridge):
    stranger = Customer(bridge, secret="bad")

    errors = [stranger.check(), stranger.made("imagine", prompt="a city")]

    assert [told(error) for error in errors] == [(BadCredentials,)] * 2


# ---------------------------------------------------------------------------------------------- failures


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("moderated", (ProviderRefused, Why.MODERATED)),
        ("invalid", (ProviderRefused, Why.INVALID)),
        ("link", (ProviderRefused, Why.INVALID)),
        ("timeout", (ProviderRefused, Why.TIMEOUT)),
        ("broken", (ProviderRefused, Why.FAILED)),
        ("captcha", (AccountNeedsOwner, Need.CAPTCHA)),
        ("banned", (AccountNeedsOwner, Need.BANNED)),
        ("subscription", (AccountNeedsOwner, Need.SUBSCRIPTION)),
        ("fast_hours", (AccountNeedsOwner, Need.FAST_HOURS)),
        ("queue", NOT_CREATED),
    ],
)
def test_work_fails_for_every_reason(customer: Customer, word: str, expected: Any):
    error = customer.made("imagine", prompt=f"a city [fail={word}]")

    assert told(error) == expected
    assert error.ends_work


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("3", NOT_CREATED),
        ("4", (ProviderRefused, Why.INVALID)),
        ("9", UNKNOWN),
        ("23", NOT_CREATED),
        ("24", (ProviderRefused, Why.MODERATED)),
        ("429", NOT_CREATED),
        ("503", UNKNOWN),
        ("html", UNKNOWN),
        ("lost", UNKNOWN),
        ("dropped", UNKNOWN),
        ("no_account", NOT_CREATED),
        ("captcha", (AccountNeedsOwner, Need.CAPTCHA)),
        ("fast_hours", (AccountNeedsOwner, Need.FAST_HOURS)),
    ],
)
def test_submit_is_refused_for_every_reason(customer: Customer, word: str, expected: Any):
    assert told(customer.made("imagine", prompt=f"a city [refuse={word}]")) == expected


def test_a_lost_submit_is_found_and_not_done_twice(customer: Customer):
    work = customer.work("imagine", prompt="a city [refuse=lost]")
    lost = customer.submit(work)

    found = customer.look_up(work)
    customer.bridge.finish()

    assert told(lost) == UNKNOWN
    assert isinstance(customer.poll(found), Done)
    assert customer.bridge.totals() == {"states": 1, "tasks": 1, "submits": 1, "duplicates": 0}


def test_a_dropped_submit_never_arrived(customer: Customer):
    work = customer.work("imagine", prompt="a city [refuse=dropped]")

    assert told(customer.submit(work)) == UNKNOWN
    assert customer.look_up(work) is None


def test_a_form_that_was_lost_is_asked_for_again(customer: Customer):
    single = single_of(customer)
    # The press of the button is taken, the form is not.
    work = customer.work(
        "outpaint", after=single, zoom_ratio=1.7, prompt="a city [refuse=dropped][times=2]"
    )

    lost = customer.submit(work)
    looked_up = customer.look_up(work)
    again = customer.submit(work)
    customer.bridge.finish()

    assert told(lost) == UNKNOWN
    assert looked_up is None
    assert isinstance(customer.poll(again), Done)
    assert customer.bridge.totals()["duplicates"] == 0


@pytest.mark.parametrize("task_list", ["off", "blind"])
def test_a_bridge_that_cannot_be_looked_up_leaves_it_open(customer: Customer, task_list: str):
    customer.bridge.knobs(task_list=task_list)
    work = customer.work("imagine", prompt="a city [refuse=lost]")
    customer.submit(work)

    assert told(customer.look_up(work)) == UNKNOWN


# -------------------------------------------------------------------------------------------------- lies


def lied(customer: Customer, lie: str) -> Any:
    return customer.made("imagine", prompt=f"a city [lie={lie}]")


def test_unknown_status_and_work_without_end_run_on(customer: Customer):
    assert [type(lied(customer, lie)) for lie in ("unknown_status", "never")] == [Running] * 2


def test_finished_without_a_picture(customer: Customer):
    assert told(lied(customer, "no_image")) == (ProviderRefused, Why.FAILED)


def test_another_tasks_answer_is_nobodys(customer: Customer):
    assert told(lied(customer, "other_id")) == NOT_CREATED


def test_forgotten_work_has_failed(customer: Customer):
    assert told(lied(customer, "forgotten")) == (ProviderRefused, Why.FAILED)


def test_progress_that_goes_back_is_what_the_bridge_says(customer: Customer):
    customer.bridge.knobs(delay=3600.0, lie="progress_back")
    accepted = customer.submit(customer.work("imagine", prompt="a city"))
    [made] = customer.bridge.tasks()
    customer.bridge.age(made["id"], 0.5)

    assert [customer.poll(accepted).progress for _ in range(3)] == [80, 70, 60]


def test_two_results_are_two_answers(customer: Customer):
    accepted = customer.submit(customer.work("imagine", prompt="a city [lie=two_results]"))
    customer.bridge.finish()

    first, second = customer.poll(accepted), customer.poll(accepted)

    assert first.output != second.output
    assert quarters(customer.picture(first)) != quarters(customer.picture(second))


# ------------------------------------------------------------------------------------------------ cancel


def test_cancel_stops_what_runs(customer: Customer):
    customer.bridge.knobs(delay=3600.0)
    accepted = customer.submit(customer.work("imagine", prompt="a city"))

    assert ask(adapter.cancel(accepted.handle, customer.access)) is True
    assert told(customer.poll(accepted)) == (ProviderRefused, Why.CANCELLED)


def test_cancel_of_what_is_done_or_cannot_be_stopped(customer: Customer):
    accepted = customer.submit(customer.work("imagine", prompt="a city"))
    customer.bridge.finish()

    assert ask(adapter.cancel(accepted.handle, customer.access)) is False
    customer.bridge.knobs(cancels=False)
    assert ask(adapter.cancel(accepted.handle, customer.access)) is False


# --------------------------------------------------------------------------------------------- the knobs


@pytest.mark.parametrize(
    "values", [{"nothing": 1}, {"plan": 5}, {"captcha": "yes"}, {"delay": "1"}]
)
def test_a_knob_that_is_none_is_refused(bridge: RunningBridge, values: dict[str, Any]):
    before = bridge.knobs()

    with pytest.raises(ValueError, match=r"no knob|must be"):
        bridge.knobs(**values)
    assert bridge.knobs() == before


def test_two_bridges_know_nothing_of_each_other(make_bridge: Callable[[], RunningBridge]):
    first, second = Customer(make_bridge()), Customer(make_bridge())
    second.bridge.knobs(plan="pro")

    first.made("imagine", prompt="a city")

    assert first.bridge.totals()["tasks"] == 1
    assert second.bridge.totals()["tasks"] == 0
    assert first.check().plan == "standard"


def test_reset_forgets_everything(customer: Customer):
    customer.bridge.knobs(plan="pro")
    customer.made("imagine", prompt="a city")

    customer.bridge.reset()

    assert customer.bridge.totals() == {"states": 0, "tasks": 0, "submits": 0, "duplicates": 0}
    assert customer.bridge.knobs()["plan"] == "standard"
