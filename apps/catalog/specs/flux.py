"""Flux: Qubico/flux1-schnell, flux1-dev and flux1-dev-advanced.

`guidance_scale` is taken on every task type, and 0 for a size or for steps means "the default":
that is how clients of the original API send fields they do not use.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from django.utils.translation import gettext_noop
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from apps.catalog.inputs import ADVANCED, MULTILINE, Image, Part, Seed, TaskInput, broken_rule
from apps.catalog.spec import Charge, OutputKind, Rate, TaskSpec
from apps.core.sentences import sentence

SCHNELL, DEV, PLUS = "Qubico/flux1-schnell", "Qubico/flux1-dev", "Qubico/flux1-dev-advanced"
FAMILY = "flux"
MAX_PIXELS = 1024 * 1024
LoraType = Literal[
    "anime",
    "art",
    "disney",
    "furry",
    "mjv6",
    "realism",
    "scenery",
    "collage-artstyle",
    "creepcute",
    "cyberpunk-anime-style",
    "deco-pulse",
    "deep-sea-particle-enhencer",
    "faetastic-details",
    "fractal-geometry",
    "galactixy-illustrations-style",
    "geometric-woman",
    "graphic-portrait",
    "mat-miller-art",
    "moebius-style",
    "ob3d-isometric-3d-room",
    "paper-quilling-and-layering-style",
    "remes-abstract-poster-style",
    "mystic-realism",
]


def _zero_is(default: int) -> BeforeValidator:
    return BeforeValidator(lambda value: default if value in (0, "0") else value)


def _soft_edge(name: str) -> str:
    return "soft_edge" if name == "hed" else name


ControlType = Annotated[
    Literal["depth", "soft_edge", "canny", "openpose", "hed"], AfterValidator(_soft_edge)
]
Prompt = Annotated[str, Field(max_length=4000, json_schema_extra=MULTILINE)]
Side = Annotated[int, Field(ge=128, le=1024), _zero_is(1024)]
FastSteps = Annotated[int, Field(ge=1, le=10), _zero_is(4)]
Steps = Annotated[int, Field(ge=1, le=40), _zero_is(25)]


class Words(TaskInput):
    prompt: Prompt = Field(min_length=1, title=gettext_noop("Prompt"))
    negative_prompt: Prompt = Field("", title=gettext_noop("What to leave out"))


class OptionalWords(TaskInput):
    prompt: Prompt = Field("", title=gettext_noop("Prompt"))
    negative_prompt: Prompt = Field("", title=gettext_noop("What to leave out"))


class Guided(TaskInput):
    guidance_scale: float | None = Field(
        None,
        ge=1.5,
        le=5,
        title=gettext_noop("Guidance"),
        description=gettext_noop("How closely to follow the prompt; empty leaves it to the model."),
        json_schema_extra=ADVANCED,
    )


class DevSettings(Guided):
    steps: Steps = Field(25, title=gettext_noop("Steps"), json_schema_extra=ADVANCED)


class SchnellSettings(Guided):
    steps: FastSteps = Field(4, title=gettext_noop("Steps"), json_schema_extra=ADVANCED)
    batch_size: int = Field(
        1,
        ge=1,
        le=4,
        title=gettext_noop("Number of pictures"),
        description=gettext_noop("Each is charged."),
    )


class Sized(TaskInput):
    """Both sides at their most are exactly MAX_PIXELS, so the product needs no check."""

    width: Side = Field(1024, title=gettext_noop("Width in pixels"))
    height: Side = Field(1024, title=gettext_noop("Height in pixels"))


class Changed(TaskInput):
    image: Image = Field(title=gettext_noop("Image"))
    denoise: float = Field(
        0.7,
        gt=0,
        le=1,
        title=gettext_noop("Change"),
        description=gettext_noop("How far from the image: near 0 little, 1 all."),
    )


class Lora(Part):
    lora_type: LoraType = Field(title=gettext_noop("Style"))
    lora_image: Image | None = Field(None, title=gettext_noop("Style image"))
    lora_strength: float = Field(1, ge=0, le=2, title=gettext_noop("Strength"))


class ControlNet(Part):
    control_type: ControlType = Field(
        title=gettext_noop("What to keep"), description=gettext_noop("hed is soft_edge.")
    )
    control_image: Image | None = Field(None, title=gettext_noop("Image to follow"))
    control_strength: float = Field(1, ge=0, le=2, title=gettext_noop("Strength"))
    return_preprocessed_image: bool = Field(
        False, title=gettext_noop("Also return what the image was read as")
    )


class OneLora(TaskInput):
    lora_settings: list[Lora] = Field(
        min_length=1, max_length=1, title=gettext_noop("Style (LoRA)")
    )

    @model_validator(mode="before")
    @classmethod
    def _no_control_net(cls, data: Any) -> Any:
        if isinstance(data, dict) and data.get("control_net_settings"):
            raise broken_rule(
                "control_net_settings",
                sentence("This task type takes no ControlNet; use controlnet-lora."),
            )
        return data


class SchnellText(SchnellSettings, Sized, Words):
    pass


class SchnellImage(SchnellSettings, Changed, Words):
    pass


class DevText(DevSettings, Sized, Words):
    pass


class DevImage(DevSettings, Changed, Words):
    pass


class LoraText(DevSettings, Sized, OneLora, Words):
    pass


class LoraImage(DevSettings, Changed, OneLora, Words):
    pass


class ControlNetLora(DevSettings, Sized, Words):
    control_net_settings: list[ControlNet] = Field(
        min_length=1, max_length=1, title=gettext_noop("ControlNet")
    )
    lora_settings: list[Lora] = Field([], max_length=1, title=gettext_noop("Style (LoRA)"))


class FillInpaint(DevSettings, Words):
    image: Image = Field(
        title=gettext_noop("Image"),
        description=gettext_noop("What is pure white in it is painted anew."),
    )


class Outpaint(Part):
    setting_type: Literal["outpaint"] = Field("outpaint", title=gettext_noop("Setting"))
    outpaint_left: int = Field(0, ge=0, le=4096, title=gettext_noop("Pixels to add at the left"))
    outpaint_right: int = Field(0, ge=0, le=4096, title=gettext_noop("Pixels to add at the right"))
    outpaint_top: int = Field(0, ge=0, le=4096, title=gettext_noop("Pixels to add at the top"))
    outpaint_bottom: int = Field(
        0, ge=0, le=4096, title=gettext_noop("Pixels to add at the bottom")
    )

    @model_validator(mode="after")
    def _added_area_fits(self) -> Self:
        across = self.outpaint_left + self.outpaint_right
        down = self.outpaint_top + self.outpaint_bottom
        if across + down == 0:
            raise broken_rule(
                "outpaint_left",
                sentence(
                    "outpaint_left, outpaint_right, outpaint_top and outpaint_bottom are all 0: "
                    "set at least one."
                ),
            )
        # The least it can be, around an image of one pixel: whoever sees the image checks the rest.
        if (across + 1) * (down + 1) - 1 >= MAX_PIXELS:
            raise broken_rule(
                "outpaint_left",
                sentence(
                    "outpaint_left, outpaint_right, outpaint_top and outpaint_bottom add an area of "
                    "1024x1024 pixels or more; make them smaller."
                ),
            )
        return self


class FillOutpaint(DevSettings, OptionalWords):
    image: Image = Field(title=gettext_noop("Image"))
    custom_settings: list[Outpaint] = Field(
        min_length=1, max_length=1, title=gettext_noop("What to add")
    )


class Redux(DevSettings, OptionalWords):
    image: Image = Field(title=gettext_noop("Image to vary"))


class Kontext(TaskInput):
    prompt: Prompt = Field(min_length=1, title=gettext_noop("What to change"))
    image: Image = Field(title=gettext_noop("Image"))
    width: Annotated[int, _zero_is(1024)] = Field(
        1024, ge=128, le=2048, title=gettext_noop("Width in pixels")
    )
    height: Annotated[int, _zero_is(1024)] = Field(
        1024, ge=128, le=2048, title=gettext_noop("Height in pixels")
    )
    seed: Seed = Field(
        -1,
        title=gettext_noop("Seed"),
        description=gettext_noop("-1 is random."),
        json_schema_extra=ADVANCED,
    )
    steps: Annotated[int, _zero_is(28)] = Field(
        28, ge=1, le=40, title=gettext_noop("Steps"), json_schema_extra=ADVANCED
    )

    @model_validator(mode="after")
    def _area_fits(self) -> Self:
        if self.width * self.height > MAX_PIXELS:
            raise broken_rule(
                "width",
                sentence(
                    "width times height must be at most {most}, e.g. 1024 by 1024;"
                    " make one of them smaller.",
                    most=MAX_PIXELS,
                ),
            )
        return self


def _per_picture(values: SchnellSettings) -> Sequence[Charge]:
    return [Charge("image", Decimal(values.batch_size))]


def _one_picture(_: Any) -> Sequence[Charge]:
    return [Charge("image")]


def _spec(
    model: str,
    task_type: str,
    usd: str,
    values: type[TaskInput],
    *,
    title: str,
    summary: str,
    charges: Callable[[Any], Sequence[Charge]] = _one_picture,
    example: str = "",
) -> TaskSpec:
    return TaskSpec(
        model=model,
        task_type=task_type,
        family=FAMILY,
        title=title,
        summary=summary,
        kind=OutputKind.IMAGE,
        input=values,
        rates=(Rate("image", usd, unit="image"),),
        charges=charges,
        timeout_seconds=600,
        echo_defaults={"width": 0, "height": 0, "steps": 0},
        example={"prompt": example} if example else {},
    )


_FOX = "a little fox reading a map, watercolour, morning light"

SPECS = [
    _spec(
        SCHNELL,
        "txt2img",
        "0.002",
        SchnellText,
        title="Flux schnell",
        summary=gettext_noop("A picture from words in a few steps; the cheapest Flux."),
        charges=_per_picture,
        example=_FOX,
    ),
    _spec(
        SCHNELL,
        "img2img",
        "0.002",
        SchnellImage,
        title=gettext_noop("Flux schnell from an image"),
        summary=gettext_noop("Redraws a picture after a prompt, in a few steps."),
        charges=_per_picture,
        example="the same scene in winter",
    ),
    _spec(
        DEV,
        "txt2img",
        "0.015",
        DevText,
        title="Flux dev",
        summary=gettext_noop("A picture from words, with more steps and detail than schnell."),
        example=_FOX,
    ),
    _spec(
        DEV,
        "img2img",
        "0.015",
        DevImage,
        title=gettext_noop("Flux dev from an image"),
        summary=gettext_noop("Redraws a picture after a prompt."),
        example="the same scene in winter",
    ),
    _spec(
        PLUS,
        "txt2img-lora",
        "0.02",
        LoraText,
        title=gettext_noop("Flux with a style"),
        summary=gettext_noop("A picture from words in the style of a LoRA."),
        example=_FOX,
    ),
    _spec(
        PLUS,
        "img2img-lora",
        "0.02",
        LoraImage,
        title=gettext_noop("Flux with a style, from an image"),
        summary=gettext_noop("Redraws a picture in the style of a LoRA."),
        example="the same scene in winter",
    ),
    _spec(
        PLUS,
        "controlnet-lora",
        "0.02",
        ControlNetLora,
        title=gettext_noop("Flux with a ControlNet"),
        summary=gettext_noop("A picture that follows the depth, edges or pose of another one."),
        example="a marble statue in a garden",
    ),
    _spec(
        PLUS,
        "fill-inpaint",
        "0.02",
        FillInpaint,
        title=gettext_noop("Flux fill"),
        summary=gettext_noop("Paints the white area of a picture anew."),
        example="a red wooden door",
    ),
    _spec(
        PLUS,
        "fill-outpaint",
        "0.02",
        FillOutpaint,
        title=gettext_noop("Flux outpaint"),
        summary=gettext_noop("Continues a picture beyond its edges."),
    ),
    _spec(
        PLUS,
        "redux-variation",
        "0.02",
        Redux,
        title="Flux redux",
        summary=gettext_noop("Makes a variation of a picture."),
    ),
    _spec(
        PLUS,
        "kontext",
        "0.02",
        Kontext,
        title="Flux kontext",
        summary=gettext_noop("Edits a picture as the prompt says and keeps the rest."),
        example="make it night and light the windows",
    ),
]
