"""Turns a picture into a short film: the subject floats before its background, a camera moves."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from apps.providers.local.arrays import Bytes2D, Plane
from apps.providers.local.base import LocalResult, Progress
from apps.providers.local.matting import subject_mask
from apps.providers.local.pictures import on_white, picture, resized
from apps.providers.local.video import mp4

RATE = 24
LONGEST_SIDE = 960
SHORTEST_SIDE = 64
MARGIN = 1.05  # zoom that hides the picture's border while the camera moves


@dataclass(frozen=True)
class Shift:
    """How one layer lies at one moment: zoom about the middle, then move by parts of the width."""

    zoom: float
    x: float
    y: float


@dataclass(frozen=True)
class Layers:
    """The subject with its soft mask, and the background with the subject painted away."""

    subject: Bytes2D
    mask: Plane
    background: Bytes2D


def run(*, input: Mapping[str, Any], media: Mapping[str, bytes], progress: Progress) -> LocalResult:
    """A silent MP4 of `duration` seconds whose sides are even and at most 960 pixels."""
    duration = float(input.get("duration", 5))
    motion = str(input.get("motion", "orbit"))
    colours = _fitted(on_white(*picture(media)))
    progress(10)
    layers = _layers(colours)
    progress(25)
    height, width = colours.shape[:2]
    frames = _frames(layers, motion, round(duration * RATE), progress)
    video = mp4("video_url", frames, width=width, height=height, rate=RATE)
    progress(100)
    values = {"width": width, "height": height, "duration": round(duration * 1000)}
    return LocalResult("hybrid", (video,), {**values, "motion": motion})


def _fitted(colours: Bytes2D) -> Bytes2D:
    """Even sides, within what H.264 players like; very long pictures are squeezed to 64 pixels."""
    height, width = colours.shape[:2]
    factor = min(1.0, LONGEST_SIDE / max(height, width))
    return resized(colours, _even(width * factor), _even(height * factor))


def _even(length: float) -> int:
    return max(SHORTEST_SIDE, 2 * round(length / 2))


def _layers(colours: Bytes2D) -> Layers:
    mask = subject_mask(colours)
    reach = max(5, round(max(mask.shape) / 45)) | 1
    hole = cv2.dilate((mask > 12).astype(np.uint8), np.ones((reach, reach), np.uint8))
    return Layers(colours, mask.astype(np.float32) / 255, _without(colours, hole))


def _without(colours: Bytes2D, hole: Bytes2D) -> Bytes2D:
    """The picture with the hole filled from around it."""
    soft = np.maximum(cv2.GaussianBlur(hole.astype(np.float32), (0, 0), 2), hole)[..., None]
    filled = colours * (1 - soft) + _spread(colours, 1 - hole) * soft
    return np.asarray((filled + 0.5).clip(0, 255).astype(np.uint8))


def _spread(colours: Bytes2D, known: Bytes2D) -> Plane:
    """Known colours, spread over the unknown: close by where possible, else ever wider averages."""
    height, width = known.shape
    weight = known.astype(np.float32)
    planes = np.dstack([colours * weight[..., None], weight])
    result = np.zeros_like(planes)
    share = 1.0
    while share * max(width, height) >= 2:
        size = (max(1, int(width * share)), max(1, int(height * share)))
        level = cv2.resize(cv2.resize(planes, size, interpolation=cv2.INTER_AREA), (width, height))
        room = np.clip(1 - result[..., 3:], 0, 1)
        result += level * np.minimum(1, room / np.maximum(level[..., 3:], 1e-6))
        share /= 2
    return result[..., :3] / np.maximum(result[..., 3:], 1e-6)


def _frames(layers: Layers, motion: str, count: int, progress: Progress) -> Iterator[Bytes2D]:
    for index in range(count):
        near, far = _camera(motion, index / max(1, count - 1))
        mask = _moved(layers.mask, near, cv2.BORDER_REPLICATE)[..., None]
        front = _moved(layers.subject, near, cv2.BORDER_REPLICATE)
        back = _moved(layers.background, far, cv2.BORDER_REFLECT_101)
        yield (front * mask + back * (1 - mask) + 0.5).astype(np.uint8)
        progress(25 + 74 * (index + 1) // count)


def _camera(motion: str, moment: float) -> tuple[Shift, Shift]:
    """Where the near and the far layer lie at `moment` (0 to 1). What is near moves more."""
    eased = moment * moment * (3 - 2 * moment)
    if motion == "zoom_in":
        return Shift(MARGIN + 0.2 * eased, 0, 0), Shift(MARGIN + 0.07 * eased, 0, 0)
    if motion == "orbit":
        x, y = math.sin(2 * math.pi * moment), math.cos(2 * math.pi * moment)
        near = Shift(MARGIN + 0.05, 0.022 * x, 0.009 * y)
        return near, Shift(MARGIN + 0.02, -0.014 * x, -0.006 * y)
    side = (1 if motion == "left" else -1) * (2 * eased - 1)
    near = Shift(MARGIN + 0.05 + 0.03 * eased, -0.03 * side, 0)
    return near, Shift(MARGIN + 0.02 + 0.01 * eased, 0.012 * side, 0)


def _moved(layer: Any, shift: Shift, border: int) -> Any:
    height, width = layer.shape[:2]
    x = (1 - shift.zoom) * width / 2 + shift.x * width
    y = (1 - shift.zoom) * height / 2 + shift.y * width
    matrix = np.array([[shift.zoom, 0, x], [0, shift.zoom, y]], np.float32)
    return cv2.warpAffine(layer, matrix, (width, height), flags=cv2.INTER_LINEAR, borderMode=border)
