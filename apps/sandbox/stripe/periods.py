"""When a subscription's periods begin and end."""

import calendar
from datetime import UTC, datetime, timedelta

from apps.sandbox.stripe.errors import Thing

_DAYS = {"day": 1, "week": 7}
_MONTHS = {"month": 1, "year": 12}


def end_of(start: int, anchor: int, recurring: Thing) -> int:
    """Where the period that begins at `start` ends: the anchor's day of the month, or the month's last if it has none.

    31 January, monthly: 28 February, 31 March, 30 April.
    """
    count = 1
    while (end := _after(anchor, recurring, count)) <= start:
        count += 1
    return end


def _after(anchor: int, recurring: Thing, periods: int) -> int:
    begun = datetime.fromtimestamp(anchor, tz=UTC)
    steps = periods * int(recurring["interval_count"])
    if recurring["interval"] in _DAYS:
        return int((begun + timedelta(days=steps * _DAYS[recurring["interval"]])).timestamp())
    month = begun.month - 1 + steps * _MONTHS[recurring["interval"]]
    year, month = begun.year + month // 12, month % 12 + 1
    day = min(begun.day, calendar.monthrange(year, month)[1])
    return int(begun.replace(year=year, month=month, day=day).timestamp())


def share(amount: int, *, left: int, whole: int) -> int:
    """The part of an amount for `left` of `whole` seconds, to the nearest cent, half a cent up."""
    return (2 * amount * left + whole) // (2 * whole)
