"""Midjourney: imagine, and what follows from a picture. Its rules are in `apps.catalog.midjourney`."""

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_noop

from apps.catalog.inputs import TaskInput
from apps.catalog.midjourney import inputs, outputs, prices
from apps.catalog.spec import OutputKind, Rate, Route, TaskSpec

MODEL = FAMILY = "midjourney"
# Relax waits for free capacity, for a quarter of an hour at busy times.
TIMEOUT_SECONDS = 1800


def _routes(task_type: str) -> tuple[Route, ...]:
    return (
        Route("midjourney_bridge", task_type),
        Route("local", "midjourney", queue="local", is_sandbox=True),
    )


def _follow(model: type[TaskInput]) -> dict[str, Any]:
    """What makes a spec a follow-up."""
    if not issubclass(model, inputs.FollowUp | inputs.Seed):
        return {}
    return {
        "follows": "task_id" if issubclass(model, inputs.Seed) else "origin_task_id",
        "follow_hours": settings.FOLLOW_UP_HOURS,
        "action": inputs.action_of,
    }


def _picture(
    task_type: str,
    model: type[TaskInput],
    title: str,
    summary: str,
    *,
    rates: tuple[Rate, ...] = (),
    charges: prices.Charges | None = None,
    is_grid: bool = True,
    example: dict[str, Any] | None = None,
) -> TaskSpec:
    return TaskSpec(
        model=MODEL,
        task_type=task_type,
        family=FAMILY,
        title=title,
        summary=summary,
        kind=OutputKind.IMAGE,
        input=model,
        rates=rates or prices.rates(task_type, prices.CHANGE),
        charges=charges or prices.charges(task_type),
        modes=inputs.MODES,
        timeout_seconds=TIMEOUT_SECONDS,
        routes=_routes(task_type),
        tells_progress=True,
        pending_output=outputs.no_picture_yet,
        process_mode=inputs.mode_of,
        slower=inputs.slower,
        model_version=inputs.model_version,
        is_named_by_task=True,
        is_grid=is_grid,
        shown=outputs.picture(is_grid=is_grid),
        example=example or {},
        **_follow(model),
    )


def _text(
    task_type: str,
    model: type[TaskInput],
    title: str,
    summary: str,
    *,
    quotas: int,
    pending: Callable[[Any], Any],
    shown: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
) -> TaskSpec:
    return TaskSpec(
        model=MODEL,
        task_type=task_type,
        family=FAMILY,
        title=title,
        summary=summary,
        kind=OutputKind.TEXT,
        input=model,
        rates=(prices.rate(task_type, quotas),),
        charges=prices.once(task_type),
        modes=inputs.MODES,
        timeout_seconds=TIMEOUT_SECONDS,
        routes=_routes(task_type),
        tells_progress=True,
        pending_output=pending,
        process_mode=inputs.mode_of,
        slower=inputs.slower,
        shown=shown,
        **_follow(model),
    )


SPECS = [
    _picture(
        "imagine",
        inputs.Imagine,
        gettext_noop("Midjourney imagine"),
        gettext_noop("A grid of four pictures from a prompt."),
        rates=prices.rates("imagine", prices.IMAGINE),
        example={"prompt": "flying night city, paper lanterns, cinematic --ar 16:9"},
    ),
    _picture(
        "upscale",
        inputs.Upscale,
        gettext_noop("Midjourney upscale"),
        gettext_noop("Takes one picture out of a grid, or enlarges a picture."),
        rates=prices.UPSCALE_RATES,
        charges=prices.upscale_charges,
        is_grid=False,
    ),
    _picture(
        "variation",
        inputs.Variation,
        gettext_noop("Midjourney variation"),
        gettext_noop("Four pictures like one you have."),
    ),
    _picture(
        "reroll",
        inputs.Reroll,
        gettext_noop("Midjourney reroll"),
        gettext_noop("Runs the same prompt again, or a changed one."),
    ),
    _text(
        "describe",
        inputs.Describe,
        gettext_noop("Midjourney describe"),
        gettext_noop("Four prompts that could have made a picture."),
        quotas=prices.READ,
        pending=lambda _: {"description": "", "prompts": []},
        shown=outputs.description,
    ),
    _text(
        "seed",
        inputs.Seed,
        gettext_noop("Midjourney seed"),
        gettext_noop("The seed a finished task was made with."),
        quotas=prices.READ_SEED,
        pending=lambda _: {"seed": ""},
    ),
    _picture(
        "blend",
        inputs.Blend,
        gettext_noop("Midjourney blend"),
        gettext_noop("Merges two to five pictures."),
        rates=prices.BLEND_RATES,
        charges=prices.blend_charges,
    ),
    _picture(
        "inpaint",
        inputs.Inpaint,
        gettext_noop("Midjourney inpaint"),
        gettext_noop("Changes the masked part of a picture."),
    ),
    _picture(
        "outpaint",
        inputs.Outpaint,
        gettext_noop("Midjourney outpaint"),
        gettext_noop("Zooms out of a picture, or makes it square."),
    ),
    _picture(
        "pan",
        inputs.Pan,
        gettext_noop("Midjourney pan"),
        gettext_noop("Continues a picture to one side."),
    ),
]
