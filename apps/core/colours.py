"""One accent colour and what follows from it, so that text on and in it can be read. Colours are "#rrggbb"."""

import re
from dataclasses import dataclass
from functools import cache

LEAST_CONTRAST = 4.5
_WHITE, _BLACK = "#ffffff", "#000000"
# The page's own grounds: the less contrasting one of each theme.
_LIGHT_GROUND, _DARK_GROUND = "#f9fafb", "#1f2937"
_HEX = re.compile(r"#[0-9a-f]{6}")
_STEPS = 100


class BadColour(ValueError):
    """The text says what is wrong with it."""


@dataclass(frozen=True)
class Shades:
    """The accent in one theme: of buttons under white text, of text, of text under the pointer, and of grounds."""

    fill: str
    text: str
    hover: str
    ground: str

    @property
    def fill_rgb(self) -> str:
        return ", ".join(str(part) for part in _parts(self.fill))


@cache
def accent(colour: str) -> tuple[Shades, Shades]:
    """What the accent is on light pages and on dark ones. Raises BadColour."""
    colour = colour.lower()
    if not _HEX.fullmatch(colour):
        raise BadColour("must be a colour such as #15588f")
    on_white = contrast(colour, _WHITE)
    if contrast(colour, _LIGHT_GROUND) < LEAST_CONTRAST:
        raise BadColour(
            f"must be darker: white text on {colour} has a contrast of {on_white:.1f}, and 4.7 is the least"
        )
    light_ground, dark_ground = _mixed(colour, _WHITE, 0.9), _mixed(colour, _DARK_GROUND, 0.8)
    text = _until_readable(colour, _BLACK, grounds=(light_ground, _LIGHT_GROUND))
    dark_text = _until_readable(colour, _WHITE, grounds=(dark_ground, _DARK_GROUND))
    light = Shades(colour, text, _mixed(text, _BLACK, 0.3), light_ground)
    dark = Shades(_lightest_fill(colour), dark_text, _mixed(dark_text, _WHITE, 0.4), dark_ground)
    return light, dark


def contrast(one: str, other: str) -> float:
    """The ratio of WCAG 2, from 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (_linear(part / 255) for part in _parts(colour))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)


def _parts(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _mixed(colour: str, other: str, share: float) -> str:
    """The colour with that share of the other in it."""
    pairs = zip(_parts(colour), _parts(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * share):02x}" for a, b in pairs)


def _until_readable(colour: str, goal: str, *, grounds: tuple[str, ...]) -> str:
    """The colour with as much of the goal, black or white, as text on all the grounds needs."""
    tries = (_mixed(colour, goal, step / _STEPS) for step in range(_STEPS + 1))
    return next((one for one in tries if _is_readable(one, grounds)), goal)


def _is_readable(colour: str, grounds: tuple[str, ...]) -> bool:
    return all(contrast(colour, ground) >= LEAST_CONTRAST for ground in grounds)


def _lightest_fill(colour: str) -> str:
    """As light as white text on it allows, so that a dark accent is still seen on a dark page."""
    tries = (_mixed(colour, _WHITE, step / _STEPS) for step in range(_STEPS + 1))
    readable = [one for one in tries if contrast(one, _WHITE) >= LEAST_CONTRAST]
    return readable[-1] if readable else colour
