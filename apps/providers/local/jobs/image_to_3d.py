"""Makes a 3D model of the subject of a picture: cut out, blown up like a balloon, textured.

The shape is an honest guess from the outline: the back mirrors the front.
"""

import io
from collections.abc import Iterator, Mapping
from typing import Any

import cv2
import numpy as np
from PIL import Image

from apps.providers.local.arrays import Bytes2D
from apps.providers.local.base import LocalResult, Progress
from apps.providers.local.matting import subject_mask
from apps.providers.local.mesh.glb import glb
from apps.providers.local.mesh.inflate import inflate
from apps.providers.local.mesh.turntable import SIDE, turntable
from apps.providers.local.pictures import picture, png, shrunk
from apps.providers.local.video import mp4

TEXTURE_SIDE = 1024
RATE, FRAMES = 24, 72


def run(*, input: Mapping[str, Any], media: Mapping[str, bytes], progress: Progress) -> LocalResult:
    """A closed, textured GLB, the cut-out it was made of, and a film of it turning once."""
    colours, mask = _cut_out(media)
    progress(20)
    mesh = inflate(colours, mask)
    texture = _texture(colours, mask)
    model = glb("model_file", mesh, _jpeg(texture))
    progress(35)
    frames = _told(turntable(mesh, texture, frames=FRAMES), progress)
    film = mp4("combined_video", frames, width=SIDE, height=SIDE, rate=RATE)
    image = png("no_background_image", np.dstack([colours, mask]))
    progress(100)
    values = {"vertices": len(mesh.positions), "triangles": len(mesh.triangles)}
    return LocalResult("hybrid", (model, image, film), {**values})


def _cut_out(media: Mapping[str, bytes]) -> tuple[Bytes2D, Bytes2D]:
    """Colours and mask, no longer than a texture needs. A mask that came with the file is kept."""
    colours, alpha = picture(media)
    small = shrunk(colours, TEXTURE_SIDE)
    if alpha is not None and alpha.min() < 128:
        return small, shrunk(alpha, TEXTURE_SIDE)
    return small, subject_mask(small)


def _texture(colours: Bytes2D, mask: Bytes2D) -> Bytes2D:
    """The subject's colours, drawn out over its edge so that no background shows at the rim."""
    sure = cv2.erode((mask > 200).astype(np.uint8), np.ones((3, 3), np.uint8))
    weight = sure.astype(np.float32)[..., None]
    reach = max(mask.shape) / 60
    spread = cv2.GaussianBlur(colours * weight, (0, 0), reach)
    total = cv2.GaussianBlur(weight, (0, 0), reach)[..., None]
    outside = np.where(total > 1e-4, spread / np.maximum(total, 1e-4), 128)
    mixed: Bytes2D = np.where(weight > 0, colours, outside).clip(0, 255).astype(np.uint8)
    return mixed


def _jpeg(texture: Bytes2D) -> bytes:
    file = io.BytesIO()
    Image.fromarray(texture).save(file, "JPEG", quality=90)
    return file.getvalue()


def _told(frames: Iterator[Bytes2D], progress: Progress) -> Iterator[Bytes2D]:
    for index, frame in enumerate(frames):
        yield frame
        progress(35 + 60 * (index + 1) // FRAMES)
