"""Qubico/image-toolkit: small picture jobs. Two of them run on the local engine."""

from typing import Literal

from django.utils.translation import gettext_noop
from pydantic import Field

from apps.catalog.inputs import ADVANCED, FaceIndexes, Image, TaskInput
from apps.catalog.spec import OutputKind, Rate, Route, TaskSpec

MODEL = "Qubico/image-toolkit"
FAMILY = "image_toolkit"


class FaceSwap(TaskInput):
    target_image: Image = Field(title=gettext_noop("Target image"))
    swap_image: Image = Field(title=gettext_noop("Face to put in"))


class MultiFaceSwap(FaceSwap):
    swap_faces_index: FaceIndexes = Field(
        title=gettext_noop("Faces of the swap image"),
        description=gettext_noop("Positions from the left, e.g. 0,1"),
    )
    target_faces_index: FaceIndexes = Field(
        title=gettext_noop("Faces of the target image"),
        description=gettext_noop("Positions from the left, e.g. 0,1"),
    )


class BackgroundRemove(TaskInput):
    image: Image = Field(title=gettext_noop("Image"))
    rmbg_model: Literal["RMBG-1.4", "RMBG-2.0", "BEN2"] = Field(
        "RMBG-1.4",
        title=gettext_noop("Model"),
        description=gettext_noop("A wish; the result says which engine ran."),
        json_schema_extra=ADVANCED,
    )


class Segment(TaskInput):
    image: Image = Field(title=gettext_noop("Image"))
    prompt: str = Field(min_length=1, max_length=1000, title=gettext_noop("What to select"))
    negative_prompt: str = Field("", max_length=1000, title=gettext_noop("What to leave out"))
    segment_factor: float = Field(
        -15, ge=-100, le=100, title=gettext_noop("Grow or shrink the selection")
    )


class Upscale(TaskInput):
    image: Image = Field(title=gettext_noop("Image"))
    scale: int = Field(2, ge=2, le=10, title=gettext_noop("Scale"))
    face_enhance: bool = Field(
        False,
        title=gettext_noop("Enhance faces"),
        description=gettext_noop("A wish; not every engine can."),
        json_schema_extra=ADVANCED,
    )


def _spec(
    task_type: str, title: str, summary: str, model: type[TaskInput], usd: str, *routes: Route
) -> TaskSpec:
    return TaskSpec(
        model=MODEL,
        task_type=task_type,
        family=FAMILY,
        title=title,
        summary=summary,
        kind=OutputKind.IMAGE,
        input=model,
        rates=(Rate("task", usd, unit="image"),),
        timeout_seconds=300,
        routes=routes,
        example={"prompt": "the dog"} if model is Segment else {},
    )


SPECS = [
    _spec(
        "face-swap",
        gettext_noop("Face swap"),
        gettext_noop("Puts the face of one picture into another."),
        FaceSwap,
        "0.01",
    ),
    _spec(
        "multi-face-swap",
        gettext_noop("Face swap, several faces"),
        gettext_noop("Swaps chosen faces of a group picture."),
        MultiFaceSwap,
        "0.02",
    ),
    _spec(
        "background-remove",
        gettext_noop("Remove background"),
        gettext_noop("Cuts the subject out of a picture; the result is a PNG with transparency."),
        BackgroundRemove,
        "0.001",
        Route("local", "background_removal", queue="local"),
    ),
    _spec(
        "segment",
        gettext_noop("Segment"),
        gettext_noop("Selects what the prompt names."),
        Segment,
        "0.001",
    ),
    _spec(
        "upscale",
        gettext_noop("Upscale"),
        gettext_noop("Enlarges a picture 2 to 10 times."),
        Upscale,
        "0.01",
        Route("local", "upscale", queue="local"),
    ),
]
