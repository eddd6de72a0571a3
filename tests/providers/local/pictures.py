"""Small pictures made on the spot, and reading results back."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from apps.providers.local.base import Artefact, LocalResult

PHOTO = Path(__file__).parents[3] / "static" / "demo" / "photo.jpg"


def file(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **options)
    return out.getvalue()


def ball(width: int = 240, height: int = 180) -> Image.Image:
    """A red ball on a soft blue ground."""
    image = Image.new("RGB", (width, height), (150, 180, 215))
    draw = ImageDraw.Draw(image)
    radius = min(width, height) * 0.3
    x, y = width / 2, height / 2
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(200, 30, 30))
    draw.ellipse((x - radius / 2, y - radius / 2, x, y), fill=(240, 120, 110))
    return image


def page(lines: Sequence[str]) -> Image.Image:
    """Black letters on white paper."""
    image = Image.new("RGB", (720, 60 + 70 * len(lines)), "white")
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((40, 30 + 70 * number), line, "black", ImageFont.load_default(size=38))
    return image


def artefact(result: LocalResult, key: str) -> Artefact:
    return next(artefact for artefact in result.artefacts if artefact.key == key)


def pixels(artefact: Artefact) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(artefact.data)))


def samples(artefact: Artefact) -> tuple[NDArray[np.float32], int]:
    """The sound, (channels, n) between -1 and 1, and its rate."""
    with av.open(io.BytesIO(artefact.data), "r") as container:
        stream = container.streams.audio[0]
        parts = [frame.to_ndarray() for frame in container.decode(stream)]
        channels, rate = stream.codec_context.channels, stream.rate
    sound: NDArray[Any] = np.concatenate(parts, axis=1)
    if sound.dtype == np.int16:
        sound = sound.reshape(-1, channels).T / np.float32(32768)
    return sound.astype(np.float32), rate


def frames(artefact: Artefact) -> tuple[NDArray[np.uint8], str, str]:
    """All frames (n, height, width, 3), the codec and the pixel format."""
    with av.open(io.BytesIO(artefact.data), "r") as container:
        stream = container.streams.video[0]
        shown = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
        return np.stack(shown), stream.codec_context.name, str(stream.codec_context.pix_fmt)
