"""Midjourney: imagine, and what follows from a picture.

A follow-up has the mode and version of its parent. Neither can be told from the input alone, so
until the parent is looked up a follow-up is priced by its own `process_mode`, else relax, and by
the version its own prompt names, else V6.
"""

import re
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from apps.catalog.inputs import ADVANCED, MULTILINE, Image, NumberAsText, TaskId, TaskInput, shaped
from apps.catalog.spec import Charge, OutputKind, Rate, TaskSpec

MODEL = FAMILY = "midjourney"
MODES = ("relax", "fast", "turbo")
# Relax waits for free capacity, for a quarter of an hour at busy times.
TIMEOUT_SECONDS = 1800


def _not_mixed(value: Any) -> Any:
    return None if value == "mixed" else value


# "mixed" is an old word for "no wish".
ProcessMode = Annotated[Literal["relax", "fast", "turbo"] | None, BeforeValidator(_not_mixed)]
Prompt = Annotated[str, Field(max_length=6000, json_schema_extra=MULTILINE)]
AspectRatio = Annotated[
    str,
    Field(max_length=9),
    shaped("[0-9]{1,4}:[0-9]{1,4}", "Give two whole numbers with a colon between, e.g. 16:9."),
]
BotId = Annotated[int, Field(ge=0, le=9_007_199_254_740_991)]


class WithMode(TaskInput):
    process_mode: ProcessMode = Field(
        None, title="Mode", description="Relax is cheap and slow, turbo dear and quick."
    )


class WithBot(TaskInput):
    bot_id: BotId = Field(
        0,
        title="Account",
        description="One of your own connected accounts; 0 is any.",
        json_schema_extra=ADVANCED,
    )


class Asked(TaskInput):
    prompt: Prompt = Field(
        min_length=1, title="Prompt", description="Parameters such as --v 6 may follow the words."
    )
    aspect_ratio: AspectRatio | None = Field(
        None, title="Aspect ratio", description="Width:height, e.g. 16:9"
    )


class Imagine(WithBot, WithMode, Asked):
    skip_prompt_check: bool = Field(
        False, title="Skip the prompt check", json_schema_extra=ADVANCED
    )


class Parent(TaskInput):
    origin_task_id: TaskId = Field(title="Task to continue", description="Its task_id.")


class FollowUp(WithMode, Parent):
    pass


class Upscale(FollowUp):
    index: Annotated[
        Literal["1", "2", "3", "4", "light", "beta", "2x", "4x", "subtle", "creative"], NumberAsText
    ] = Field(
        title="What to upscale",
        description="Picture 1 to 4 of a grid, or how to enlarge a single picture.",
    )


class Remix(FollowUp):
    prompt: Prompt = Field("", title="New prompt", description="Empty keeps the parent's.")


class Variation(Remix):
    index: Annotated[
        Literal["1", "2", "3", "4", "high_variation", "low_variation"], NumberAsText
    ] = Field(title="What to vary", description="Picture 1 to 4 of a grid, or how much to vary.")


class Reroll(Remix):
    aspect_ratio: AspectRatio | None = Field(None, title="Aspect ratio", description="e.g. 16:9")


class Inpaint(Remix):
    mask: Image = Field(title="Mask", description="White where the picture is to change.")
    skip_prompt_check: bool = Field(
        False, title="Skip the prompt check", json_schema_extra=ADVANCED
    )


class Outpaint(Remix):
    zoom_ratio: float = Field(
        ge=1, le=2, title="Zoom out by", description="1 makes the picture square."
    )
    aspect_ratio: AspectRatio | None = Field(None, title="Aspect ratio", description="e.g. 16:9")


class Pan(Remix):
    direction: Literal["up", "down", "left", "right"] = Field(title="Direction")


class Describe(WithBot, WithMode):
    image_url: Image = Field(title="Image")


class Blend(WithBot, WithMode):
    image_urls: list[Image] = Field(min_length=2, max_length=5, title="Images, two to five")
    dimension: Literal["square", "portrait", "landscape"] = Field("square", title="Shape")


class Seed(TaskInput):
    task_id: TaskId = Field(title="Task whose seed to read")


# ------------------------------------------------------------------------------------------- mode

_MODE_FLAG = re.compile(r"(?:^|\s)(?:--|—)(relax|fast|turbo)(?=\s|$)", re.IGNORECASE)


def mode_of(values: WithMode) -> str:
    """The field; for imagine else the last such flag of the prompt; else relax."""
    if values.process_mode:
        return values.process_mode
    flags = _MODE_FLAG.findall(values.prompt) if isinstance(values, Imagine) else []
    return flags[-1].lower() if flags else "relax"


def _relax(_: Any) -> str:
    return "relax"


# ------------------------------------------------------------------------------------------ price

USD_PER_QUOTA = Decimal("0.005")
# Turbo was cut by a fifth after the list was made; reading and U1-U4 cost the same in every mode.
TURBO_FACTOR = Decimal("0.8")
# Quotas by mode, for pictures of version 5.2 or older and for newer ones.
IMAGINE = {"relax": (3, 6), "fast": (9, 14), "turbo": (25, 32)}
CHANGE = {"relax": (3, 6), "fast": (9, 14), "turbo": (20, 28)}
ENLARGE = {
    "2x": {"relax": 9, "fast": 18, "turbo": 40},
    "4x": {"relax": 27, "fast": 54, "turbo": 120},
}
READ, SPLIT, READ_SEED = 2, 2, 1
_VERSIONS = ("v5", "v6")
_VERSION_FLAG = re.compile(
    r"(?:^|\s)(?:--|—)(niji|version|v)(?:\s+([0-9]{1,3}(?:\.[0-9]{1,3})?))?(?=\s|$)", re.IGNORECASE
)
_UPSCALERS = {"light": "v5", "beta": "v5", "subtle": "v6", "creative": "v6"}


def version_of(prompt: str) -> str:
    """ "v5" where the prompt's last version flag says 5.2 or older, or niji older than 6."""
    flags = _VERSION_FLAG.findall(prompt)
    if not flags or not flags[-1][1]:
        return "v6"
    name, number = flags[-1][0].lower(), Decimal(flags[-1][1])
    is_old = number < 6 if name == "niji" else number <= Decimal("5.2")
    return "v5" if is_old else "v6"


def _rate(name: str, quotas: int, mode: str = "") -> Rate:
    usd = quotas * USD_PER_QUOTA * (TURBO_FACTOR if mode == "turbo" else 1)
    return Rate(name, f"{usd.normalize():f}")


def _rates(name: str, quotas: dict[str, tuple[int, int]]) -> tuple[Rate, ...]:
    return tuple(
        _rate(f"{name}_{mode}_{version}", cost, mode)
        for mode, costs in quotas.items()
        for version, cost in zip(_VERSIONS, costs, strict=True)
    )


_UPSCALE_RATES = (
    _rate("upscale", SPLIT),
    *_rates("upscale", CHANGE),
    *(
        _rate(f"upscale_{size}_{mode}", quotas, mode)
        for size, by_mode in ENLARGE.items()
        for mode, quotas in by_mode.items()
    ),
)


_BLEND_RATES = tuple(_rate(f"blend_{mode}", cost[1], mode) for mode, cost in CHANGE.items())


def _charges(name: str) -> Callable[[Any], Sequence[Charge]]:
    def charges(values: Any) -> Sequence[Charge]:
        version = version_of(getattr(values, "prompt", ""))
        return [Charge(f"{name}_{mode_of(values)}_{version}")]

    return charges


def _upscale_charges(values: Upscale) -> Sequence[Charge]:
    if values.index.isdecimal():
        return [Charge("upscale")]
    if values.index in ENLARGE:
        return [Charge(f"upscale_{values.index}_{mode_of(values)}")]
    return [Charge(f"upscale_{mode_of(values)}_{_UPSCALERS[values.index]}")]


def _blend_charges(values: Blend) -> Sequence[Charge]:
    # It has no prompt that could name an older version.
    return [Charge(f"blend_{mode_of(values)}")]


def _once(name: str) -> Callable[[Any], Sequence[Charge]]:
    return lambda _: [Charge(name)]


# ------------------------------------------------------------------------------------------ specs


def _no_picture_yet(_: Any) -> dict[str, Any]:
    return {
        "image_url": "",
        "image_urls": None,
        "temporary_image_urls": None,
        "discord_image_url": "",
        "actions": [],
        "progress": 0,
        "intermediate_image_urls": None,
    }


def _picture(
    task_type: str,
    model: type[TaskInput],
    title: str,
    summary: str,
    *,
    rates: tuple[Rate, ...] = (),
    charges: Callable[[Any], Sequence[Charge]] | None = None,
    example: dict[str, Any] | None = None,
) -> TaskSpec:
    return TaskSpec(
        model=MODEL,
        task_type=task_type,
        family=FAMILY,
        title=f"Midjourney {title}",
        summary=summary,
        kind=OutputKind.IMAGE,
        input=model,
        rates=rates or _rates(task_type, CHANGE),
        charges=charges or _charges(task_type),
        modes=MODES,
        timeout_seconds=TIMEOUT_SECONDS,
        tells_progress=True,
        pending_output=_no_picture_yet,
        process_mode=mode_of,
        example=example or {},
    )


def _text(
    task_type: str,
    model: type[TaskInput],
    title: str,
    summary: str,
    *,
    quotas: int,
    modes: tuple[str, ...],
    pending: Callable[[Any], Any],
) -> TaskSpec:
    return TaskSpec(
        model=MODEL,
        task_type=task_type,
        family=FAMILY,
        title=f"Midjourney {title}",
        summary=summary,
        kind=OutputKind.TEXT,
        input=model,
        rates=(_rate(task_type, quotas),),
        charges=_once(task_type),
        modes=modes,
        timeout_seconds=TIMEOUT_SECONDS,
        tells_progress=True,
        pending_output=pending,
        process_mode=mode_of if modes else _relax,
    )


SPECS = [
    _picture(
        "imagine",
        Imagine,
        "imagine",
        "A grid of four pictures from a prompt.",
        rates=_rates("imagine", IMAGINE),
        example={"prompt": "flying night city, paper lanterns, cinematic --ar 16:9"},
    ),
    _picture(
        "upscale",
        Upscale,
        "upscale",
        "Takes one picture out of a grid, or enlarges a picture.",
        rates=_UPSCALE_RATES,
        charges=_upscale_charges,
    ),
    _picture("variation", Variation, "variation", "Four pictures like one you have."),
    _picture("reroll", Reroll, "reroll", "Runs the same prompt again, or a changed one."),
    _text(
        "describe",
        Describe,
        "describe",
        "Four prompts that could have made a picture.",
        quotas=READ,
        modes=MODES,
        pending=lambda _: {"description": "", "prompts": []},
    ),
    _text(
        "seed",
        Seed,
        "seed",
        "The seed a finished task was made with.",
        quotas=READ_SEED,
        modes=(),
        pending=lambda _: {"seed": ""},
    ),
    _picture(
        "blend",
        Blend,
        "blend",
        "Merges two to five pictures.",
        rates=_BLEND_RATES,
        charges=_blend_charges,
    ),
    _picture("inpaint", Inpaint, "inpaint", "Changes the masked part of a picture."),
    _picture("outpaint", Outpaint, "outpaint", "Zooms out of a picture, or makes it square."),
    _picture("pan", Pan, "pan", "Continues a picture to one side."),
]
