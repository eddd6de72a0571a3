from typing import Any

import pytest

from apps.catalog.inputs import Continuing
from apps.catalog.registry import all_specs, spec_of
from apps.catalog.spec import Parent
from apps.core.errors import InvalidRequest
from tests.catalog.helpers import TASK_ID, URL, dollars, parsed, price, refusal

MJ = "midjourney"
CAT = {"prompt": "a cat"}
AFTER = {"origin_task_id": TASK_ID}
# The list of quotas a mode costs (200 quotas are a dollar), for version 5.2 and 6.
QUOTAS_T0 = {"relax": (3, 6), "fast": (9, 14), "turbo": ("20", "25.6")}
QUOTAS_T1 = {"relax": (3, 6), "fast": (9, 14), "turbo": ("16", "22.4")}
CHANGES = {
    "variation": {**AFTER, "index": "1"},
    "reroll": AFTER,
    "inpaint": {**AFTER, "mask": URL},
    "outpaint": {**AFTER, "zoom_ratio": "1.5"},
    "pan": {**AFTER, "direction": "up"},
}


def points(quotas: str | int) -> int:
    return dollars(str(quotas)) // 200


def test_midjourney_offers_exactly_these_task_types():
    found = [task_type for model, task_type in all_specs() if model == MJ]

    assert found == [
        "imagine",
        "upscale",
        "variation",
        "reroll",
        "describe",
        "seed",
        "blend",
        "inpaint",
        "outpaint",
        "pan",
    ]


@pytest.mark.parametrize("mode", ["relax", "fast", "turbo"])
def test_midjourney_imagine_price(mode: str):
    old, new = QUOTAS_T0[mode]

    assert price(MJ, "imagine", {**CAT, "process_mode": mode}) == points(new)
    assert price(MJ, "imagine", {"prompt": "a cat --v 5.2", "process_mode": mode}) == points(old)


@pytest.mark.parametrize("mode", ["relax", "fast", "turbo"])
@pytest.mark.parametrize("task_type", CHANGES)
def test_midjourney_change_price(task_type: str, mode: str):
    old, new = QUOTAS_T1[mode]
    # Neither the field nor the prompt has a say: the parent's mode counts, its version unless the prompt names one.
    values = {**CHANGES[task_type], "process_mode": "turbo", "prompt": "a dog --fast"}

    found = [
        price(MJ, task_type, values, after=Parent("imagine", mode, version))
        for version in ("v6", "v7", "niji6", "v5.2", "niji5", "v4")
    ]

    assert found == [points(new)] * 3 + [points(old)] * 3
    older = {**values, "prompt": "a dog --v 5"}
    assert price(MJ, task_type, older, after=Parent("imagine", mode, "v6")) == points(old)


@pytest.mark.parametrize("mode", ["relax", "fast", "turbo"])
def test_midjourney_blend_price(mode: str):
    values = {"image_urls": [URL, URL], "process_mode": mode}

    assert price(MJ, "blend", values) == points(QUOTAS_T1[mode][1])


@pytest.mark.parametrize("mode", ["relax", "fast", "turbo"])
def test_midjourney_describe_costs_the_same_in_every_mode(mode: str):
    assert price(MJ, "describe", {"image_url": URL, "process_mode": mode}) == 100_000


def test_midjourney_seed_price():
    assert price(MJ, "seed", {"task_id": TASK_ID}) == 50_000


@pytest.mark.parametrize(
    ("index", "version", "relax", "fast", "turbo"),
    [
        ("1", "v6", 2, 2, 2),
        ("4", "v4", 2, 2, 2),
        ("light", "v4", 3, 9, 16),
        ("beta", "v4", 3, 9, 16),
        ("2x", "v5.2", 9, 18, 32),
        ("4x", "niji5", 27, 54, 96),
        ("subtle", "v6.1", 6, 14, "22.4"),
        ("creative", "niji6", 6, 14, "22.4"),
    ],
)
def test_midjourney_upscale_price(
    index: str, version: str, relax: int, fast: int, turbo: int | str
):
    found = [
        price(MJ, "upscale", {**AFTER, "index": index}, after=Parent("imagine", mode, version))
        for mode in ("relax", "fast", "turbo")
    ]

    assert found == [points(relax), points(fast), points(turbo)]


@pytest.mark.parametrize(
    ("index", "parent", "sentence"),
    [
        (
            "light",
            Parent("imagine", "fast", "v6"),
            "light does not fit a picture of version 6. Give one of subtle, creative.",
        ),
        (
            "creative",
            Parent("imagine", "fast", "v5.2"),
            "creative does not fit a picture of version 5. Give one of 2x, 4x.",
        ),
        (
            "2x",
            Parent("imagine", "relax", "v4"),
            "2x does not fit a picture of version 4. Give one of light, beta.",
        ),
        (
            "beta",
            Parent("imagine", "relax", "v3"),
            "beta does not fit a picture of version 3. There is none for this version.",
        ),
        (
            "2",
            Parent("upscale", "fast", "v6"),
            "The task to continue is one picture already, not a grid.",
        ),
    ],
)
def test_midjourney_upscaler_has_to_fit_its_parent(index: str, parent: Parent, sentence: str):
    values = spec_of(MJ, "upscale").parse({**AFTER, "index": index})
    assert isinstance(values, Continuing)

    with pytest.raises(InvalidRequest) as refused:
        values.of(parent)

    assert refused.value.message == f"input.index: {sentence}"


@pytest.mark.parametrize("task_type", ["upscale", *CHANGES, "seed"])
def test_midjourney_follow_up_has_no_mode_of_its_own(task_type: str):
    spec = spec_of(MJ, task_type)

    assert "process_mode" not in spec.input.model_fields
    assert (spec.follows, spec.follow_hours) == (
        "task_id" if task_type == "seed" else "origin_task_id",
        72,
    )


def test_midjourney_fast_imagine_of_version_6_costs_seven_cents():
    assert price(MJ, "imagine", {**CAT, "process_mode": "fast"}) == 700_000


def test_midjourney_turbo_imagine_of_version_5_costs_ten_cents():
    assert price(MJ, "imagine", {"prompt": "a cat --v 5 --turbo"}) == 1_000_000


@pytest.mark.parametrize(
    ("flags", "version"),
    [
        ("", 6),
        ("--v 6", 6),
        ("--v 6.1", 6),
        ("--v 7", 6),
        ("--v 5.2", 5),
        ("--v 5.3", 6),
        ("--version 4", 5),
        ("--V 5", 5),
        ("—v 5", 5),
        ("--niji", 6),
        ("--niji 6", 6),
        ("--niji 7", 6),
        ("--niji 5", 5),
        ("--v 5 --ar 16:9 --v 6", 6),
        ("--v", 6),
        ("--v five", 6),
        ("--video 5", 6),
        ("over--v 5", 6),
    ],
)
def test_midjourney_version_of_a_prompt(flags: str, version: int):
    fast = {5: 450_000, 6: 700_000}

    found = price(MJ, "imagine", {"prompt": f"a cat {flags}", "process_mode": "fast"})

    assert found == fast[version]


@pytest.mark.parametrize(
    ("values", "mode"),
    [
        ({"prompt": "a cat"}, "relax"),
        ({"prompt": "a cat", "process_mode": ""}, "relax"),
        ({"prompt": "a cat", "process_mode": None}, "relax"),
        ({"prompt": "a cat", "process_mode": "mixed"}, "relax"),
        ({"prompt": "a cat --fast"}, "fast"),
        ({"prompt": "a cat --TURBO --ar 1:1"}, "turbo"),
        ({"prompt": "a cat —fast", "process_mode": "mixed"}, "fast"),
        ({"prompt": "a cat --fast", "process_mode": "turbo"}, "turbo"),
        ({"prompt": "a cat --turbo", "process_mode": "relax"}, "relax"),
        ({"prompt": "a cat --fast --relax"}, "relax"),
        ({"prompt": "a cat --faster"}, "relax"),
        ({"prompt": "very--fast cat"}, "relax"),
    ],
)
def test_midjourney_mode_is_the_field_then_the_flag_then_relax(values: dict[str, Any], mode: str):
    spec = spec_of(MJ, "imagine")

    assert spec.process_mode
    assert spec.process_mode(spec.parse(values)) == mode


def test_midjourney_follow_up_does_not_take_its_mode_from_the_prompt():
    values = {**AFTER, "index": "2", "prompt": "a dog --turbo"}

    assert price(MJ, "variation", values) == points(6)


def test_midjourney_imagine_takes_the_body_clients_send():
    assert parsed(
        MJ,
        "imagine",
        {
            "prompt": "flying night city",
            "aspect_ratio": "16:9",
            "process_mode": "fast",
            "skip_prompt_check": False,
            "bot_id": 0,
            "something": "else",
        },
    ) == {
        "prompt": "flying night city",
        "aspect_ratio": "16:9",
        "process_mode": "fast",
        "bot_id": 0,
        "skip_prompt_check": False,
    }


def test_midjourney_index_may_be_a_number():
    assert parsed(MJ, "upscale", {**AFTER, "index": 3})["index"] == "3"


@pytest.mark.parametrize("zoom_ratio", ["1.5", 2, "1", 1.8])
def test_midjourney_zoom_ratio_may_be_text_or_number(zoom_ratio: Any):
    found = parsed(MJ, "outpaint", {**AFTER, "zoom_ratio": zoom_ratio})

    assert found["zoom_ratio"] == float(zoom_ratio)


NO_PICTURE = {
    "image_url": "",
    "image_urls": None,
    "temporary_image_urls": None,
    "discord_image_url": "",
    "actions": [],
    "progress": 0,
    "intermediate_image_urls": None,
}


@pytest.mark.parametrize(
    ("task_type", "values", "output"),
    [
        ("imagine", CAT, NO_PICTURE),
        ("pan", CHANGES["pan"], NO_PICTURE),
        ("describe", {"image_url": URL}, {"description": "", "prompts": []}),
        ("seed", {"task_id": TASK_ID}, {"seed": ""}),
    ],
)
def test_midjourney_pending_output(task_type: str, values: dict[str, Any], output: Any):
    spec = spec_of(MJ, task_type)

    assert spec.pending(spec.parse(values)) == output


UPSCALES = "'1', '2', '3', '4', 'light', 'beta', '2x', '4x', 'subtle' or 'creative'"


@pytest.mark.parametrize(
    ("task_type", "values", "field", "sentence"),
    [
        ("imagine", {}, "input.prompt", "This field is required."),
        (
            "imagine",
            {"prompt": "a" * 100_001},
            "input.prompt",
            "String should have at most 100000 characters.",
        ),
        (
            "imagine",
            {**CAT, "process_mode": "slow"},
            "input.process_mode",
            "Input should be 'relax', 'fast' or 'turbo'.",
        ),
        (
            "imagine",
            {**CAT, "aspect_ratio": "wide"},
            "input.aspect_ratio",
            "Give two whole numbers with a colon between, e.g. 16:9.",
        ),
        ("upscale", {"index": "1"}, "input.origin_task_id", "This field is required."),
        ("upscale", {**AFTER, "index": "5"}, "input.index", f"Input should be {UPSCALES}."),
        (
            "variation",
            {**AFTER, "index": "2x"},
            "input.index",
            "Input should be '1', '2', '3', '4', 'high_variation' or 'low_variation'.",
        ),
        (
            "reroll",
            {"origin_task_id": "12"},
            "input.origin_task_id",
            "This is not a task_id: give the one you got when the task was created.",
        ),
        ("inpaint", AFTER, "input.mask", "This field is required."),
        ("outpaint", AFTER, "input.zoom_ratio", "This field is required."),
        (
            "outpaint",
            {**AFTER, "zoom_ratio": "2.1"},
            "input.zoom_ratio",
            "Input should be less than or equal to 2.",
        ),
        (
            "pan",
            {**AFTER, "direction": "in"},
            "input.direction",
            "Input should be 'up', 'down', 'left' or 'right'.",
        ),
        ("describe", {}, "input.image_url", "This field is required."),
        (
            "blend",
            {"image_urls": [URL]},
            "input.image_urls",
            "List should have at least 2 items after validation, not 1.",
        ),
        (
            "blend",
            {"image_urls": [URL] * 6},
            "input.image_urls",
            "List should have at most 5 items after validation, not 6.",
        ),
        (
            "blend",
            {"image_urls": [URL, "file:///etc/passwd"]},
            "input.image_urls.1",
            "This is neither an http(s) URL nor valid base64.",
        ),
        ("seed", AFTER, "input.task_id", "This field is required."),
    ],
)
def test_midjourney_refuses(task_type: str, values: dict[str, Any], field: str, sentence: str):
    assert refusal(MJ, task_type, values) == (field, sentence)
