"""What the scripted bridge draws, and what may follow from it."""

from typing import Any

import pytest

from apps.providers import midjourney_buttons
from apps.providers.base import Done, ProviderRefused, Running
from tests.bridge.customer import Customer, Why, quarters, single_of
from tests.providers.midjourney.samples import PNG
from tests.providers.wire import told


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
