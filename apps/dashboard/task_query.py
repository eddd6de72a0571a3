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

from apps.catalog import registry
from apps.core.money import points_from_usd
from apps.tasks.models import FailureCode, Status
from apps.tasks.policies import PRIVATE, PUBLIC
from apps.tasks.selectors import OPEN, Position, TaskSearch

STATUSES: dict[str, str] = {OPEN: "Waiting or running"} | {one.value: one.label for one in Status}
POOLS = {PUBLIC: "Pay-per-use", PRIVATE: "Own accounts"}
ERRORS: dict[str, str] = {
    str(code.value): code.name.replace("_", " ").capitalize()
    for code in FailureCode
    if code not in {FailureCode.NONE, FailureCode.CANCELLED}
}
# Where every list begins; the person's own views follow.
BUILT_IN: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("All", {}),
    ("Running", {"status": OPEN}),
    ("Failed 24 h", {"status": Status.FAILED.value, "from": "24h"}),
    ("Expensive", {"from": "30d", "cost_from": "0.10"}),
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
            shown = {**_NAMES, **names}.get(name, {}).get(text, text)
            found.append(Chip(_CHIPS[name].format(shown), urlencode(rest)))
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
                "Your role shows costs, but neither prompts nor outputs: the text was not searched."
            )
            continue
        try:
            fields |= read(text)
            values[name] = text
        except _Unreadable as error:
            problems.append(f"“{text[:40]}” was left out: {error}")
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
    moment, _, task_id = text.partition("~")
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


def _one_of(field: str, known: Callable[[], Mapping[str, object]]) -> "_Reader":
    def read(text: str) -> dict[str, Any]:
        if text not in known():
            raise _Unreadable(f"there is no such {field}.")
        return {field: text}

    return read


def _number(field: str) -> "_Reader":
    def read(text: str) -> dict[str, Any]:
        if not _NUMBER.fullmatch(text):
            raise _Unreadable("choose one of the list.")
        return {field: int(text)}

    return read


def _error(text: str) -> dict[str, Any]:
    if text not in ERRORS:
        raise _Unreadable("there is no such error.")
    return {"error": int(text)}


def _points(field: str) -> "_Reader":
    def read(text: str) -> dict[str, Any]:
        try:
            amount = Decimal(text.removeprefix("$"))
        except InvalidOperation:
            raise _Unreadable("give an amount in US dollars, such as 0.10.") from None
        if not amount.is_finite() or not 0 <= amount <= _MOST_USD:
            raise _Unreadable("give an amount from 0 to a million US dollars.")
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
        raise _Unreadable("give a day, such as 2026-01-21.") from None
    if day.year not in _YEARS:
        raise _Unreadable("give a day of this century.")
    return day


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _reference(text: str) -> dict[str, Any]:
    return {"client_reference": text[:255]}


def _words(text: str) -> dict[str, Any]:
    if len(text) > _LONGEST_TEXT:
        raise _Unreadable(f"search for at most {_LONGEST_TEXT} characters.")
    words = tuple(dict.fromkeys(text.split()))
    if len(words) > _MOST_WORDS:
        raise _Unreadable(f"search for at most {_MOST_WORDS} words.")
    return {"words": words}


_Reader = Callable[[str], dict[str, Any]]
_READERS: dict[str, _Reader] = {
    "q": _words,
    "status": _one_of("status", lambda: STATUSES),
    "model": _one_of("model", lambda: dict.fromkeys(registry.models())),
    "key": _number("key_id"),
    "member": _number("member_id"),
    "pool": _one_of("pool", lambda: POOLS),
    "from": _first,
    "to": _last,
    "cost_from": _points("cost_from"),
    "cost_to": _points("cost_to"),
    "error": _error,
    "reference": _reference,
}
_CHIPS = {
    "q": "Prompt: {}",
    "status": "{}",
    "model": "Model: {}",
    "key": "Key: {}",
    "member": "By {}",
    "pool": "{}",
    "from": "From {}",
    "to": "To {}",
    "cost_from": "Cost from ${}",
    "cost_to": "Cost to ${}",
    "error": "Error: {}",
    "reference": "Reference: {}",
}
_NAMES: dict[str, Mapping[str, str]] = {
    "status": STATUSES,
    "pool": POOLS,
    "error": ERRORS,
    "from": {"24h": "the last 24 hours", "7d": "the last 7 days", "30d": "the last 30 days"},
}
