"""The `input` of a task type as a table, from its JSON Schema: the same that the API checks by."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from apps.catalog.inputs import TaskInput

Schema = dict[str, Any]
_MOST_DEPTH = 4
_LONGEST = 1_000_000  # a limit above it says nothing: media as base64
_TYPES = {"integer": "whole number", "number": "number", "boolean": "true or false"}


@dataclass(frozen=True)
class Parameter:
    """One row. `name` is a path such as `camera_control.config.pan` or `elements[].image_url`."""

    name: str
    type: str
    is_required: bool
    default: str
    choices: tuple[str, ...]
    limits: str
    meaning: str


@cache
def schema_of(model: type[TaskInput]) -> Schema:
    """Made once: it does not change while the process lives. Not to be changed."""
    return model.model_json_schema()


@cache
def parameters(model: type[TaskInput]) -> tuple[Parameter, ...]:
    """Every field in the order of forms, the fields of objects below the one they belong to."""
    schema = schema_of(model)
    return tuple(_rows(schema, schema.get("$defs", {}), prefix="", depth=0))


def plain(part: Schema, definitions: dict[str, Schema]) -> Schema:
    """A property without `or null` and without references."""
    options = [option for option in part.get("anyOf", ()) if option.get("type") != "null"]
    if len(options) == 1:
        rest = {name: value for name, value in part.items() if name != "anyOf"}
        part = {**options[0], **rest}
    if "$ref" in part:
        named = definitions[part["$ref"].rpartition("/")[2]]
        part = {**named, **{name: value for name, value in part.items() if name != "$ref"}}
    return {**part, "enum": [part["const"]]} if "const" in part else part


def _rows(
    schema: Schema, definitions: dict[str, Schema], *, prefix: str, depth: int
) -> Iterator[Parameter]:
    required = set(schema.get("required", ()))
    for name, given in schema.get("properties", {}).items():
        part = plain(given, definitions)
        yield _row(f"{prefix}{name}", part, definitions, is_required=name in required)
        inner, mark = part, "."
        if part.get("type") == "array":
            inner, mark = plain(part.get("items", {}), definitions), "[]."
        if inner.get("properties") and depth < _MOST_DEPTH:
            yield from _rows(inner, definitions, prefix=f"{prefix}{name}{mark}", depth=depth + 1)


def _row(
    name: str, part: Schema, definitions: dict[str, Schema], *, is_required: bool
) -> Parameter:
    title, description = part.get("title", ""), part.get("description", "")
    return Parameter(
        name=name,
        type=_type(part, definitions),
        is_required=is_required,
        default=_default(part),
        choices=tuple(_text(value) for value in part.get("enum", ())),
        limits=_limits(part),
        meaning=f"{title}. {description}".strip() if description else title,
    )


def _type(part: Schema, definitions: dict[str, Schema]) -> str:
    if media := part.get("x-media"):
        return f"{media}: URL or base64"
    if part.get("type") == "array":
        inner = _type(plain(part.get("items", {}), definitions), definitions)
        return f"list of {'objects' if inner == 'object' else inner}"
    if part.get("type") == "object":
        return "object"
    return _TYPES.get(part.get("type", ""), "text")


def _default(part: Schema) -> str:
    value = part.get("default")
    return "" if value in (None, "", [], {}) else _text(value)


def _limits(part: Schema) -> str:
    found = [_range(part), _length(part)]
    if step := part.get("multipleOf"):
        found.append(f"in steps of {step}")
    return ", ".join(filter(None, found))


def _range(part: Schema) -> str:
    low, high = part.get("minimum"), part.get("maximum")
    if "exclusiveMinimum" in part:
        low = part["exclusiveMinimum"]
    if low is None or high is None:
        return "" if low is None else f"{_text(low)} or more"
    return f"{_text(low)} to {_text(high)}"


def _length(part: Schema) -> str:
    if part.get("type") == "array":
        return _counted(part.get("minItems"), part.get("maxItems"), "entries")
    most = part.get("maxLength")
    return f"up to {most:,} characters" if most and most < _LONGEST and "enum" not in part else ""


def _counted(low: int | None, high: int | None, noun: str) -> str:
    if high is None:
        return ""
    if low == high:
        return f"exactly {high}"
    return f"{low} to {high} {noun}" if low else f"up to {high} {noun}"


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
