"""gemini: pictures from words and pictures, by Google's models."""

from collections.abc import Sequence
from typing import Any, Literal

from django.utils.translation import gettext_noop
from pydantic import Field

from apps.catalog.inputs import ADVANCED, MULTILINE, Image, TaskInput
from apps.catalog.spec import Charge, OutputKind, Rate, Route, TaskSpec

MODEL = FAMILY = "gemini"
_MOST_IMAGES = 10
Ratio = Literal["21:9", "1:1", "4:3", "3:2", "2:3", "5:4", "4:5", "3:4", "16:9", "9:16"]


class Painted(TaskInput):
    prompt: str = Field(
        min_length=1,
        max_length=20_000,
        title=gettext_noop("Prompt"),
        description=gettext_noop("What to paint, or what to change in the images."),
        json_schema_extra=MULTILINE,
    )
    image_urls: list[Image] = Field(
        default_factory=list, max_length=_MOST_IMAGES, title=gettext_noop("Images to start from")
    )
    aspect_ratio: Ratio | None = Field(
        None,
        title=gettext_noop("Aspect ratio"),
        description=gettext_noop("Empty: square, or that of the images."),
    )


class FlashImage(Painted):
    output_format: Literal["jpeg", "png"] = Field(
        "jpeg",
        title=gettext_noop("File format"),
        description=gettext_noop("A wish; the file is what the model gives."),
        json_schema_extra=ADVANCED,
    )


class NanoBananaPro(Painted):
    resolution: Literal["1K", "2K", "4K"] = Field("1K", title=gettext_noop("Resolution"))
    output_format: Literal["png", "jpg"] = Field(
        "png",
        title=gettext_noop("File format"),
        description=gettext_noop("A wish; the file is what the model gives."),
        json_schema_extra=ADVANCED,
    )
    safety_level: Literal["low", "high"] | None = Field(
        None,
        title=gettext_noop("Safety filter"),
        description=gettext_noop("A wish; not every account may change it."),
        json_schema_extra=ADVANCED,
    )


class NanoBanana2(NanoBananaPro):
    enable_web_search: bool = Field(
        False,
        title=gettext_noop("Search the web"),
        description=gettext_noop("For pictures of what is known today."),
        json_schema_extra=ADVANCED,
    )


def _by_resolution(values: Any) -> Sequence[Charge]:
    return [Charge("4k" if values.resolution == "4K" else "image")]


def _pictures(given: dict[str, Any]) -> dict[str, Any]:
    """One picture or several: clients read the list, some only the first."""
    urls = given.get("image_urls") or ([given["image_url"]] if given.get("image_url") else [])
    return {**given, "image_url": urls[0] if urls else "", "image_urls": urls}


def _spec(
    task_type: str, title: str, summary: str, model: type[TaskInput], *rates: Rate, **more: Any
) -> TaskSpec:
    return TaskSpec(
        model=MODEL,
        task_type=task_type,
        family=FAMILY,
        title=title,
        summary=summary,
        kind=OutputKind.IMAGE,
        input=model,
        rates=rates,
        timeout_seconds=300,
        routes=(Route("google", "image"),),
        shown=_pictures,
        example={"prompt": "a lighthouse made of paper, evening light"},
        **more,
    )


SPECS = [
    _spec(
        "gemini-2.5-flash-image",
        "Gemini 2.5 Flash Image",
        gettext_noop("Paints, and changes pictures by what you say."),
        FlashImage,
        Rate("task", "0.03", unit="image"),
    ),
    _spec(
        "nano-banana-pro",
        "Nano Banana Pro",
        gettext_noop("Detailed pictures with legible text, up to 4K."),
        NanoBananaPro,
        Rate("image", "0.105", unit="image"),
        Rate("4k", "0.18", unit="image"),
        charges=_by_resolution,
    ),
    _spec(
        "nano-banana-2",
        "Nano Banana 2",
        gettext_noop("Quick pictures, up to 4K, of what the web knows today where you wish."),
        NanoBanana2,
        Rate("image", "0.06", unit="image"),
        Rate("4k", "0.12", unit="image"),
        charges=_by_resolution,
    ),
]
