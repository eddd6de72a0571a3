"""Kling video_generation, in all its versions, and the model kling-turbo.

Versions 1.0 to 2.6 make 5 or 10 seconds; version 3.0 makes 3 to 15, in one shot or several, with
sound if wanted. Fields a version does not know are ignored as unknown fields are, except where a
customer would get something quite different from what was asked for.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from django.utils.translation import gettext_noop
from pydantic import Field, model_validator

from apps.catalog.inputs import (
    ADVANCED,
    MULTILINE,
    Image,
    Part,
    TaskInput,
    TextAsNumber,
    VersionAsText,
    broken_rule,
    inline_limit,
)
from apps.catalog.spec import Charge, OutputKind, Rate, TaskSpec
from apps.core.sentences import sentence

MODEL = FAMILY = "kling"
TIMEOUT_SECONDS = 3600
MAX_SECONDS = 15

Text = Annotated[str, Field(max_length=2500, json_schema_extra=MULTILINE)]
Picture = Annotated[Image, inline_limit(10)]
Mode = Literal["std", "pro"]
AspectRatio = Literal["16:9", "9:16", "1:1"]
Coordinate = Annotated[float, Field(ge=0, le=10_000)]
Strength = Annotated[float, Field(ge=-10, le=10)]


class Moves(Part):
    horizontal: Strength = Field(0, title=gettext_noop("Sideways"))
    vertical: Strength = Field(0, title=gettext_noop("Up and down"))
    pan: Strength = Field(0, title=gettext_noop("Pan"))
    tilt: Strength = Field(0, title=gettext_noop("Tilt"))
    roll: Strength = Field(0, title=gettext_noop("Roll"))
    zoom: Strength = Field(0, title=gettext_noop("Zoom"))


class Camera(Part):
    type: Literal["simple"] = Field("simple", title=gettext_noop("Kind"))
    config: Moves = Field(
        title=gettext_noop("Moves"), description=gettext_noop("Each from -10 to 10.")
    )


class Point(Part):
    x: Coordinate = Field(title=gettext_noop("Pixels from the left"))
    y: Coordinate = Field(title=gettext_noop("Pixels from the top"))


class Stroke(Part):
    points: list[Point] = Field([], max_length=100, title=gettext_noop("Points"))


class MotionBrush(Part):
    mask_url: Picture | None = Field(
        None,
        title=gettext_noop("Mask"),
        description=gettext_noop("A PNG of the image's size, clear where things move."),
    )
    static_masks: list[Stroke] = Field([], max_length=10, title=gettext_noop("What stays"))
    dynamic_masks: list[Stroke] = Field(
        [], max_length=10, title=gettext_noop("What moves, and where to")
    )


class Element(Part):
    image_url: Picture = Field(title=gettext_noop("Image"))


class Shot(Part):
    prompt: Text = Field(min_length=1, title=gettext_noop("Prompt"))
    duration: int = Field(3, ge=1, le=14, title=gettext_noop("Seconds"))


class Words(TaskInput):
    prompt: Text = Field("", title=gettext_noop("Prompt"))
    negative_prompt: Text = Field(
        "", title=gettext_noop("What to leave out"), json_schema_extra=ADVANCED
    )


class Look(TaskInput):
    mode: Mode = Field(
        "std", title=gettext_noop("Mode"), description=gettext_noop("pro is finer and dearer.")
    )
    aspect_ratio: AspectRatio = Field(
        "16:9",
        title=gettext_noop("Aspect ratio"),
        description=gettext_noop("Not used where there is a first frame."),
    )


class Frames(TaskInput):
    image_url: Picture | None = Field(
        None,
        title=gettext_noop("First frame"),
        description=gettext_noop("Up to 10 MB, each side over 300 pixels."),
    )
    image_tail_url: Picture | None = Field(None, title=gettext_noop("Last frame"))

    @model_validator(mode="after")
    def _last_needs_first(self) -> Self:
        if self.image_tail_url and not self.image_url:
            raise broken_rule(
                "image_url", sentence("image_tail_url needs image_url, the first frame: give both.")
            )
        return self


class Shots(TaskInput):
    """What version 3.0 adds. `multi_shots` take the place of prompt and duration."""

    duration: int = Field(
        5,
        ge=3,
        le=MAX_SECONDS,
        title=gettext_noop("Seconds"),
        description=gettext_noop("5 or 10; 3 to 15 in version 3.0."),
    )
    enable_audio: bool = Field(
        False, title=gettext_noop("With sound"), description=gettext_noop("Version 3.0 only.")
    )
    prefer_multi_shots: bool = Field(
        False,
        title=gettext_noop("Cut into shots"),
        description=gettext_noop("Version 3.0 only."),
        json_schema_extra=ADVANCED,
    )
    multi_shots: list[Shot] = Field(
        [],
        max_length=6,
        title=gettext_noop("Shots"),
        # 15 is MAX_SECONDS; a text that is to be translated must be a literal.
        description=gettext_noop("Version 3.0 only: up to 6, 15 seconds in all."),
        json_schema_extra=ADVANCED,
    )

    @property
    def seconds(self) -> int:
        return sum(shot.duration for shot in self.multi_shots) or self.duration

    def check_shots(self) -> None:
        if not 3 <= self.seconds <= MAX_SECONDS:
            raise broken_rule(
                "multi_shots",
                sentence(
                    "multi_shots last {seconds} seconds in all; it must be 3 to {most}.",
                    seconds=self.seconds,
                    most=MAX_SECONDS,
                ),
            )


class VersionedWords(Words):
    version: Annotated[
        Literal["1.0", "1.5", "1.6", "2.0", "2.1", "2.1-master", "2.5", "2.6", "3.0"], VersionAsText
    ] = Field(
        "1.6",
        title=gettext_noop("Version"),
        description=gettext_noop("2.0 and 2.1-master have mode pro only."),
    )


class VideoGeneration(Shots, Look, Frames, VersionedWords):
    cfg_scale: float = Field(
        0.5,
        ge=0,
        le=1,
        title=gettext_noop("How closely to follow the prompt"),
        json_schema_extra=ADVANCED,
    )
    camera_control: Camera | None = Field(
        None,
        title=gettext_noop("Camera"),
        description=gettext_noop("Without a first frame."),
        json_schema_extra=ADVANCED,
    )
    motion_brush: MotionBrush | None = Field(
        None,
        title=gettext_noop("Motion brush"),
        description=gettext_noop("With a first frame."),
        json_schema_extra=ADVANCED,
    )
    elements: list[Element] = Field(
        [],
        max_length=4,
        title=gettext_noop("Pictures of things to show"),
        description=gettext_noop("Version 1.6 only."),
        json_schema_extra=ADVANCED,
    )

    @model_validator(mode="after")
    def _fits_its_version(self) -> Self:
        if self.version == "3.0":
            self._check_version_3()
        else:
            self._check_classic()
        if self.elements and self.version != "1.6":
            raise broken_rule(
                "version", sentence("elements work with version 1.6 only: set version to 1.6.")
            )
        return self

    @model_validator(mode="after")
    def _fits_its_frames(self) -> Self:
        if self.camera_control and self.image_url:
            raise broken_rule(
                "camera_control",
                sentence("camera_control works without image_url only: leave one of them out."),
            )
        if self.motion_brush and not self.image_url:
            raise broken_rule(
                "image_url", sentence("motion_brush needs image_url, the picture it was drawn on.")
            )
        return self

    def _check_version_3(self) -> None:
        if not self.prompt and not self.multi_shots:
            raise broken_rule(
                "prompt",
                sentence("prompt is required in version 3.0, unless multi_shots are given."),
            )
        self.check_shots()

    def _check_classic(self) -> None:
        if self.duration not in (5, 10):
            raise broken_rule(
                "duration",
                sentence("duration must be 5 or 10 in version {version}.", version=self.version),
            )
        if not (self.prompt or self.image_url or self.elements):
            raise broken_rule(
                "prompt", sentence("prompt or image_url is required: give at least one of them.")
            )
        if self.version in PRO_ONLY:
            self._become_pro()

    def _become_pro(self) -> None:
        if self.mode == "std" and "mode" in self.model_fields_set:
            raise broken_rule(
                "mode", sentence("mode must be pro in version {version}.", version=self.version)
            )
        self.mode = "pro"


class TurboGeneration(Look, Words):
    image_url: Picture | None = Field(
        None,
        title=gettext_noop("First frame"),
        description=gettext_noop("Up to 10 MB, each side over 300 pixels."),
    )
    duration: Annotated[Literal[5, 10], TextAsNumber] = Field(5, title=gettext_noop("Seconds"))
    version: Literal["2.5-turbo"] = Field("2.5-turbo", title=gettext_noop("Version"))

    @model_validator(mode="after")
    def _has_something_to_show(self) -> Self:
        if not (self.prompt or self.image_url):
            raise broken_rule(
                "prompt", sentence("prompt or image_url is required: give at least one of them.")
            )
        return self


# ------------------------------------------------------------------------------------------ price

PRO_ONLY = ("2.0", "2.1-master")
_GENERATION = {
    "1.0": "classic",
    "1.5": "classic",
    "1.6": "classic",
    "2.1": "classic",
    "2.0": "master",
    "2.1-master": "master",
    "2.5": "turbo",
    "2.6": "turbo",
}
CLASSIC_RATES = (
    Rate("classic_std", "0.195", unit="5 s"),
    Rate("classic_pro", "0.33", unit="5 s"),
)
TURBO_RATES = (Rate("turbo_std", "0.20", unit="5 s"), Rate("turbo_pro", "0.28", unit="5 s"))
V3_RATES = (
    Rate("v3_720p", "0.10", unit="s"),
    Rate("v3_720p_audio", "0.15", unit="s"),
    Rate("v3_1080p", "0.15", unit="s"),
    Rate("v3_1080p_audio", "0.20", unit="s"),
)


def v3_charge(resolution: str, values: Shots) -> Charge:
    sound = "_audio" if values.enable_audio else ""
    return Charge(f"v3_{resolution}{sound}", Decimal(values.seconds))


def _charges(values: VideoGeneration) -> Sequence[Charge]:
    if values.version == "3.0":
        return [v3_charge("1080p" if values.mode == "pro" else "720p", values)]
    rate = f"{_GENERATION[values.version]}_{values.mode}"
    return [Charge(rate, Decimal(values.duration) / 5)]


def _turbo_charges(values: TurboGeneration) -> Sequence[Charge]:
    return [Charge(f"turbo_{values.mode}", Decimal(values.duration) / 5)]


# ------------------------------------------------------------------------------------------ specs


def no_works_yet(_: Any) -> dict[str, Any]:
    return {"type": "", "status": 0, "works": None}


def no_video_yet(_: Any) -> dict[str, Any]:
    return {"video": ""}


def _pending(values: VideoGeneration) -> dict[str, Any]:
    return no_video_yet(values) if values.version == "3.0" else no_works_yet(values)


def _spec(
    model: str,
    values: type[TaskInput],
    rates: tuple[Rate, ...],
    charges: Callable[[Any], Sequence[Charge]],
    *,
    title: str,
    summary: str,
    pending: Callable[[Any], Any],
) -> TaskSpec:
    return TaskSpec(
        model=model,
        task_type="video_generation",
        family=FAMILY,
        title=title,
        summary=summary,
        kind=OutputKind.VIDEO,
        input=values,
        rates=rates,
        charges=charges,
        modes=("std", "pro"),
        timeout_seconds=TIMEOUT_SECONDS,
        pending_output=pending,
        example={"prompt": "a paper boat sails down a rainy street, close to the water"},
    )


SPECS = [
    _spec(
        MODEL,
        VideoGeneration,
        (*CLASSIC_RATES, Rate("master_pro", "0.96", unit="5 s"), *TURBO_RATES, *V3_RATES),
        _charges,
        title=gettext_noop("Kling video"),
        summary=gettext_noop("A film from words, from a picture, or between two pictures."),
        pending=_pending,
    ),
    _spec(
        "kling-turbo",
        TurboGeneration,
        TURBO_RATES,
        _turbo_charges,
        title=gettext_noop("Kling turbo video"),
        summary=gettext_noop("A film from words or a picture with the quick 2.5 model."),
        pending=no_works_yet,
    ),
]
