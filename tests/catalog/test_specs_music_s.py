from typing import Any

import pytest

from apps.accounts.models import Plan
from apps.catalog.registry import all_specs, spec_of
from tests.catalog.helpers import dollars, parsed, price, refusal

SUNO = "music-s"
SONG = {"gpt_description_prompt": "a calm folk song"}
LYRICS = {"prompt": "[Verse]\nThe cranes are sleeping"}


def test_music_s_offers_exactly_these_task_types():
    found = {
        task_type: spec.family for (model, task_type), spec in all_specs().items() if model == SUNO
    }

    assert found == dict.fromkeys(
        ("generate_music", "generate_music_custom", "lyrics", "extend", "concat"), "suno"
    )


@pytest.mark.parametrize(
    ("task_type", "values", "usd"),
    [
        ("generate_music", SONG, "0.02"),
        ("generate_music_custom", LYRICS, "0.02"),
        ("generate_music_custom", {**LYRICS, "continue_clip_id": ""}, "0.02"),
        ("generate_music_custom", {"continue_clip_id": "clip-1", "continue_at": "30"}, "0.04"),
        ("lyrics", {"prompt": "a harbour"}, "0"),
        ("extend", {"continue_clip_id": "clip-1"}, "0.04"),
        ("concat", {"continue_clip_id": "clip-1"}, "0.02"),
    ],
)
def test_music_s_price(task_type: str, values: dict[str, Any], usd: str):
    assert price(SUNO, task_type, values) == dollars(usd)


@pytest.mark.parametrize(
    ("name", "leads_to"),
    [("music", (SUNO, "generate_music")), ("lyrics", (SUNO, "lyrics"))],
)
def test_suno_is_another_name_of_it(name: str, leads_to: tuple[str, str]):
    assert spec_of("suno", name).name == leads_to


def test_music_s_description_may_be_called_prompt():
    assert parsed(SUNO, "generate_music", {"prompt": "a waltz", "make_instrumental": True}) == {
        "gpt_description_prompt": "a waltz",
        "make_instrumental": True,
    }
    both = {"prompt": "a waltz", **SONG}
    assert parsed(SUNO, "generate_music", both) == {**SONG, "make_instrumental": False}


def test_music_s_lyrics_need_a_plan():
    plans = {spec.task_type: spec.plan for spec in all_specs().values() if spec.model == SUNO}

    assert plans.pop("lyrics") == Plan.DEVELOPER
    assert set(plans.values()) == {Plan.HOBBYIST}


def test_music_s_shows_nothing_before_it_is_done():
    spec = spec_of(SUNO, "generate_music")

    assert spec.pending(spec.parse(SONG)) is None


@pytest.mark.parametrize(
    ("task_type", "values", "field", "sentence"),
    [
        ("generate_music", {}, "input.gpt_description_prompt", "This field is required."),
        ("generate_music_custom", {}, "input.prompt", "Give lyrics, a style or a title."),
        (
            "generate_music_custom",
            {**LYRICS, "title": "a" * 81},
            "input.title",
            "String should have at most 80 characters.",
        ),
        (
            "generate_music_custom",
            {**LYRICS, "tags": "a" * 201},
            "input.tags",
            "String should have at most 200 characters.",
        ),
        (
            "generate_music_custom",
            {"prompt": "a" * 3001},
            "input.prompt",
            "String should have at most 3000 characters.",
        ),
        (
            "generate_music_custom",
            {**LYRICS, "continue_clip_id": "../x"},
            "input.continue_clip_id",
            "This is not a clip id: give the id of one of the clips.",
        ),
        (
            "extend",
            {"continue_clip_id": "clip-1", "continue_at": -1},
            "input.continue_at",
            "Input should be greater than or equal to 0.",
        ),
        ("extend", LYRICS, "input.continue_clip_id", "This field is required."),
        ("concat", {}, "input.continue_clip_id", "This field is required."),
        ("lyrics", {}, "input.prompt", "This field is required."),
    ],
)
def test_music_s_refuses(task_type: str, values: dict[str, Any], field: str, sentence: str):
    assert refusal(SUNO, task_type, values) == (field, sentence)
