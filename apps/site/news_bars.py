"""Ninety days as bars: one drawing of a few paths, which is far less to send than an element a day."""

from collections.abc import Sequence
from typing import Any

from apps.site.news_status import DAYS, LEAST_TASKS, Health

_STEP, _BAR, _FULL = 4, 3, 32
# Lower is worse, so that colour is not alone in saying so.
_HEIGHTS = {"ok": 32, "warn": 22, "bad": 12}


def line(one: Health) -> dict[str, Any]:
    """What `site/status/_line.html` draws and says of a family."""
    return {
        "health": one,
        "paths": paths([sums.tone for _, sums in one.days]),
        "width": width(len(one.days)),
    }


def terms() -> dict[str, int]:
    """What its words name."""
    return {"DAYS": DAYS, "LEAST_TASKS": LEAST_TASKS}


def width(days: int) -> int:
    """In the drawing's own units."""
    return days * _STEP


def paths(tones: Sequence[str]) -> list[tuple[str, str]]:
    """(tone, path data) of the bars; a tone that is none leaves a gap."""
    found: dict[str, list[str]] = {}
    for place, tone in enumerate(tones):
        height = _HEIGHTS.get(tone)
        if height is not None:
            bar = f"M{place * _STEP} {_FULL - height}h{_BAR}v{height}h-{_BAR}z"
            found.setdefault(tone, []).append(bar)
    return [(tone, "".join(bars)) for tone, bars in found.items()]
