"""Qubico/video-toolkit: face swap, upscale and background removal in short films."""

from typing import Annotated

from pydantic import Field

from apps.catalog.inputs import ADVANCED, FaceIndexes, Image, TaskInput, Video, inline_limit
from apps.catalog.spec import OutputKind, Rate, TaskSpec

MODEL = "Qubico/video-toolkit"
FAMILY = "video_toolkit"
Film = Annotated[Video, inline_limit(10)]


class FaceSwap(TaskInput):
    target_video: Film = Field(title="Target video", description="MP4, up to 10 MB and 720p.")
    swap_image: Image = Field(title="Face to put in")
    swap_faces_index: FaceIndexes = Field(
        "0",
        title="Faces of the swap image",
        description="Positions from the left, e.g. 0,1",
        json_schema_extra=ADVANCED,
    )
    target_faces_index: FaceIndexes = Field(
        "0",
        title="Faces of the target video",
        description="Positions from the left, e.g. 0,1",
        json_schema_extra=ADVANCED,
    )


class OneVideo(TaskInput):
    video: Video = Field(title="Video")


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
    _spec("face-swap", "Video face swap", "Puts a face from a picture into a video.", FaceSwap),
    _spec("upscale", "Video upscale", "Doubles the size of a video.", OneVideo),
    _spec(
        "background-remove",
        "Remove video background",
        "Cuts the subject of a video out of its background.",
        OneVideo,
    ),
]
