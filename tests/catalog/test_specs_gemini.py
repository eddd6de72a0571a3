"""gemini and joycaption: what language models of others paint and see."""

from typing import Any

import pytest

from apps.catalog.registry import spec_of
from tests.catalog.helpers import URL, dollars, parsed, price, refusal

PAPER = {"prompt": "a lighthouse made of paper"}
FLASH, PRO, SECOND = "gemini-2.5-flash-image", "nano-banana-pro", "nano-banana-2"


@pytest.mark.parametrize(
    ("task_type", "values", "usd"),
    [
        (FLASH, {}, "0.03"),
        (PRO, {}, "0.105"),
        (PRO, {"resolution": "2K"}, "0.105"),
        (PRO, {"resolution": "4K"}, "0.18"),
        (SECOND, {"resolution": "1K"}, "0.06"),
        (SECOND, {"resolution": "4K", "enable_web_search": True}, "0.12"),
    ],
)
def test_gemini_price(task_type: str, values: dict[str, Any], usd: str):
    assert price("gemini", task_type, {**PAPER, **values}) == dollars(usd)


def test_gemini_takes_what_clients_send():
    found = parsed(
        "gemini",
        FLASH,
        {**PAPER, "image_urls": [URL, URL], "output_format": "png", "aspect_ratio": "21:9"},
    )

    assert found == {
        **PAPER,
        "image_urls": [URL, URL],
        "output_format": "png",
        "aspect_ratio": "21:9",
    }


@pytest.mark.parametrize(
    ("given", "image_url", "image_urls"),
    [
        ({"image_url": "a", "image_urls": None}, "a", ["a"]),
        ({"image_url": "", "image_urls": ["a", "b"]}, "a", ["a", "b"]),
        ({"image_urls": ["a"], "engine": "x"}, "a", ["a"]),
        ({}, "", []),
    ],
)
@pytest.mark.parametrize("task_type", [FLASH, PRO, SECOND])
def test_gemini_shows_the_list_and_its_first(
    task_type: str, given: dict[str, Any], image_url: str, image_urls: list[str]
):
    shown = spec_of("gemini", task_type).shown

    assert shown is not None
    assert shown(given) == {**given, "image_url": image_url, "image_urls": image_urls}


@pytest.mark.parametrize(
    ("task_type", "values", "field", "sentence"),
    [
        (FLASH, {}, "input.prompt", "This field is required."),
        (
            FLASH,
            {**PAPER, "output_format": "gif"},
            "input.output_format",
            "Input should be 'jpeg' or 'png'.",
        ),
        (
            PRO,
            {**PAPER, "resolution": "8K"},
            "input.resolution",
            "Input should be '1K', '2K' or '4K'.",
        ),
        (
            SECOND,
            {**PAPER, "image_urls": [URL] * 11},
            "input.image_urls",
            "List should have at most 10 items after validation, not 11.",
        ),
    ],
)
def test_gemini_refuses(task_type: str, values: dict[str, Any], field: str, sentence: str):
    assert refusal("gemini", task_type, values) == (field, sentence)


def test_gemini_is_painted_by_google():
    routes = {name: spec_of("gemini", name).routes for name in (FLASH, PRO, SECOND)}

    assert {(route.provider, route.job) for found in routes.values() for route in found} == {
        ("google", "image")
    }


def test_joycaption_describes_for_half_a_cent():
    spec = spec_of("Qubico/joycaption", "joycaption-beta-one")

    assert price(*spec.name, {"image": URL}) == dollars("0.005")
    assert [(route.provider, route.job) for route in spec.routes] == [
        ("openai", "caption"),
        ("anthropic", "caption"),
        ("google", "caption"),
    ]
    assert refusal(*spec.name, {"prompt": "a list"}) == ("input.image", "This field is required.")
