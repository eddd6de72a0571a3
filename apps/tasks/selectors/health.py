"""How well families work for everybody together."""

from collections.abc import Iterator
from datetime import date

from apps.tasks.models import FamilyDay


def family_days(*, first: date) -> Iterator[FamilyDay]:
    """What became of all families' tasks from that UTC day on, oldest day first."""
    return FamilyDay.objects.filter(day__gte=first).order_by("day", "family").iterator()
