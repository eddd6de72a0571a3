"""A chat that is priced by the picture: what it shows is counted, however its provider writes it."""

from typing import Any

import pytest

from tests.llm.service import Service

WITH, WITHOUT = 200_000, 6_600
MODEL = "gpt-4o-image"
SHOWN = "![](https://files.example.com/a.png)"


def cost(service: Service, script: Any) -> tuple[int, dict[str, Any]]:
    events = service.stream(script, model=MODEL)
    assert events[-1] == "[DONE]"
    rows = service.usage()
    assert events[-2]["usage"]["cost_points"] == rows[-1].points
    return rows[-1].points, rows[-1].units


@pytest.mark.parametrize(
    ("words", "pictures"),
    [
        (["No picture, but [a link](https://example.com) and ![nothing]."], 0),
        ([SHOWN], 1),
        (["Here: ![a", " fox](ht", "tps://files.example.com/a.png) and", " that is it."], 1),
        ([SHOWN, " ", SHOWN.replace("https://files", "data:image/png;base64,")], 2),
    ],
)
@pytest.mark.parametrize("usage", ["right", "none"])
def test_pictures_in_the_text(
    service: Service, words: list[str], pictures: int, usage: str
) -> None:
    due = WITH if pictures else WITHOUT

    assert cost(service, {"words": words, "usage": usage}) == (
        due,
        {"images": pictures} if pictures else {},
    )
    assert service.spent() == due


def test_what_breaks_off_after_its_picture_has_one(service: Service) -> None:
    service.chat({"words": [SHOWN, "x"], "fault": "cut", "after": 1}, model=MODEL, stream=True)

    [row] = service.usage_when(1)
    assert (row.end, row.points, row.units) == ("upstream_cut", WITH, {"images": 1})
    assert service.spent() == WITH


def test_other_models_are_not_read(service: Service) -> None:
    service.chat({"words": [SHOWN]})

    [row] = service.usage()
    assert row.units == {}
