"""What lists of ledger lines share: their query string, and their table as CSV. The operator's page uses it too."""

import re
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from django.http import QueryDict

from apps.billing.models import CreditEntry
from apps.billing.selectors import transactions
from apps.billing.selectors.transactions import Line, LineFilter, Span
from apps.core.money import usd

_NUMBER = re.compile(r"[0-9]{1,18}")
# Nothing is older, and a mistyped year must not overflow.
_YEARS = range(2000, 2200)


@dataclass(frozen=True)
class Asked:
    """A page's query string. What it does not know counts as not asked. Days are UTC, both included."""

    kind: str
    key: int | None
    task: uuid.UUID | None
    first: date | None
    last: date | None
    every: bool
    after: int | None

    @property
    def filter(self) -> LineFilter:
        return LineFilter(
            kind=self.kind,
            key_id=self.key,
            reference=f"task:{self.task}" if self.task else "",
            # Who asks for holds means all of them.
            is_folded=not self.every and self.kind != CreditEntry.Kind.HOLD,
        )

    @property
    def is_filtered(self) -> bool:
        return bool(self.kind or self.key or self.task or self.first or self.last)

    def query(self, **more: object) -> str:
        wanted = {
            "kind": self.kind, "key": self.key, "task": self.task, "first": self.first, "last": self.last,
            "every": "1" if self.every else "",
        }  # fmt: skip
        return urlencode({name: value for name, value in (wanted | more).items() if value})


def span(*, workspace_id: int, asked: Asked) -> Span:
    """The piece of the ledger that the asked days are."""
    return transactions.span(
        workspace_id=workspace_id,
        since=_midnight(asked.first) if asked.first else None,
        until=_midnight(asked.last + timedelta(days=1)) if asked.last else None,
    )


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def asked(query: QueryDict) -> Asked:
    """Nothing in it can be wrong: what cannot be read is not asked for."""
    kind = query.get("kind", "")
    return Asked(
        kind=kind if kind in CreditEntry.Kind.values else "",
        key=_number(query.get("key", "")),
        task=_uuid(query.get("task", "").strip()),
        first=_day(query.get("first", "")),
        last=_day(query.get("last", "")),
        every=query.get("every") == "1",
        after=_number(query.get("after", "")),
    )


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in _YEARS else None


CSV_HEADER = (
    "line", "time", "kind", "reference", "api_key", "amount_usd", "balance_usd", "available_change_usd",
    "held_change_usd", "debt_change_usd", "held_before_usd", "note",
)  # fmt: skip


def csv_rows(lines: Iterable[Line], *, is_operator: bool = False) -> Iterator[tuple[object, ...]]:
    """`held_before` is what was set aside for the work that a settlement ends."""
    for line in lines:
        entry = line.entry
        amounts = (
            line.amount, line.balance, entry.available_delta, entry.held_delta, entry.debt_delta,
        )  # fmt: skip
        yield (
            entry.pk,
            entry.created_at.astimezone(UTC).isoformat(),
            entry.kind.lower(),
            entry.reference,
            entry.api_key.masked if entry.api_key else "",
            *map(usd, amounts),
            usd(line.hold.held_delta) if line.hold else None,
            entry.note if is_operator else line.note,
        )
