"""The audit log as people read it: its query string, and each event as words, changes and facts."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext

from apps.accounts.models import AuditEvent
from apps.accounts.selectors import AuditFilter
from apps.core.money import format_usd
from apps.dashboard.billing_words import kept

# What actions begin with, and what people call that.
AREAS = {
    "key.": gettext_noop("Keys"),
    "member.": gettext_noop("Members"),
    "invitation.": gettext_noop("Invitations"),
    "workspace.": gettext_noop("Workspace"),
    "budget.": gettext_noop("Budgets"),
    "plan.": gettext_noop("Plan"),
    "billing.": gettext_noop("Billing details"),
    "card.": gettext_noop("Card"),
    "auto_topup.": gettext_noop("Automatic top-up"),
    "code.": gettext_noop("Codes"),
    "payment.": gettext_noop("Payments"),
    "referral.": gettext_noop("Referral"),
    "account.": gettext_noop("Own accounts"),
    "notification_hook.": gettext_noop("Webhook of events"),
    "notifications.": gettext_noop("Notifications"),
    "llm_content.": gettext_noop("LLM content"),
}
_ACTION = re.compile(r"[a-z0-9_]{1,30}\.[a-z0-9_]{0,30}")
_NUMBER = re.compile(r"[0-9]{1,18}")
_YEARS = range(2000, 2200)


@dataclass(frozen=True)
class Asked:
    """A page's query string. What it does not know counts as not asked. Days are UTC, both included."""

    action: str
    actor: int | None
    first: date | None
    last: date | None
    after: int | None

    @property
    def filter(self) -> AuditFilter:
        return AuditFilter(
            action=self.action,
            actor=self.actor,
            since=_midnight(self.first) if self.first else None,
            until=_midnight(self.last + timedelta(days=1)) if self.last else None,
        )

    @property
    def is_filtered(self) -> bool:
        return bool(self.action or self.actor or self.first or self.last)

    def query(self, **more: object) -> str:
        wanted = {
            "action": self.action, "actor": self.actor, "first": self.first, "last": self.last,
        }  # fmt: skip
        return urlencode({name: value for name, value in (wanted | more).items() if value})


def asked(query: QueryDict) -> Asked:
    action = query.get("action", "")
    return Asked(
        action=action if _ACTION.fullmatch(action) else "",
        actor=_number(query.get("actor", "")),
        first=_day(query.get("first", "")),
        last=_day(query.get("last", "")),
        after=_number(query.get("after", "")),
    )


@dataclass(frozen=True)
class Change:
    """`name` is empty where the event is about one thing only."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Line:
    event: AuditEvent
    changes: list[Change]
    facts: list[tuple[str, str]]

    @property
    def words(self) -> str:
        """Such as "Key: old secret ended"; `audit_words` has them all."""
        area, _dot, what = self.event.action.partition(".")
        english = f"{area.replace('_', ' ').capitalize()}: {what.replace('_', ' ')}"
        return _(english)

    @property
    def who(self) -> str:
        return self.event.actor.email if self.event.actor else _("the platform")


def lines(events: Iterable[AuditEvent]) -> Iterator[Line]:
    for event in events:
        # Older events say "from" and "to".
        detail = dict(event.detail) if isinstance(event.detail, dict) else {}
        before = detail.pop("before", detail.pop("from", None))
        after = detail.pop("after", detail.pop("to", None))
        yield Line(
            event=event,
            changes=list(_changes(before, after)),
            facts=[(_name(name), _shown(name, value)) for name, value in detail.items()],
        )


def _changes(before: Any, after: Any) -> Iterator[Change]:
    if before is None and after is None:
        return
    if not isinstance(before, dict) or not isinstance(after, dict):
        yield Change("", _shown("", before), _shown("", after))
        return
    for name in after:
        if before.get(name) != after[name]:
            yield Change(_name(name), _shown(name, before.get(name)), _shown(name, after[name]))


def _name(name: str) -> str:
    return pgettext("audit log", name.removesuffix("_points").replace("_", " "))


def _shown(name: str, value: Any) -> str:
    if value is None or value in ("", []):
        return pgettext("audit log", "none")
    if isinstance(value, bool):
        return pgettext("audit log", "on" if value else "off")
    if isinstance(value, int) and (name == "points" or name.endswith("_points")):
        return format_usd(value)
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    return kept(str(value)) if name == "reason" else str(value)


CSV_HEADER = ("time", "who", "action", "target", "before", "after", "facts", "ip")


def csv_rows(found: Iterable[Line]) -> Iterator[tuple[object, ...]]:
    for line in found:
        event = line.event
        yield (
            event.created_at.astimezone(UTC).isoformat(),
            line.who,
            event.action,
            event.target,
            _joined((change.name, change.before) for change in line.changes),
            _joined((change.name, change.after) for change in line.changes),
            _joined(line.facts),
            event.ip or "",
        )


def _joined(pairs: Iterable[tuple[str, str]]) -> str:
    return "; ".join(f"{name}: {value}" if name else value for name, value in pairs)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC)


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None


def _day(text: str) -> date | None:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if day.year in _YEARS else None
