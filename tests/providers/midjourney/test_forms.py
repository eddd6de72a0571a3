"""Forms that a pressed button opens, and new prompts."""

from typing import Any

import pytest

from apps.providers.base import (
    ProviderRefused,
    Work,
)
from tests.providers.midjourney.samples import (
    BARE_PARENT,
    GRID_PARENT,
    HASH,
    ID,
    PNG,
    REFERENCE,
    SINGLE_PARENT,
    Why,
    sent,
    submit,
    told_id,
    work,
)
from tests.providers.wire import told

FORM = told_id(21, description="Waiting for window confirm", finalPrompt="", remix=True)


def form(done: Work, *answers: Any) -> dict[str, Any]:
    """What the form that opened was sent back with."""
    [_, (path, body)] = sent(done, *(answers or (FORM, told_id())))
    assert path == "/mj/submit/modal"
    return body


def test_inpaint_fills_in_prompt_and_mask():
    body = form(work("inpaint", parent=SINGLE_PARENT, mask=PNG, prompt="a tree", mode="fast"))

    assert body == {
        "taskId": ID,
        "prompt": "a tree --fast",
        "maskBase64": PNG,
        "state": REFERENCE,
        "accountFilter": {"modes": ["FAST"]},
    }


def test_inpaint_without_a_prompt_keeps_the_parents():
    body = form(work("inpaint", parent=SINGLE_PARENT, mask=PNG, mode="relax"))

    assert body["prompt"] == "a flying city --ar 16:9 --relax"


@pytest.mark.parametrize(
    ("given", "prompt"),
    [
        ({"zoom_ratio": 1.8}, "a flying city --ar 16:9 --zoom 1.8 --relax"),
        ({"zoom_ratio": 2, "prompt": "a tree"}, "a tree --zoom 2 --relax"),
        ({"zoom_ratio": 1.5, "aspect_ratio": "3:2"}, "a flying city --ar 3:2 --zoom 1.5 --relax"),
        ({"zoom_ratio": 1, "prompt": "a tree"}, "a tree --ar 1:1 --zoom 1 --relax"),
        (
            {"zoom_ratio": 1.2, "prompt": "a tree --zoom 2 --ar 4:5"},
            "a tree --ar 4:5 --zoom 1.2 --relax",
        ),
    ],
)
def test_another_zoom_is_a_custom_one(given: Any, prompt: str):
    zoomed = work("outpaint", parent=SINGLE_PARENT, mode="relax", **given)
    first, _ = sent(zoomed, FORM, told_id())

    assert first[1]["customId"] == f"MJ::CustomZoom::{HASH}"
    assert form(zoomed)["prompt"] == prompt


@pytest.mark.parametrize(
    "changed",
    [
        work("variation", parent=GRID_PARENT, index="1", prompt="a dog", mode="turbo"),
        work("pan", parent=SINGLE_PARENT, direction="up", prompt="a dog", mode="turbo"),
        work(
            "variation", parent=SINGLE_PARENT, index="low_variation", prompt="a dog", mode="turbo"
        ),
    ],
)
def test_remix_prompt_goes_into_the_form(changed: Work):
    assert form(changed)["prompt"] == "a dog --turbo"


def test_a_form_that_opens_unasked_gets_the_parents_prompt():
    plain = work("variation", parent=GRID_PARENT, index="1", mode="relax")

    assert form(plain)["prompt"] == "a flying city --ar 16:9 --relax"


def test_a_form_shows_the_prompt_where_we_do_not_know_it():
    plain = work("pan", parent={**SINGLE_PARENT, "prompt": ""}, direction="up", mode="fast")
    opened = told_id(21, finalPrompt="a city --relax")

    assert form(plain, opened, told_id())["prompt"] == "a city --fast"


def test_a_form_without_any_prompt_is_not_sent():
    blended = work("pan", parent={**SINGLE_PARENT, "prompt": ""}, direction="up", mode="fast")

    assert told(submit(blended, FORM)) == (ProviderRefused, Why.INVALID)


@pytest.mark.parametrize(
    ("given", "prompt"),
    [
        ({"prompt": "a dog"}, "a dog --relax"),
        ({"prompt": "a dog", "aspect_ratio": "3:2"}, "a dog --ar 3:2 --relax"),
        ({"prompt": "", "aspect_ratio": "3:2"}, "a flying city --ar 3:2 --relax"),
    ],
)
@pytest.mark.parametrize("parent", [GRID_PARENT, BARE_PARENT])
def test_a_reroll_with_something_new_is_an_imagine(given: Any, prompt: str, parent: Any):
    [(path, body)] = sent(work("reroll", parent=parent, mode="relax", **given))

    assert (path, body["prompt"]) == ("/mj/submit/imagine", prompt)
