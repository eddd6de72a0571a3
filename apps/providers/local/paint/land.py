"""Land: mountains, meadows, woods, deserts and snow."""

import cv2
import numpy as np

from apps.providers.local.arrays import Bytes2D, Floats, Plane
from apps.providers.local.paint.canvas import Canvas, gradient, noise, perspective, ridge, tile
from apps.providers.local.paint.light import Colour


def hazy(canvas: Canvas, colour: Colour, distance: float) -> Floats:
    """A colour as seen through the air; `distance` 0 is near, 1 is lost in the haze."""
    return canvas.lit(colour) * (1 - distance) + np.array(canvas.light.haze, np.float32) * distance


def mountains(canvas: Canvas, *, layers: int = 4, tall: float = 0.55, snow: bool = True) -> None:
    """Ranges behind one another, each nearer one lower and darker, shaded from the sun's side."""
    for layer in range(layers):
        nearness = (layer + 1) / layers
        outline = ridge(canvas.rng, canvas.width, peaks=3 + layer * 2, rough=0.5)
        height = canvas.horizon * tall * (1.05 - 0.6 * nearness)
        top = canvas.horizon - outline * height - canvas.horizon * 0.02
        rock = hazy(canvas, (86, 94, 116), 0.78 * (1 - nearness) + 0.1)
        _range(canvas, top, rock, nearness, snow and layer < layers - 1)


def _range(canvas: Canvas, top: Plane, rock: Floats, near: float, snow: bool) -> None:
    body = np.clip(canvas.rows - top[None] + 0.5, 0, 1)
    depth = np.clip((canvas.rows - top[None]) / (canvas.horizon * 0.4), 0, 1)
    folds = _relief(canvas, top)
    shade = 1 + (folds - 0.5) * (0.5 + 0.35 * near)
    paint = rock * shade[..., None]
    if snow:
        line = 0.14 + 0.1 * noise(canvas.rng, canvas.height, canvas.width, cells=9)
        cap = np.clip((line - depth) * 14, 0, 1) * np.clip(folds * 1.6, 0.25, 1)
        paint += (hazy(canvas, (244, 248, 255), 0.3 * (1 - near)) - paint) * cap[..., None]
    mist = (depth**1.5 * 0.55)[..., None]
    paint += (np.array(canvas.light.haze, np.float32) - paint) * mist
    canvas.cover(body, paint)


def _relief(canvas: Canvas, top: Plane) -> Plane:
    """Light and shadow on the slopes: noise hung down from the outline, lit from the side."""
    rough = noise(canvas.rng, canvas.height, canvas.width, cells=7, octaves=6)
    slope = np.gradient(cv2.GaussianBlur(top[None], (0, 0), canvas.unit)[0])
    side = 1 if canvas.sun[0] > canvas.width / 2 else -1
    lit = 0.5 + side * np.gradient(cv2.GaussianBlur(rough, (0, 0), 1.2), axis=1) * canvas.unit * 3
    lit += side * np.clip(slope, -1, 1)[None] * 0.22 * np.exp(-(canvas.rows - top[None]) / 60)
    clipped: Plane = np.clip(lit, 0, 1).astype(np.float32)
    return clipped


def ground(
    canvas: Canvas, colours: tuple[Colour, ...], *, contrast: float = 26, wavy: float = 0.012
) -> Plane:
    """A plain from the horizon to the viewer. Returns its mask."""
    edge = canvas.horizon + (ridge(canvas.rng, canvas.width, peaks=3, rough=0.3) - 0.5) * (
        canvas.height * wavy
    )
    mask = np.clip(canvas.rows - edge[None] + 0.5, 0, 1)
    top = max(0, int(edge.min()) - 1)
    depth = canvas.height - top
    texture = tile(canvas.rng, cells=8, octaves=6)
    grain = perspective(texture, depth, canvas.width, across=1.2, along=0.5) - 0.5
    layer = canvas.pixels.copy()
    layer[top:] = gradient(depth, [tuple(canvas.lit(colour)) for colour in colours])
    layer[top:] += (grain * contrast * max(canvas.light.tint))[..., None]
    canvas.cover(mask, layer)
    return mask


def hills(canvas: Canvas, colour: Colour, *, layers: int = 2, tall: float = 0.2) -> None:
    """Soft hills before the horizon's mountains."""
    for layer in range(layers):
        near = (layer + 1) / layers
        outline = ridge(canvas.rng, canvas.width, peaks=2 + layer, rough=0.3)
        top = canvas.horizon + 2 - outline * canvas.horizon * tall * (1.2 - near * 0.7)
        body = np.clip(canvas.rows - top[None] + 0.5, 0, 1)
        grain = noise(canvas.rng, canvas.height, canvas.width, cells=30, octaves=3)
        shade = 0.92 + 0.16 * grain + 0.1 * np.clip(1 - (canvas.rows - top[None]) / 40, 0, 1)
        canvas.cover(body, hazy(canvas, colour, 0.5 * (1 - near) + 0.12) * shade[..., None])


def grass(canvas: Canvas, *, flowers: int) -> None:
    """Blades and flowers, small at the horizon and large before the viewer."""
    with canvas.drawing() as sheet:
        for nearness in np.sort(canvas.rng.random(3600) ** 0.7):
            _blade(canvas, sheet, float(nearness))
        for nearness in np.sort(canvas.rng.random(flowers) ** 0.8):
            _flower(canvas, sheet, float(nearness))


def _blade(canvas: Canvas, sheet: Bytes2D, nearness: float) -> None:
    rng = canvas.rng
    x = int(rng.integers(0, canvas.width))
    y = canvas.horizon + 6 + int(nearness * (canvas.height - canvas.horizon))
    blade = canvas.unit * (0.5 + 3.2 * nearness) * rng.uniform(0.7, 1.3)
    end = (int(x + rng.uniform(-0.35, 0.35) * blade), int(y - blade))
    green = canvas.lit((62 + 70 * rng.random(), 132 + 60 * rng.random(), 52))
    width = 1 + round(nearness * canvas.unit / 9)
    cv2.line(sheet, (x, y), end, green.tolist(), width, cv2.LINE_AA)


def _flower(canvas: Canvas, sheet: Bytes2D, nearness: float) -> None:
    palette: list[Colour] = [(250, 246, 240), (250, 212, 70), (232, 92, 120), (168, 120, 226)]
    x = int(canvas.rng.integers(0, canvas.width))
    y = canvas.horizon + 8 + int(nearness * (canvas.height - canvas.horizon - 8))
    radius = canvas.unit * (0.18 + 0.75 * nearness)
    colour = canvas.lit(palette[int(canvas.rng.integers(len(palette)))]).tolist()
    turn = canvas.rng.random() * 6
    for petal in range(5):
        angle = turn + petal * 1.2566
        place = (round((x + np.cos(angle) * radius) * 16), round((y + np.sin(angle) * radius) * 16))
        size = max(10, round(radius * 11))
        cv2.circle(sheet, place, size, colour, -1, cv2.LINE_AA, 4)
    middle = canvas.lit((250, 200, 60)).tolist()
    cv2.circle(sheet, (x * 16, y * 16), max(8, round(radius * 9)), middle, -1, cv2.LINE_AA, 4)


def meadow(canvas: Canvas) -> None:
    mountains(canvas, layers=3, tall=0.3, snow=False)
    hills(canvas, (92, 146, 84), layers=3)
    ground(canvas, ((120, 176, 84), (98, 160, 70), (76, 138, 58)))
    grass(canvas, flowers=150)


def mountain(canvas: Canvas) -> None:
    mountains(canvas, layers=4, tall=0.8)
    hills(canvas, (70, 112, 82), layers=2, tall=0.14)
    ground(canvas, ((112, 150, 92), (128, 160, 86), (96, 134, 66)), contrast=34)
    trees(canvas, count=26, deepest=0.16)
    grass(canvas, flowers=40)


def forest(canvas: Canvas) -> None:
    """Trunkless rows of conifers, ever nearer and darker, with beams of light between them."""
    for layer in range(4):
        _conifer_row(canvas, layer / 4)
    _beams(canvas)
    ground(canvas, ((96, 128, 70), (74, 104, 54), (52, 78, 40)), contrast=44)
    trees(canvas, count=34, deepest=0.34)
    grass(canvas, flowers=24)


def _conifer_row(canvas: Canvas, nearness: float) -> None:
    sheet = np.zeros((canvas.height, canvas.width), np.uint8)
    base = canvas.horizon + int(canvas.unit * (1 + 3 * nearness))
    tall = canvas.horizon * (0.42 + 0.36 * nearness)
    x = -canvas.unit * 4
    while x < canvas.width + canvas.unit * 4:
        height = tall * canvas.rng.uniform(0.65, 1.1)
        _conifer(sheet, canvas.rng, x, base, height, 255.0, trunk=False)
        x += height * canvas.rng.uniform(0.14, 0.3)
    sheet[base:] = 255
    canvas.cover(sheet.astype(np.float32) / 255, hazy(canvas, (44, 84, 66), 0.72 - 0.55 * nearness))


def _conifer(
    sheet: Bytes2D,
    rng: np.random.Generator,
    x: float,
    base: float,
    height: float,
    value: float | list[float],
    *,
    trunk: bool = True,
) -> None:
    """Tiers of branches with uneven tips, narrower towards the top."""
    tiers = 7
    left, right = [(x - height * 0.2, base)], [(x + height * 0.2, base)]
    if trunk:
        left, right = [], []
    for tier in range(tiers):
        y = base - height * (0.1 + 0.9 * tier / tiers)
        reach = height * 0.2 * (1 - tier / tiers) * rng.uniform(0.85, 1.15) + height * 0.012
        lift = height * 0.07
        left += [(x - reach, y), (x - reach * 0.45, y - lift)]
        right += [(x + reach, y + rng.uniform(-1, 1) * lift * 0.3), (x + reach * 0.45, y - lift)]
    outline = [*left, (x, base - height * 1.04), *right[::-1]]
    points = np.round(np.array(outline) * 16).astype(np.int32)
    colour = value if isinstance(value, list) else [value]
    cv2.fillPoly(sheet, [points], colour, cv2.LINE_AA, 4)


def _beams(canvas: Canvas) -> None:
    if canvas.light.lamp in ("none", "moon"):
        return
    x, y = canvas.sun
    angle = np.arctan2(canvas.columns - x, canvas.rows + canvas.unit * 24)
    rays = np.interp(angle, np.linspace(-1.6, 1.6, 90), canvas.rng.random(90) ** 2)
    fade = np.exp(-np.hypot(canvas.columns - x, canvas.rows - y) / (canvas.unit * 60))
    canvas.add((rays * fade * 0.34).astype(np.float32), canvas.light.lamp_colour)


def trees(canvas: Canvas, *, count: int, deepest: float, snowy: bool = False) -> None:
    """Single conifers on the plain at the sides, leaving the middle free for the subject."""
    span = canvas.height - canvas.horizon
    with canvas.drawing() as sheet:
        for nearness in np.sort(canvas.rng.random(count)) * deepest:
            away = canvas.rng.uniform(0.16, 0.56) + nearness * 0.25
            x = canvas.width * (0.5 + away * canvas.rng.choice([-1, 1]))
            place = (x, canvas.horizon + nearness * span + canvas.unit)
            height = canvas.unit * (11 + 60 * nearness) * canvas.rng.uniform(0.8, 1.25)
            _tree(canvas, sheet, place, height, 0.3 * (1 - nearness / deepest), snowy)


def _tree(
    canvas: Canvas,
    sheet: Bytes2D,
    place: tuple[float, float],
    height: float,
    distance: float,
    snowy: bool,
) -> None:
    x, base = place
    trunk = hazy(canvas, (84, 62, 44), distance).tolist()
    start, end = (int(x), int(base)), (int(x), int(base - height * 0.2))
    cv2.line(sheet, start, end, trunk, max(1, int(height * 0.05)), cv2.LINE_AA)
    dark, bright = (34, 78, 52), (62, 116, 66)
    if snowy:
        dark, bright = (96, 124, 132), (232, 240, 248)
    _conifer(sheet, canvas.rng, x, base, height, hazy(canvas, dark, distance).tolist())
    side = height * (0.035 if canvas.sun[0] > canvas.width / 2 else -0.035)
    lit = hazy(canvas, bright, distance).tolist()
    _conifer(sheet, canvas.rng, x + side, base - height * 0.05, height * 0.86, lit)


def desert(canvas: Canvas) -> None:
    """Dunes: smooth crests, one flank in the light and one in shadow."""
    mountains(canvas, layers=2, tall=0.18, snow=False)
    ground(canvas, ((232, 190, 128), (226, 176, 108)), contrast=10)
    for layer in range(4):
        near = (layer + 1) / 4
        base = canvas.horizon + (canvas.height - canvas.horizon) * (near - 0.25) ** 1.4
        outline = ridge(canvas.rng, canvas.width, peaks=2, rough=0.2)
        top = base - outline * canvas.unit * (9 + 14 * near) + canvas.unit * 5
        _dune(canvas, top, near)


def _dune(canvas: Canvas, top: Plane, near: float) -> None:
    below = canvas.rows - top[None]
    slope = np.gradient(top) * (1 if canvas.sun[0] > canvas.width / 2 else -1)
    lit = np.clip(0.5 + slope[None] * 1.6 - below / (canvas.unit * 90), 0, 1)
    ripples = np.sin(below / canvas.unit * 7 + 5 * noise(canvas.rng, *below.shape, cells=5))
    bright = hazy(canvas, (246, 208, 142), 0.35 * (1 - near))
    dark = hazy(canvas, (186, 126, 78), 0.35 * (1 - near))
    paint = dark + (bright - dark) * (lit + 0.03 * ripples * near)[..., None]
    canvas.cover(np.clip(below + 0.5, 0, 1), paint.astype(np.float32))


def snow(canvas: Canvas) -> None:
    mountains(canvas, layers=4, tall=0.6)
    hills(canvas, (214, 226, 240), layers=2, tall=0.12)
    ground(canvas, ((216, 228, 244), (236, 242, 250), (250, 252, 255)), contrast=20)
    trees(canvas, count=30, deepest=0.3, snowy=True)
