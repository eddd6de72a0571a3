"""What customers send to each Midjourney task type, and what a follow-up has from its parent."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from django.utils.translation import gettext_noop
from pydantic import BeforeValidator, Field, model_validator

from apps.catalog.inputs import (
    ADVANCED,
    MULTILINE,
    Continuing,
    Image,
    NumberAsText,
    TaskId,
    TaskInput,
    shaped,
)
from apps.catalog.midjourney import parameters
from apps.catalog.spec import Parent
from apps.core.errors import InvalidRequest
from apps.core.sentences import sentence

MODES = ("relax", "fast", "turbo")
SLOWEST = "relax"
# The prompt check has its own limit and its own words; this only bounds what is read.
LONGEST_PROMPT = 100_000
NEWEST = "v6"


def _not_mixed(value: Any) -> Any:
    return None if value == "mixed" else value


# "mixed" is an old word for "no wish".
ProcessMode = Annotated[Literal["relax", "fast", "turbo"] | None, BeforeValidator(_not_mixed)]
Prompt = Annotated[str, Field(max_length=LONGEST_PROMPT, json_schema_extra=MULTILINE)]
AspectRatio = Annotated[
    str,
    Field(max_length=9),
    shaped(
        "[0-9]{1,4}:[0-9]{1,4}", sentence("Give two whole numbers with a colon between, e.g. 16:9.")
    ),
]
BotId = Annotated[int, Field(ge=0, le=9_007_199_254_740_991)]


class WithMode(TaskInput):
    process_mode: ProcessMode = Field(
        None,
        title=gettext_noop("Mode"),
        description=gettext_noop("Relax is cheap and slow, turbo dear and quick."),
    )


class WithBot(TaskInput):
    bot_id: BotId = Field(
        0,
        title=gettext_noop("Account"),
        description=gettext_noop("One of your own connected accounts; 0 is any."),
        json_schema_extra=ADVANCED,
    )


class Asked(TaskInput):
    prompt: Prompt = Field(
        title=gettext_noop("Prompt"),
        description=gettext_noop("Parameters such as --v 6 may follow the words."),
    )
    aspect_ratio: AspectRatio | None = Field(
        None,
        title=gettext_noop("Aspect ratio"),
        description=gettext_noop("Width:height, e.g. 16:9"),
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, data: Any) -> Any:
        # The prompt check has its own words for an empty one.
        if isinstance(data, dict):
            return {
                name: value
                for name, value in data.items()
                if value not in (None, "") or (name == "prompt" and value == "")
            }
        return data


class Imagine(WithBot, WithMode, Asked):
    skip_prompt_check: bool = Field(
        False, title=gettext_noop("Skip the prompt check"), json_schema_extra=ADVANCED
    )


class FollowUp(Continuing):
    """It runs at the speed and in the version of its parent."""

    origin_task_id: TaskId = Field(
        title=gettext_noop("Task to continue"), description=gettext_noop("Its task_id.")
    )

    @property
    def parent(self) -> Parent:
        """What it continues; where that is not known (a price list), a picture of the newest version at the slowest."""
        return self._parent or Parent("imagine", SLOWEST, NEWEST)


# Of each kind of enlarging the generations of pictures that know it.
_UPSCALERS = {
    "light": "4", "beta": "4", "2x": "5", "4x": "5", "subtle": "6", "creative": "6",
}  # fmt: skip


class Upscale(FollowUp):
    index: Annotated[
        Literal["1", "2", "3", "4", "light", "beta", "2x", "4x", "subtle", "creative"], NumberAsText
    ] = Field(
        title=gettext_noop("What to upscale"),
        description=gettext_noop("Picture 1 to 4 of a grid, or how to enlarge a single picture."),
    )

    def of(self, parent: Parent) -> None:
        super().of(parent)
        if self.index.isdecimal():
            if parent.task_type == "upscale":
                raise InvalidRequest.field(
                    "input.index",
                    sentence("The task to continue is one picture already, not a grid."),
                )
            return
        generation = _generation(parent.model_version)
        if _UPSCALERS[self.index] != generation:
            able = [name for name, number in _UPSCALERS.items() if number == generation]
            raise InvalidRequest.field("input.index", _unfit(self.index, generation, able))


def _unfit(index: str, generation: str, able: list[str]) -> str:
    known = sentence("There is none for this version.")
    if able:
        known = sentence("Give one of {names}.", names=", ".join(able))
    return sentence(
        "{name} does not fit a picture of version {version}. {known}",
        name=index,
        version=generation,
        known=known,
    )


def _generation(version: str) -> str:
    """ "4", "5", "6" …: niji 6 is made by the sixth, older niji by the fifth."""
    if version_class(version) == NEWEST:
        return "6"
    return "5" if version.startswith("niji") else version.removeprefix("v").partition(".")[0]


class Remix(FollowUp):
    prompt: Prompt = Field(
        "", title=gettext_noop("New prompt"), description=gettext_noop("Empty keeps the parent's.")
    )


class Variation(Remix):
    index: Annotated[
        Literal["1", "2", "3", "4", "high_variation", "low_variation"], NumberAsText
    ] = Field(
        title=gettext_noop("What to vary"),
        description=gettext_noop("Picture 1 to 4 of a grid, or how much to vary."),
    )


class Reroll(Remix):
    aspect_ratio: AspectRatio | None = Field(
        None, title=gettext_noop("Aspect ratio"), description=gettext_noop("e.g. 16:9")
    )


class Inpaint(Remix):
    mask: Image = Field(
        title=gettext_noop("Mask"),
        description=gettext_noop("White where the picture is to change."),
    )
    skip_prompt_check: bool = Field(
        False, title=gettext_noop("Skip the prompt check"), json_schema_extra=ADVANCED
    )


class Outpaint(Remix):
    zoom_ratio: float = Field(
        ge=1,
        le=2,
        title=gettext_noop("Zoom out by"),
        description=gettext_noop("1 makes the picture square."),
    )
    aspect_ratio: AspectRatio | None = Field(
        None, title=gettext_noop("Aspect ratio"), description=gettext_noop("e.g. 16:9")
    )


class Pan(Remix):
    direction: Literal["up", "down", "left", "right"] = Field(title=gettext_noop("Direction"))


class Describe(WithBot, WithMode):
    image_url: Image = Field(title=gettext_noop("Image"))


class Blend(WithBot, WithMode):
    image_urls: list[Image] = Field(
        min_length=2, max_length=5, title=gettext_noop("Images, two to five")
    )
    dimension: Literal["square", "portrait", "landscape"] = Field(
        "square", title=gettext_noop("Shape")
    )


class Seed(Continuing):
    task_id: TaskId = Field(title=gettext_noop("Task whose seed to read"))

    @property
    def parent(self) -> Parent:
        return self._parent or Parent("imagine", SLOWEST, NEWEST)


# ------------------------------------------------------------------------------ mode and version
def mode_of(values: TaskInput) -> str:
    """The parent's; else the field; else, of imagine, the last such flag of the prompt; else relax."""
    if isinstance(values, FollowUp | Seed):
        return values.parent.process_mode or SLOWEST
    asked = getattr(values, "process_mode", None)
    if asked:
        return str(asked)
    return parameters.flag_mode(getattr(values, "prompt", "")) or SLOWEST


def slower(values: TaskInput) -> TaskInput | None:
    """The same at the slow speed; None where it is slow already."""
    if mode_of(values) == SLOWEST:
        return None
    if isinstance(values, FollowUp | Seed):
        made = values.model_copy()
        made._parent = replace(values.parent, process_mode=SLOWEST)
        return made
    return values.model_copy(update={"process_mode": SLOWEST})


def model_version(values: TaskInput) -> str:
    """ "v6", "v5.2", "niji6": what the prompt asks for, else the parent's, else the newest."""
    asked = parameters.asked_version(getattr(values, "prompt", ""))
    if asked:
        return asked
    if isinstance(values, FollowUp | Seed):
        return values.parent.model_version or NEWEST
    return NEWEST


def version_class(version: str) -> str:
    """ "v5" or "v6": by which of the two price lists a version is paid."""
    return parameters.class_of(version)


def prompt_of(values: TaskInput) -> str | None:
    """The prompt to check; None where there is none: a follow-up that keeps its parent's."""
    if isinstance(values, Imagine):
        return values.prompt
    return values.prompt or None if isinstance(values, Remix) else None


def skips_check(values: TaskInput) -> bool:
    return bool(getattr(values, "skip_prompt_check", False))


def action_of(values: TaskInput) -> str:
    """ "upscale1", "variation_high": what it does to its parent, in the words of `actions`."""
    match values:
        case Upscale(index=index):
            return f"upscale{index}" if index.isdecimal() else f"upscale_{index}"
        case Variation(index=index):
            return f"variation{index}" if index.isdecimal() else index
        case Pan(direction=direction):
            return f"pan_{direction}"
        case _:
            return type(values).__name__.lower()
