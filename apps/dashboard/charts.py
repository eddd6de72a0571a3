"""What charts show: spend by day, and counts by day."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import orjson
from django.utils.dateformat import format as written
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.core.money import usd
from apps.dashboard.templatetags.dashboard import sum_usd
from apps.tasks.selectors import DaySpend

_MOST_SERIES = 4
OTHER = gettext_noop("other")


@dataclass(frozen=True)
class SpendByDay:
    """Points per day (UTC) and family; the families in order of their total, the smallest as one "other"."""

    days: Sequence[date]
    families: Sequence[str]
    points: dict[date, Counter[str]]

    @property
    def total(self) -> int:
        return sum(sum(counts.values()) for counts in self.points.values())

    @property
    def rows(self) -> list[tuple[date, list[int], int]]:
        """The chart as a table: day, points per family, sum."""
        return [
            (
                day,
                [self.points[day][family] for family in self.families],
                sum(self.points[day].values()),
            )
            for day in self.days
        ]

    @property
    def summary(self) -> str:
        """The chart in a sentence, for those who do not see it."""
        if not self.total:
            return _("Nothing was spent in these days.")
        highest = max(self.days, key=lambda day: sum(self.points[day].values()))
        most = sum_usd(sum(self.points[highest].values()))
        return _("Total {total}, highest on {day} with {most}.").format(
            total=sum_usd(self.total), day=written(highest, _("j F")), most=most
        )

    @property
    def as_chart(self) -> str:
        """What static/js/charts.js draws. Floats are for the drawing only."""
        series = [
            {"label": family, "data": [float(usd(self.points[day][family])) for day in self.days]}
            for family in self.families
        ]
        labels = [written(day, _("j M")) for day in self.days]
        return orjson.dumps({"labels": labels, "series": series, "unit": "US$"}).decode()


def spend_by_day(spends: Iterable[DaySpend], *, until: date, days: int) -> SpendByDay:
    """The last `days` days up to and including `until`; days without work are zero."""
    span = [until - timedelta(days=back) for back in reversed(range(days))]
    found: dict[date, Counter[str]] = defaultdict(Counter)
    totals: Counter[str] = Counter()
    for spend in spends:
        found[spend.day][spend.family] += spend.cost_points
        totals[spend.family] += spend.cost_points
    named = [family for family, points in totals.most_common(_MOST_SERIES) if points]
    return _folded(span, named, found)


def _folded(span: Sequence[date], named: list[str], found: dict[date, Counter[str]]) -> SpendByDay:
    other = _(OTHER)
    points: dict[date, Counter[str]] = {}
    for day in span:
        points[day] = Counter()
        for family, spent in found[day].items():
            points[day][family if family in named else other] += spent
    has_other = any(counts[other] for counts in points.values())
    return SpendByDay(span, [*named, *([other] if has_other else [])], points)


# Of static/js/charts.js: dark green and light amber.
_GOOD, _BAD = 2, 3


def good_and_bad(days: Sequence[date], *, good: Sequence[int], bad: Sequence[int]) -> str:
    """Tasks a day that went well and that did not, for static/js/charts.js."""
    series = [
        {"label": _("went well"), "data": good, "colour": _GOOD},
        {"label": _("failed"), "data": bad, "colour": _BAD},
    ]
    labels = [written(day, _("j M")) for day in days]
    return orjson.dumps({"labels": labels, "series": series, "unit": "tasks"}).decode()


def day_start(now: datetime) -> datetime:
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def percentage(part: int, whole: int) -> str:
    """One decimal; never "100 %" when something is missing from it. Empty without a whole."""
    if not whole:
        return ""
    if part == whole:
        return "100 %"
    tenths = part * 1000 // whole
    return f"{tenths // 10}.{tenths % 10} %"
