"""What a workspace spent by day, from the daily sums. Days are UTC; a page costs the same however many tasks ran."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args

from django.db.models import QuerySet, Sum

from apps.tasks.models import UsageDay

Split = Literal["model", "key", "member"]
SPLITS: tuple[Split, ...] = get_args(Split)
# What a line is of comes first, then how it is called.
_COLUMNS: dict[Split, tuple[str, ...]] = {
    "model": ("model",),
    "key": ("api_key_id", "api_key__name", "api_key__prefix", "api_key__last_four"),
    "member": ("member_id", "member__email"),
}


@dataclass(frozen=True)
class Ended:
    """Work that ended, what it cost, and what was given back of the cost of this or earlier work."""

    completed: int = 0
    failed: int = 0
    cancelled: int = 0
    charged_points: int = 0
    refunded_points: int = 0
    run_ms: int = 0

    @property
    def net_points(self) -> int:
        """Negative on a day on which more was refunded than charged."""
        return self.charged_points - self.refunded_points


@dataclass(frozen=True)
class Line:
    """A day's (or, without one, a whole span's) work of one model, key or member.

    `name` is how people know it, `subject_id` the id of the key or the person; both empty: what was done without one.
    """

    day: date | None
    name: str
    subject_id: int | None
    ended: Ended


def spend(*, workspace_id: int, first: date, last: date) -> Ended:
    """All of it, both days included."""
    return Ended(**_days(workspace_id, first, last).aggregate(**_sums()))


def spend_per_day(*, workspace_id: int, first: date, last: date) -> list[Line]:
    """Per day, oldest first. Days without work are left out."""
    rows = _days(workspace_id, first, last).values("day").annotate(**_sums()).order_by("day")
    return [Line(row["day"], "", None, _ended(row)) for row in rows]


def spend_of_days(*, workspace_id: int, first: date, last: date, split: Split) -> list[Line]:
    """Per day and model, key or member; oldest first. Days without work are left out."""
    columns = _COLUMNS[split]
    rows = _days(workspace_id, first, last).values("day", *columns)
    return _lines(rows.annotate(**_sums()).order_by("day", *columns), split)


def spend_by(*, workspace_id: int, first: date, last: date, split: Split) -> list[Line]:
    """Per model, key or member over the whole span; who spent most comes first."""
    columns = _COLUMNS[split]
    rows = _days(workspace_id, first, last).values(*columns)
    lines = _lines(rows.annotate(**_sums()).order_by(*columns), split)
    return sorted(lines, key=lambda line: -line.ended.net_points)


def _days(workspace_id: int, first: date, last: date) -> QuerySet[UsageDay]:
    return UsageDay.objects.of(workspace_id).filter(day__gte=first, day__lte=last)


def _sums() -> dict[str, Sum]:
    return {name: Sum(name, default=0) for name in Ended.__dataclass_fields__}


def _lines(rows: Iterable[dict[str, Any]], split: Split) -> list[Line]:
    subject = _COLUMNS[split][0]
    return [
        Line(
            day=row.get("day"),
            name=_name(row, split),
            subject_id=None if split == "model" else row[subject],
            ended=_ended(row),
        )
        for row in rows
    ]


def _ended(row: Mapping[str, Any]) -> Ended:
    return Ended(**{name: row[name] for name in Ended.__dataclass_fields__})


def _name(row: dict[str, Any], split: Split) -> str:
    if split == "model":
        return str(row["model"])
    if split == "member":
        return row["member__email"] or ""
    if row["api_key_id"] is None:
        return ""
    return f"{row['api_key__name']} ({row['api_key__prefix']}…{row['api_key__last_four']})"
