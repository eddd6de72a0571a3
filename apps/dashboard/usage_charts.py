"""The charts of the usage page, each with the sentence and the table that say the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from apps.core.money import usd
from apps.dashboard.charts import OTHER, percentage
from apps.dashboard.templatetags.dashboard import duration, sum_usd
from apps.dashboard.usage_figures import MEDIAN, SLOW, Figures, by_outcome
from apps.dashboard.usage_query import OWN
from apps.tasks.models import Outcome
from apps.tasks.selectors.histogram import percentile
from apps.tasks.selectors.slices import Subject, Sums

_MOST_SERIES = 4
# Places in the colours of static/js/charts.js.
_BLUE, _AMBER, _GREY = 0, 3, 4
_Count = Callable[[Sums], int]
Row = tuple[str, str, Sequence[str]]


@dataclass(frozen=True)
class Chart:
    """`data` is what static/js/charts.js draws.

    A row is a step's name, the query string of the page for that day by the hour, and the words of its columns.
    """

    id: str
    title: str
    caption: str
    summary: str
    data: str
    columns: Sequence[str]
    rows: Sequence[Row]


def all_of(figures: Figures) -> list[Chart]:
    return [spend(figures), requests(figures), success(figures), times(figures)]


def spend(figures: Figures) -> Chart:
    def points(sums: Sums) -> int:
        return sums.net_points

    per = _per(figures)
    named, values = _series(figures, points)
    if figures.asked.split == "error":
        named, values = ["spent"], [_steps(figures, points)]
    drawn = [[_dollars(one) for one in line] for line in values]
    past = [_dollars(one) for one in _steps_before(figures, points)]
    return Chart(
        id="spend",
        title=f"Spend by {per}",
        caption=f"US$, {_zone_words(figures)}",
        summary=_sum_words(figures, points, sum_usd, nothing="Nothing was spent"),
        data=_drawn(figures, "US$", _bars(named, drawn), before=past),
        columns=[*named, *_sum_columns(figures, named)],
        rows=_summed_rows(figures, values, points, sum_usd),
    )


def requests(figures: Figures) -> Chart:
    def count(sums: Sums) -> int:
        return sums.requests

    named, values = _series(figures, count)
    if figures.asked.split == "error":
        named, values = _outcome_series(figures)
    return Chart(
        id="requests",
        title=f"Requests by {_per(figures)}",
        caption=f"tasks and calls that ended, {_zone_words(figures)}",
        summary=_sum_words(figures, count, _number, nothing="Nothing ended"),
        data=_drawn(
            figures, "requests", _bars(named, values), before=_steps_before(figures, count)
        ),
        columns=[*named, *_sum_columns(figures, named)],
        rows=_summed_rows(figures, values, count, _number),
    )


def success(figures: Figures) -> Chart:
    sums = [figures.by_step.get(step, Sums()) for step in figures.steps]
    shares = [round(100 * one.completed / one.judged, 2) if one.judged else None for one in sums]
    series = [
        {"label": "success", "data": shares, "as": "line", "colour": _BLUE},
        {
            "label": "requests",
            "data": [one.requests for one in sums],
            "as": "volume",
            "colour": _GREY,
        },
    ]
    return Chart(
        id="success",
        title="Success",
        caption=f"% of what was not cancelled, and how much that is of, {_zone_words(figures)}",
        summary=_success_words(figures),
        data=_drawn(figures, "%", series),
        columns=["Success", "Completed", "Failed", "Cancelled"],
        rows=[
            (
                *_head(figures, step),
                [
                    percentage(one.completed, one.judged) or "–",
                    *map(_number, (one.completed, one.failed, one.cancelled)),
                ],
            )
            for step, one in zip(figures.steps, sums, strict=True)
        ],
    )


def times(figures: Figures) -> Chart:
    shares = {MEDIAN: "p50", SLOW: "p95"}
    lines = {
        name: [percentile(figures.times.by_step.get(step, {}), share) for step in figures.steps]
        for share, name in shares.items()
    }
    series = [
        {"label": name, "data": line, "as": "line", "colour": colour}
        for (name, line), colour in zip(lines.items(), (_BLUE, _AMBER), strict=True)
    ]
    return Chart(
        id="times",
        title="Time to the result",
        caption=f"seconds from creation to the end of what completed, {_zone_words(figures)}",
        summary=_time_words(figures, lines["p95"]),
        data=_drawn(figures, "s", [{**one, "data": _seconds(one["data"])} for one in series]),
        columns=["p50", "p95"],
        rows=[
            (*_head(figures, step), [milliseconds(line[number]) for line in lines.values()])
            for number, step in enumerate(figures.steps)
        ],
    )


def milliseconds(count: int | None) -> str:
    return duration(None if count is None else timedelta(milliseconds=count))


def _series(figures: Figures, count: _Count) -> tuple[list[str], list[list[int]]]:
    """The four subjects with most, by name, and all others as one; each by step."""
    totals = {subject: count(sums) for subject, sums in figures.by_subject.items()}
    ranked = sorted((one for one in totals if totals[one]), key=lambda one: -totals[one])
    most: list[Subject] = ranked[:_MOST_SERIES]
    places = {subject: number for number, subject in enumerate(most)}
    number_of = {step: number for number, step in enumerate(figures.steps)}
    values = [[0] * len(figures.steps) for _ in range(len(most) + 1)]
    for cell in figures.now:
        place = places.get(cell.subject, len(most))
        values[place][number_of[cell.starts_at]] += count(cell.sums)
    names = [figures.called(subject) for subject in most]
    if any(values[-1]):
        return [*names, OTHER], values
    return names, values[:-1]


def _outcome_series(figures: Figures) -> tuple[list[str], list[list[int]]]:
    """By how requests ended; what fails rarest as one."""
    ranked = sorted(by_outcome(figures.total).items(), key=lambda one: -one[1])
    most = [one for one, _ in ranked[:_MOST_SERIES]]
    rest = [one for one, _ in ranked[_MOST_SERIES:]]
    names = [one.label for one in most] + ([OTHER] if rest else [])
    groups = [[one] for one in most] + ([rest] if rest else [])
    return names, [_steps(figures, _counting(group)) for group in groups]


def _counting(outcomes: Sequence[Outcome]) -> _Count:
    return lambda sums: sum(getattr(sums, one.value) for one in outcomes)


def _steps(figures: Figures, count: _Count) -> list[int]:
    return [count(figures.by_step.get(step, Sums())) for step in figures.steps]


def _steps_before(figures: Figures, count: _Count) -> list[int]:
    return [count(figures.by_step.get(step, Sums())) for step in figures.steps_before]


def _bars(names: Sequence[str], values: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    return [
        {"label": name, "data": line, **({"colour": _GREY} if name == OTHER else {})}
        for name, line in zip(names, values, strict=True)
    ]


def _drawn(
    figures: Figures, unit: str, series: list[dict[str, Any]], *, before: Sequence[Any] = ()
) -> str:
    """Floats are for the drawing only."""
    past = [{"label": _before(figures), "data": before, "as": "before"}] if any(before) else []
    labels = [_label(figures, step) for step in figures.steps]
    return orjson.dumps({"labels": labels, "unit": unit, "series": [*series, *past]}).decode()


def _summed_rows(
    figures: Figures, values: Sequence[Sequence[int]], count: _Count, words: Callable[[int], str]
) -> list[Row]:
    now, past = _steps(figures, count), _steps_before(figures, count)
    rows: list[Row] = []
    for number, step in enumerate(figures.steps):
        shown = [words(line[number]) for line in values]
        sums = [words(now[number])] if len(values) != 1 else []
        rows.append((*_head(figures, step), [*shown, *sums, words(past[number])]))
    return rows


def _sum_columns(figures: Figures, named: Sequence[str]) -> list[str]:
    return [*(["Sum"] if len(named) != 1 else []), _before(figures)]


def _before(figures: Figures) -> str:
    return f"the {figures.asked.length} before"


def _sum_words(
    figures: Figures, count: _Count, words: Callable[[int], str], *, nothing: str
) -> str:
    total, past = count(figures.total), count(figures.total_before)
    before = f"{words(past)} in {_before(figures)}"
    if not total:
        return f"{nothing} in this time; {before}."
    highest = max(figures.steps, key=lambda step: count(figures.by_step.get(step, Sums())))
    most = words(count(figures.by_step[highest]))
    return f"Total {words(total)}, most {_when(figures, highest)} with {most}; {before}."


def _success_words(figures: Figures) -> str:
    share = percentage(figures.total.completed, figures.total.judged)
    if not share:
        return "Nothing ended in this time that could have gone well."
    past = percentage(figures.total_before.completed, figures.total_before.judged)
    found = [step for step in figures.steps if figures.by_step.get(step, Sums()).judged]
    worst = min(found, key=lambda step: _share(figures.by_step[step]))
    low = figures.by_step[worst]
    words = f"{share} went well"
    if low.failed:
        words += f", least {_when(figures, worst)} with {percentage(low.completed, low.judged)}"
    return f"{words}; {past} in {_before(figures)}." if past else f"{words}."


def _share(sums: Sums) -> float:
    return sums.completed / sums.judged


def _time_words(figures: Figures, slow: Sequence[int | None]) -> str:
    half = figures.percentile(MEDIAN)
    if half is None:
        return "Nothing completed in this time."
    known = [(value, step) for value, step in zip(slow, figures.steps, strict=True) if value]
    slowest, step = max(known)
    return (
        f"Half of what completed took at most {milliseconds(half)}, 95 % at most"
        f" {milliseconds(figures.percentile(SLOW))}; slowest {_when(figures, step)}, when 95 % took at most"
        f" {milliseconds(slowest)}."
    )


def _per(figures: Figures) -> str:
    return figures.asked.span.step


def _zone_words(figures: Figures) -> str:
    span = figures.asked.span
    return f"{span.step}s in {span.zone}; the last {span.step} so far"


def _label(figures: Figures, step: datetime) -> str:
    return f"{step:%-d %b}" if figures.asked.span.step == "day" else f"{step:%-d %b, %H:%M}"


def _head(figures: Figures, step: datetime) -> tuple[str, str]:
    if figures.asked.span.step == "hour":
        return _label(figures, step), ""
    day = {"range": OWN, "from": step.date(), "to": step.date()}
    return _label(figures, step), figures.asked.query(**day)


def _when(figures: Figures, step: datetime) -> str:
    return f"on {step:%-d %B}" if figures.asked.span.step == "day" else f"at {step:%H:%M}"


def _number(count: int) -> str:
    return f"{count:,}"


def _dollars(points: int) -> float:
    return float(usd(points))


def _seconds(line: Any) -> list[float | None]:
    return [None if one is None else one / 1000 for one in line]
