"""The parts that input models of specs are made of.

Every field has bounds: an unbounded one is refused by a test.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    model_validator,
)
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from apps.core import media
from apps.core.sentences import sentence

# For `json_schema_extra`: how a form shows the field.
ADVANCED: JsonDict = {"x-advanced": True}
MULTILINE: JsonDict = {"x-multiline": True}

# Base64 of 20 MB; what is longer is refused before it is decoded.
_MEDIA_LENGTH = media.MAX_INLINE_BYTES * 4 // 3 + 200


class MediaValue(str):
    """A checked media value that remembers its kind ("image", "audio", "video")."""

    kind: str


def _media(kind: str) -> AfterValidator:
    def check(value: str) -> MediaValue:
        checked = MediaValue(media.checked(value, kind=kind))
        checked.kind = kind
        return checked

    return AfterValidator(check)


def _media_field(kind: str) -> Any:
    return Field(min_length=1, max_length=_MEDIA_LENGTH, json_schema_extra={"x-media": kind})


Image = Annotated[str, _media_field("image"), _media("image")]
Audio = Annotated[str, _media_field("audio"), _media("audio")]
Video = Annotated[str, _media_field("video"), _media("video")]
Seed = Annotated[int, Field(ge=-1, le=4_294_967_295)]


def shaped(pattern: str, words: str) -> AfterValidator:
    """For a text field: the whole text has this shape, or the words say what to give."""
    compiled = re.compile(pattern)

    def check(value: str) -> str:
        if not compiled.fullmatch(value):
            raise ValueError(words)
        return value

    return AfterValidator(check)


def _number_as_text(value: Any) -> Any:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # Python refuses to write an integer of thousands of digits; no choice of ours is large.
    return str(value) if is_number and abs(value) < 1_000_000 else value


def _version_as_text(value: Any) -> Any:
    # JavaScript writes the number 3.0 as 3.
    text = _number_as_text(value)
    return f"{text}.0" if isinstance(value, int) and text is not value else text


def _text_as_number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() and len(value) < 10 else value


# Before a Literal, which converts nothing by itself: 1 for "1", 3 or 3.0 for "3.0", "10" for 10.
NumberAsText = BeforeValidator(_number_as_text)
VersionAsText = BeforeValidator(_version_as_text)
TextAsNumber = BeforeValidator(_text_as_number)

TaskId = Annotated[
    str,
    Field(max_length=36),
    shaped(
        "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
        sentence("This is not a task_id: give the one you got when the task was created."),
    ),
]
# "0,1": positions of faces, at most ten. A single one often comes as a number.
FaceIndexes = Annotated[
    str,
    Field(max_length=29),
    NumberAsText,
    shaped(
        "[0-9]{1,2}(,[0-9]{1,2}){0,9}",
        sentence("Give up to ten positions with commas between, counted from 0, e.g. 0,1."),
    ),
]


def broken_rule(field: str, words: str) -> PydanticCustomError:
    """To raise in a validator of several fields: names the one to change."""
    return PydanticCustomError("rule", "{words}", {"words": words, "field": field})


def inline_limit(megabytes: int) -> AfterValidator:
    """For a media field: refuses larger inline data; what a URL leads to is checked at fetch."""

    def check(value: MediaValue) -> MediaValue:
        if not media.is_url(value) and len(value) > megabytes * 1024 * 1024 * 4 // 3 + 200:
            words = sentence("This is larger than {most} MB; give a smaller file.", most=megabytes)
            raise ValueError(words)
        return value

    return AfterValidator(check)


class Part(BaseModel):
    """An object inside an input. Unknown fields are ignored; null or "" is the same as absent."""

    model_config = ConfigDict(extra="ignore", str_max_length=_MEDIA_LENGTH, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, data: Any) -> Any:
        # Forms and clients written in Go send every field they know, empty where unused.
        if isinstance(data, dict):
            return {name: value for name, value in data.items() if value not in (None, "")}
        return data


class TaskInput(Part):
    """What a customer may send as `input` of one task type.

    Field order is form order. `title` and `description` of a field are what people read;
    `json_schema_extra` may be ADVANCED (folded away in forms) or MULTILINE.
    """


class Continuing(TaskInput):
    """The input of a follow-up. What it inherits is known once its parent was looked up: `of` gives it that."""

    _parent: Any = PrivateAttr(default=None)

    def of(self, parent: Any) -> None:
        """`parent` is a `spec.Parent`. Raises InvalidRequest when this cannot follow from it."""
        self._parent = parent


@dataclass(frozen=True)
class MediaAt:
    """One media value of an input; `path` says where it stands: `("elements", 0, "image_url")`."""

    path: tuple[str | int, ...]
    kind: str
    value: str


def media_in(part: Any, path: tuple[str | int, ...] = ()) -> Iterator[MediaAt]:
    """Every media value of a validated input, parts and lists included."""
    if isinstance(part, MediaValue):
        yield MediaAt(path, part.kind, str(part))
    elif isinstance(part, BaseModel):
        for name in type(part).model_fields:
            yield from media_in(getattr(part, name), (*path, name))
    elif isinstance(part, list):
        for index, item in enumerate(part):
            yield from media_in(item, (*path, index))
