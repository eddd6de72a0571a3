"""Says of a picture what can be measured: colours, light, where what is, and its shape.

It recognises no things: a sentence that guessed would be wrong more often than right.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np

from apps.providers.local.arrays import Bytes2D
from apps.providers.local.pictures import shrunk

LOOKED_AT = 128  # pixels of the longer side
_COLOURS = {
    "black": (12, 12, 14), "charcoal": (58, 60, 64), "grey": (128, 128, 130),
    "silver": (192, 192, 196), "white": (250, 250, 250), "red": (205, 32, 38),
    "maroon": (112, 22, 34), "orange": (240, 132, 32), "brown": (112, 72, 42),
    "beige": (222, 204, 172), "golden yellow": (232, 182, 46), "yellow": (248, 232, 70),
    "olive": (118, 122, 48), "green": (62, 156, 62), "dark green": (24, 74, 42),
    "turquoise": (58, 186, 186), "sky blue": (134, 192, 240), "blue": (44, 98, 204),
    "navy blue": (22, 32, 82), "purple": (112, 52, 142), "lilac": (186, 160, 214),
    "pink": (242, 152, 182), "peach": (250, 192, 156),
}  # fmt: skip
_WARM = {"red", "maroon", "orange", "brown", "beige", "golden yellow", "yellow", "pink", "peach"}
_COOL = {"turquoise", "sky blue", "blue", "navy blue", "purple", "lilac", "green", "dark green"}
_RATIOS = ((1, 1), (5, 4), (4, 3), (3, 2), (16, 9), (2, 1), (21, 9), (3, 1), (4, 1))
_DIGITS = ("1️⃣", "2️⃣", "3️⃣", "4️⃣")


@dataclass(frozen=True)
class _Look:
    """What was measured, in words."""

    colours: list[str]  # the most frequent first
    above: str
    below: str
    middle: str
    rim: str
    brightness: str
    contrast: str
    texture: str
    warmth: str
    lighter: str  # where most light is
    shape: str
    ratio: str


def described(picture: Bytes2D) -> list[str]:
    """Four prompts, each about something else in the picture."""
    look = _look(picture)
    palette = _listed(look.colours)
    first = look.colours[0]
    return [
        f"{look.brightness} picture in {palette}, {look.lighter}, {look.contrast} --ar {look.ratio}",
        f"{look.above} above and {look.below} below, {look.texture}, {look.warmth} colours"
        f" --ar {look.ratio}",
        f"{look.middle} in the middle of {look.rim} surroundings, {look.brightness} light,"
        f" {look.shape} format --ar {look.ratio}",
        f"abstract study of {palette}, mostly {first}, {look.warmth} colours, {look.texture},"
        f" {look.contrast} --ar {look.ratio}",
    ]


def numbered(prompts: list[str]) -> str:
    return "\n\n".join(f"{digit} {prompt}" for digit, prompt in zip(_DIGITS, prompts, strict=True))


def _look(picture: Bytes2D) -> _Look:
    height, width = picture.shape[:2]
    small = shrunk(picture, LOOKED_AT)
    names = _named(small)
    grey = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY).astype(np.float32)
    rows, columns = max(1, small.shape[0] // 4), max(1, small.shape[1] // 4)
    rim = np.ones(names.shape, bool)
    rim[rows:-rows, columns:-columns] = False
    colours = _frequent(names)
    return _Look(
        colours=colours,
        above=_frequent(names[: rows + 1])[0],
        below=_frequent(names[-rows - 1 :])[0],
        middle=_frequent(names[~rim] if not rim.all() else names)[0],
        rim=_frequent(names[rim])[0],
        brightness=_step(
            float(grey.mean()), ((70, "dark"), (120, "dim"), (175, "bright")), "very bright"
        ),
        contrast=_step(
            float(grey.std()), ((22, "soft contrast"), (60, "clear contrast")), "strong contrast"
        ),
        texture=_step(
            _roughness(grey), ((4, "smooth surfaces"), (14, "some detail")), "much fine detail"
        ),
        warmth=_warmth(colours),
        lighter=_lighter(grey),
        shape="square" if width == height else "landscape" if width > height else "portrait",
        ratio=_ratio(width, height),
    )


def _named(picture: Bytes2D) -> Bytes2D:
    """For every pixel the number of the colour that looks most like it."""
    palette = np.array([list(_COLOURS.values())], np.uint8)
    known = cv2.cvtColor(palette, cv2.COLOR_RGB2LAB)[0].astype(np.float32)
    seen = cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2LAB).astype(np.float32)
    # Lightness counts for less: a dull pink is rather a pink than a grey.
    weights = np.array([0.5, 1, 1], np.float32)
    distances = (((seen[:, :, None] - known) * weights) ** 2).sum(-1)
    return np.asarray(distances.argmin(-1), np.uint8)


def _frequent(names: Bytes2D) -> list[str]:
    """One to three colours that cover most of it, the most frequent first."""
    counts = np.bincount(names.ravel(), minlength=len(_COLOURS))
    order = np.argsort(-counts, kind="stable")[:3]
    kept = [number for number in order if counts[number] >= 0.06 * counts.sum()]
    return [list(_COLOURS)[number] for number in kept or order[:1]]


def _roughness(grey: Bytes2D) -> float:
    steps = [
        np.abs(np.diff(grey, axis=axis)).mean() if grey.shape[axis] > 1 else 0 for axis in (0, 1)
    ]
    return float(max(steps))


def _lighter(grey: Bytes2D) -> str:
    height, width = grey.shape
    parts = {
        "lighter at the top": grey[: (height + 1) // 2],
        "lighter at the bottom": grey[height // 2 :],
        "lighter on the left": grey[:, : (width + 1) // 2],
        "lighter on the right": grey[:, width // 2 :],
    }
    light = {words: float(part.mean()) for words, part in parts.items()}
    best = max(light, key=lambda words: light[words])
    return best if light[best] - float(grey.mean()) > 4 else "evenly lit"


def _warmth(colours: list[str]) -> str:
    warm, cool = len(_WARM.intersection(colours)), len(_COOL.intersection(colours))
    if warm == cool:
        return "warm and cool" if warm else "neutral"
    return "warm" if warm > cool else "cool"


def _step(value: float, steps: tuple[tuple[float, str], ...], last: str) -> str:
    return next((word for limit, word in steps if value < limit), last)


def _ratio(width: int, height: int) -> str:
    """The customary ratio next to the picture's own."""
    both = [*_RATIOS, *((high, wide) for wide, high in _RATIOS[1:])]
    own = math.log(width / height)
    wide, high = min(both, key=lambda ratio: abs(math.log(ratio[0] / ratio[1]) - own))
    return f"{wide}:{high}"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
