"""Everything above the horizon: the sky itself, sun and moon, stars, clouds, rain and snow."""

import cv2
import numpy as np

from apps.providers.local.arrays import Plane
from apps.providers.local.paint.canvas import Canvas, gradient, noise, perspective, shifted, tile


def paint_sky(canvas: Canvas) -> None:
    """Fills the sheet; what lies below the horizon is to be painted over."""
    canvas.pixels[:] = gradient(canvas.horizon, canvas.light.sky)[-1]
    canvas.pixels[: canvas.horizon] = gradient(canvas.horizon, canvas.light.sky)
    if canvas.light.lamp == "moon":
        stars(canvas, canvas.horizon, 260)
    _lamp(canvas)
    _clouds(canvas)


def stars(canvas: Canvas, lowest: int, count: int) -> None:
    """Points of different brightness and warmth; the brightest with a small halo."""
    sheet = np.zeros_like(canvas.pixels)
    rng = canvas.rng
    for _ in range(count):
        x, y = int(rng.integers(0, canvas.width)), int(rng.integers(0, max(1, lowest)))
        bright = rng.random() ** 3
        warmth = rng.uniform(-1, 1)
        colour = np.array([225 + 30 * warmth, 230, 225 - 30 * warmth]) * (0.35 + 0.65 * bright)
        radius = canvas.unit * (0.07 + 0.2 * bright)
        cv2.circle(
            sheet, (x * 16, y * 16), max(8, round(radius * 16)), colour.tolist(), -1, cv2.LINE_AA, 4
        )
    halo = cv2.GaussianBlur(sheet, (0, 0), canvas.unit * 0.5)
    canvas.pixels[:] = np.maximum(canvas.pixels, sheet) + halo * 0.9


def disc(canvas: Canvas, x: float, y: float, radius: float) -> Plane:
    """A round mask with a soft edge of one pixel."""
    return np.clip(radius - np.hypot(canvas.columns - x, canvas.rows - y) + 0.5, 0, 1)


def _lamp(canvas: Canvas) -> None:
    light, rng = canvas.light, canvas.rng
    low = light.lamp == "low sun"
    aside = rng.uniform(0.12, 0.32)
    x = rng.uniform(0.3, 0.7) if low else rng.choice([aside, 1 - aside])
    y = canvas.horizon * (0.8 if low else rng.uniform(0.18, 0.34))
    canvas.sun = (int(x * canvas.width), int(y))
    if light.lamp == "none":
        return
    distance = np.hypot(canvas.columns - canvas.sun[0], canvas.rows - canvas.sun[1])
    reach = canvas.unit * {"sun": 16, "low sun": 34, "moon": 13}[light.lamp]
    strength = {"sun": 0.42, "low sun": 0.55, "moon": 0.22}[light.lamp]
    canvas.add(np.exp(-distance / reach) * strength, light.lamp_colour)
    np.clip(canvas.pixels, 0, 255, out=canvas.pixels)  # or the glow would outshine the lamp
    radius = canvas.unit * {"sun": 4.2, "low sun": 7, "moon": 5.5}[light.lamp]
    face = np.array(light.lamp_colour, np.float32) * np.ones_like(canvas.pixels)
    if light.lamp == "moon":
        spots = noise(rng, canvas.height, canvas.width, cells=24, octaves=3)
        face *= (0.86 + 0.2 * spots)[..., None]
    canvas.cover(disc(canvas, *canvas.sun, radius), face)


def _clouds(canvas: Canvas) -> None:
    """A layer of clouds in perspective, lit from where the sun is."""
    height = canvas.horizon
    texture = tile(canvas.rng, cells=4, octaves=7)
    flat = perspective(texture, height, canvas.width, across=0.5, along=0.32, far=0.22)
    cloud = np.ascontiguousarray(flat[::-1])  # the sky runs towards the horizon downwards
    level = float(np.quantile(cloud, 1 - canvas.light.cloudiness))
    density = np.clip((cloud - level) * 4.2, 0, 1)
    toward = 1 if canvas.sun[0] > canvas.width / 2 else -1
    step = max(2, round(canvas.unit * 1.2))
    shadow = shifted(cv2.GaussianBlur(cloud, (0, 0), step), toward * step, -step) - cloud
    lit = np.clip(0.62 - shadow * 3.4 - density * 0.22, 0, 1)[..., None]
    bright = np.array(canvas.light.cloud, np.float32)
    dark = np.array(canvas.light.cloud_shade, np.float32)
    fade = np.clip((1 - canvas.rows[:height] / height) * 3, 0.15, 1)
    layer = canvas.pixels.copy()
    layer[:height] = dark + (bright - dark) * lit
    mask = np.zeros((canvas.height, canvas.width), np.float32)
    mask[:height] = density**1.3 * fade * 0.92
    canvas.cover(mask, layer)


def rain(canvas: Canvas) -> None:
    sheet = np.zeros((canvas.height, canvas.width), np.float32)
    for _ in range(420):
        x, y = canvas.rng.integers(0, canvas.width), canvas.rng.integers(0, canvas.height)
        length = canvas.unit * canvas.rng.uniform(2, 5)
        end = (int(x - length * 0.22), int(y + length))
        cv2.line(sheet, (int(x), int(y)), end, canvas.rng.uniform(0.15, 0.4), 1, cv2.LINE_AA)
    canvas.add(sheet, (150, 160, 175))


def snowfall(canvas: Canvas) -> None:
    """Flakes: many small far ones, a few large ones out of focus."""
    for count, size, blur in ((240, 0.22, 0.1), (70, 0.5, 0.35), (14, 1.1, 1.0)):
        sheet = np.zeros((canvas.height, canvas.width), np.float32)
        for _ in range(count):
            x, y = canvas.rng.integers(0, canvas.width), canvas.rng.integers(0, canvas.height)
            radius = max(1, round(canvas.unit * size * canvas.rng.uniform(0.6, 1.3)))
            cv2.circle(sheet, (int(x), int(y)), radius, 1.0, -1, cv2.LINE_AA)
        canvas.cover(
            cv2.GaussianBlur(sheet, (0, 0), canvas.unit * blur + 0.3) * 0.85,
            np.array([250, 252, 255], np.float32) * (0.75 + 0.25 * max(canvas.light.tint)),
        )
