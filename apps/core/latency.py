"""Counts of durations in a few fixed classes: they add up over days and machines, and give quantiles, about."""

import math
from collections.abc import Sequence
from itertools import accumulate

# Milliseconds, each half as long again as the one before: from a twentieth of a second to about an hour.
BOUNDS_MS = tuple(round(50 * 1.5**step) for step in range(28))
# Below the first, between each two, and from the last one on.
CLASSES = len(BOUNDS_MS) + 1


def counted_sql(milliseconds: str, condition: str) -> str:
    """SQL for the counts of a group's rows as int[], of those for which the condition holds.

    Both arguments are SQL of ours; a customer's words never come here.
    """
    bounds = ", ".join(str(bound) for bound in BOUNDS_MS)
    place = f"width_bucket(({milliseconds})::numeric, ARRAY[{bounds}]::numeric[])"
    counts = (
        f"count(*) FILTER (WHERE ({condition}) AND {place} = {number})" for number in range(CLASSES)
    )
    return f"ARRAY[{', '.join(counts)}]::int[]"


def added_sql(left: str, right: str) -> str:
    """SQL for two int[] added one by one."""
    rows = f"unnest({left}, {right}) WITH ORDINALITY AS pair (a, b, place)"
    return f"ARRAY(SELECT a + b FROM {rows} ORDER BY place)"  # noqa: S608 - no word of a customer's is in it


def added(counts: Sequence[Sequence[int]]) -> list[int]:
    """Several counts as one; of none it is all zeros."""
    return [sum(column) for column in zip(*counts, strict=True)] or [0] * CLASSES


def quantile_ms(counts: Sequence[int], share: float) -> int | None:
    """About the milliseconds that this share of the counted stayed below; None of nothing.

    Inside a class the counted are taken to be spread evenly by ratio, as the classes are.
    """
    wanted = sum(counts) * share
    if wanted <= 0:
        return None
    for place, (count, upto) in enumerate(zip(counts, accumulate(counts), strict=True)):
        if count and upto >= wanted:
            low, high = _edges(place)
            return round(low * math.pow(high / low, (wanted - (upto - count)) / count))
    return None


def _edges(place: int) -> tuple[float, float]:
    low = BOUNDS_MS[place - 1] if place else BOUNDS_MS[0] / 1.5
    high = BOUNDS_MS[place] if place < len(BOUNDS_MS) else BOUNDS_MS[-1] * 1.5
    return low, high
