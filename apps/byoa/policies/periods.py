"""When an account takes tasks in the days to come, by the clock on the wall. Numbers in, numbers out."""

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

Span = tuple[datetime, datetime]
_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


def open_spans(
    *, now: datetime, until: datetime, start: time | None, end: time | None, zone: str
) -> list[Span]:
    """The times from `now` (UTC) to `until` at which `is_within` holds, each from its beginning to before its end.

    On days when clocks change a span may be longer, shorter, missing, or there twice.
    """
    if start is None or end is None or start == end:
        return [(now, until)]
    found: list[Span] = []
    for first, last in _steady(now, until, ZoneInfo(zone)):
        # Between two changes of the clock the time on the wall is UTC and a constant.
        offset = first.astimezone(ZoneInfo(zone)).utcoffset() or timedelta()
        for span in _within(first + offset, last + offset, start, end):
            _append(found, (span[0] - offset, span[1] - offset))
    return found


def _steady(now: datetime, until: datetime, zone: ZoneInfo) -> Iterator[Span]:
    """The time in pieces in which the clocks do not change."""
    first, at = now, now
    while at < until:
        after = min(at + _HOUR, until)
        if _offset(after, zone) != _offset(at, zone):
            change = _change(at, after, zone)
            yield first, change
            first = change
        at = after
    yield first, until


def _change(before: datetime, after: datetime, zone: ZoneInfo) -> datetime:
    """The second at which the clocks change."""
    low, high = 0, int((after - before) / _SECOND) + 1
    while high - low > 1:
        middle = (low + high) // 2
        is_before = _offset(before + middle * _SECOND, zone) == _offset(before, zone)
        low, high = (middle, high) if is_before else (low, middle)
    # Clocks change on whole seconds, `before` need not be one.
    return (before + high * _SECOND).replace(microsecond=0)


def _offset(moment: datetime, zone: ZoneInfo) -> timedelta | None:
    return moment.astimezone(zone).utcoffset()


def _within(first: datetime, last: datetime, start: time, end: time) -> Iterator[Span]:
    """The parts of [first, last) inside the period; times on the wall, which run evenly here."""
    day = first.replace(hour=0, minute=0, second=0, microsecond=0) - _DAY
    while day < last:
        begins = _at(day, start)
        ends = _at(day if start < end else day + _DAY, end)
        if max(begins, first) < min(ends, last):
            yield max(begins, first), min(ends, last)
        day += _DAY


def _at(day: datetime, moment: time) -> datetime:
    return day.replace(
        hour=moment.hour,
        minute=moment.minute,
        second=moment.second,
        microsecond=moment.microsecond,
    )


def _append(found: list[Span], span: Span) -> None:
    """Add a span, to the last one where they touch."""
    if found and found[-1][1] == span[0]:
        found[-1] = (found[-1][0], span[1])
    else:
        found.append(span)
