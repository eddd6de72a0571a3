"""Pictures as arrays: from a customer's bytes, and back to files."""

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image

from apps.providers.local.arrays import Bytes2D
from apps.providers.local.base import Artefact, BadMedia
from apps.providers.local.decode import decode


def picture(media: Mapping[str, bytes], field: str = "image") -> tuple[Bytes2D, Bytes2D | None]:
    """The colours and, where the file has one, the alpha of a customer's image.

    Raises `BadMedia` when it is missing or cannot be decoded.
    """
    if field not in media:
        raise BadMedia(f"The task has no {field}.")
    pixels = decode(media[field])
    array = np.frombuffer(pixels.data, np.uint8).reshape(pixels.height, pixels.width, -1)
    return array[..., :3], array[..., 3] if pixels.mode == "RGBA" else None


def shrunk(array: Bytes2D, longest: int) -> Bytes2D:
    """The picture, made smaller where a side is longer than `longest`; never larger."""
    height, width = array.shape[:2]
    if max(height, width) <= longest:
        return np.ascontiguousarray(array)
    factor = longest / max(height, width)
    return resized(array, max(1, round(width * factor)), max(1, round(height * factor)))


def resized(array: Bytes2D, width: int, height: int) -> Bytes2D:
    image = Image.fromarray(np.ascontiguousarray(array))
    return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))


def on_white(colours: Bytes2D, alpha: Bytes2D | None) -> Bytes2D:
    """What a viewer shows: transparent places are white, whatever colour hides under them."""
    if alpha is None:
        return colours
    cover = alpha[..., None].astype(np.uint16)
    return ((colours * cover + 255 * (255 - cover) + 127) // 255).astype(np.uint8)


def png(key: str, array: Bytes2D) -> Artefact:
    """A PNG of a grey, RGB or RGBA array. The same array gives the same bytes."""
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array)).save(file, "PNG", compress_level=4)
    return Artefact(key, file.getvalue(), "image/png", "png")
