"""Pictures from words, and pictures changed by words: painted scenes, never the work of a diffusion model."""

import io
import secrets

import numpy as np
from PIL import Image

from apps.providers.local import registry
from apps.providers.local.arrays import Bytes2D
from apps.providers.local.base import BadMedia
from apps.providers.local.grids import fill
from apps.providers.local.paint.prompt import plan
from apps.providers.local.pictures import on_white, picture, resized
from apps.providers.local.seeds import random_for

Size = tuple[int, int]


def illustrated(prompt: str, size: Size, form: str) -> bytes:
    """A new picture, each time another."""
    asked = {"prompt": prompt, "width": size[0], "height": size[1]}
    made = registry.run("illustration", input=asked, media={})
    data = made.artefacts[0].data
    return data if form == "png" else _file(np.asarray(Image.open(io.BytesIO(data))), form)


def edited(
    prompt: str, image: bytes, mask: bytes | None, size: Size | None, form: str
) -> tuple[bytes, Size]:
    """The picture with its transparent places (of the mask, else its own) painted anew; where there are none the
    words are painted in the shades of the picture. Without a size it keeps its own. Raises `BadMedia`.
    """
    colours, alpha = picture({"image": image})
    hole = alpha if mask is None else picture({"mask": mask}, "mask")[1]
    if mask is not None and hole is None:
        raise BadMedia("The mask has no transparent area, so nothing would change.")
    height, width = colours.shape[:2]
    size = size or _bounded(width, height)
    source = resized(on_white(colours, alpha), *size)
    rng = random_for(prompt, secrets.randbelow(2**31))
    if hole is None or not (hole < 128).any():
        made = fill.painted_like(source, plan(prompt), rng)
    else:
        made = fill.mended(source, 1 - resized(hole, *size) / 255, plan(prompt), rng)
    return _file(made, form), size


def _bounded(width: int, height: int, longest: int = 1536) -> Size:
    factor = min(1.0, longest / max(width, height))
    return max(64, round(width * factor)), max(64, round(height * factor))


def _file(array: Bytes2D, form: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array)).save(file, form.upper())
    return file.getvalue()
