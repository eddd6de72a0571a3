"""Pictures that are priced by tokens: what they cost is what their provider says, or the most that was held."""

import json
from typing import Any

from apps.llm import policies
from tests.llm.service import Service

# Points for a token read and one drawn.
READ, DRAWN = 50, 320
MODEL = "gpt-image-1.5"
# Tokens that are held for a picture.
MOST = 8_192


def draw(service: Service, usage: Any, **fields: Any) -> tuple[int, int]:
    """Status, and tokens of the prompt by our rule."""
    prompt = json.dumps({"usage": usage})
    answer = service.post("images/generations", {"model": MODEL, "prompt": prompt, **fields})
    return answer.status_code, policies.tokens_of(len(prompt))


def test_a_picture_costs_what_was_reported(service: Service) -> None:
    usage = {"input_tokens": 20, "output_tokens": 4_160, "total_tokens": 4_180}
    status, _ = draw(service, usage)

    [row] = service.usage()
    due = 20 * READ + 4_160 * DRAWN
    assert (status, row.usage_source, row.units) == (200, "reported", {"images": 1})
    assert (row.points, row.written_off) == (due, 0)
    assert service.spent() == due


def test_a_picture_of_which_nothing_is_said_is_not_free(service: Service) -> None:
    rich = service.customer(points=100_000_000)
    impossible = {"input_tokens": 20, "output_tokens": 10**7}
    due = []
    for usage, n in (("none", 1), ({}, 2), (impossible, 1)):
        status, read = draw(rich, usage, n=n)
        assert status == 200
        due.append(read * READ + MOST * n * DRAWN)

    rows = [(row.usage_source, row.points, row.written_off) for row in rich.usage()]
    assert rows == [("counted", points, 0) for points in due]
    assert rich.spent() == sum(due)


def test_a_picture_that_cannot_be_paid_is_not_begun(service: Service) -> None:
    poor = service.customer(points=MOST * DRAWN)
    status, _ = draw(poor, "none")

    assert (status, poor.usage(), poor.provider.seen) == (402, [], [])
    assert poor.spent() == 0
