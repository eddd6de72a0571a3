"""Places made by people, and places where there are none: a city, a room, space, the moon."""

import cv2
import numpy as np

from apps.providers.local.arrays import Bytes2D, Plane
from apps.providers.local.paint.canvas import Canvas, gradient, noise, perspective, tile
from apps.providers.local.paint.land import hazy
from apps.providers.local.paint.light import Colour
from apps.providers.local.paint.sky import disc, stars


def city(canvas: Canvas) -> None:
    """Rows of houses fading into the haze, windows lit after dark, and a street."""
    for row in range(4):
        _house_row(canvas, row / 3)
    _street(canvas)


def _house_row(canvas: Canvas, near: float) -> None:
    x = -canvas.unit * canvas.rng.uniform(0, 8)
    walls: list[Colour] = [(112, 122, 146), (150, 128, 120), (96, 112, 138), (164, 150, 136)]
    while x < canvas.width:
        width = canvas.unit * canvas.rng.uniform(7, 13) * (0.7 + 0.5 * near)
        tall = canvas.horizon * canvas.rng.uniform(0.3, 0.72) * (1.12 - 0.5 * near)
        wall = walls[int(canvas.rng.integers(len(walls)))]
        _house(canvas, x, width, tall, wall, near)
        x += width + canvas.unit * canvas.rng.uniform(0, 2.2)


def _house(canvas: Canvas, x: float, width: float, tall: float, wall: Colour, near: float) -> None:
    left, right = max(0, int(x)), min(canvas.width, int(x + width))
    bottom = canvas.horizon + int(canvas.unit * 2)
    top = max(0, bottom - int(tall))
    if right <= left:
        return
    colour = hazy(canvas, wall, 0.7 * (1 - near))
    shade = np.linspace(1.06, 0.86, right - left, dtype=np.float32)[None, :, None]
    canvas.pixels[top:bottom, left:right] = colour * shade
    canvas.pixels[top : top + max(1, int(canvas.unit * 0.4)), left:right] = colour * 1.2
    if near > 0.2:
        _windows(canvas, (left, top, right, bottom), colour, near)


def _windows(canvas: Canvas, box: tuple[int, int, int, int], wall: object, near: float) -> None:
    left, top, right, bottom = box
    step_x, step_y = canvas.unit * (1.2 + near), canvas.unit * (1.6 + 1.2 * near)
    dark = canvas.light.lamp in ("moon", "low sun", "none")
    for y in np.arange(top + step_y, bottom - step_y, step_y):
        for x in np.arange(left + step_x * 0.6, right - step_x, step_x):
            on = dark and canvas.rng.random() < 0.45
            warm = (255, 214, 132) if canvas.rng.random() < 0.8 else (186, 220, 255)
            glass = np.array(warm) * (0.55 + 0.45 * near) if on else np.asarray(wall) * 0.72
            pane = (slice(int(y), int(y + step_y * 0.55)), slice(int(x), int(x + step_x * 0.55)))
            canvas.pixels[pane] = glass


def _street(canvas: Canvas) -> None:
    """Asphalt with pavements and a broken middle line that meet at the horizon."""
    depth = canvas.height - canvas.horizon
    grain = perspective(
        tile(canvas.rng, cells=16, octaves=5), depth, canvas.width, across=3, along=1
    )
    road = gradient(depth, [tuple(canvas.lit((98, 102, 112))), tuple(canvas.lit((74, 78, 88)))])
    canvas.pixels[canvas.horizon :] = road + ((grain - 0.5) * 16)[..., None]
    near = np.linspace(0, 1, depth, dtype=np.float32)[:, None]
    away = np.abs(canvas.columns - canvas.width / 2) / (canvas.width * (0.06 + 0.62 * near))
    pavement = np.zeros((canvas.height, canvas.width), np.float32)
    pavement[canvas.horizon :] = np.clip((away - 1) * 40, 0, 1)
    slabs = 0.96 + 0.08 * (np.sin(22 / (near + 0.07)) > 0.93)
    paint = np.zeros_like(canvas.pixels)
    paint[canvas.horizon :] = canvas.lit((168, 164, 160)) * (2 - slabs)[..., None]
    canvas.cover(pavement, paint)
    dashes = np.zeros_like(pavement)
    dashes[canvas.horizon :] = np.clip((0.035 - away) * 160, 0, 1) * (np.sin(9 / (near + 0.1)) > 0)
    canvas.cover(dashes, canvas.lit((238, 226, 190)))


def space(canvas: Canvas) -> None:
    """Stars, two glowing clouds of gas and a planet or two."""
    height, width, rng = canvas.height, canvas.width, canvas.rng
    canvas.pixels[:] = gradient(height, [(5, 4, 18), (12, 10, 38), (8, 6, 26)])
    palettes: list[tuple[Colour, Colour]] = [
        ((150, 50, 170), (40, 120, 210)),
        ((40, 130, 190), (200, 80, 120)),
        ((60, 150, 140), (130, 70, 200)),
    ]
    for colour in palettes[int(rng.integers(len(palettes)))]:
        gas = noise(rng, height, width, cells=2.5, octaves=7)
        folds = 1 - np.abs(noise(rng, height, width, cells=3, octaves=6) - 0.5) * 2
        cloud = np.clip(gas - 0.42, 0, 1) * folds**2 * 2.6
        canvas.add(cloud.astype(np.float32), colour)
    stars(canvas, height, 520)
    x, y = rng.choice([0.14, 0.86]) * width, rng.uniform(0.14, 0.3) * height
    tints: list[Colour] = [(214, 150, 96), (110, 160, 216), (196, 110, 120), (140, 186, 150)]
    _planet(
        canvas, float(x), float(y), canvas.unit * rng.uniform(10, 16), tints[int(rng.integers(4))]
    )


def _planet(canvas: Canvas, x: float, y: float, radius: float, colour: Colour) -> None:
    """A banded ball lit from the upper left, with a rim of air."""
    u, v = (canvas.columns - x) / radius, (canvas.rows - y) / radius
    inside = np.clip(1 - u**2 - v**2, 0, 1)
    light = np.clip(-0.55 * u - 0.55 * v + 0.63 * np.sqrt(inside), 0.03, 1)
    swirl = noise(canvas.rng, canvas.height, canvas.width, cells=12, octaves=4)
    bands = 0.86 + 0.16 * np.sin((v * 7 + swirl * 4).astype(np.float32))
    paint = np.array(colour, np.float32) * (bands * light * 1.15)[..., None]
    canvas.cover(disc(canvas, x, y, radius), paint)
    air = np.exp(-np.abs(np.hypot(u, v) - 1) * 14) * np.clip(-u - v + 0.4, 0, 1)
    canvas.add((air * 0.4).astype(np.float32), (140, 190, 255))


def moon(canvas: Canvas) -> None:
    """Grey dust and craters under a black sky in which the Earth hangs."""
    canvas.pixels[:] = gradient(canvas.height, [(3, 3, 10), (9, 10, 22)])
    stars(canvas, canvas.horizon, 380)
    side = canvas.rng.choice([0.18, 0.82])
    _planet(canvas, side * canvas.width, canvas.height * 0.2, canvas.unit * 9, (86, 142, 214))
    depth = canvas.height - canvas.horizon
    dust = perspective(
        tile(canvas.rng, cells=8, octaves=6), depth, canvas.width, across=1, along=0.6
    )
    plain = gradient(depth, [(112, 112, 118), (164, 164, 168)])
    canvas.pixels[canvas.horizon :] = plain + ((dust - 0.5) * 52)[..., None]
    with canvas.drawing() as sheet:
        for near in np.sort(canvas.rng.random(26)):
            _crater(canvas, sheet, float(near))


def _crater(canvas: Canvas, sheet: Bytes2D, near: float) -> None:
    x = int(canvas.rng.integers(0, canvas.width))
    y = int(canvas.horizon + 6 + near * (canvas.height - canvas.horizon))
    wide = canvas.unit * (0.8 + 6 * near) * canvas.rng.uniform(0.5, 1.5)
    for shift, value in ((0.16, 206.0), (-0.06, 84.0), (0.05, 128.0)):
        size = (max(1, int(wide * (1 - abs(shift)))), max(1, int(wide * 0.3)))
        place = (x, int(y + shift * wide))
        grey = (value, value, value + 4)
        cv2.ellipse(sheet, place, size, 0, 0, 360, grey, -1, cv2.LINE_AA)


def room(canvas: Canvas) -> None:
    """A wall with a window onto the sky of the hour, and a wooden table before it."""
    outside = canvas.pixels.copy()
    wall = gradient(
        canvas.horizon, [tuple(canvas.lit((236, 220, 196))), tuple(canvas.lit((214, 192, 164)))]
    )
    canvas.pixels[: canvas.horizon] = wall
    weave = noise(canvas.rng, canvas.height, canvas.width, cells=60, octaves=2) - 0.5
    canvas.pixels += weave[..., None] * 7
    _window(canvas, outside)
    _wall_picture(canvas)
    _table(canvas)


def _window(canvas: Canvas, outside: object) -> None:
    view = np.asarray(outside)
    left = int(canvas.width * 0.1)
    right, top = left + int(canvas.width * 0.38), int(canvas.horizon * 0.12)
    bottom = int(canvas.horizon * 0.8)
    frame = max(3, int(canvas.unit * 1.5))
    canvas.pixels[top - frame : bottom + frame, left - frame : right + frame] = canvas.lit(
        (246, 240, 230)
    )
    scaled = cv2.resize(view[: canvas.horizon], (right - left, bottom - top))
    canvas.pixels[top:bottom, left:right] = scaled
    bar = max(2, frame // 2)
    middle_x, middle_y = (left + right) // 2, (top + bottom) // 2
    canvas.pixels[top:bottom, middle_x - bar : middle_x + bar] = canvas.lit((240, 232, 220))
    canvas.pixels[middle_y - bar : middle_y + bar, left:right] = canvas.lit((240, 232, 220))
    glow = np.zeros((canvas.height, canvas.width), np.float32)
    glow[top:bottom, left:right] = 1
    canvas.add(cv2.GaussianBlur(glow, (0, 0), canvas.unit * 7) * 0.22, canvas.light.lamp_colour)


def _wall_picture(canvas: Canvas) -> None:
    """A small framed landscape, so that the wall is not bare."""
    left, right = int(canvas.width * 0.66), int(canvas.width * 0.86)
    top, bottom = int(canvas.horizon * 0.26), int(canvas.horizon * 0.62)
    frame = max(2, int(canvas.unit))
    shade = np.zeros((canvas.height, canvas.width), np.float32)
    shade[top : bottom + frame * 3, left : right + frame * 2] = 1
    canvas.pixels *= (1 - 0.25 * cv2.GaussianBlur(shade, (0, 0), canvas.unit))[..., None]
    edge = (slice(top - frame, bottom + frame), slice(left - frame, right + frame))
    canvas.pixels[edge] = canvas.lit((132, 92, 60))
    skies: list[list[Colour]] = [
        [(120, 170, 214), (206, 226, 236), (120, 160, 110), (84, 130, 80)],
        [(236, 150, 110), (250, 212, 150), (96, 110, 140), (60, 72, 104)],
        [(226, 206, 170), (240, 226, 196), (190, 140, 96), (150, 100, 70)],
    ]
    paint = gradient(bottom - top, skies[int(canvas.rng.integers(len(skies)))])
    canvas.pixels[top:bottom, left:right] = paint * np.array(canvas.light.tint, np.float32)


def _table(canvas: Canvas) -> None:
    """Planks that run towards the viewer, with grain along them."""
    depth = canvas.height - canvas.horizon
    near = np.linspace(0, 1, depth, dtype=np.float32)[:, None]
    across = (canvas.columns / canvas.width - 0.5) / (0.55 + 0.45 * near)
    plank = np.floor(across * 6 + 50)
    tones = canvas.rng.uniform(0.88, 1.1, 200).astype(np.float32)[plank.astype(int)]
    grain = _grain(canvas, across, near)
    seam = np.clip(1 - np.abs(across * 6 + 50 - np.round(across * 6 + 50)) * 60, 0, 1)
    colour = (
        canvas.lit((186, 128, 78)) * (tones * (0.86 + 0.24 * grain) * (1 - 0.55 * seam))[..., None]
    )
    canvas.pixels[canvas.horizon :] = colour * (0.85 + 0.2 * near)[..., None]
    edge = max(2, int(canvas.unit * 0.5))
    canvas.pixels[canvas.horizon : canvas.horizon + edge] *= 1.12


def _grain(canvas: Canvas, across: Plane, near: Plane) -> Plane:
    texture = tile(canvas.rng, cells=8, octaves=6)
    side = texture.shape[0]
    x = np.mod(across * 3.1 * side, side).astype(np.float32)
    y = np.broadcast_to(np.mod(near * 0.22 * side, side), x.shape).astype(np.float32)
    grain: Plane = cv2.remap(texture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return grain
