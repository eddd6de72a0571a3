"""The `input` of a task type as a table, from its JSON Schema: the same that the API checks by."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from django.utils.translation import get_language, gettext_noop
from django.utils.translation import gettext as _

from apps.catalog.inputs import TaskInput
from apps.site.words import row

Schema = dict[str, Any]
_MOST_DEPTH = 4
_LONGEST = 1_000_000  # a limit above it says nothing: media as base64
_TYPES = {
    "integer": gettext_noop("whole number"),
    "number": gettext_noop("number"),
    "boolean": gettext_noop("true or false"),
}
_MEDIA = {
    "image": gettext_noop("image: URL or base64"),
    "audio": gettext_noop("audio: URL or base64"),
    "video": gettext_noop("video: URL or base64"),
}


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


def parameters(model: type[TaskInput]) -> tuple[Parameter, ...]:
    """Every field in the order of forms, the fields of objects below the one they belong to."""
    return _parameters(model, get_language())


@cache
def _parameters(model: type[TaskInput], language: str | None) -> tuple[Parameter, ...]:
    # In the language that is spoken: `language` only keeps the answers apart.
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
    title, description = _(part.get("title", "")), _(part.get("description", ""))
    both = _("{title}. {description}").format(title=title, description=description)
    return Parameter(
        name=name,
        type=_type(part, definitions),
        is_required=is_required,
        default=_default(part),
        choices=tuple(_text(value) for value in part.get("enum", ())),
        limits=_limits(part),
        meaning=both.strip() if description else title,
    )


def _type(part: Schema, definitions: dict[str, Schema]) -> str:
    if media := part.get("x-media"):
        return _(_MEDIA[media])
    if part.get("type") == "array":
        inner = plain(part.get("items", {}), definitions)
        if inner.get("type") == "object":
            return _("list of objects")
        return _("list of {kind}").format(kind=_type(inner, definitions))
    if part.get("type") == "object":
        return _("object")
    return _(_TYPES.get(part.get("type", ""), gettext_noop("text")))


def _default(part: Schema) -> str:
    value = part.get("default")
    return "" if value in (None, "", [], {}) else _text(value)


def _limits(part: Schema) -> str:
    found = [_range(part), _length(part)]
    if step := part.get("multipleOf"):
        found.append(_("in steps of {step}").format(step=step))
    return row([one for one in found if one])


def _range(part: Schema) -> str:
    low, high = part.get("minimum"), part.get("maximum")
    if "exclusiveMinimum" in part:
        low = part["exclusiveMinimum"]
    if low is None or high is None:
        return "" if low is None else _("{number} or more").format(number=_text(low))
    return _("{low} to {high}").format(low=_text(low), high=_text(high))


def _length(part: Schema) -> str:
    if part.get("type") == "array":
        return _entries(part.get("minItems"), part.get("maxItems"))
    most = part.get("maxLength")
    if not most or most >= _LONGEST or "enum" in part:
        return ""
    return _("up to {count} characters").format(count=f"{most:,}")


def _entries(low: int | None, high: int | None) -> str:
    if high is None:
        return ""
    if low == high:
        return _("exactly {count}").format(count=high)
    if low:
        return _("{low} to {high} entries").format(low=low, high=high)
    return _("up to {count} entries").format(count=high)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return orjson.dumps(value).decode()
