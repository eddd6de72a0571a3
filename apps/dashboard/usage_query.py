"""The query string of the usage page: read, written again, and turned into spans of time."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop, ngettext, pgettext, pgettext_lazy

from apps.tasks.policies import PRIVATE, PUBLIC
from apps.tasks.selectors.slices import SPLITS, SliceFilter, Span, Split, Step

RANGES: dict[str, str] = {
    "24h": gettext_noop("24 hours"),
    "7d": gettext_noop("7 days"),
    "30d": gettext_noop("30 days"),
    "90d": gettext_noop("90 days"),
    "month": gettext_noop("This month"),
}
OWN = "own"
_USUAL = "30d"
_DAYS = {"7d": 7, "30d": 30, "90d": 90}
# Over the column of what it is split by, and over its table.
SPLIT_WORDS = {
    "model": gettext_lazy("Model"),
    "key": gettext_lazy("API key"),
    "member": pgettext_lazy("somebody in a team", "Person"),
    "pool": gettext_lazy("Pool"),
    "error": gettext_lazy("Error"),
}
SPLIT_TITLES: dict[Split, str] = {
    "model": gettext_noop("By model"),
    "key": gettext_noop("By API key"),
    "member": gettext_noop("By person"),
    "pool": gettext_noop("By pool"),
    "error": gettext_noop("By error"),
}
POOLS = {PUBLIC: gettext_noop("pay-per-use"), PRIVATE: gettext_noop("own accounts")}
# Up to here a chart has a bar an hour.
_HOURLY = timedelta(days=2)
# Quarters of an hour are kept 90 days; the day that is being forgotten is not whole.
_EXACT = timedelta(days=89)
_MOST_DAYS = 366
_YEARS = range(2000, 2200)
_ID = re.compile(r"[0-9]{1,18}")
# What links of pages that are gone say: billing/usage?days=7 and llm/usage?days=1.
_OLD_DAYS = {"1": "24h", "7": "7d", "30": "30d", "90": "90d"}


@dataclass(frozen=True)
class Asked:
    """What the page shows. What its query string does not know is the default; `problem` says what was left out."""

    range: str
    first: date
    last: date
    now: datetime
    split: Split
    filter: SliceFilter
    problem: str = ""

    @property
    def span(self) -> Span:
        if self.range == "24h":
            end = self.now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)
            return Span(end - timedelta(hours=24), end, "hour", self.zone)
        end = _midnight(self.last + timedelta(days=1), self.zone)
        return Span(_midnight(self.first, self.zone), end, self.step, self.zone)

    @property
    def before(self) -> Span:
        """As much time, right before."""
        span = self.span
        if span.step == "day":
            start = _midnight(self.first - timedelta(days=self.days), self.zone)
        else:
            start = span.start - (span.end - span.start)
        return Span(start, span.start, span.step, self.zone)

    @property
    def both(self) -> Span:
        return Span(self.before.start, self.span.end, self.span.step, self.zone)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    @property
    def is_recent(self) -> bool:
        """Whether its quarters of an hour, and those of the time before, are still kept."""
        return 2 * timedelta(days=self.days) + (self.now.date() - self.last) <= _EXACT

    @property
    def step(self) -> Step:
        return "hour" if timedelta(days=self.days) <= _HOURLY and self.is_recent else "day"

    @property
    def zone(self) -> tzinfo:
        """The person's, as far back as days can be told apart in it."""
        return timezone.get_current_timezone() if self.is_recent else UTC

    @property
    def length(self) -> str:
        """Such as "7 days", of this time and the one before."""
        if self.range == "24h":
            return _("24 hours")
        if self.days == 1:
            return pgettext("how long a time is", "day")
        return ngettext("{count} day", "{count} days", self.days).format(count=self.days)

    @property
    def is_filtered(self) -> bool:
        return bool(self.filter.exact)

    @property
    def filters(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.filter.exact.items()}

    def query(self, **more: object) -> str:
        """The page's query string with these on top; None leaves one out."""
        here: dict[str, object] = {"range": self.range, "by": self.split, **self.filters}
        if self.range == OWN:
            here |= {"from": self.first, "to": self.last}
        wanted = here | more
        return urlencode({name: value for name, value in wanted.items() if value is not None})

    def without(self, name: str) -> str:
        return self.query(**{name: None})


def asked(query: QueryDict, *, now: datetime | None = None) -> Asked:
    """Nothing in it is an error."""
    here = timezone.localtime(now)
    chosen, (first, last), problem = _range(query, here.date())
    by = query.get("by", "")
    return Asked(
        range=chosen,
        first=first,
        last=last,
        now=here,
        split=next((one for one in SPLITS if one == by), "model"),
        filter=_filter(query),
        problem=problem,
    )


def from_old(query: QueryDict) -> str:
    """The query string for a link to one of the pages that this one has taken the place of."""
    days, by = query.get("days", ""), query.get("by", "")
    wanted = {"range": _OLD_DAYS.get(days, ""), "by": by if by in SPLITS else ""}
    return urlencode({name: value for name, value in wanted.items() if value})


def _range(query: QueryDict, today: date) -> tuple[str, tuple[date, date], str]:
    """Its name, first and last day, and what was wrong with it."""
    chosen = query.get("range", "")
    if chosen == OWN or (not chosen and query.get("from")):
        days, problem = _own(query, today)
        if days is not None:
            return OWN, days, ""
        return _USUAL, _known(_USUAL, today), problem
    chosen = chosen if chosen in RANGES else _USUAL
    return chosen, _known(chosen, today), ""


def _known(name: str, today: date) -> tuple[date, date]:
    if name == "month":
        return today.replace(day=1), today
    return today - timedelta(days=_DAYS.get(name, 1) - 1), today


def _own(query: QueryDict, today: date) -> tuple[tuple[date, date] | None, str]:
    first, last = _day(query.get("from", "")), _day(query.get("to", "")) or today
    if first is None:
        return None, _("Give the first day, such as 2026-01-21. These are the last 30 days.")
    first, last = min(first, last), max(first, last)
    if (last - first).days >= _MOST_DAYS:
        return None, _("Choose a year at most. These are the last 30 days.")
    return (first, last), ""


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    # Two years before it must be days too.
    return found if found.year in _YEARS else None


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _filter(query: QueryDict) -> SliceFilter:
    pool = query.get("pool", "")
    return SliceFilter(
        model=query.get("model", "")[:100].replace("\0", ""),
        key=_id(query.get("key", "")),
        member=_id(query.get("member", "")),
        pool=pool if pool in POOLS else "",
    )


def _id(text: str) -> int | None:
    return int(text) if _ID.fullmatch(text) else None


@dataclass(frozen=True)
class Chip:
    """A filter that is on: what it says, and the page without it."""

    text: str
    without: str


def chips(asked: Asked, *, keys: Mapping[int, str], members: Mapping[int, str]) -> list[Chip]:
    words = {
        "model": asked.filter.model,
        "key": called("key", asked.filter.key or 0, keys=keys, members=members),
        "member": called("member", asked.filter.member or 0, keys=keys, members=members),
        "pool": called("pool", asked.filter.pool, keys=keys, members=members),
    }
    titles = {
        "key": _("Key: {name}"),
        "member": _("Person: {name}"),
        "model": _("Model: {name}"),
        "pool": _("Pool: {name}"),
    }
    return [
        Chip(titles[name].format(name=words[name]), asked.without(name)) for name in asked.filters
    ]


def called(
    split: Split, subject: str | int, *, keys: Mapping[int, str], members: Mapping[int, str]
) -> str:
    """What people call a model, key, person or pool. Of who is gone only a number is left."""
    if isinstance(subject, str):
        if split == "pool" and subject in POOLS:
            return _(POOLS[subject])
        return subject or _("other work")
    if not subject:
        return _("without a key") if split == "key" else _("without a person")
    return (keys if split == "key" else members).get(subject, f"#{subject}")
