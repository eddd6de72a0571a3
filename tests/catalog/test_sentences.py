"""What an input is refused for keeps its pattern, so that pages can say it in another language."""

from typing import Any

import pytest

from apps.catalog import registry
from apps.core.errors import InvalidRequest
from apps.core.sentences import Sentence

_FLUX, _KLING = ("Qubico/flux1-dev", "img2img"), ("kling", "video_generation")


def _refused(name: tuple[str, str], values: dict[str, Any]) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught:
        registry.spec_of(*name).parse(values)
    return caught.value


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        (_FLUX, {"image": "https://example.com/a.png"}, "This field is required."),
        (_FLUX, {"prompt": "a", "image": "x"}, "This is neither an http(s) URL nor valid base64."),
        (
            _KLING,
            {"prompt": "a", "version": "1.6", "duration": 7},
            "duration must be 5 or 10 in version 1.6.",
        ),
        (
            _FLUX,
            {"prompt": "a", "image": "data:image/png,abc"},
            "The data URI must be base64: data:image/png;base64,….",
        ),
    ],
)
def test_our_own_words(name: tuple[str, str], values: dict[str, Any], expected: str) -> None:
    refused = _refused(name, values)

    assert isinstance(refused.words, Sentence)
    assert refused.words == expected
    assert refused.message == f"{(refused.detail or {})['field']}: {expected}"
    assert (refused.detail or {})["errors"][0]["message"] is refused.words


def test_pydantics_words_stay_english_but_for_their_full_stop() -> None:
    refused = _refused(_FLUX, {"prompt": "a", "image": "https://example.com/a.png", "steps": "x"})

    assert refused.words.startswith("Input should be a valid integer")
    assert refused.words.endswith(".")
