"""The query string of the task list: read, explained as chips, written again. CSV and bulk pages read the same one."""

import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.catalog import registry
from apps.core.money import points_from_usd
from apps.tasks.models import FailureCode, Status
from apps.tasks.policies import PRIVATE, PUBLIC
from apps.tasks.selectors import OPEN, Position, TaskSearch

# These words are in English; who shows them translates them.
STATUSES: dict[str, str] = {
    OPEN: gettext_noop("Waiting or running"),
    Status.STAGED.value: gettext_noop("Staged"),
    Status.PENDING.value: gettext_noop("Pending"),
    Status.PROCESSING.value: gettext_noop("Processing"),
    Status.COMPLETED.value: gettext_noop("Completed"),
    Status.FAILED.value: gettext_noop("Failed"),
    Status.CANCELLED.value: gettext_noop("Cancelled"),
}
POOLS = {PUBLIC: gettext_noop("Pay-per-use"), PRIVATE: gettext_noop("Own accounts")}
ERRORS: dict[str, str] = {
    str(FailureCode.PROVIDER_FAILED.value): gettext_noop("Provider failed"),
    str(FailureCode.PROVIDER_TIMEOUT.value): gettext_noop("Provider timeout"),
    str(FailureCode.PROVIDER_MODERATED.value): gettext_noop("Provider moderated"),
    str(FailureCode.ACCOUNT_UNAVAILABLE.value): gettext_noop("Account unavailable"),
    str(FailureCode.OUTPUT_UNAVAILABLE.value): gettext_noop("Output unavailable"),
    str(FailureCode.INTERNAL_ERROR.value): gettext_noop("Internal error"),
}
# Where every list begins; the person's own views follow.
BUILT_IN: tuple[tuple[str, Mapping[str, str]], ...] = (
    (gettext_noop("All"), {}),
    (gettext_noop("Running"), {"status": OPEN}),
    (gettext_noop("Failed 24 h"), {"status": Status.FAILED.value, "from": "24h"}),
    (gettext_noop("Expensive"), {"from": "30d", "cost_from": "0.10"}),
)

_NUMBER = re.compile(r"[0-9]{1,18}")
_SPAN = re.compile(r"([1-9][0-9]{0,3})([hd])")
_HOURS = {"h": 1, "d": 24}
# Nothing is older, and a mistyped year must not overflow.
_YEARS = range(2000, 2200)
_MOST_USD = Decimal(1_000_000)
_LONGEST_TEXT = 200
_MOST_WORDS = 8


class _Unreadable(Exception):
    """The value says nothing; the message says what would."""


@dataclass(frozen=True)
class Chip:
    """A filter that is on: what it says, and the query string without it."""

    text: str
    without: str


@dataclass(frozen=True)
class Asked:
    """What a page's query string asks for. `values` are those that could be read, as they were given.

    `problems` are sentences about those that could not, which count as not given. `upto` keeps newer tasks out of a
    page that renews itself.
    """

    values: Mapping[str, str]
    search: TaskSearch
    problems: tuple[str, ...]
    after: Position | None = None
    upto: datetime | None = None

    @property
    def wanted(self) -> TaskSearch:
        """The search as this page makes it."""
        bounds = [one for one in (self.search.created_before, self.upto) if one is not None]
        return replace(self.search, created_before=min(bounds, default=None))

    @property
    def newer(self) -> TaskSearch:
        """The same of what has come since the page was opened."""
        after = [one for one in (self.search.created_after, self.upto) if one is not None]
        return replace(self.search, created_after=max(after, default=None))

    @property
    def is_filtered(self) -> bool:
        return bool(self.values)

    @property
    def is_detailed(self) -> bool:
        """Whether one of the filters is on that are folded away at first."""
        return bool(self.values.keys() - {"q", "status", "model"})

    @property
    def newest(self) -> str:
        return urlencode(self.values)

    def query(self, **more: str) -> str:
        """The query string of this page, with these values on top."""
        here = {"after": cursor(self.after)} if self.after is not None else {}
        return urlencode({**self.values, **here, **more})

    def chips(self, names: Mapping[str, Mapping[str, str]]) -> list[Chip]:
        """`names`: how keys and members are called, by their number."""
        found = []
        for name, text in self.values.items():
            rest = {other: value for other, value in self.values.items() if other != name}
            known = _NAMES.get(name, {}).get(text)
            shown = _(known) if known else names.get(name, {}).get(text, text)
            found.append(Chip(_(_CHIPS[name]).format(shown), urlencode(rest)))
        return found


def asked(query: QueryDict, *, sees_content: bool) -> Asked:
    """Nothing in it is an error: what cannot be read is not asked for, and is told."""
    values: dict[str, str] = {}
    fields: dict[str, Any] = {}
    problems: list[str] = []
    for name, read in _READERS.items():
        text = query.get(name, "").replace("\x00", "").strip()
        if not text:
            continue
        if name == "q" and not sees_content:
            problems.append(
                _(
                    "Your role shows costs, but neither prompts nor outputs: the text was not searched."
                )
            )
            continue
        try:
            fields |= read(text)
            values[name] = text
        except _Unreadable as error:
            problems.append(
                _("“{text}” was left out: {problem}").format(text=text[:40], problem=error)
            )
    return Asked(
        values=values,
        search=TaskSearch(**fields),
        problems=tuple(problems),
        after=_position(query.get("after", "")),
        upto=_instant(query.get("upto", "")),
    )


def cursor(position: Position) -> str:
    return f"{position.created_at.isoformat()}~{position.task_id}"


def _position(text: str) -> Position | None:
    """A cursor of ours; anything else is the first page."""
    moment, _mark, task_id = text.partition("~")
    created_at = _instant(moment)
    try:
        return Position(created_at, uuid.UUID(task_id)) if created_at else None
    except ValueError:
        return None


def _instant(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    # What lies outside of these years could not be moved to another time zone.
    readable = found is not None and found.tzinfo is not None and found.year in _YEARS
    return found if readable else None


def _one_of(field: str, known: Callable[[], Mapping[str, object]], otherwise: str) -> "_Reader":
    def read(text: str) -> dict[str, Any]:
        if text not in known():
            raise _Unreadable(_(otherwise))
        return {field: text}

    return read


def _number(field: str) -> "_Reader":
    def read(text: str) -> dict[str, Any]:
        if not _NUMBER.fullmatch(text):
            raise _Unreadable(_("choose one of the list."))
        return {field: int(text)}

    return read


def _error(text: str) -> dict[str, Any]:
    if text not in ERRORS:
        raise _Unreadable(_("there is no such error."))
    return {"error": int(text)}


def _points(field: str) -> "_Reader":
    def read(text: str) -> dict[str, Any]:
        try:
            amount = Decimal(text.removeprefix("$"))
        except InvalidOperation:
            raise _Unreadable(_("give an amount in US dollars, such as 0.10.")) from None
        if not amount.is_finite() or not 0 <= amount <= _MOST_USD:
            raise _Unreadable(_("give an amount from 0 to a million US dollars."))
        return {field: points_from_usd(amount)}

    return read


def _first(text: str) -> dict[str, Any]:
    if found := _SPAN.fullmatch(text):
        hours = int(found[1]) * _HOURS[found[2]]
        return {"created_after": timezone.now() - timedelta(hours=hours)}
    return {"created_after": _midnight(_day(text))}


def _last(text: str) -> dict[str, Any]:
    return {"created_before": _midnight(_day(text) + timedelta(days=1))}


def _day(text: str) -> date:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise _Unreadable(_("give a day, such as 2026-01-21.")) from None
    if day.year not in _YEARS:
        raise _Unreadable(_("give a day of this century."))
    return day


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _reference(text: str) -> dict[str, Any]:
    return {"client_reference": text[:255]}


def _words(text: str) -> dict[str, Any]:
    if len(text) > _LONGEST_TEXT:
        raise _Unreadable(_("search for at most {count} characters.").format(count=_LONGEST_TEXT))
    words = tuple(dict.fromkeys(text.split()))
    if len(words) > _MOST_WORDS:
        raise _Unreadable(_("search for at most {count} words.").format(count=_MOST_WORDS))
    return {"words": words}


_Reader = Callable[[str], dict[str, Any]]
_READERS: dict[str, _Reader] = {
    "q": _words,
    "status": _one_of("status", lambda: STATUSES, gettext_noop("there is no such status.")),
    "model": _one_of(
        "model",
        lambda: dict.fromkeys(registry.models()),
        gettext_noop("there is no such model."),
    ),
    "key": _number("key_id"),
    "member": _number("member_id"),
    "pool": _one_of("pool", lambda: POOLS, gettext_noop("there is no such pool.")),
    "from": _first,
    "to": _last,
    "cost_from": _points("cost_from"),
    "cost_to": _points("cost_to"),
    "error": _error,
    "reference": _reference,
}
_CHIPS = {
    "q": gettext_noop("Prompt: {}"),
    "status": "{}",
    "model": gettext_noop("Model: {}"),
    "key": gettext_noop("Key: {}"),
    "member": gettext_noop("By {}"),
    "pool": "{}",
    "from": gettext_noop("From {}"),
    "to": gettext_noop("To {}"),
    "cost_from": gettext_noop("Cost from ${}"),
    "cost_to": gettext_noop("Cost to ${}"),
    "error": gettext_noop("Error: {}"),
    "reference": gettext_noop("Reference: {}"),
}
_NAMES: dict[str, Mapping[str, str]] = {
    "status": STATUSES,
    "pool": POOLS,
    "error": ERRORS,
    "from": {
        "24h": gettext_noop("the last 24 hours"),
        "7d": gettext_noop("the last 7 days"),
        "30d": gettext_noop("the last 30 days"),
    },
}
