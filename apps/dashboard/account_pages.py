"""Own accounts as pages show them: a card with a sentence and a next step, and a week of an active period."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import dateformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.byoa.models import Account
from apps.byoa.policies import State
from apps.byoa.selectors import SeatFamily
from apps.byoa.services import checklist
from apps.byoa.services.checklist import Line, Sentence
from apps.byoa.services.terms import Terms
from apps.core.money import format_usd
from apps.dashboard import charts
from apps.dashboard.account_words import told
from apps.tasks.selectors.account_report import AccountDay

# What the button beside a state's sentence does, and its words. States without one mend themselves.
_STEPS: dict[State, tuple[str, str]] = {
    State.PAUSED: ("start", gettext_noop("Start")),
    State.OUTSIDE_PERIOD: ("settings", gettext_noop("Change the period")),
    State.CAPTCHA_REQUIRED: ("recheck", gettext_noop("I solved it")),
    State.NO_FAST_HOURS: ("recheck", gettext_noop("Check now")),
    State.BANNED: ("recheck", gettext_noop("Check now")),
    State.SUBSCRIPTION_EXPIRED: ("recheck", gettext_noop("Check now")),
    State.NO_BALANCE: ("recheck", gettext_noop("Check now")),
    State.SETUP_REQUIRED: ("recheck", gettext_noop("Check now")),
    State.INVALID_CREDENTIALS: ("credential", gettext_noop("Replace the credential")),
    State.SEAT_ENDED: ("seats", gettext_noop("Rent a seat")),
}


@dataclass(frozen=True)
class Card:
    """An account in a list. `step` names what its button does, `step_words` says it; both empty without one."""

    account: Account
    sentence: Sentence
    today: int
    last_day: AccountDay

    @property
    def step(self) -> str:
        return _STEPS.get(self.sentence.state, ("", ""))[0]

    @property
    def step_words(self) -> str:
        return _(_STEPS.get(self.sentence.state, ("", ""))[1])

    @property
    def success(self) -> str:
        """Of the last 24 hours, such as "98.5 %"; empty when nothing ended."""
        return charts.percentage(self.last_day.succeeded, self.last_day.tasks)

    @property
    def is_waiting_backup(self) -> bool:
        return self.account.is_backup and self.account.backup_activated_at is None


def card(account: Account, last_day: AccountDay) -> Card:
    """Of an account as the selectors give it, with `now` and `in_use`."""
    now: datetime = account.now  # type: ignore[attr-defined]
    today = account.day_count if account.day == now.date() else 0
    said = checklist.explain(account, now=now)
    sentence = replace(said, text=told(said.text), next_step=told(said.next_step))
    return Card(account, sentence, today, last_day)


def cards(accounts: Sequence[Account], last_days: Mapping[int, AccountDay]) -> list[Card]:
    return [card(account, last_days[account.pk]) for account in accounts]


# ------------------------------------------------------------------------------------ seats
def free_seats(family: SeatFamily) -> int:
    """Seats without an account."""
    return max(0, family.seats - family.accounts)


def price_words(family: SeatFamily) -> str:
    """What a seat costs, such as "$10.00 a month, each further one $6.00"."""
    first, further = format_usd(family.first_points), format_usd(family.further_points)
    if family.pack > 1:
        return _("{price} a month for {count}").format(price=first, count=family.pack)
    if first == further:
        return _("{price} a month").format(price=first)
    return _("{price} a month, each further one {further}").format(price=first, further=further)


def next_price(family: SeatFamily) -> str:
    """What the next seats to be rented cost a month."""
    points = family.further_points if family.seats else family.first_points
    price = format_usd(points)
    if family.pack > 1:
        return _("{price} a month for {count} more seats").format(price=price, count=family.pack)
    return _("{price} a month for the next seat").format(price=price)


# ------------------------------------------------------------------------------- connecting
def connect_lines(detail: Mapping[str, Any]) -> list[Line]:
    """The checklist of an account that was refused, from what `own.connect` said of it; empty before it was asked."""
    if "line" not in detail:
        return []
    said = checklist.said_lines(name=detail["line"], said=detail["said"], do=detail["do"])
    free = Line("seat", _("Seat free"), checklist.OK, _("One is free for it."))
    return [free, *told_lines(said)]


def told_lines(lines: Sequence[Line]) -> list[Line]:
    """A checklist in the language of whoever reads it."""
    return [
        replace(one, title=told(one.title), says=told(one.says), do=told(one.do)) for one in lines
    ]


# ------------------------------------------------------------------------------- the period
@dataclass(frozen=True)
class Bar:
    """A part of a day, in hundredths of the day's length, which is not always 24 hours."""

    x: str
    width: str


@dataclass(frozen=True)
class Day:
    """One day of the preview in the account's time zone: its bars, its hours in words, and what the clocks do."""

    name: str
    bars: Sequence[Bar]
    hours: Sequence[str]
    clocks: str


_DAYS = 7
_HOUR = timedelta(hours=1)


def week(terms: Terms, *, now: datetime) -> list[Day]:
    """When an account with these terms takes tasks: today and six days more, by the clocks of its time zone."""
    zone = ZoneInfo(terms.time_zone)
    today = now.astimezone(zone).date()
    edges = [_midnight(today + timedelta(days=n), zone) for n in range(_DAYS + 1)]
    # One more, since a week in which clocks go back is longer.
    spans = checklist.preview_period(terms=terms, now=edges[0], days=_DAYS + 1)
    return [
        _day(first, last, spans, zone)
        for first, last in pairwise(edges)
    ]  # fmt: skip


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def _day(
    first: datetime, last: datetime, spans: Sequence[tuple[datetime, datetime]], zone: ZoneInfo
) -> Day:
    inside = [
        (max(start, first), min(end, last)) for start, end in spans if start < last and end > first
    ]
    hours = (last - first) / _HOUR
    return Day(
        name=dateformat.format(
            first.astimezone(zone), _("D j M")
        ),
        bars=[
            Bar(f"{100 * (start - first) / (last - first):.3f}", f"{100 * (end - start) / (last - first):.3f}")
            for start, end in inside
        ],
        hours=_hours(inside, first, last, zone),
        clocks=""
        if hours == 24
        else _("Clocks change: {hours} hours.").format(hours=f"{hours:g}"),
    )  # fmt: skip


def _hours(
    inside: Sequence[tuple[datetime, datetime]], first: datetime, last: datetime, zone: ZoneInfo
) -> list[str]:
    if not inside:
        return [_("rests")]
    if inside == [(first, last)]:
        return [_("all day")]
    return [
        f"{start.astimezone(zone):%H:%M}–{'24:00' if end == last else f'{end.astimezone(zone):%H:%M}'}"
        for start, end in inside
    ]


# -------------------------------------------------------------------------------- the report
@dataclass(frozen=True)
class Report:
    """The days of an account's data report, and what they come to."""

    days: Sequence[AccountDay]

    @property
    def tasks(self) -> int:
        return sum(day.tasks for day in self.days)

    @property
    def succeeded(self) -> int:
        return sum(day.succeeded for day in self.days)

    @property
    def failed(self) -> int:
        return self.tasks - self.succeeded

    @property
    def success(self) -> str:
        return charts.percentage(self.succeeded, self.tasks)

    @property
    def mean(self) -> timedelta | None:
        """The mean time of those that went well."""
        seconds = sum((day.seconds or 0) * day.succeeded for day in self.days)
        return timedelta(seconds=seconds / self.succeeded) if self.succeeded else None

    @property
    def fast_hours(self) -> float:
        return sum(day.fast_hours for day in self.days)

    @property
    def errors(self) -> list[tuple[str, int]]:
        """What went wrong, the most frequent first."""
        found: Counter[str] = Counter()
        for day in self.days:
            found.update(day.errors)
        return [(told(kind.replace("_", " ")), count) for kind, count in found.most_common()]

    @property
    def summary(self) -> str:
        """The chart in a sentence."""
        if not self.tasks:
            return _("No task ended there in these days.")
        busiest = max(self.days, key=lambda day: day.tasks)
        return _("{tasks} tasks, {failed} of them failed; most on {day} with {most}.").format(
            tasks=self.tasks,
            failed=self.failed,
            day=dateformat.format(busiest.day, _("j F")),
            most=busiest.tasks,
        )

    @property
    def as_chart(self) -> str:
        return charts.good_and_bad(
            [day.day for day in self.days],
            good=[day.succeeded for day in self.days],
            bad=[day.failed for day in self.days],
        )
