"""Times counted in bins that grow with them: small to keep, added like numbers, and close enough to read p50 and p95.

A bin is √2 times as wide as the one before: from 50 ms to 10 hours they are 40. A percentile that is read from them is
in the bin of the true one, so it is off by less than a factor of √2 (41 %), usually by a few per cent.
"""

from collections.abc import Mapping
from math import ceil, exp, log

_SHORTEST_MS = 50
_BINS = 40
# Bin n holds from the bound before it up to, not including, its own; bin 0 what is shorter, bin 40 what is longer.
BOUNDS_MS: tuple[int, ...] = tuple(round(_SHORTEST_MS * 2 ** (n / 2)) for n in range(_BINS))


def percentile(counts: Mapping[int, int], share: int) -> int | None:
    """Milliseconds that `share` per cent took at most; None of nothing. `counts` are by number of the bin."""
    total = sum(counts.values())
    if total <= 0:
        return None
    rank = ceil(total * share / 100)
    passed = 0
    for number in sorted(counts):
        if passed + counts[number] >= rank:
            return _within(number, (rank - passed) / counts[number])
        passed += counts[number]
    return None


def _within(number: int, part: float) -> int:
    """That part of a bin's width, in the measure in which all bins are as wide."""
    low, high = _edges(number)
    return round(exp(log(low) + (log(high) - log(low)) * part))


def _edges(number: int) -> tuple[int, int]:
    if number == 0:
        return 1, BOUNDS_MS[0]
    if number >= _BINS:
        return BOUNDS_MS[-1], 2 * BOUNDS_MS[-1]
    return BOUNDS_MS[number - 1], BOUNDS_MS[number]
