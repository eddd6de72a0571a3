"""How well families work for everybody together."""

from collections.abc import Iterator
from datetime import date

from apps.tasks.models import FamilyDay

# Family, day, completed, failed, latency: see FamilyDay.
FamilySums = tuple[str, date, int, int, list[int]]


def family_days(*, first: date, family: str = "") -> Iterator[FamilySums]:
    """What became of all families' tasks, or of one's, from that UTC day on, oldest day first."""
    rows = FamilyDay.objects.filter(day__gte=first).order_by("day", "family")
    if family:
        rows = rows.filter(family=family)
    return rows.values_list("family", "day", "completed", "failed", "latency").iterator()
