"""Illustrates a prompt: a procedural picture-book scene, never the work of a diffusion model."""

from collections.abc import Mapping
from typing import Any

from apps.providers.local.base import JsonValue, LocalResult, Progress
from apps.providers.local.paint.layout import layout
from apps.providers.local.paint.picture import completed
from apps.providers.local.paint.prompt import Plan, plan
from apps.providers.local.paint.scenes import paint_scene
from apps.providers.local.pictures import png
from apps.providers.local.seeds import random_for, seed_from


def run(*, input: Mapping[str, Any], media: Mapping[str, bytes], progress: Progress) -> LocalResult:
    """A PNG. The same prompt, size and seed give the same bytes."""
    prompt = str(input["prompt"])
    width, height = int(input.get("width", 768)), int(input.get("height", 768))
    seed = seed_from(input.get("seed"))
    understood = plan(prompt)
    progress(25)
    rng = random_for(prompt, seed)
    canvas = paint_scene(understood.scene, understood.light, width, height, rng)
    progress(60)
    pixels = completed(canvas, understood, layout(understood, canvas))
    progress(85)
    image = png("image_url", pixels)
    progress(100)
    return LocalResult("procedural", (image,), _values(understood, width, height, seed))


def _values(understood: Plan, width: int, height: int, seed: int) -> dict[str, JsonValue]:
    objects: list[JsonValue] = [
        {"words": thing.words, "drawn_as": thing.sprite.name, "count": thing.count}
        for thing in understood.things
    ]
    return {
        "seed": seed,
        "width": width,
        "height": height,
        "scene": understood.scene,
        "light": understood.light.name,
        "style": understood.style,
        "objects": objects,
    }
