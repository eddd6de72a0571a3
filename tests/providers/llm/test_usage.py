"""No number is taken on trust."""

import math
from typing import Any

import pytest

from apps.providers.llm import usage
from apps.providers.llm.base import Usage

CHAT = {"prompt_tokens": 100, "completion_tokens": 50, "total_tokens": 150}


def chat(**changes: Any) -> Any:
    return {**CHAT, **changes}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (CHAT, Usage(input_tokens=100, output_tokens=50)),
        (
            chat(
                prompt_tokens_details={
                    "cached_tokens": 60,
                    "audio_tokens": 5,
                    "cache_write_tokens": 7,
                },
                completion_tokens_details={"reasoning_tokens": 30, "audio_tokens": 4},
            ),
            Usage(100, 60, 7, 5, 50, 30, 4),
        ),
        (
            {
                "input_tokens": 9,
                "input_tokens_details": {"cached_tokens": 2},
                "output_tokens": 5,
                "output_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(input_tokens=9, cached_tokens=2, output_tokens=5, reasoning_tokens=3),
        ),
        (chat(prompt_cache_hit_tokens=40), Usage(100, 40, output_tokens=50)),
        (
            {"input_tokens": 14, "input_token_details": {"audio_tokens": 14}, "output_tokens": 4},
            Usage(input_tokens=14, audio_input_tokens=14, output_tokens=4),
        ),
        (chat(completion_tokens=0), Usage(input_tokens=100)),
    ],
)
def test_usage_is_read_in_every_spelling(found: Any, expected: Usage):
    assert usage.tokens(found) == expected


WRONG: list[Any] = [
    -1,
    1.5,
    5.0,
    "5",
    None,
    True,
    math.nan,
    math.inf,
    10**9 + 1,
    10**30,
    [],
    {},
]


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_total_makes_the_usage_unknown(wrong: Any):
    assert usage.tokens(chat(prompt_tokens=wrong)) is None
    assert usage.tokens(chat(completion_tokens=wrong)) is None


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_part_counts_as_nothing(wrong: Any):
    parts = {"cached_tokens": wrong, "audio_tokens": wrong, "reasoning_tokens": wrong}

    found = usage.tokens(chat(prompt_tokens_details=parts, completion_tokens_details=parts))

    assert found == Usage(input_tokens=100, output_tokens=50)


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ({"cached_tokens": 101}, Usage(100, 100, output_tokens=50)),
        ({"cached_tokens": 80, "cache_write_tokens": 80}, Usage(100, 80, 20, output_tokens=50)),
        ({"audio_tokens": 500}, Usage(100, audio_input_tokens=100, output_tokens=50)),
        ("cached", Usage(100, output_tokens=50)),
    ],
)
def test_a_part_is_never_more_than_its_total(details: Any, expected: Usage):
    assert usage.tokens(chat(prompt_tokens_details=details)) == expected


def test_reasoning_is_never_more_than_the_output():
    found = usage.tokens(chat(completion_tokens_details={"reasoning_tokens": 51}))

    assert found == Usage(input_tokens=100, output_tokens=50, reasoning_tokens=50)


@pytest.mark.parametrize(
    "found",
    [None, [], "x", 7, {}, {"prompt_tokens": 5}, {"prompt_tokens": 0, "completion_tokens": 0}],
)
def test_what_is_no_usage_is_unknown(found: Any):
    assert usage.tokens(found) is None


def test_embeddings_have_no_output():
    assert usage.tokens({"prompt_tokens": 8}, has_output=False) == Usage(input_tokens=8)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (9, 9000),
        (8.4704, 8470),
        ("8.47", 8470),
        (0, 0),
        (-1, None),
        (math.nan, None),
        (math.inf, None),
        ("nan", None),
        ("x", None),
        (True, None),
        (None, None),
        (10**7, None),
        ("1" * 30, None),
    ],
)
def test_length_of_a_recording(seconds: Any, expected: int | None):
    assert usage.audio_ms(seconds) == expected
