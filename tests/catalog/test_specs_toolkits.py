"""The image toolkit, the video toolkit and what runs on the local engine."""

from typing import Any

import pytest

from apps.catalog.registry import all_specs, spec_of
from tests.catalog.helpers import URL, dollars, parsed, price, refusal

IMAGE, VIDEO = "Qubico/image-toolkit", "Qubico/video-toolkit"
FACES = {"target_image": URL, "swap_image": URL}
MULTI = {**FACES, "swap_faces_index": "0,1", "target_faces_index": "1,0"}
FILM = {"target_video": URL, "swap_image": URL}
TEXT = {"text": "Good morning."}
SKY = {"prompt": "sky"}


@pytest.mark.parametrize(
    ("model", "task_type", "values", "usd"),
    [
        (IMAGE, "face-swap", FACES, "0.01"),
        (IMAGE, "multi-face-swap", MULTI, "0.02"),
        (IMAGE, "background-remove", {"image": URL}, "0.001"),
        (IMAGE, "segment", {"image": URL, "prompt": "dog"}, "0.001"),
        (IMAGE, "upscale", {"image": URL, "scale": 10}, "0.01"),
        (VIDEO, "face-swap", FILM, "0.10"),
        (VIDEO, "upscale", {"video": URL}, "0.10"),
        (VIDEO, "background-remove", {"video": URL}, "0.10"),
        ("modelyard/ocr", "ocr", {"image": URL}, "0.001"),
        ("modelyard/tts", "text-to-speech", {"text": "a" * 1000}, "0.002"),
        ("modelyard/tts", "text-to-speech", {"text": "a" * 5000}, "0.01"),
        ("modelyard/image-to-3d", "image-to-3d", {"image": URL}, "0.005"),
        ("modelyard/parallax", "image-to-video", {"image": URL, "duration": 10}, "0.02"),
        ("modelyard/illustration", "text-to-image", SKY, "0.001"),
        ("modelyard/music", "text-to-music", {**SKY, "duration": 60}, "0.003"),
        ("modelyard/music", "text-to-music", {**SKY, "duration": 5}, "0.00025"),
    ],
)
def test_toolkit_price(model: str, task_type: str, values: dict[str, Any], usd: str):
    assert price(model, task_type, values) == dollars(usd)


@pytest.mark.parametrize(("length", "points"), [(1, 20), (13, 260), (999, 19_980), (1001, 20_020)])
def test_speech_is_charged_by_the_character(length: int, points: int):
    assert price("modelyard/tts", "text-to-speech", {"text": "é" * length}) == points


def test_local_engine_serves_exactly_these():
    found = {
        name: [route.job for route in spec.routes]
        for name, spec in all_specs().items()
        if any(route.provider == "local" and not route.is_sandbox for route in spec.routes)
    }

    assert found == {
        (IMAGE, "background-remove"): ["background_removal"],
        (IMAGE, "upscale"): ["upscale"],
        ("modelyard/ocr", "ocr"): ["ocr"],
        ("modelyard/tts", "text-to-speech"): ["speech"],
        ("modelyard/image-to-3d", "image-to-3d"): ["image_to_3d"],
        ("modelyard/parallax", "image-to-video"): ["parallax_video"],
        ("modelyard/illustration", "text-to-image"): ["illustration"],
        ("modelyard/music", "text-to-music"): ["music"],
    }


def test_local_engine_is_a_sandbox_of_these():
    found = {
        name: route.job
        for name, spec in all_specs().items()
        for route in spec.routes
        if route.is_sandbox
    }

    assert found == {name: "midjourney" for name in all_specs() if name[0] == "midjourney"} | {
        ("music-s", "generate_music"): "song",
        ("music-s", "generate_music_custom"): "song",
    }


def test_face_indexes_may_be_a_number():
    found = parsed(IMAGE, "multi-face-swap", {**MULTI, "swap_faces_index": 0})

    assert found["swap_faces_index"] == "0"


@pytest.mark.parametrize("rmbg_model", ["RMBG-1.4", "RMBG-2.0", "BEN2"])
def test_background_models_of_the_contract_are_taken(rmbg_model: str):
    spec_of(IMAGE, "background-remove").parse({"image": URL, "rmbg_model": rmbg_model})


POSITIONS = "Give up to ten positions with commas between, counted from 0, e.g. 0,1."
PNG = "iVBORw0KGgoAAAANSUhEUg=="


@pytest.mark.parametrize(
    ("model", "task_type", "values", "field", "sentence"),
    [
        (IMAGE, "face-swap", {"target_image": URL}, "swap_image", "This field is required."),
        (IMAGE, "multi-face-swap", FACES, "swap_faces_index", "This field is required."),
        (
            IMAGE,
            "multi-face-swap",
            {**MULTI, "target_faces_index": "left"},
            "target_faces_index",
            POSITIONS,
        ),
        (
            IMAGE,
            "background-remove",
            {"image": URL, "rmbg_model": "U2"},
            "rmbg_model",
            "Input should be 'RMBG-1.4', 'RMBG-2.0' or 'BEN2'.",
        ),
        (IMAGE, "segment", {"image": URL}, "prompt", "This field is required."),
        (
            IMAGE,
            "upscale",
            {"image": URL, "scale": 1},
            "scale",
            "Input should be greater than or equal to 2.",
        ),
        (
            IMAGE,
            "upscale",
            {"image": URL, "scale": 11},
            "scale",
            "Input should be less than or equal to 10.",
        ),
        (
            VIDEO,
            "face-swap",
            {**FILM, "target_video": PNG},
            "target_video",
            "The data is not a video in a format we know.",
        ),
        (VIDEO, "upscale", {}, "video", "This field is required."),
        (
            "modelyard/tts",
            "text-to-speech",
            {"text": "a" * 5001},
            "text",
            "String should have at most 5000 characters.",
        ),
        (
            "modelyard/tts",
            "text-to-speech",
            {**TEXT, "speed": 2.1},
            "speed",
            "Input should be less than or equal to 2.",
        ),
        (
            "modelyard/parallax",
            "image-to-video",
            {"image": URL, "duration": 11},
            "duration",
            "Input should be less than or equal to 10.",
        ),
        (
            "modelyard/illustration",
            "text-to-image",
            {**SKY, "width": 300},
            "width",
            "Input should be a multiple of 8.",
        ),
        (
            "modelyard/illustration",
            "text-to-image",
            {**SKY, "height": 1032},
            "height",
            "Input should be less than or equal to 1024.",
        ),
        (
            "modelyard/music",
            "text-to-music",
            {**SKY, "duration": 4},
            "duration",
            "Input should be greater than or equal to 5.",
        ),
    ],
)
def test_toolkit_refuses(
    model: str, task_type: str, values: dict[str, Any], field: str, sentence: str
):
    assert refusal(model, task_type, values) == (f"input.{field}", sentence)
