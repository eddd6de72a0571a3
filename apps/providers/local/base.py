"""What the local engine takes and gives; the same for every job."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

JsonValue = str | int | float | bool | None | list["JsonValue"] | dict[str, "JsonValue"]

Engine = Literal["neural", "hybrid", "classical", "procedural"]
"""Who made the result: a trained network; a network's analysis rendered by ordinary code;
image processing without a network; or a program that composes. Shown to customers."""


class Progress(Protocol):
    """Told the percent done, 0 to 100, from the thread that runs the job. May raise to stop it.

    `preview` is a picture (PNG or JPEG) of the unfinished work, for whoever watches.
    """

    def __call__(self, percent: int, preview: bytes | None = None) -> None: ...


@dataclass(frozen=True)
class Artefact:
    """One file of a result; `key` is the output field that will hold its address.

    Dots lead into objects of the output ("clips.<id>.audio_url"); `LocalResult.values` holds what surrounds it.
    """

    key: str
    data: bytes
    content_type: str
    extension: str


@dataclass(frozen=True)
class LocalResult:
    """What a job made: files, and the output fields that are plain values.

    `facts` (small) are not shown: they are kept for tasks that continue this one, and come back as `input["parent"]`.
    """

    engine: Engine
    artefacts: tuple[Artefact, ...] = ()
    values: dict[str, JsonValue] = field(default_factory=dict)
    facts: dict[str, JsonValue] = field(default_factory=dict)


class LocalEngineError(Exception):
    """A job that gave no result. The text is ours and safe to show to the customer."""


class BadMedia(LocalEngineError):
    """The customer's input cannot be used: not decodable, too large, or of the wrong kind."""


class EngineUnavailable(LocalEngineError):
    """This machine lacks a package or a weight file; the text names which."""


class EngineFailed(LocalEngineError):
    """The engine broke on an input that looked fine. Trying again may help, another input will."""


class JobFunction(Protocol):
    """The `run` of every module in `jobs`. Raises `LocalEngineError` only."""

    def __call__(
        self, *, input: Mapping[str, Any], media: Mapping[str, bytes], progress: Progress
    ) -> LocalResult: ...


def nothing(percent: int, preview: bytes | None = None) -> None:
    """The listener of a caller who does not care about progress."""
