"""What else Kling does: omni films, motion control, and work on a film or picture one has.

Where the length of the result is known only at the end, the price is that of the longest possible
one: it is what a task holds, and at most what it costs.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from django.utils.translation import gettext_noop
from pydantic import Field, model_validator

from apps.catalog.inputs import Audio, TaskId, TaskInput, VersionAsText, Video, broken_rule
from apps.catalog.inputs import inline_limit as at_most
from apps.catalog.spec import Charge, OutputKind, Rate, TaskSpec
from apps.catalog.specs.kling import (
    FAMILY,
    MODEL,
    TIMEOUT_SECONDS,
    V3_RATES,
    Frames,
    Look,
    Mode,
    Picture,
    Shots,
    Text,
    no_video_yet,
    no_works_yet,
    v3_charge,
)
from apps.core.sentences import sentence

# Kling's own limits: a film that is followed from a video has at most its 30 s, one that keeps the
# picture's pose 10 s; an avatar speaks for at most a minute; version o1 makes 3 to 10 s.
LONGEST_FROM_VIDEO, LONGEST_FROM_IMAGE, LONGEST_AVATAR = 30, 10, 60
LONGEST_O1 = 10
Sound = Annotated[Audio, at_most(20)]


class OmniWords(TaskInput):
    prompt: Text = Field(
        "",
        title=gettext_noop("Prompt"),
        description=gettext_noop("Names pictures as @image_1, @image_2 …"),
    )
    images: list[Picture] = Field([], max_length=10, title=gettext_noop("Pictures to use"))
    version: Annotated[Literal["3.0", "o1"], VersionAsText] = Field(
        "3.0", title=gettext_noop("Version")
    )


class Omni(Shots, Look, Frames, OmniWords):
    resolution: Literal["720p", "1080p"] | None = Field(
        None,
        title=gettext_noop("Resolution"),
        description=gettext_noop("Empty: 720p in mode std, 1080p in mode pro."),
    )

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if not self.prompt and not self.multi_shots:
            raise broken_rule(
                "prompt", sentence("prompt is required, unless multi_shots are given.")
            )
        self.check_shots()
        if self.version == "o1":
            self._check_o1()
        return self

    def _check_o1(self) -> None:
        if self.definition == "1080p":
            raise broken_rule("resolution", sentence("resolution must be 720p in version o1."))
        if self.enable_audio:
            raise broken_rule("enable_audio", sentence("enable_audio works with version 3.0 only."))
        if self.seconds > LONGEST_O1:
            raise broken_rule(
                "duration", sentence("Version o1 makes at most {most} seconds.", most=LONGEST_O1)
            )

    @property
    def definition(self) -> str:
        return self.resolution or ("1080p" if self.mode == "pro" else "720p")


class MotionControl(TaskInput):
    image_url: Picture = Field(title=gettext_noop("Who moves"))
    video_url: Video | None = Field(None, title=gettext_noop("Video to copy the motion of"))
    preset_motion: (
        Literal[
            "Cute Baby Dance",
            "Nezha",
            "Heart Gesture Dance",
            "Motorcycle Dance",
            "Subject 3 Dance",
            "Ghost Step Dance",
            "Martial Arts",
            "Running",
            "Poping",
        ]
        | None
    ) = Field(
        None,
        title=gettext_noop("Or a known motion"),
        description=gettext_noop("Not used where there is a video."),
    )
    motion_direction: Literal["video", "image"] = Field(
        "video",
        title=gettext_noop("Looks where"),
        description=gettext_noop("As in the video, or as in the image."),
    )
    keep_original_sound: bool = Field(False, title=gettext_noop("Keep the video's sound"))
    mode: Mode = Field("std", title=gettext_noop("Mode"))
    version: Annotated[Literal["2.6"], VersionAsText] = Field("2.6", title=gettext_noop("Version"))

    @model_validator(mode="after")
    def _has_a_motion(self) -> Self:
        if not (self.video_url or self.preset_motion):
            raise broken_rule(
                "video_url", sentence("video_url or preset_motion is required: give one.")
            )
        return self


class Extend(TaskInput):
    origin_task_id: TaskId = Field(
        title=gettext_noop("Task to extend"), description=gettext_noop("Its task_id.")
    )
    prompt: Text = Field("", title=gettext_noop("Prompt"))


class LipSync(TaskInput):
    origin_task_id: TaskId = Field(
        title=gettext_noop("Task whose film speaks"), description=gettext_noop("Its task_id.")
    )
    tts_text: str = Field("", max_length=2500, title=gettext_noop("What to say"))
    tts_timbre: str = Field("", max_length=100, title=gettext_noop("Voice"))
    tts_speed: float = Field(1, ge=0.8, le=2, title=gettext_noop("Speed"))
    local_dubbing_url: Sound | None = Field(
        None,
        title=gettext_noop("Or a recording"),
        description=gettext_noop(
            "MP3, WAV, FLAC or OGG, under 20 MB and a minute; takes the place of the text."
        ),
    )

    @model_validator(mode="after")
    def _has_something_to_say(self) -> Self:
        if not (self.tts_text or self.local_dubbing_url):
            raise broken_rule(
                "tts_text", sentence("tts_text or local_dubbing_url is required: give one.")
            )
        return self


class Effects(TaskInput):
    image_url: Picture = Field(title=gettext_noop("Image"))
    effect: Literal["squish", "expansion"] = Field("squish", title=gettext_noop("Effect"))
    mode: Mode = Field("std", title=gettext_noop("Mode"))


class TryOn(TaskInput):
    model_input: Picture = Field(title=gettext_noop("Person"))
    dress_input: Picture | None = Field(None, title=gettext_noop("Dress"))
    upper_input: Picture | None = Field(None, title=gettext_noop("Or an upper part"))
    lower_input: Picture | None = Field(None, title=gettext_noop("And a lower part"))
    batch_size: int = Field(
        1,
        ge=1,
        le=4,
        title=gettext_noop("Number of pictures"),
        description=gettext_noop("Each is charged."),
    )

    @model_validator(mode="after")
    def _has_clothes_that_go_together(self) -> Self:
        parts = self.upper_input or self.lower_input
        if not (self.dress_input or parts):
            raise broken_rule(
                "dress_input",
                sentence("Give dress_input, or upper_input, or lower_input, or the last two."),
            )
        if self.dress_input and parts:
            raise broken_rule(
                "dress_input",
                sentence("dress_input goes without upper_input and lower_input: leave it out."),
            )
        return self


class SoundFor(TaskInput):
    prompt: Text = Field("", title=gettext_noop("What is to be heard"))
    video_url: Video | None = Field(None, title=gettext_noop("Video"))

    @model_validator(mode="after")
    def _has_something_to_hear(self) -> Self:
        if not (self.prompt or self.video_url):
            raise broken_rule(
                "prompt", sentence("prompt or video_url is required: give at least one.")
            )
        return self


class Avatar(TaskInput):
    image_url: Picture = Field(title=gettext_noop("Who speaks"))
    audio_url: Audio = Field(title=gettext_noop("Speech"))
    prompt: Text = Field("", title=gettext_noop("Prompt"))
    mode: Mode = Field("std", title=gettext_noop("Mode"))


# ------------------------------------------------------------------------------------------ price


def _omni_charges(values: Omni) -> Sequence[Charge]:
    if values.version == "o1":
        return [Charge("o1_720p", Decimal(values.seconds) / 5)]
    return [v3_charge(values.definition, values)]


def _motion_charges(values: MotionControl) -> Sequence[Charge]:
    is_image = values.motion_direction == "image"
    longest = LONGEST_FROM_IMAGE if is_image else LONGEST_FROM_VIDEO
    return [Charge(values.mode, Decimal(longest))]


def _by_mode(values: Effects) -> Sequence[Charge]:
    return [Charge(values.mode)]


def _per_picture(values: TryOn) -> Sequence[Charge]:
    return [Charge("image", Decimal(values.batch_size))]


def _longest_avatar(_: Avatar) -> Sequence[Charge]:
    return [Charge("second", Decimal(LONGEST_AVATAR))]


def _one_task(_: Any) -> Sequence[Charge]:
    return [Charge("task")]


# ------------------------------------------------------------------------------------------ specs


def _spec(
    task_type: str,
    values: type[TaskInput],
    rates: tuple[Rate, ...],
    charges: Callable[[Any], Sequence[Charge]] = _one_task,
    *,
    title: str,
    summary: str,
    kind: OutputKind = OutputKind.VIDEO,
    pending: Callable[[Any], Any] | None = None,
) -> TaskSpec:
    return TaskSpec(
        model=MODEL,
        task_type=task_type,
        family=FAMILY,
        title=title,
        summary=summary,
        kind=kind,
        input=values,
        rates=rates,
        charges=charges,
        modes=("std", "pro") if "mode" in values.model_fields else (),
        timeout_seconds=TIMEOUT_SECONDS,
        pending_output=pending,
    )


SPECS = [
    _spec(
        "omni_video_generation",
        Omni,
        (*V3_RATES, Rate("o1_720p", "0.39", unit="5 s")),
        _omni_charges,
        title=gettext_noop("Kling omni video"),
        summary=gettext_noop("A film from words that name pictures."),
        pending=no_video_yet,
    ),
    _spec(
        "motion_control",
        MotionControl,
        (Rate("std", "0.065", unit="s"), Rate("pro", "0.104", unit="s")),
        _motion_charges,
        title=gettext_noop("Kling motion control"),
        summary=gettext_noop("Makes a person in a picture move as in a video."),
        pending=no_video_yet,
    ),
    _spec(
        "extend_video",
        Extend,
        (Rate("task", "0.195", unit="5 s"),),
        title=gettext_noop("Kling extend"),
        summary=gettext_noop("Continues a film you made."),
        pending=no_works_yet,
    ),
    _spec(
        "lip_sync",
        LipSync,
        (Rate("task", "0.10", unit="video"),),
        title=gettext_noop("Kling lip sync"),
        summary=gettext_noop("Makes the person in a film you made speak."),
        pending=no_works_yet,
    ),
    _spec(
        "effects",
        Effects,
        (Rate("std", "0.26", unit="video"), Rate("pro", "0.46", unit="video")),
        _by_mode,
        title=gettext_noop("Kling effects"),
        summary=gettext_noop("A short film of what an effect does to a picture."),
        pending=no_works_yet,
    ),
    _spec(
        "ai_try_on",
        TryOn,
        (Rate("image", "0.07", unit="image"),),
        _per_picture,
        title=gettext_noop("Kling try-on"),
        summary=gettext_noop("Shows a person in other clothes."),
        kind=OutputKind.IMAGE,
    ),
    _spec(
        "sound",
        SoundFor,
        (Rate("task", "0.07"),),
        title=gettext_noop("Kling sound"),
        summary=gettext_noop("Sound effects for a prompt or a video."),
        kind=OutputKind.AUDIO,
    ),
    _spec(
        "avatar",
        Avatar,
        (Rate("second", "0.08", unit="s"),),
        _longest_avatar,
        title=gettext_noop("Kling avatar"),
        summary=gettext_noop("Makes the person in a picture speak a recording."),
        pending=no_video_yet,
    ),
]
