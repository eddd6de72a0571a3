from decimal import Decimal
from typing import Any

import pytest

from apps.catalog.registry import all_specs, spec_of
from tests.catalog.helpers import URL, charged, dollars, parsed, price, refusal

BOAT = {"prompt": "a boat"}
CLASSIC = {"type": "", "status": 0, "works": None}


def video(**values: Any) -> int:
    return price("kling", "video_generation", {**BOAT, **values})


def refused(values: dict[str, Any]) -> tuple[str, str]:
    return refusal("kling", "video_generation", values)


def shots(*seconds: int) -> list[dict[str, Any]]:
    return [{"prompt": "a boat", "duration": duration} for duration in seconds]


def test_kling_offers_exactly_these_task_types():
    found = [spec.name for spec in all_specs().values() if spec.family == "kling"]

    assert found == [
        ("kling", "video_generation"),
        ("kling-turbo", "video_generation"),
        ("kling", "omni_video_generation"),
        ("kling", "motion_control"),
        ("kling", "extend_video"),
        ("kling", "lip_sync"),
        ("kling", "effects"),
        ("kling", "ai_try_on"),
        ("kling", "sound"),
        ("kling", "avatar"),
    ]


@pytest.mark.parametrize(
    ("version", "mode", "five", "ten"),
    [
        *((version, "std", "0.195", "0.39") for version in ("1.0", "1.5", "1.6", "2.1")),
        *((version, "pro", "0.33", "0.66") for version in ("1.0", "1.5", "1.6", "2.1")),
        *((version, "pro", "0.96", "1.92") for version in ("2.0", "2.1-master")),
        *((version, "std", "0.20", "0.40") for version in ("2.5", "2.6")),
        *((version, "pro", "0.28", "0.56") for version in ("2.5", "2.6")),
    ],
)
def test_kling_price_of_classic_versions(version: str, mode: str, five: str, ten: str):
    found = [video(version=version, mode=mode, duration=seconds) for seconds in (5, 10)]

    assert found == [dollars(five), dollars(ten)]


@pytest.mark.parametrize(
    ("mode", "enable_audio", "usd_per_second"),
    [
        ("std", False, "0.10"),
        ("std", True, "0.15"),
        ("pro", False, "0.15"),
        ("pro", True, "0.20"),
    ],
)
@pytest.mark.parametrize("seconds", [3, 5, 7, 15])
def test_kling_price_of_version_3(mode: str, enable_audio: bool, usd_per_second: str, seconds: int):
    found = video(version="3.0", mode=mode, enable_audio=enable_audio, duration=seconds)

    assert found == dollars(usd_per_second) * seconds


def test_kling_price_of_version_3_counts_the_shots_and_not_the_duration():
    assert video(version="3.0", duration=15, multi_shots=shots(4, 3, 2)) == dollars("0.90")
    assert video(version="3.0", multi_shots=[BOAT]) == dollars("0.30")


def test_kling_price_of_classic_versions_does_not_count_shots():
    assert video(version="1.6", multi_shots=shots(1)) == dollars("0.195")


@pytest.mark.parametrize("mode", [{}, {"mode": "pro"}, {"mode": ""}, {"mode": None}])
@pytest.mark.parametrize("version", ["2.0", "2.1-master"])
def test_kling_master_versions_are_pro_unless_told_otherwise(version: str, mode: dict[str, Any]):
    assert (
        parsed("kling", "video_generation", {**BOAT, "version": version, **mode})["mode"] == "pro"
    )


@pytest.mark.parametrize(
    ("mode", "seconds", "usd"),
    [("std", 5, "0.20"), ("std", "10", "0.40"), ("pro", 5, "0.28"), ("pro", 10, "0.56")],
)
def test_kling_turbo_price(mode: str, seconds: Any, usd: str):
    values = {**BOAT, "mode": mode, "duration": seconds}

    assert price("kling-turbo", "video_generation", values) == dollars(usd)


def test_kling_defaults():
    assert parsed("kling", "video_generation", BOAT) == {
        "prompt": "a boat",
        "negative_prompt": "",
        "version": "1.6",
        "image_url": None,
        "image_tail_url": None,
        "mode": "std",
        "aspect_ratio": "16:9",
        "duration": 5,
        "enable_audio": False,
        "prefer_multi_shots": False,
        "multi_shots": [],
        "cfg_scale": 0.5,
        "camera_control": None,
        "motion_brush": None,
        "elements": [],
    }


@pytest.mark.parametrize("cfg_scale", ["0.7", 0.7])
def test_kling_cfg_scale_may_be_text_or_number(cfg_scale: Any):
    found = parsed("kling", "video_generation", {**BOAT, "cfg_scale": cfg_scale})

    assert found["cfg_scale"] == 0.7


@pytest.mark.parametrize(("sent", "version"), [(1.6, "1.6"), (3.0, "3.0"), (3, "3.0"), (2, "2.0")])
def test_kling_version_may_be_a_number(sent: Any, version: str):
    assert parsed("kling", "video_generation", {**BOAT, "version": sent})["version"] == version


def test_kling_aspect_ratio_is_tolerated_beside_a_first_frame():
    assert video(image_url=URL, aspect_ratio="1:1") == dollars("0.195")


def test_kling_takes_every_control_of_the_contract():
    values = {
        **BOAT,
        "image_url": URL,
        "image_tail_url": URL,
        "motion_brush": {
            "mask_url": URL,
            "static_masks": [{"points": []}],
            "dynamic_masks": [{"points": [{"x": 279, "y": "219"}, {"x": 417.5, "y": 65}]}],
        },
        "elements": [{"image_url": URL}],
    }

    found = parsed("kling", "video_generation", values)

    assert found["motion_brush"]["dynamic_masks"] == [
        {"points": [{"x": 279, "y": 219}, {"x": 417.5, "y": 65}]}
    ]


def test_kling_camera_moves():
    camera = {"type": "simple", "config": {"pan": "-10", "zoom": 3}}

    found = parsed("kling", "video_generation", {**BOAT, "camera_control": camera})

    assert found["camera_control"] == {
        "type": "simple",
        "config": {"horizontal": 0, "vertical": 0, "pan": -10, "tilt": 0, "roll": 0, "zoom": 3},
    }


@pytest.mark.parametrize(
    ("model", "task_type", "values", "output"),
    [
        ("kling", "video_generation", BOAT, CLASSIC),
        ("kling", "video_generation", {**BOAT, "version": "3.0"}, {"video": ""}),
        ("kling-turbo", "video_generation", BOAT, CLASSIC),
        ("kling", "omni_video_generation", BOAT, {"video": ""}),
        ("kling", "effects", {"image_url": URL}, CLASSIC),
        ("kling", "sound", BOAT, None),
    ],
)
def test_kling_pending_output(model: str, task_type: str, values: dict[str, Any], output: Any):
    spec = spec_of(model, task_type)

    assert spec.pending(spec.parse(values)) == output


NOTHING = "prompt or image_url is required: give at least one of them."


@pytest.mark.parametrize(
    ("values", "field", "sentence"),
    [
        ({}, "input.prompt", NOTHING),
        ({"multi_shots": shots(5)}, "input.prompt", NOTHING),
        (
            {"prompt": "a" * 2501},
            "input.prompt",
            "String should have at most 2500 characters.",
        ),
        (
            {**BOAT, "negative_prompt": "a" * 2501},
            "input.negative_prompt",
            "String should have at most 2500 characters.",
        ),
        (
            {**BOAT, "cfg_scale": "1.1"},
            "input.cfg_scale",
            "Input should be less than or equal to 1.",
        ),
        (
            {**BOAT, "version": "1.7"},
            "input.version",
            "Input should be '1.0', '1.5', '1.6', '2.0', '2.1', '2.1-master', '2.5', '2.6' "
            "or '3.0'.",
        ),
        ({**BOAT, "duration": 7}, "input.duration", "duration must be 5 or 10 in version 1.6."),
        (
            {**BOAT, "duration": 16},
            "input.duration",
            "Input should be less than or equal to 15.",
        ),
        (
            {**BOAT, "version": "2.0", "mode": "std"},
            "input.mode",
            "mode must be pro in version 2.0.",
        ),
        (
            {**BOAT, "aspect_ratio": "4:3"},
            "input.aspect_ratio",
            "Input should be '16:9', '9:16' or '1:1'.",
        ),
        (
            {**BOAT, "image_tail_url": URL},
            "input.image_url",
            "image_tail_url needs image_url, the first frame: give both.",
        ),
        (
            {"image_url": URL, "camera_control": {"type": "simple", "config": {}}},
            "input.camera_control",
            "camera_control works without image_url only: leave one of them out.",
        ),
        (
            {**BOAT, "camera_control": {"config": {"zoom": 11}}},
            "input.camera_control.config.zoom",
            "Input should be less than or equal to 10.",
        ),
        (
            {**BOAT, "motion_brush": {"mask_url": URL}},
            "input.image_url",
            "motion_brush needs image_url, the picture it was drawn on.",
        ),
        (
            {**BOAT, "version": "1.5", "elements": [{"image_url": URL}]},
            "input.version",
            "elements work with version 1.6 only: set version to 1.6.",
        ),
        (
            {"version": "3.0", "image_url": URL},
            "input.prompt",
            "prompt is required in version 3.0, unless multi_shots are given.",
        ),
        (
            {"version": "3.0", "multi_shots": shots(8, 8)},
            "input.multi_shots",
            "multi_shots last 16 seconds in all; it must be 3 to 15.",
        ),
        (
            {"version": "3.0", "multi_shots": shots(2)},
            "input.multi_shots",
            "multi_shots last 2 seconds in all; it must be 3 to 15.",
        ),
        (
            {"version": "3.0", "multi_shots": shots(1, 1, 1, 1, 1, 1, 1)},
            "input.multi_shots",
            "List should have at most 6 items after validation, not 7.",
        ),
        (
            {"version": "3.0", "multi_shots": shots(15)},
            "input.multi_shots.0.duration",
            "Input should be less than or equal to 14.",
        ),
    ],
)
def test_kling_refuses(values: dict[str, Any], field: str, sentence: str):
    assert refused(values) == (field, sentence)


def test_kling_refuses_an_inline_image_over_ten_megabytes():
    jpeg = "/9j/" + "A" * (14 * 1024 * 1024)

    assert refused({"image_url": jpeg}) == (
        "input.image_url",
        "This is larger than 10 MB; give a smaller file.",
    )


@pytest.mark.parametrize(
    ("values", "sentence"),
    [({"duration": 6, **BOAT}, "Input should be 5 or 10."), ({"duration": 5}, NOTHING)],
)
def test_kling_turbo_refuses(values: dict[str, Any], sentence: str):
    assert refusal("kling-turbo", "video_generation", values)[1] == sentence


# ------------------------------------------------------------------------------------ other types

TASK = "0f647527-8a2e-4c9b-9d3e-6a1f0b7c2d11"


@pytest.mark.parametrize(
    ("task_type", "values", "usd"),
    [
        ("omni_video_generation", BOAT, "0.50"),
        ("omni_video_generation", {**BOAT, "resolution": "1080p", "duration": 10}, "1.50"),
        ("omni_video_generation", {**BOAT, "mode": "pro", "enable_audio": True}, "1.00"),
        ("omni_video_generation", {**BOAT, "resolution": "720p", "mode": "pro"}, "0.50"),
        ("omni_video_generation", {**BOAT, "enable_audio": "true"}, "0.75"),
        ("omni_video_generation", {**BOAT, "version": "o1"}, "0.39"),
        ("omni_video_generation", {**BOAT, "version": "o1", "duration": 10}, "0.78"),
        ("omni_video_generation", {"multi_shots": shots(3, 3)}, "0.60"),
        ("motion_control", {"image_url": URL, "video_url": URL}, "1.95"),
        (
            "motion_control",
            {
                "image_url": URL,
                "preset_motion": "Nezha",
                "motion_direction": "image",
                "mode": "pro",
            },
            "1.04",
        ),
        ("extend_video", {"origin_task_id": TASK}, "0.195"),
        ("lip_sync", {"origin_task_id": TASK, "tts_text": "Good morning."}, "0.10"),
        ("effects", {"image_url": URL, "effect": "expansion"}, "0.26"),
        ("effects", {"image_url": URL, "mode": "pro"}, "0.46"),
        ("ai_try_on", {"model_input": URL, "dress_input": URL}, "0.07"),
        (
            "ai_try_on",
            {"model_input": URL, "upper_input": URL, "lower_input": URL, "batch_size": 3},
            "0.21",
        ),
        ("sound", {"video_url": URL}, "0.07"),
        ("avatar", {"image_url": URL, "audio_url": URL}, "4.80"),
    ],
)
def test_kling_price_of_other_types(task_type: str, values: dict[str, Any], usd: str):
    assert price("kling", task_type, values) == dollars(usd)


def test_kling_motion_control_is_charged_by_the_second():
    values = {"image_url": URL, "video_url": URL}

    assert charged("kling", "motion_control", values) == [("std", Decimal(30))]


@pytest.mark.parametrize(
    ("task_type", "values", "field", "sentence"),
    [
        (
            "omni_video_generation",
            {"image_url": URL},
            "input.prompt",
            "prompt is required, unless multi_shots are given.",
        ),
        (
            "omni_video_generation",
            {**BOAT, "version": "o1", "resolution": "1080p"},
            "input.resolution",
            "resolution must be 720p in version o1.",
        ),
        (
            "omni_video_generation",
            {**BOAT, "version": "o1", "enable_audio": True},
            "input.enable_audio",
            "enable_audio works with version 3.0 only.",
        ),
        (
            "omni_video_generation",
            {**BOAT, "version": "o1", "duration": 11},
            "input.duration",
            "Version o1 makes at most 10 seconds.",
        ),
        (
            "motion_control",
            {"image_url": URL},
            "input.video_url",
            "video_url or preset_motion is required: give one.",
        ),
        (
            "lip_sync",
            {"origin_task_id": TASK},
            "input.tts_text",
            "tts_text or local_dubbing_url is required: give one.",
        ),
        (
            "lip_sync",
            {"origin_task_id": TASK, "tts_text": "Hi", "tts_speed": 0.7},
            "input.tts_speed",
            "Input should be greater than or equal to 0.8.",
        ),
        (
            "ai_try_on",
            {"model_input": URL},
            "input.dress_input",
            "Give dress_input, or upper_input, or lower_input, or the last two.",
        ),
        (
            "ai_try_on",
            {"model_input": URL, "dress_input": URL, "lower_input": URL},
            "input.dress_input",
            "dress_input goes without upper_input and lower_input: leave it out.",
        ),
        (
            "sound",
            {},
            "input.prompt",
            "prompt or video_url is required: give at least one.",
        ),
    ],
)
def test_kling_refuses_of_other_types(
    task_type: str, values: dict[str, Any], field: str, sentence: str
):
    assert refusal("kling", task_type, values) == (field, sentence)
