"""What the platform makes by itself, on its own processor: nothing leaves the machine."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Literal

from django.utils.translation import gettext_noop
from pydantic import Field

from apps.catalog.inputs import ADVANCED, MULTILINE, Image, Seed, TaskInput
from apps.catalog.spec import Charge, OutputKind, Rate, Route, TaskSpec

FAMILY = "local"
SEED_HELP = gettext_noop("The same seed gives the same result; -1 picks one by chance.")


class Ocr(TaskInput):
    image: Image = Field(
        title=gettext_noop("Image"), description=gettext_noop("A page, a sign, a screenshot.")
    )


class TextToSpeech(TaskInput):
    text: str = Field(
        min_length=1,
        max_length=5000,
        title=gettext_noop("Text"),
        description=gettext_noop("English, up to 5,000 characters."),
        json_schema_extra=MULTILINE,
    )
    speed: float = Field(
        1, ge=0.5, le=2, title=gettext_noop("Speed"), description=gettext_noop("1 is normal.")
    )
    format: Literal["wav", "mp3"] = Field("wav", title=gettext_noop("File format"))
    seed: Seed = Field(
        -1, title=gettext_noop("Seed"), description=SEED_HELP, json_schema_extra=ADVANCED
    )


class ImageTo3d(TaskInput):
    image: Image = Field(
        title=gettext_noop("Image"),
        description=gettext_noop("One subject; its background is removed before it is modelled."),
    )


class Parallax(TaskInput):
    image: Image = Field(
        title=gettext_noop("Image"),
        description=gettext_noop("A photo with a near and a far part is best."),
    )
    duration: int = Field(4, ge=2, le=10, title=gettext_noop("Seconds"))
    motion: Literal["left", "right", "zoom_in", "orbit"] = Field(
        "orbit", title=gettext_noop("Motion"), description=gettext_noop("How the camera moves.")
    )


class Illustration(TaskInput):
    prompt: str = Field(
        min_length=1,
        max_length=1000,
        title=gettext_noop("What to draw"),
        description=gettext_noop("Things, a place, a time of day."),
        json_schema_extra=MULTILINE,
    )
    width: int = Field(768, ge=256, le=1024, multiple_of=8, title=gettext_noop("Width in pixels"))
    height: int = Field(768, ge=256, le=1024, multiple_of=8, title=gettext_noop("Height in pixels"))
    seed: Seed = Field(
        -1, title=gettext_noop("Seed"), description=SEED_HELP, json_schema_extra=ADVANCED
    )


class Music(TaskInput):
    prompt: str = Field(
        min_length=1,
        max_length=1000,
        title=gettext_noop("Mood and instruments"),
        description=gettext_noop(
            "Words such as calm, happy, sad, epic, fast, slow, piano, strings, jazz."
        ),
        json_schema_extra=MULTILINE,
    )
    duration: int = Field(30, ge=5, le=120, title=gettext_noop("Seconds"))
    seed: Seed = Field(
        -1, title=gettext_noop("Seed"), description=SEED_HELP, json_schema_extra=ADVANCED
    )


def _per_second(values: Any) -> Sequence[Charge]:
    return [Charge("second", Decimal(values.duration))]


def _per_thousand_characters(values: TextToSpeech) -> Sequence[Charge]:
    return [Charge("text", Decimal(len(values.text)) / 1000)]


def _one_file(_: Any) -> Sequence[Charge]:
    return [Charge("task")]


def _spec(
    name: str,
    task_type: str,
    job: str,
    kind: OutputKind,
    model: type[TaskInput],
    rate: Rate,
    *,
    title: str,
    summary: str,
    charges: Callable[[Any], Sequence[Charge]] = _one_file,
    example: str = "",
) -> TaskSpec:
    return TaskSpec(
        model=f"modelyard/{name}",
        task_type=task_type,
        family=FAMILY,
        title=title,
        summary=summary,
        kind=kind,
        input=model,
        rates=(rate,),
        charges=charges,
        timeout_seconds=600,
        routes=(Route("local", job, queue="local"),),
        example={next(iter(model.model_fields)): example} if example else {},
    )


SPECS = [
    _spec(
        "ocr",
        "ocr",
        "ocr",
        OutputKind.TEXT,
        Ocr,
        Rate("task", "0.001", unit="image"),
        title=gettext_noop("Read text"),
        summary=gettext_noop("Reads the text in a picture and says where each line stands."),
    ),
    _spec(
        "tts",
        "text-to-speech",
        "speech",
        OutputKind.AUDIO,
        TextToSpeech,
        Rate("text", "0.002", unit="1000 characters"),
        title=gettext_noop("Text to speech"),
        summary=gettext_noop("Reads an English text aloud."),
        charges=_per_thousand_characters,
        example="The yard opens at seven, and the first model is already waiting at the gate.",
    ),
    _spec(
        "image-to-3d",
        "image-to-3d",
        "image_to_3d",
        OutputKind.MODEL_3D,
        ImageTo3d,
        Rate("task", "0.005", unit="model"),
        title=gettext_noop("Image to 3D relief"),
        summary=gettext_noop(
            "Turns the subject of a picture into a textured 3D model (GLB) and films it."
        ),
    ),
    _spec(
        "parallax",
        "image-to-video",
        "parallax_video",
        OutputKind.VIDEO,
        Parallax,
        Rate("second", "0.002", unit="s"),
        title=gettext_noop("Photo with depth"),
        summary=gettext_noop("Moves a camera through a photo: a short film, made by hybrid means."),
        charges=_per_second,
    ),
    _spec(
        "illustration",
        "text-to-image",
        "illustration",
        OutputKind.IMAGE,
        Illustration,
        Rate("task", "0.001", unit="image"),
        title=gettext_noop("Procedural illustration"),
        summary=gettext_noop(
            "Composes a picture from scenery and figures that fit the words. Not a diffusion "
            "model: it draws what its collection has."
        ),
        example="a fox by a lake at sunset, mountains, a small boat",
    ),
    _spec(
        "music",
        "text-to-music",
        "music",
        OutputKind.AUDIO,
        Music,
        Rate("second", "0.00005", unit="s"),
        title=gettext_noop("Procedural music"),
        summary=gettext_noop("Composes an instrumental piece by rule, in the mood of the words."),
        charges=_per_second,
        example="calm piano with soft strings, slow",
    ),
]
