"""Ninety days as bars: one drawing of a few paths, which is far less to send than an element a day."""

from collections.abc import Sequence

_STEP, _BAR, _FULL = 4, 3, 32
# Lower is worse, so that colour is not alone in saying so.
_HEIGHTS = {"ok": 32, "warn": 22, "bad": 12}


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
