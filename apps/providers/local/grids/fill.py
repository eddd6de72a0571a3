"""Painting what a picture lacks: whole pictures, the surroundings of one, a hole in one."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from apps.providers.local.arrays import Bytes2D, Floats, Plane
from apps.providers.local.grids.variants import warped
from apps.providers.local.paint.canvas import Canvas
from apps.providers.local.paint.layout import Placed, layout
from apps.providers.local.paint.picture import completed
from apps.providers.local.paint.prompt import Plan
from apps.providers.local.paint.scenes import SCENES, paint_scene
from apps.providers.local.pictures import resized

BEND = 0.35  # how much reflections are bent, so that one does not see a mirror
FEATHER = 0.08  # of the longer side, along seams between old and new
SHADED = 0.8  # how far a new painting takes over the shades of an old picture
TALLEST = 3  # sheets: what a scene may be painted on when only a part of it is shown


@dataclass(frozen=True)
class Box:
    """A rectangle of whole pixels; it may reach beyond the picture it is meant for."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.left + self.width

    @property
    def bottom(self) -> int:
        return self.top + self.height


def painted(plan: Plan, size: tuple[int, int], rng: np.random.Generator) -> Bytes2D:
    """A picture of the plan, of nothing else."""
    canvas = paint_scene(plan.scene, plan.light, *size, rng)
    return completed(canvas, plan, layout(plan, canvas))


def painted_like(
    around: Bytes2D,
    plan: Plan,
    rng: np.random.Generator,
    *,
    box: Box | None = None,
    horizon: int | None = None,
) -> Bytes2D:
    """A picture of the plan in the shades of another, of its size.

    With a `box` the things of the plan stand in there, as large as fits; with a `horizon` the
    scene's lies in that row.
    """
    height, width = around.shape[:2]
    canvas = _scene(plan, (width, height), rng, horizon)
    canvas.pixels[:] = _toned(canvas.pixels, around)
    items = layout(plan, canvas)
    return completed(canvas, plan, _within(items, box) if box else items)


def extended(
    picture: Bytes2D,
    box: Box,
    size: tuple[int, int],
    plan: Plan | None,
    rng: np.random.Generator,
    *,
    with_things: bool,
) -> Bytes2D:
    """The picture at the place of `box` on a sheet of that size, its surroundings painted.

    Without a plan they continue the picture's own edges. Things go where the most new room is.
    """
    seen = _set_down(picture, box, size, "edge")
    if plan is None:
        fresh = warped(_set_down(picture, box, size, "symmetric"), rng, BEND)
    else:
        wanted = plan if with_things else replace(plan, things=())
        horizon = box.top + round(SCENES[plan.scene].horizon * box.height)
        margin = _widest_margin(box, size)
        fresh = painted_like(seen, wanted, rng, box=margin, horizon=horizon)
    return _blended(fresh, seen, _cover(box, size))


def mended(picture: Bytes2D, hole: Plane, plan: Plan | None, rng: np.random.Generator) -> Bytes2D:
    """Painted anew where `hole` is above 0.5; not one pixel elsewhere changes."""
    mask = (hole > 0.5).astype(np.uint8)
    around = _closed(picture, mask)
    if plan is None:
        # What lies beside the hole, moved into it.
        step = _bounds(mask).width * int(rng.choice([-1, 1]))
        beside = warped(np.roll(picture, step, axis=1), rng, BEND).astype(np.float32)
        fresh = _toned(beside, around).astype(np.uint8)
    else:
        fresh = painted_like(around, plan, rng, box=_bounds(mask))
    # The seam lies inside the hole, so that what is outside stays.
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    result = _blended(picture, fresh, np.clip(inside / max(6.0, inside.max() * 0.25), 0, 1))
    return np.where(mask[..., None] > 0, result, picture)


# ------------------------------------------------------------------------------------------ parts


def _scene(
    plan: Plan, size: tuple[int, int], rng: np.random.Generator, horizon: int | None
) -> Canvas:
    """The empty scene; a horizon elsewhere than usual is that of a taller one, of which a part
    is shown."""
    width, height = size
    usual = SCENES[plan.scene].horizon
    row = min(height - 1, max(1, round(usual * height) if horizon is None else horizon))
    tall = round(max(row / usual, (height - row) / (1 - usual)))
    tall = min(TALLEST * height, max(height, tall))
    canvas = paint_scene(plan.scene, plan.light, width, tall, rng)
    top = min(tall - height, max(0, canvas.horizon - row))
    return replace(
        canvas,
        pixels=canvas.pixels[top : top + height].copy(),
        horizon=canvas.horizon - top,
        sun=(canvas.sun[0], canvas.sun[1] - top),
    )


def _toned(pixels: Floats, around: Bytes2D) -> Floats:
    """With the large shades of the other picture and one's own shapes."""
    mixed = pixels + (_shades(around.astype(np.float32)) - _shades(pixels)) * SHADED
    result: Floats = np.clip(mixed, 0, 255)
    return result


def _shades(pixels: Floats) -> Floats:
    height, width = pixels.shape[:2]
    small = cv2.resize(
        pixels, (max(8, width // 8), max(8, height // 8)), interpolation=cv2.INTER_AREA
    )
    soft = cv2.GaussianBlur(small, (0, 0), max(width, height) / 96)
    return np.asarray(cv2.resize(soft, (width, height), interpolation=cv2.INTER_LINEAR))


def _within(items: list[Placed], box: Box) -> list[Placed]:
    """The group moved into the box, and enlarged or made smaller together to fit it."""
    if not items:
        return items
    left = min(item.x - item.height / 2 for item in items)
    right = max(item.x + item.height / 2 for item in items)
    top = min(item.foot - item.height for item in items)
    bottom = max(item.foot for item in items)
    scale = min(box.width / (right - left), box.height / (bottom - top)) * 0.7
    floor = box.bottom - (box.height - (bottom - top) * scale) / 2
    return [
        replace(
            item,
            x=box.left + box.width / 2 + (item.x - (left + right) / 2) * scale,
            foot=floor - (bottom - item.foot) * scale,
            height=max(2.0, item.height * scale),
        )
        for item in items
    ]


def _set_down(picture: Bytes2D, box: Box, size: tuple[int, int], how: str) -> Bytes2D:
    """The picture scaled into the box; around it what `numpy.pad` makes of its edges."""
    width, height = size
    rows = (max(0, box.top), max(0, height - box.bottom))
    columns = (max(0, box.left), max(0, width - box.right))
    small = resized(picture, box.width, box.height)
    # numpy's own annotation lists the modes one by one, so that no variable of type str fits.
    wide: Bytes2D = np.pad(small, (rows, columns, (0, 0)), how)  # type: ignore[call-overload]
    top, left = max(0, -box.top), max(0, -box.left)
    return np.ascontiguousarray(wide[top : top + height, left : left + width])


def _cover(box: Box, size: tuple[int, int]) -> Plane:
    """1 where the old picture shows, 0 where the new one does, soft along the seam."""
    width, height = size
    soft = max(width, height) * FEATHER
    across = _ramp(box.left, box.right, width, soft)
    down = _ramp(box.top, box.bottom, height, soft)
    return np.outer(down, across).astype(np.float32)


def _ramp(start: int, stop: int, length: int, soft: float) -> Plane:
    place = np.arange(length, dtype=np.float32) + 0.5
    rise = (place - start) / soft if start > 0 else np.ones(length)
    fall = (stop - place) / soft if stop < length else np.ones(length)
    return np.clip(np.minimum(rise, fall), 0, 1)


def _blended(below: Bytes2D, above: Bytes2D, cover: Plane) -> Bytes2D:
    lower = below.astype(np.float32)
    mixed = lower + (above.astype(np.float32) - lower) * cover[..., None]
    return (mixed + 0.5).astype(np.uint8)


def _widest_margin(box: Box, size: tuple[int, int]) -> Box:
    width, height = size
    margins = (
        Box(0, 0, width, max(0, box.top)),
        Box(0, box.bottom, width, max(0, height - box.bottom)),
        Box(0, 0, max(0, box.left), height),
        Box(box.right, 0, max(0, width - box.right), height),
    )
    return max(margins, key=lambda margin: margin.width * margin.height)


def _closed(picture: Bytes2D, mask: Bytes2D) -> Bytes2D:
    """The hole filled with what surrounds it, without detail: a guide for colours."""
    if mask.mean() > 0.95:
        return picture
    height, width = picture.shape[:2]
    size = (max(8, width // 4), max(8, height // 4))
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    gap = cv2.dilate(cv2.resize(mask, size, interpolation=cv2.INTER_NEAREST), np.ones((3, 3)))
    filled = cv2.resize(cv2.inpaint(small, gap, 4, cv2.INPAINT_TELEA), (width, height))
    return np.where(mask[..., None] > 0, filled, picture)


def _bounds(mask: Bytes2D) -> Box:
    rows, columns = np.nonzero(mask)
    left, top = int(columns.min()), int(rows.min())
    return Box(left, top, int(columns.max()) + 1 - left, int(rows.max()) + 1 - top)
