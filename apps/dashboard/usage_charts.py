"""The charts of the usage page, each with the sentence and the table that say the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext

from apps.core.money import usd
from apps.dashboard.charts import percentage
from apps.dashboard.templatetags.dashboard import duration, sum_usd
from apps.dashboard.usage_figures import MEDIAN, SLOW, Figures, by_outcome
from apps.dashboard.usage_query import OWN
from apps.tasks.models import Outcome
from apps.tasks.selectors.histogram import percentile
from apps.tasks.selectors.slices import Subject, Sums

_MOST_SERIES = 4
_OTHER = gettext_noop("other")
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

    named, values = _series(figures, points)
    if figures.asked.split == "error":
        named, values = [_("spent")], [_steps(figures, points)]
    drawn = [[_dollars(one) for one in line] for line in values]
    past = [_dollars(one) for one in _steps_before(figures, points)]
    return Chart(
        id="spend",
        title=_("Spend by day") if _is_by_day(figures) else _("Spend by hour"),
        caption=_("US$, {steps}").format(steps=_zone_words(figures)),
        summary=_sum_words(
            figures, points, sum_usd, nothing=_("Nothing was spent in this time; {before}.")
        ),
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
        title=_("Requests by day") if _is_by_day(figures) else _("Requests by hour"),
        caption=_("tasks and calls that ended, {steps}").format(steps=_zone_words(figures)),
        summary=_sum_words(
            figures, count, _number, nothing=_("Nothing ended in this time; {before}.")
        ),
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
        {"label": _("success"), "data": shares, "as": "line", "colour": _BLUE},
        {
            "label": _("requests"),
            "data": [one.requests for one in sums],
            "as": "volume",
            "colour": _GREY,
        },
    ]
    return Chart(
        id="success",
        title=_("Success"),
        caption=_("{unit} of what was not cancelled, and how much that is of, {steps}").format(
            unit="%", steps=_zone_words(figures)
        ),
        summary=_success_words(figures),
        data=_drawn(figures, "%", series),
        columns=[_("Success"), _("Completed"), _("Failed"), _("Cancelled")],
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
        title=_("Time to the result"),
        caption=_("seconds from creation to the end of what completed, {steps}").format(
            steps=_zone_words(figures)
        ),
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
        return [*names, _(_OTHER)], values
    return names, values[:-1]


def _outcome_series(figures: Figures) -> tuple[list[str], list[list[int]]]:
    """By how requests ended; what fails rarest as one."""
    counts = by_outcome(figures.total)
    ranked = sorted(counts, key=lambda one: -counts[one])
    most, rest = ranked[:_MOST_SERIES], ranked[_MOST_SERIES:]
    names = [_(str(one.label)) for one in most] + ([_(_OTHER)] if rest else [])
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
        {"label": name, "data": line, **({"colour": _GREY} if name == _(_OTHER) else {})}
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
    return [*([_("Sum")] if len(named) != 1 else []), _before(figures)]


def _before(figures: Figures) -> str:
    return _("the {length} before").format(length=figures.asked.length)


def _sum_words(
    figures: Figures, count: _Count, words: Callable[[int], str], *, nothing: str
) -> str:
    total, past = count(figures.total), count(figures.total_before)
    before = _("{amount} in the {length} before").format(
        amount=words(past), length=figures.asked.length
    )
    if not total:
        return nothing.format(before=before)
    highest = max(figures.steps, key=lambda step: count(figures.by_step.get(step, Sums())))
    most = words(count(figures.by_step[highest]))
    sentence = _("Total {total}, most {when} with {most}; {before}.")
    return sentence.format(
        total=words(total), when=_when(figures, highest), most=most, before=before
    )


def _success_words(figures: Figures) -> str:
    share = percentage(figures.total.completed, figures.total.judged)
    if not share:
        return _("Nothing ended in this time that could have gone well.")
    past = percentage(figures.total_before.completed, figures.total_before.judged)
    found = [step for step in figures.steps if figures.by_step.get(step, Sums()).judged]
    worst = min(found, key=lambda step: _share(figures.by_step[step]))
    low = figures.by_step[worst]
    sentence = _("{share} went well.")
    if low.failed and past:
        sentence = _("{share} went well, least {when} with {low}; {past} in the {length} before.")
    elif low.failed:
        sentence = _("{share} went well, least {when} with {low}.")
    elif past:
        sentence = _("{share} went well; {past} in the {length} before.")
    return sentence.format(
        share=share,
        when=_when(figures, worst),
        low=percentage(low.completed, low.judged),
        past=past,
        length=figures.asked.length,
    )


def _share(sums: Sums) -> float:
    return sums.completed / sums.judged


def _time_words(figures: Figures, slow: Sequence[int | None]) -> str:
    half = figures.percentile(MEDIAN)
    if half is None:
        return _("Nothing completed in this time.")
    known = [(value, step) for value, step in zip(slow, figures.steps, strict=True) if value]
    slowest, step = max(known)
    sentence = _(
        "Half of what completed took at most {half}, {share} at most {slow}; "
        "slowest {when}, when {share} took at most {slowest}."
    )
    return sentence.format(
        half=milliseconds(half),
        share=f"{SLOW} %",
        slow=milliseconds(figures.percentile(SLOW)),
        when=_when(figures, step),
        slowest=milliseconds(slowest),
    )


def _is_by_day(figures: Figures) -> bool:
    return figures.asked.span.step == "day"


def _zone_words(figures: Figures) -> str:
    if _is_by_day(figures):
        words = _("days in {zone}; the last day so far")
    else:
        words = _("hours in {zone}; the last hour so far")
    return words.format(zone=figures.asked.span.zone)


def _label(figures: Figures, step: datetime) -> str:
    written = (
        pgettext("format of a date", "j M")
        if _is_by_day(figures)
        else pgettext("format of a date", "j M, H:i")
    )
    return date_format(step, written)


def _head(figures: Figures, step: datetime) -> tuple[str, str]:
    if figures.asked.span.step == "hour":
        return _label(figures, step), ""
    day = {"range": OWN, "from": step.date(), "to": step.date()}
    return _label(figures, step), figures.asked.query(**day)


def _when(figures: Figures, step: datetime) -> str:
    if _is_by_day(figures):
        return _("on {day}").format(day=date_format(step, pgettext("format of a date", "j F")))
    return _("at {time}").format(time=f"{step:%H:%M}")


def _number(count: int) -> str:
    return f"{count:,}"


def _dollars(points: int) -> float:
    return float(usd(points))


def _seconds(line: Any) -> list[float | None]:
    return [None if one is None else one / 1000 for one in line]
