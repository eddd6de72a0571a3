"""Fields or JSON: the same input, written two ways, and what the widgets of a form are."""

import json
from typing import Any

import pytest
from django import forms
from django.test import Client

from apps.accounts.models import Workspace
from apps.catalog import registry
from apps.dashboard.forms.json_input import JsonForm, Problem
from apps.dashboard.forms.schema import InputForm, Slider
from apps.tasks.models import Task

HTMX = {"HX-Request": "true"}
SPEC = registry.all_specs()["modelyard/illustration", "text-to-image"]
VIDEO = registry.all_specs()["modelyard/parallax", "image-to-video"]


def _path(workspace: Workspace, page: str = "play", name: str = "") -> str:
    return f"/w/{workspace.slug}/{page}/{name or 'modelyard/illustration/text-to-image'}"


def _tasks(workspace: Workspace) -> list[Task]:
    return list(Task.objects.of(workspace.pk))


def _problems(text: str) -> list[Problem]:
    form = JsonForm({"input_json": text}, spec=SPEC)
    form.is_valid()
    return form.problems


def test_fields_become_json_and_json_becomes_the_same_fields(
    workspace: Workspace, owner: Client
) -> None:
    fields = {"tab": "form", "prompt": 'a "fox"\n ', "width": "512", "height": "256", "seed": "7"}

    as_json = owner.post(_path(workspace, "turn"), {**fields, "to": "json"}, headers=HTMX)
    text = as_json.context["form"]["input_json"].value()
    back = owner.post(
        _path(workspace, "turn"), {"tab": "json", "input_json": text, "to": "form"}, headers=HTMX
    )

    form = back.context["form"]
    values = {"prompt": 'a "fox"\n ', "width": 512, "height": 256, "seed": 7}
    assert json.loads(text) == values
    assert {name: form[name].value() for name in values} == values
    assert _tasks(workspace) == []


def test_turning_keeps_nested_values(workspace: Workspace, owner: Client) -> None:
    path = _path(workspace, "turn", "kling/video_generation")
    values = {"prompt": "x", "camera_control": {"type": "simple", "config": {"zoom": 3}}}
    text = json.dumps(values)

    form = owner.post(path, {"tab": "json", "input_json": text, "to": "form"}).context["form"]
    fields = {bound.name: bound.value() for bound in form if bound.value() not in (None, "", False)}
    again = owner.post(path, {**fields, "tab": "form", "to": "json"}).context["form"]

    assert json.loads(again["input_json"].value()) | values == json.loads(
        again["input_json"].value()
    )


def test_turning_a_field_that_cannot_be_read_stays_and_says_so(
    workspace: Workspace, owner: Client
) -> None:
    answer = owner.post(
        _path(workspace, "turn"), {"tab": "form", "prompt": "x", "width": "wide", "to": "json"}
    )

    assert (answer.status_code, answer.context["tab"]) == (422, "form")
    assert answer.context["form"].errors == {"width": ["Enter a whole number."]}


@pytest.mark.parametrize("to", ["", "form", "nonsense"])
def test_turning_what_is_no_json_stays_and_says_where(
    to: str, workspace: Workspace, owner: Client
) -> None:
    answer = owner.post(
        _path(workspace, "turn"), {"tab": "json", "input_json": '{"prompt":\n"a" 1}', "to": to}
    )

    assert (answer.status_code, answer.context["tab"]) == (422, "json")
    assert "line 2, column 5" in answer.content.decode()


def test_turning_works_without_scripts_on_a_whole_page(workspace: Workspace, owner: Client) -> None:
    answer = owner.post(_path(workspace, "turn"), {"prompt": "a fox", "to": "json"})

    assert (answer.status_code, answer.context["tab"]) == (200, "json")
    assert "<h1" in answer.content.decode()


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("", [Problem("prompt", "This field is required.")]),
        ("[1]", [Problem("", "The input is a JSON object, such as {}.")]),
        ('{"a": NaN}', [Problem("line 1, column 7", "This is not valid JSON from here on.")]),
        ('{"prompt": "\\u0000"}', [Problem("", "Null characters are not allowed.")]),
        (
            '{"prompt": "x", "width": 4096, "height": "tall"}',
            [
                Problem("width", "Input should be less than or equal to 1024."),
                Problem(
                    "height",
                    "Input should be a valid integer, unable to parse string as an integer.",
                ),
            ],
        ),
    ],
)
def test_json_says_everything_that_is_wrong_and_where(text: str, problems: list[Problem]) -> None:
    assert _problems(text) == problems


def test_json_names_the_place_inside_of_a_list() -> None:
    spec = registry.all_specs()["kling", "omni_video_generation"]
    text = '{"prompt": "x", "multi_shots": [{"prompt": "a"}, {"prompt": 4}]}'
    form = JsonForm({"input_json": text}, spec=spec)

    assert not form.is_valid()
    assert form.problems == [Problem("multi_shots.1.prompt", "Input should be a valid string.")]


def test_deep_json_is_refused_like_any_other() -> None:
    [problem] = _problems("[" * 5000)

    assert problem.message == "This is not valid JSON from here on."


def test_json_with_a_null_character_says_so(workspace: Workspace, owner: Client) -> None:
    answer = owner.post(_path(workspace), {"tab": "json", "input_json": '{"prompt": "a\0"}'})

    assert answer.status_code == 422
    assert "Null characters are not allowed." in answer.content.decode()


def test_json_names_what_the_model_has_no_field_for() -> None:
    form = JsonForm({"input_json": '{"prompt": "x", "widht": 3}'}, spec=SPEC)

    assert (form.is_valid(), form.unknown) == (True, ["widht"])


def test_run_of_json_creates_the_task_that_it_says(workspace: Workspace, owner: Client) -> None:
    values = {"prompt": "a fox", "width": 512, "height": 256}

    owner.post(_path(workspace), {"tab": "json", "input_json": json.dumps(values)})

    [made] = _tasks(workspace)
    assert made.input == values


def test_run_of_wrong_json_shows_paths_and_creates_nothing(
    workspace: Workspace, owner: Client
) -> None:
    answer = owner.post(
        _path(workspace),
        {"tab": "json", "input_json": '{"prompt": "x", "width": "<b>"}'},
        headers=HTMX,
    )

    page = answer.content.decode()
    assert (answer.status_code, answer.headers["HX-Retarget"]) == (422, "#play-form")
    assert "<code>width</code>" in page
    assert "<b>" not in page
    assert _tasks(workspace) == []


def test_quote_of_json_is_the_price_and_names_problems(workspace: Workspace, owner: Client) -> None:
    path = _path(workspace, "quote")

    good = owner.post(path, {"tab": "json", "input_json": '{"prompt": "x"}'})
    bad = owner.post(path, {"tab": "json", "input_json": '{"prompt": "x", "width": 1}'})

    assert good.context["price"].quote.points == 10_000
    assert bad.context["price"] is None
    assert "<code>width</code>" in bad.content.decode()


def test_bounded_number_has_a_slider_with_the_fields_bounds() -> None:
    rows = {row.bound.name: row for row in InputForm(spec=SPEC)._rows()}

    assert rows["width"].slider == Slider(256, 1024, 8)
    assert rows["seed"].slider is None


@pytest.mark.parametrize(
    ("attrs", "slider"),
    [
        ({"min": 0.5, "max": 2, "step": "any"}, Slider(0.5, 2, 0.01)),
        ({"min": 1, "max": 10, "step": 1}, Slider(1, 10, 1)),
        ({"min": 1, "step": 1}, None),
        ({"min": 0, "max": 4_294_967_295, "step": 1}, None),
        ({"min": 3, "max": 3, "step": 1}, None),
    ],
)
def test_slider_is_there_where_it_can_be_dragged(
    attrs: dict[str, Any], slider: Slider | None
) -> None:
    assert Slider.of(attrs) == slider


def test_few_choices_are_buttons_and_many_a_list() -> None:
    kling = registry.all_specs()["kling", "video_generation"]
    rows = {row.bound.name: row for row in InputForm(spec=kling)._rows()}

    assert (rows["mode"].is_chips, rows["version"].is_chips) == (True, False)
    assert isinstance(rows["version"].bound.field.widget, forms.Select)


def test_page_has_the_widgets_of_the_schema(workspace: Workspace, owner: Client) -> None:
    page = owner.get(_path(workspace, name="modelyard/parallax/image-to-video")).content.decode()

    assert 'data-slider="#id_duration"' in page
    assert 'type="radio"' in page
    assert 'data-drop="image"' in page
    assert 'data-max-bytes="20971520"' in page
    assert "Default 4." in page


def test_chosen_button_is_what_is_sent() -> None:
    form = InputForm({"image": "https://a.example/x.png", "motion": "orbit"}, spec=VIDEO)

    assert form.is_valid()
    assert form.raw()["motion"] == "orbit"
