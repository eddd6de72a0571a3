"""Water: the open sea, a beach, and the world below the surface."""

import cv2
import numpy as np

from apps.providers.local.arrays import Plane
from apps.providers.local.paint.canvas import Canvas, gradient, noise, perspective, ridge, tile
from apps.providers.local.paint.land import ground, mountains
from apps.providers.local.paint.light import Colour


def sea(canvas: Canvas, lowest: int) -> None:
    """Water from the horizon down to a row: the sky's colours, waves, and the sun's glitter."""
    depth = lowest - canvas.horizon
    texture = tile(canvas.rng, cells=8, octaves=6)
    waves = perspective(texture, depth, canvas.width, across=0.35, along=1.1, far=0.09)
    sky = np.array(canvas.light.sky[-1], np.float32)
    far = sky * 0.5 + canvas.lit((58, 140, 186)) * 0.5
    water = gradient(
        depth, [tuple(far), tuple(canvas.lit((34, 122, 172))), tuple(canvas.lit((26, 104, 150)))]
    )
    shade = 1 + (waves - 0.5) * np.linspace(0.2, 0.75, depth, dtype=np.float32)[:, None]
    crest = np.clip((waves - 0.72) * 6, 0, 1) * np.linspace(0.1, 0.75, depth)[:, None]
    paint = water * shade[..., None] + crest[..., None] * canvas.lit((130, 140, 140))
    canvas.pixels[canvas.horizon : lowest] = paint
    _glitter(canvas, lowest, waves)


def _glitter(canvas: Canvas, lowest: int, waves: Plane) -> None:
    if canvas.light.lamp == "none":
        return
    rows = np.linspace(0, 1, lowest - canvas.horizon, dtype=np.float32)[:, None]
    width = canvas.unit * (7 + 20 * rows)
    path = np.exp(-(((canvas.columns - canvas.sun[0]) / width) ** 2))
    sparks = np.clip((waves - 0.5 - 0.06 * rows) * 9, 0, 1) * path
    glow = np.zeros((canvas.height, canvas.width), np.float32)
    strength = 0.85 if canvas.light.lamp == "low sun" else 0.5
    glow[canvas.horizon : lowest] = sparks * strength + path * 0.16
    canvas.add(glow, canvas.light.lamp_colour)


def ocean(canvas: Canvas) -> None:
    sea(canvas, canvas.height)


def beach(canvas: Canvas) -> None:
    """Sea, a line of surf, wet sand, dry sand."""
    mountains(canvas, layers=2, tall=0.16, snow=False)
    shore = int(canvas.horizon + (canvas.height - canvas.horizon) * 0.38)
    sea(canvas, min(canvas.height, shore + int(canvas.unit * 8)))
    line = shore + (ridge(canvas.rng, canvas.width, peaks=3, rough=0.3) - 0.5) * canvas.unit * 10
    kept = canvas.horizon
    canvas.horizon = shore - int(canvas.unit * 6)
    over = canvas.pixels.copy()
    ground(canvas, ((222, 190, 140), (238, 210, 160), (246, 222, 176)), contrast=30)
    canvas.horizon = kept
    sand = canvas.pixels.copy()
    canvas.pixels[:] = over
    below = canvas.rows - line[None]
    wet = np.exp(-np.clip(below, 0, None) / (canvas.unit * 5))[..., None]
    canvas.cover(np.clip(below / 3, 0, 1), sand * (1 - 0.32 * wet))
    _surf(canvas, below)


def _surf(canvas: Canvas, below: Plane) -> None:
    """Foam: a bright lace at the edge and two fainter lines behind it."""
    lace = noise(canvas.rng, canvas.height, canvas.width, cells=46, octaves=3)
    foam = np.zeros_like(lace)
    for offset, width, strength in ((0.0, 1.5, 1.0), (-6.5, 1.0, 0.6), (-12.0, 0.7, 0.4)):
        band = np.exp(-(((below - offset * canvas.unit) / (canvas.unit * width)) ** 2))
        foam = np.maximum(foam, band * strength * np.clip(lace * 2.2 - 0.35, 0, 1))
    canvas.cover(foam.astype(np.float32), canvas.lit((255, 255, 255)) * 0.6 + 100)


_DEEP: tuple[Colour, ...] = ((150, 232, 236), (52, 168, 208), (20, 104, 164), (10, 60, 116))


def underwater(canvas: Canvas) -> None:
    """Light that fans out from the surface, a floor of sand, weed and rising bubbles."""
    dim = 0.35 + 0.65 * max(canvas.light.tint)
    canvas.pixels[:] = gradient(canvas.height, _DEEP) * dim
    middle = canvas.width * canvas.rng.uniform(0.3, 0.7)
    angle = np.arctan2(canvas.columns - middle, canvas.rows + canvas.unit * 40)
    rays = np.interp(angle, np.linspace(-1.2, 1.2, 70), canvas.rng.random(70) ** 2)
    fade = np.clip(1 - canvas.rows / (canvas.height * 0.85), 0, 1) ** 1.3
    canvas.add((rays * fade * 0.5 * dim).astype(np.float32), (170, 240, 240))
    _sea_floor(canvas, dim)
    _weed(canvas, dim)
    _bubbles(canvas)


def _sea_floor(canvas: Canvas, dim: float) -> None:
    for layer in range(3):
        near = (layer + 1) / 3
        outline = ridge(canvas.rng, canvas.width, peaks=3, rough=0.35)
        top = canvas.horizon + canvas.unit * (layer * 6 - 4) - outline * canvas.unit * 9
        body = np.clip(canvas.rows - top[None] + 0.5, 0, 1)
        colour = np.array([30, 92, 140]) * (1 - near) + np.array([176, 180, 150]) * near
        depth = canvas.height - canvas.horizon
        net = perspective(
            tile(canvas.rng, cells=8, octaves=3), depth, canvas.width, across=0.8, along=0.7
        )
        caustic = np.zeros((canvas.height, canvas.width), np.float32)
        caustic[canvas.horizon :] = np.clip(1 - np.abs(net - 0.5) * 9, 0, 1) * 0.4 * near
        paint = colour * (0.82 + caustic[..., None]) * dim
        canvas.cover(body, paint.astype(np.float32))


def _weed(canvas: Canvas, dim: float) -> None:
    with canvas.drawing() as sheet:
        for _ in range(26):
            side = canvas.rng.uniform(0, 0.26)
            x = canvas.rng.choice([side, 1 - side]) * canvas.width
            base = canvas.height * canvas.rng.uniform(0.82, 1.02)
            colour = np.array([24, 110, 92]) * canvas.rng.uniform(0.7, 1.3) * dim
            points = np.round(_frond(canvas, x, base) * 16).astype(np.int32)
            cv2.fillPoly(sheet, [points], colour.tolist(), cv2.LINE_AA, 4)


def _frond(canvas: Canvas, x: float, base: float) -> Plane:
    """The outline of a swaying leaf, wide at its foot."""
    tall, sway = canvas.unit * canvas.rng.uniform(14, 40), canvas.rng.uniform(0, 6)
    steps = np.linspace(0, 1, 24)
    bend = x + np.sin(steps * 5 + sway) * canvas.unit * 2.2 * steps
    thick = canvas.unit * 1.3 * (1 - steps) + 0.6
    left = np.stack([bend - thick, base - steps * tall], 1)
    right = np.stack([bend + thick, base - steps * tall], 1)[::-1]
    outline: Plane = np.concatenate([left, right]).astype(np.float32)
    return outline


def _bubbles(canvas: Canvas) -> None:
    with canvas.drawing() as sheet:
        for _ in range(46):
            x = canvas.rng.uniform(0, canvas.width)
            y = canvas.rng.uniform(0, canvas.height * 0.9)
            radius = canvas.unit * canvas.rng.uniform(0.25, 1.3)
            place = (round(x * 16), round(y * 16))
            cv2.circle(sheet, place, round(radius * 16), (190, 236, 244), 1, cv2.LINE_AA, 4)
            spot = (round((x - radius * 0.35) * 16), round((y - radius * 0.35) * 16))
            cv2.circle(sheet, spot, round(radius * 4), (240, 252, 255), -1, cv2.LINE_AA, 4)
