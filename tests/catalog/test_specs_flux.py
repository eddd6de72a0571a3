from typing import Any

import pytest

from apps.catalog.registry import all_specs, spec_of
from tests.catalog.helpers import URL, dollars, parsed, price, refusal

SCHNELL, DEV, PLUS = "Qubico/flux1-schnell", "Qubico/flux1-dev", "Qubico/flux1-dev-advanced"
FOX = {"prompt": "a fox"}
FROM = {"prompt": "a fox", "image": URL}
LORA = {"lora_settings": [{"lora_type": "anime"}]}
CONTROL = {"control_net_settings": [{"control_type": "depth", "control_image": URL}]}
OUT = {"image": URL, "custom_settings": [{"setting_type": "outpaint", "outpaint_left": 64}]}


def added(**sides: int) -> dict[str, Any]:
    return {"image": URL, "custom_settings": [{"setting_type": "outpaint", **sides}]}


def test_flux_offers_exactly_these_task_types():
    found = [spec.name for spec in all_specs().values() if spec.family == "flux"]

    assert found == [
        (SCHNELL, "txt2img"),
        (SCHNELL, "img2img"),
        (DEV, "txt2img"),
        (DEV, "img2img"),
        (PLUS, "txt2img-lora"),
        (PLUS, "img2img-lora"),
        (PLUS, "controlnet-lora"),
        (PLUS, "fill-inpaint"),
        (PLUS, "fill-outpaint"),
        (PLUS, "redux-variation"),
        (PLUS, "kontext"),
    ]


@pytest.mark.parametrize(
    ("model", "task_type", "values", "usd"),
    [
        (SCHNELL, "txt2img", FOX, "0.002"),
        (SCHNELL, "txt2img", {**FOX, "batch_size": 4}, "0.008"),
        (SCHNELL, "img2img", {**FROM, "batch_size": "3"}, "0.006"),
        (DEV, "txt2img", FOX, "0.015"),
        (DEV, "txt2img", {**FOX, "batch_size": 4}, "0.015"),
        (DEV, "img2img", FROM, "0.015"),
        (PLUS, "txt2img-lora", {**FOX, **LORA}, "0.02"),
        (PLUS, "img2img-lora", {**FROM, **LORA}, "0.02"),
        (PLUS, "controlnet-lora", {**FOX, **CONTROL, **LORA}, "0.02"),
        (PLUS, "fill-inpaint", FROM, "0.02"),
        (PLUS, "fill-outpaint", OUT, "0.02"),
        (PLUS, "redux-variation", {"image": URL}, "0.02"),
        (PLUS, "kontext", FROM, "0.02"),
    ],
)
def test_flux_price(model: str, task_type: str, values: dict[str, Any], usd: str):
    assert price(model, task_type, values) == dollars(usd)


def test_flux_defaults_of_schnell():
    assert parsed(SCHNELL, "txt2img", FOX) == {
        "prompt": "a fox",
        "negative_prompt": "",
        "width": 1024,
        "height": 1024,
        "guidance_scale": None,
        "steps": 4,
        "batch_size": 1,
    }


def test_flux_defaults_of_dev_from_an_image():
    assert parsed(DEV, "img2img", FROM) == {
        "prompt": "a fox",
        "negative_prompt": "",
        "image": URL,
        "denoise": 0.7,
        "guidance_scale": None,
        "steps": 25,
    }


def test_flux_defaults_of_kontext():
    assert parsed(PLUS, "kontext", FROM) == {
        "prompt": "a fox",
        "image": URL,
        "width": 1024,
        "height": 1024,
        "seed": -1,
        "steps": 28,
    }


@pytest.mark.parametrize(
    "values", [{"width": 0, "height": 0, "steps": 0}, {"width": "", "height": None, "steps": "0"}]
)
@pytest.mark.parametrize(
    ("model", "task_type", "steps"),
    [(SCHNELL, "txt2img", 4), (DEV, "txt2img", 25), (PLUS, "kontext", 28)],
)
def test_flux_takes_zero_and_empty_for_the_default(
    model: str, task_type: str, steps: int, values: dict[str, Any]
):
    found = parsed(model, task_type, {**FROM, **values})

    assert (found["width"], found["height"], found["steps"]) == (1024, 1024, steps)


def test_flux_converts_numeric_strings():
    found = parsed(
        SCHNELL, "txt2img", {**FOX, "width": "512", "steps": "10", "guidance_scale": "3.5"}
    )

    assert (found["width"], found["steps"], found["guidance_scale"]) == (512, 10, 3.5)


def test_flux_echoes_zeros_for_absent_sizes_and_steps():
    defaults = {spec.name: spec.echo_defaults for spec in all_specs().values()}

    assert defaults[(SCHNELL, "txt2img")] == {"width": 0, "height": 0, "steps": 0}
    assert defaults[("Qubico/image-toolkit", "upscale")] == {}


@pytest.mark.parametrize(
    ("task_type", "values"),
    [
        ("txt2img-lora", {**FOX, **LORA}),
        ("img2img-lora", {**FROM, **LORA}),
        ("controlnet-lora", {**FOX, **CONTROL}),
        ("fill-inpaint", FROM),
        ("fill-outpaint", OUT),
        ("redux-variation", {"image": URL}),
        ("kontext", FROM),
    ],
)
def test_flux_tolerates_guidance_scale_on_any_type(task_type: str, values: dict[str, Any]):
    spec_of(PLUS, task_type).parse({**values, "guidance_scale": 2.5})


def test_flux_reads_hed_as_soft_edge():
    values = {**FOX, "control_net_settings": [{"control_type": "hed", "control_image": URL}]}

    assert parsed(PLUS, "controlnet-lora", values)["control_net_settings"] == [
        {
            "control_type": "soft_edge",
            "control_image": URL,
            "control_strength": 1,
            "return_preprocessed_image": False,
        }
    ]


def test_flux_size_can_be_the_whole_area_and_no_more():
    assert parsed(PLUS, "kontext", {**FROM, "width": 2048, "height": 512})["width"] == 2048
    assert refusal(PLUS, "kontext", {**FROM, "width": 2048, "height": 513}) == (
        "input.width",
        "width times height must be at most 1048576, e.g. 1024 by 1024; make one of them smaller.",
    )


@pytest.mark.parametrize(
    "sides", [{"outpaint_left": 4096}, {"outpaint_left": 1022, "outpaint_top": 1023}]
)
def test_flux_outpaint_takes_an_area_below_a_megapixel(sides: dict[str, int]):
    spec_of(PLUS, "fill-outpaint").parse(added(**sides))


AREA = (
    "outpaint_left, outpaint_right, outpaint_top and outpaint_bottom add an area of 1024x1024 "
    "pixels or more; make them smaller."
)


@pytest.mark.parametrize(
    ("model", "task_type", "values", "field", "sentence"),
    [
        (SCHNELL, "txt2img", {}, "input.prompt", "This field is required."),
        (SCHNELL, "txt2img", {"prompt": ""}, "input.prompt", "This field is required."),
        (SCHNELL, "img2img", FOX, "input.image", "This field is required."),
        (
            SCHNELL,
            "txt2img",
            {**FOX, "width": 1025},
            "input.width",
            "Input should be less than or equal to 1024.",
        ),
        (
            SCHNELL,
            "txt2img",
            {**FOX, "height": 127},
            "input.height",
            "Input should be greater than or equal to 128.",
        ),
        (
            SCHNELL,
            "txt2img",
            {**FOX, "steps": 11},
            "input.steps",
            "Input should be less than or equal to 10.",
        ),
        (
            DEV,
            "txt2img",
            {**FOX, "steps": 41},
            "input.steps",
            "Input should be less than or equal to 40.",
        ),
        (
            SCHNELL,
            "txt2img",
            {**FOX, "batch_size": 5},
            "input.batch_size",
            "Input should be less than or equal to 4.",
        ),
        (
            DEV,
            "txt2img",
            {**FOX, "guidance_scale": 1.4},
            "input.guidance_scale",
            "Input should be greater than or equal to 1.5.",
        ),
        (
            DEV,
            "txt2img",
            {**FOX, "guidance_scale": 5.1},
            "input.guidance_scale",
            "Input should be less than or equal to 5.",
        ),
        (
            DEV,
            "img2img",
            {**FROM, "denoise": 0},
            "input.denoise",
            "Input should be greater than 0.",
        ),
        (
            DEV,
            "img2img",
            {**FROM, "denoise": 1.01},
            "input.denoise",
            "Input should be less than or equal to 1.",
        ),
        (PLUS, "txt2img-lora", FOX, "input.lora_settings", "This field is required."),
        (
            PLUS,
            "txt2img-lora",
            {**FOX, "lora_settings": LORA["lora_settings"] * 2},
            "input.lora_settings",
            "List should have at most 1 item after validation, not 2.",
        ),
        (
            PLUS,
            "img2img-lora",
            {**FROM, **LORA, **CONTROL},
            "input.control_net_settings",
            "This task type takes no ControlNet; use controlnet-lora.",
        ),
        (PLUS, "controlnet-lora", FOX, "input.control_net_settings", "This field is required."),
        (
            PLUS,
            "controlnet-lora",
            {**FOX, **CONTROL, "lora_settings": LORA["lora_settings"] * 2},
            "input.lora_settings",
            "List should have at most 1 item after validation, not 2.",
        ),
        (
            PLUS,
            "controlnet-lora",
            {**FOX, "control_net_settings": [{"control_type": "lines"}]},
            "input.control_net_settings.0.control_type",
            "Input should be 'depth', 'soft_edge', 'canny', 'openpose' or 'hed'.",
        ),
        (PLUS, "fill-inpaint", {"image": URL}, "input.prompt", "This field is required."),
        (
            PLUS,
            "fill-outpaint",
            added(),
            "input.custom_settings.0.outpaint_left",
            "outpaint_left, outpaint_right, outpaint_top and outpaint_bottom are all 0: "
            "set at least one.",
        ),
        (
            PLUS,
            "fill-outpaint",
            added(outpaint_left=512, outpaint_right=511, outpaint_bottom=1024),
            "input.custom_settings.0.outpaint_left",
            AREA,
        ),
    ],
)
def test_flux_refuses(
    model: str, task_type: str, values: dict[str, Any], field: str, sentence: str
):
    assert refusal(model, task_type, values) == (field, sentence)


@pytest.mark.parametrize("lora_type", ["mjv6", "ob3d-isometric-3d-room", "mystic-realism"])
def test_flux_knows_its_styles(lora_type: str):
    values = {**FOX, "lora_settings": [{"lora_type": lora_type, "lora_strength": "0.8"}]}

    assert parsed(PLUS, "txt2img-lora", values)["lora_settings"] == [
        {"lora_type": lora_type, "lora_image": None, "lora_strength": 0.8}
    ]


def test_flux_names_an_unknown_style():
    field, sentence = refusal(
        PLUS, "txt2img-lora", {**FOX, "lora_settings": [{"lora_type": "noir"}]}
    )

    assert field == "input.lora_settings.0.lora_type"
    assert sentence.startswith("Input should be 'anime', 'art', 'disney'")
