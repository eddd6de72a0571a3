"""Where everything stands: places and sizes for the things of a plan."""

from dataclasses import dataclass

import numpy as np

from apps.providers.local.paint.canvas import Canvas
from apps.providers.local.paint.prompt import Plan, Thing
from apps.providers.local.paint.scenes import SCENES
from apps.providers.local.paint.sprites import Sprite

PERSON = {1: 0.44, 2: 0.36, 3: 0.31}  # height of a person by the number of things there are
CROWDED = 0.25
CLOSE_UP = 0.95
_FAR = {"air": 0, "back": 1}
_HOVER = (0.0, -0.2, 0.17, -0.1, 0.24)  # heights that neighbours float at, so they keep apart


@dataclass(frozen=True)
class Placed:
    """One sprite on the canvas: the middle of its foot, and its height, in pixels."""

    sprite: Sprite
    x: float
    foot: float
    height: float
    colour: tuple[float, float] | None
    shadow: bool
    mirrored: bool


def layout(plan: Plan, canvas: Canvas) -> list[Placed]:
    """In the order of painting: far to near."""
    singles = [copy for thing in plan.things for copy in [thing] * thing.count]
    alone = [thing for index, thing in enumerate(singles) if not index or not _attaches(thing)]
    slots = _slots(len(alone), canvas.rng) if alone else []
    number = 0
    placed: list[Placed] = []
    last: Placed | None = None
    for thing in singles:
        if last is not None and _attaches(thing):
            last = _attached(thing, last, placed, canvas)
            continue
        last = _placed(thing, slots[number], plan, canvas, number, len(singles))
        number += 1
        placed.append(last)
    return sorted(placed, key=lambda item: (_FAR.get(item.sprite.habitat, 2), item.foot))


def _attaches(thing: Thing) -> bool:
    """Whether it has no place of its own: it is ridden, or it is small enough to hold."""
    return thing.count == 1 and (thing.carries or (thing.held and thing.sprite.habitat == "table"))


def _slots(count: int, rng: np.random.Generator) -> list[float]:
    """Places from left to right, as parts of the width; one alone stands near the middle."""
    if count == 1:
        return [float(rng.uniform(0.44, 0.56))]
    spread = min(0.76, 0.3 + 0.14 * count)
    even = 0.5 + (np.arange(count) / (count - 1) - 0.5) * spread
    return [float(place) for place in even + rng.uniform(-0.025, 0.025, count)]


def _placed(
    thing: Thing, slot: float, plan: Plan, canvas: Canvas, number: int, crowd: int
) -> Placed:
    sprite = thing.sprite
    person = PERSON.get(crowd, CROWDED) * min(canvas.width, canvas.height)
    size = sprite.size
    if all(other.sprite.size < 0.7 for other in plan.things):
        size = max(size, CLOSE_UP)  # where everything is small, the picture is a close-up
    height = person * size * canvas.rng.uniform(0.94, 1.06)
    foot, shadow = _foot(thing, plan, canvas, height, number)
    return Placed(
        sprite=sprite,
        x=slot * canvas.width,
        foot=foot,
        height=height,
        colour=thing.colour,
        shadow=shadow,
        mirrored=bool(canvas.rng.random() < 0.5),
    )


def _foot(
    thing: Thing, plan: Plan, canvas: Canvas, height: float, number: int
) -> tuple[float, bool]:
    """The row something stands on, and whether it throws a shadow there."""
    rng, habitat, below = canvas.rng, thing.sprite.habitat, canvas.height - canvas.horizon
    if SCENES[plan.scene].floating:
        middle = canvas.height * (0.5 + _HOVER[number % len(_HOVER)] + rng.uniform(-0.03, 0.03))
        return middle + height / 2, False
    if habitat == "air" or (plan.flying and thing is plan.things[0]):
        return canvas.horizon * rng.uniform(0.5, 0.72) + height / 2, False
    if habitat == "back":
        return canvas.horizon + below * rng.uniform(0.1, 0.2), True
    if habitat == "bust":
        return canvas.height + height * 0.02, False
    if plan.scene == "ocean":
        return canvas.horizon + below * rng.uniform(0.3, 0.6), False
    return canvas.horizon + below * rng.uniform(0.58, 0.84), True


def _attached(thing: Thing, last: Placed, placed: list[Placed], canvas: Canvas) -> Placed:
    """Sets a thing under the one before it (it rides) or before its chest (it holds)."""
    sprite = thing.sprite
    if thing.carries:
        height = last.height * max(0.8, sprite.size)
        foot = min(last.foot, canvas.height * 0.97)
        mount = Placed(sprite, last.x, foot, height, thing.colour, last.shadow, last.mirrored)
        rider = Placed(
            last.sprite,
            last.x,
            foot - height * 0.5,
            last.height * 0.72,
            last.colour,
            False,
            last.mirrored,
        )
        placed[placed.index(last)] = rider
        placed.append(mount)
        return mount
    height = last.height * min(0.5, max(0.32, sprite.size * 0.7))
    x = last.x + last.height * 0.22 * canvas.rng.choice([-1, 1])
    foot = min(last.foot - last.height * 0.06, canvas.height * 0.99) + 1
    held = Placed(sprite, float(x), foot + last.height * 0.06, height, thing.colour, False, False)
    placed.append(held)
    return held
