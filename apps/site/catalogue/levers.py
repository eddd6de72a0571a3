"""Which parameters of a task type change its price: found by asking its formula, not by a list that could go stale."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from django.utils.translation import gettext as _

from apps.catalog import registry
from apps.catalog.inputs import TaskInput
from apps.catalog.spec import Charge, TaskSpec
from apps.core.errors import InvalidRequest
from apps.site.catalogue.parameters import Schema, plain, schema_of

_MEDIA = {
    "image": "https://example.com/your-image.png",
    "audio": "https://example.com/your-recording.mp3",
    "video": "https://example.com/your-film.mp4",
}
_TASK_ID = "00000000-0000-4000-8000-000000000000"
_ID_LENGTHS = range(36, 65)
_SHORT_LENGTH = 30
_SOME = 64
_TEXT_LENGTH = 1000
_MOST_CHOICES = 24
Input = dict[str, Any]
_Charges = tuple[Charge, ...]


@dataclass(frozen=True)
class Lever:
    """A parameter that the price depends on.

    `choices` are the values to choose from; without them it is a whole number from `low` to `high`, of which a text's
    is its number of characters (`is_length`).
    """

    name: str
    title: str
    choices: tuple[Any, ...] = ()
    low: int = 0
    high: int = 0
    default: Any = None
    is_length: bool = False

    @property
    def label(self) -> str:
        """What people read, in the language of the page."""
        title = _(self.title)
        return _("{title}: characters").format(title=title) if self.is_length else title

    def value(self, given: Any) -> Any:
        """The field's value for what was chosen."""
        return "x" * int(given) if self.is_length else given


@dataclass(frozen=True)
class Variation:
    """The base input with `changes`; `raw` is all of it."""

    changes: tuple[tuple[Lever, Any], ...]
    raw: Input


@cache
def base_input(name: tuple[str, str]) -> Input | None:
    """The smallest input that the spec takes, its example included; None where none was found. Not to be changed."""
    spec = registry.all_specs()[name]
    return next((raw for raw in _guesses(spec) if charges(spec, raw) is not None), None)


def charges(spec: TaskSpec, raw: Input) -> _Charges | None:
    """What an input is charged by; None where the spec refuses it."""
    values = _parsed(spec, raw)
    return None if values is None else tuple(spec.charges(values))


def _parsed(spec: TaskSpec, raw: Input) -> TaskInput | None:
    try:
        return spec.parse(raw)
    except InvalidRequest:
        return None


def _guesses(spec: TaskSpec) -> Iterator[Input]:
    """The example with what is missing, then with one more field, then with two."""
    schema = schema_of(spec.input)
    definitions = schema.get("$defs", {})
    parts = {name: plain(part, definitions) for name, part in schema["properties"].items()}
    needed = {
        name: _stand_in(name, parts[name], definitions) for name in schema.get("required", ())
    }
    base = {**needed, **spec.example}
    yield base
    more = {
        name: _stand_in(name, part, definitions)
        for name, part in parts.items()
        if name not in base and part.get("type") in ("string", "array")
    }
    for name, value in more.items():
        yield {**base, name: value}
    for one, other in product(more, repeat=2):
        if one < other:
            yield {**base, one: more[one], other: more[other]}


def _stand_in(name: str, part: Schema, definitions: dict[str, Schema]) -> Any:
    """A value that stands for a customer's own."""
    if part.get("enum"):
        return part["enum"][0]
    if media := part.get("x-media"):
        return _MEDIA[media]
    match part.get("type"):
        case "array":
            item = plain(part.get("items", {}), definitions)
            return [_stand_in(name, item, definitions)] * max(1, part.get("minItems", 0))
        case "object":
            inner = {key: plain(one, definitions) for key, one in part["properties"].items()}
            numbers = [key for key, one in inner.items() if one.get("type") == "integer"]
            wanted = part.get("required", numbers)
            return {key: _stand_in(key, inner[key], definitions) for key in wanted}
        case "integer" | "number":
            return (
                part.get("default") or part.get("minimum") or min(_SOME, part.get("maximum", _SOME))
            )
        case "boolean":
            return True
        case _:
            return _text_stand_in(part)


def _text_stand_in(part: Schema) -> str:
    longest = part.get("maxLength", 1000)
    if longest in _ID_LENGTHS:
        return _TASK_ID
    return "0" if longest < _SHORT_LENGTH else "your text"


@cache
def levers(name: tuple[str, str]) -> tuple[Lever, ...]:
    """Those of the smallest input, and those that only count once another one is set (sound of a newer version)."""
    spec = registry.all_specs()[name]
    base = base_input(name)
    if base is None:
        return ()
    possible = _possible(spec, base)
    first = [lever for lever in possible if _matters(spec, base, lever)]
    bases = [{**base, one.name: one.value(value)} for one in first for value in _tried(one)]
    rest = [lever for lever in possible if lever not in first]
    return (
        *first,
        *(lever for lever in rest if any(_matters(spec, raw, lever) for raw in bases)),
    )


def _matters(spec: TaskSpec, base: Input, lever: Lever) -> bool:
    found = {charges(spec, {**base, lever.name: lever.value(value)}) for value in _tried(lever)}
    found.add(charges(spec, base))
    return len(found - {None}) > 1


def _tried(lever: Lever) -> tuple[Any, ...]:
    if lever.choices:
        return lever.choices
    if lever.is_length:
        return (min(_TEXT_LENGTH, lever.high), lever.high)
    return tuple(dict.fromkeys((lever.low, lever.high, *(2 * n for n in _middle(lever)))))


def _middle(lever: Lever) -> tuple[int, ...]:
    is_inside = isinstance(lever.default, int) and 2 * lever.default <= lever.high
    return (lever.default,) if is_inside else ()


def _possible(spec: TaskSpec, base: Input) -> list[Lever]:
    schema = schema_of(spec.input)
    definitions = schema.get("$defs", {})
    found = (
        _lever(name, plain(part, definitions), base) for name, part in schema["properties"].items()
    )
    return [lever for lever in found if lever is not None]


def _lever(name: str, part: Schema, base: Input) -> Lever | None:
    title, default = part.get("title", name), base.get(name, part.get("default"))
    if part.get("enum"):
        choices = tuple(part["enum"][:_MOST_CHOICES])
        return Lever(name, title, choices=choices, default=default)
    match part.get("type"):
        case "boolean":
            return Lever(name, title, choices=(False, True), default=bool(default))
        case "integer" if {"minimum", "maximum"} <= part.keys():
            low, high = part["minimum"], part["maximum"]
            return Lever(
                name, title, low=low, high=high, default=low if default is None else default
            )
        case "string" if isinstance(base.get(name), str) and "x-media" not in part:
            most = min(part.get("maxLength", 1), 100_000)
            return Lever(name, title, low=1, high=most, default=len(base[name]), is_length=True)
    return None


@cache
def variations(name: tuple[str, str]) -> tuple[Variation, ...]:
    """The base input, then with one parameter changed, then with two: as far as the spec takes them."""
    spec, base = registry.all_specs()[name], base_input(name)
    if base is None:
        return ()
    found = [Variation((), base)]
    singles = [(lever, value) for lever in levers(name) for value in _tried(lever)]
    found += [Variation((one,), _changed(base, one)) for one in singles]
    found += [
        Variation((one, other), _changed(base, one, other))
        for one in singles
        for other in singles
        if one[0].name < other[0].name
    ]
    return tuple(one for one in found if charges(spec, one.raw) is not None)


def _changed(base: Input, *changes: tuple[Lever, Any]) -> Input:
    return {**base, **{lever.name: lever.value(value) for lever, value in changes}}
