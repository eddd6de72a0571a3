"""Qubico/video-toolkit: face swap, upscale and background removal in short films."""

from typing import Annotated

from django.utils.translation import gettext_noop
from pydantic import Field

from apps.catalog.inputs import ADVANCED, FaceIndexes, Image, TaskInput, Video, inline_limit
from apps.catalog.spec import OutputKind, Rate, TaskSpec

MODEL = "Qubico/video-toolkit"
FAMILY = "video_toolkit"
Film = Annotated[Video, inline_limit(10)]


class FaceSwap(TaskInput):
    target_video: Film = Field(
        title=gettext_noop("Target video"), description=gettext_noop("MP4, up to 10 MB and 720p.")
    )
    swap_image: Image = Field(title=gettext_noop("Face to put in"))
    swap_faces_index: FaceIndexes = Field(
        "0",
        title=gettext_noop("Faces of the swap image"),
        description=gettext_noop("Positions from the left, e.g. 0,1"),
        json_schema_extra=ADVANCED,
    )
    target_faces_index: FaceIndexes = Field(
        "0",
        title=gettext_noop("Faces of the target video"),
        description=gettext_noop("Positions from the left, e.g. 0,1"),
        json_schema_extra=ADVANCED,
    )


class OneVideo(TaskInput):
    video: Video = Field(title=gettext_noop("Video"))


def _spec(task_type: str, title: str, summary: str, model: type[TaskInput]) -> TaskSpec:
    return TaskSpec(
        model=MODEL,
        task_type=task_type,
        family=FAMILY,
        title=title,
        summary=summary,
        kind=OutputKind.VIDEO,
        input=model,
        rates=(Rate("task", "0.10", unit="video"),),
        timeout_seconds=1800,
    )


SPECS = [
    _spec(
        "face-swap",
        gettext_noop("Video face swap"),
        gettext_noop("Puts a face from a picture into a video."),
        FaceSwap,
    ),
    _spec(
        "upscale",
        gettext_noop("Video upscale"),
        gettext_noop("Doubles the size of a video."),
        OneVideo,
    ),
    _spec(
        "background-remove",
        gettext_noop("Remove video background"),
        gettext_noop("Cuts the subject of a video out of its background."),
        OneVideo,
    ),
]
