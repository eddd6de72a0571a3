"""What a workspace used of language models, from the hourly sums: a page costs the same however many calls there were.

Days are UTC. What was called in the last minute is not in it yet.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal, get_args

from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncDate

from apps.llm.models import UsageHour

Split = Literal["model", "key"]
SPLITS: tuple[Split, ...] = get_args(Split)
# What a line is of comes first, then how it is called.
_COLUMNS: dict[Split, tuple[str, ...]] = {
    "model": ("model",),
    "key": ("api_key_id", "api_key__name", "api_key__prefix", "api_key__last_four"),
}


@dataclass(frozen=True)
class Used:
    """Calls and what they came to. Milliseconds are sums: of all attempts, and until the answers' first pieces."""

    calls: int = 0
    failed: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    points: int = 0
    total_ms: int = 0
    first_ms: int = 0

    @property
    def answered(self) -> int:
        return self.calls - self.failed

    @property
    def mean_ms(self) -> int | None:
        return self.total_ms // self.calls if self.calls else None

    @property
    def mean_first_ms(self) -> int | None:
        return self.first_ms // self.answered if self.answered > 0 else None


@dataclass(frozen=True)
class Line:
    """A day's (or, without one, a whole span's) calls of one model or key.

    `name` is how people know it; `key_id` is None of a model, and of what was called without a key.
    """

    day: date | None
    name: str
    key_id: int | None
    used: Used


def used(*, workspace_id: int, first: date, last: date) -> Used:
    """All of it, both days included."""
    return Used(**_hours(workspace_id, first, last).aggregate(**_sums()))


def used_by(*, workspace_id: int, first: date, last: date, split: Split) -> list[Line]:
    """Per model or key over the whole span; what cost most comes first."""
    columns = _COLUMNS[split]
    rows = _hours(workspace_id, first, last).values(*columns)
    lines = _lines(rows.annotate(**_sums()).order_by(*columns), split)
    return sorted(lines, key=lambda line: (-line.used.points, -line.used.calls))


def used_of_days(*, workspace_id: int, first: date, last: date, split: Split) -> list[Line]:
    """Per day and model or key; oldest first. Days without calls are left out."""
    columns = _COLUMNS[split]
    days = _hours(workspace_id, first, last).annotate(day=TruncDate("hour", tzinfo=UTC))
    rows = days.values("day", *columns).annotate(**_sums())
    return _lines(rows.order_by("day", *columns), split)


def models_used(*, workspace_id: int, first: date) -> list[str]:
    """Names of the models that were called since then."""
    rows = UsageHour.objects.of(workspace_id).filter(hour__gte=_start(first))
    return list(rows.order_by("model").values_list("model", flat=True).distinct())


def _hours(workspace_id: int, first: date, last: date) -> QuerySet[UsageHour]:
    end = _start(last) + timedelta(days=1)
    return UsageHour.objects.of(workspace_id).filter(hour__gte=_start(first), hour__lt=end)


def _start(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _sums() -> dict[str, Sum]:
    return {name: Sum(name, default=0) for name in Used.__dataclass_fields__}


def _lines(rows: Iterable[dict[str, Any]], split: Split) -> list[Line]:
    return [
        Line(
            day=row.get("day"),
            name=_name(row, split),
            key_id=row["api_key_id"] if split == "key" else None,
            used=_used(row),
        )
        for row in rows
    ]


def _used(row: Mapping[str, Any]) -> Used:
    return Used(**{name: row[name] for name in Used.__dataclass_fields__})


def _name(row: dict[str, Any], split: Split) -> str:
    if split == "model":
        return str(row["model"])
    if row["api_key_id"] is None:
        return ""
    return f"{row['api_key__name']} ({row['api_key__prefix']}…{row['api_key__last_four']})"
