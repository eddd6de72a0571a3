"""Forms from schemas: text in, JSON values out."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from apps.catalog.inputs import Audio, Image, TaskInput
from apps.catalog.spec import OutputKind, Rate, TaskSpec
from apps.dashboard.forms.schema import InputForm


class _Part(BaseModel):
    x: int


class _Everything(TaskInput):
    optional: str = Field("", max_length=10, title="Optional")
    text: str = Field(min_length=1, max_length=10, title="Text")
    count: int = Field(3, ge=1, le=9, title="Count")
    ratio: float = Field(0.5, ge=0, le=1, title="Ratio")
    size: Literal[5, 10] = Field(5, title="Size")
    mode: Literal["a", "b"] | None = Field(None, title="Mode")
    on: bool = Field(True, title="On")
    off: bool = Field(False, title="Off")
    picture: Image = Field(title="Picture")
    sound: Audio | None = Field(None, title="Sound")
    part: _Part | None = Field(None, title="Part", json_schema_extra={"x-advanced": True})
    parts: list[_Part] = Field([], max_length=3, title="Parts")


SPEC = TaskSpec(
    model="test/everything",
    task_type="t",
    family="test",
    title="Everything",
    summary="",
    kind=OutputKind.IMAGE,
    input=_Everything,
    rates=(Rate("task", "1"),),
)


def _raw(**data: Any) -> dict[str, Any]:
    form = InputForm(data, spec=SPEC)
    assert form.is_valid(), form.errors
    return form.raw()


def test_form_turns_text_into_the_schemas_types() -> None:
    raw = _raw(
        text="t",
        count="4",
        ratio="0.25",
        size="10",
        mode="b",
        off="on",
        picture="https://a.example/x.png",
        part='{"x": 1}',
        parts='[{"x": 2}]',
    )

    assert raw == {
        "text": "t",
        "count": 4,
        "ratio": 0.25,
        "size": 10,
        "mode": "b",
        "on": False,
        "off": True,
        "picture": "https://a.example/x.png",
        "part": {"x": 1},
        "parts": [{"x": 2}],
    }


def test_form_leaves_out_what_is_empty() -> None:
    assert _raw(text="t") == {"text": "t", "on": False, "off": False}


def test_form_puts_required_fields_first_and_folds_advanced_ones() -> None:
    form = InputForm(spec=SPEC)

    assert [row.bound.name for row in form.first][:2] == ["text", "picture"]
    assert [row.bound.name for row in form.advanced] == ["part"]
    assert [row.bound.name for row in form.first if row.file] == ["picture", "sound"]


def test_form_starts_with_the_schemas_defaults() -> None:
    form = InputForm(spec=SPEC)

    shown = {bound.name: bound.value() for bound in form if bound.value() not in (None, "")}
    assert shown == {"count": 3, "ratio": 0.5, "size": 5, "on": True, "off": False}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[" * 5000,
        '{"a": "\\u0000"}',
        '"\\ud800"',
        "NaN",
    ],
)
def test_json_field_refuses_what_the_database_cannot_hold(text: str) -> None:
    form = InputForm({"text": "t", "part": text}, spec=SPEC)

    assert (form.is_valid(), list(form.errors)) == (False, ["part"])


def test_form_stands_in_for_missing_required_media_only_for_the_price() -> None:
    form = InputForm({"text": "t"}, spec=SPEC)
    form.is_valid()

    assert "picture" not in form.raw()
    assert form.raw(for_price=True)["picture"] == "https://example.com/your-file"
    assert "sound" not in form.raw(for_price=True)
