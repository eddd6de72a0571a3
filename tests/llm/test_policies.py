"""What counts as used, end by end; and that the published table says the same."""

import re
from pathlib import Path

import pytest

from apps.llm import policies
from apps.llm.models import End, UsageSource
from apps.llm.policies import Bounds
from apps.providers.llm.base import Usage

BOUNDS = Bounds(most=Usage(input_tokens=400, output_tokens=1_000), counted_input=100)
REPORTED = Usage(input_tokens=90, cached_tokens=50, output_tokens=30)
# Eleven bytes of it had arrived.
COUNTED = {
    "whole": Usage(input_tokens=100, output_tokens=3),
    "broken off": Usage(input_tokens=90, cached_tokens=50, output_tokens=3),
    "nothing": Usage(),
}
TABLE = Path(__file__).parent.parent.parent / "docs/llm/billing.md"


def published() -> dict[str, str]:
    """Ends of the table, and how each is counted."""
    lines = [line.split("|") for line in TABLE.read_text().splitlines() if line.startswith("| `")]
    return {line[1].strip(" `"): line[4].strip() for line in lines}


def test_the_published_table_has_every_end():
    assert list(published()) == [str(end) for end in End]


@pytest.mark.parametrize("end", End)
def test_the_published_table_says_what_counts(end: End):
    found = [
        policies.judged(end=end, reported=reported, text_bytes=11, bounds=BOUNDS)
        for reported in (REPORTED, None)
    ]

    match published()[str(end)]:
        case "report, else count":
            expected = [
                (REPORTED, UsageSource.REPORTED),
                (COUNTED["whole"], UsageSource.COUNTED),
            ]
        case "count":
            expected = [
                (COUNTED["broken off"], UsageSource.COUNTED),
                (COUNTED["whole"], UsageSource.COUNTED),
            ]
        case _:
            expected = [(Usage(), UsageSource.NONE)] * 2
    assert found == expected


def test_what_broke_off_before_anything_arrived_is_nothing():
    ends = [end for end, how in published().items() if how == "count"]

    for end in ends:
        found = policies.judged(end=End(end), reported=REPORTED, text_bytes=0, bounds=BOUNDS)
        assert found == (Usage(), UsageSource.NONE), end


@pytest.mark.parametrize(
    ("reported", "most", "is_believable"),
    [
        (Usage(audio_ms=3_000), Usage(audio_ms=2_400), True),
        (Usage(audio_ms=3_600_000), Usage(audio_ms=2_400), False),
        (Usage(images=2), Usage(images=2), True),
        (Usage(images=3), Usage(images=2), False),
        (Usage(characters=8), Usage(characters=7), False),
        (Usage(input_tokens=401, output_tokens=1), BOUNDS.most, False),
        (Usage(input_tokens=1, output_tokens=1_064), BOUNDS.most, True),
        (Usage(input_tokens=1, output_tokens=1_065), BOUNDS.most, False),
    ],
)
def test_no_report_goes_beyond_what_was_asked(reported: Usage, most: Usage, is_believable: bool):
    bounds = Bounds(most=most, counted_input=1)

    assert policies.is_believable(reported, bounds) is is_believable


def test_nothing_written_is_not_believed_where_there_is_text():
    assert policies.is_believable(Usage(input_tokens=8), BOUNDS)
    assert not policies.is_believable(Usage(input_tokens=8), BOUNDS, text_bytes=4)
    heard = Bounds(most=Usage(audio_ms=3_000), counted_input=0)
    assert policies.is_believable(Usage(audio_ms=3_000), heard, text_bytes=4)


@pytest.mark.parametrize(("text_bytes", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (8, 2)])
def test_the_rule_is_four_bytes_a_token(text_bytes: int, tokens: int):
    assert policies.tokens_of(text_bytes) == tokens
    assert re.search(r"four bytes of UTF-8, rounded up", TABLE.read_text())
