"""Sets sprites into a painted scene, with its light, its air and shadows on its ground."""

import cv2
import numpy as np

from apps.providers.local.arrays import Floats
from apps.providers.local.paint.canvas import Canvas
from apps.providers.local.paint.layout import Placed
from apps.providers.local.paint.sprites import library, recoloured, scaled


def set_into(canvas: Canvas, item: Placed, *, under_water: bool) -> None:
    """Paints one sprite over what is there."""
    sticker = library().sticker(item.sprite)
    if item.mirrored:
        sticker = sticker[:, ::-1]
    sticker = scaled(sticker, item.height)
    if item.colour is not None:
        sticker = recoloured(sticker, *item.colour)
    width = sticker.shape[1]
    room = max(0, canvas.width - width)
    left = round(min(max(item.x - width / 2, room * 0.02), room * 0.98))  # never cut at a side
    top = round(item.foot - sticker.shape[0])
    if item.shadow:
        _shadow(canvas, item, left + width / 2, width)
    _paste(canvas, _in_light(canvas, sticker, under_water), left, top)


def _in_light(canvas: Canvas, sticker: Floats, under_water: bool) -> Floats:
    """Tinted like the scene, but never so dark that one cannot see what it is."""
    tint = 0.45 + 0.55 * np.array(canvas.light.tint, np.float32)
    lit = sticker.copy()
    lit[..., :3] *= tint
    if under_water:
        lit[..., :3] += (np.array([60, 160, 200], np.float32) - lit[..., :3]) * 0.16
    elif canvas.light.lamp != "none":
        side = 1 if canvas.sun[0] > canvas.width / 2 else -1
        across = np.linspace(-1, 1, sticker.shape[1], dtype=np.float32)[None, :, None]
        lit[..., :3] *= 1 + 0.09 * side * across
    result: Floats = np.clip(lit, 0, 255)
    return result


def _shadow(canvas: Canvas, item: Placed, x: float, width: int) -> None:
    """A dark pool under the feet, drawn out away from the sun."""
    sheet = np.zeros((canvas.height, canvas.width), np.uint8)
    away = (x - canvas.sun[0]) / canvas.width if canvas.light.lamp != "none" else 0.0
    centre = (int(x + away * width * 0.35), int(item.foot - item.height * 0.015))
    axes = (max(2, int(width * 0.46)), max(2, int(item.height * 0.05)))
    cv2.ellipse(sheet, centre, axes, 0, 0, 360, 255, -1, cv2.LINE_AA)
    close = np.zeros_like(sheet)
    near = (max(2, int(width * 0.3)), max(1, int(item.height * 0.022)))
    cv2.ellipse(close, (int(x), int(item.foot)), near, 0, 0, 360, 255, -1, cv2.LINE_AA)
    soft = cv2.GaussianBlur(sheet, (0, 0), max(1.0, item.height * 0.025)).astype(np.float32)
    tight = cv2.GaussianBlur(close, (0, 0), max(1.0, item.height * 0.01)).astype(np.float32)
    dark = np.clip(soft / 255 * 0.42 + tight / 255 * 0.3, 0, 0.7)
    canvas.pixels *= (1 - dark)[..., None]


def _paste(canvas: Canvas, sticker: Floats, left: int, top: int) -> None:
    height, width = sticker.shape[:2]
    x0, y0 = max(0, left), max(0, top)
    x1, y1 = min(canvas.width, left + width), min(canvas.height, top + height)
    if x1 <= x0 or y1 <= y0:
        return
    part = sticker[y0 - top : y1 - top, x0 - left : x1 - left]
    below = canvas.pixels[y0:y1, x0:x1]
    below += (part[..., :3] - below) * (part[..., 3:] / 255)
