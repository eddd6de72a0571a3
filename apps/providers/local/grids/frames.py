"""Where an old picture lies on a larger sheet."""

from dataclasses import dataclass

from apps.providers.local.grids.fill import Box
from apps.providers.local.grids.prompt import WIDEST
from apps.providers.local.grids.sheet import size_of

ADDED = 0.5  # of the picture's side, that a pan adds


@dataclass(frozen=True)
class Frame:
    """The sheet, and the place of the picture on it, which may reach beyond the sheet."""

    size: tuple[int, int]
    box: Box


def panned(ratio: float, direction: str) -> Frame:
    """Half a picture more to one side. A strip that would grow beyond 4:1 loses as much at its
    other end, so that one can pan on for ever."""
    across = direction in ("left", "right")
    side = 1.0 if across else 1 / ratio  # the side that grows, in widths of the picture
    other = 1 / ratio if across else 1.0
    longest = min(side * (1 + ADDED), other * WIDEST)
    total = (longest, other) if across else (other, longest)
    # Panning right or down keeps the picture's far side at the new seam.
    start = side * ADDED if direction in ("left", "up") else longest - side * (1 + ADDED)
    return _frame(total, ratio, (start, 0.0) if across else (0.0, start))


def zoomed_out(ratio: float, wanted: float, zoom: float) -> Frame:
    """The smallest sheet of the wanted shape around the picture with `zoom` times its sides."""
    width = max(zoom, zoom / ratio * wanted)
    total = (width, width / wanted)
    return _frame(total, ratio, ((total[0] - 1) / 2, (total[1] - 1 / ratio) / 2))


def _frame(total: tuple[float, float], ratio: float, start: tuple[float, float]) -> Frame:
    """From lengths in widths of the picture to pixels."""
    size = size_of(total[0] / total[1])
    unit = size[0] / total[0]
    width, height = max(1, round(unit)), max(1, round(unit / ratio))
    return Frame(size, Box(round(start[0] * unit), round(start[1] * unit), width, height))
