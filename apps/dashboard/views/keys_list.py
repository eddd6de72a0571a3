"""What the list of keys shows: a page of them, what each did lately, and how far its limits are used up."""

import re
from dataclasses import dataclass
from datetime import UTC, timedelta
from urllib.parse import urlencode

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import pgettext_lazy

from apps.accounts import selectors
from apps.accounts.models import ApiKey, Membership, Workspace
from apps.billing.selectors.budgets import Meter, budgets
from apps.tasks.selectors import spending
from apps.tasks.selectors.spending import Ended

STATES = ("active", "expired", "revoked")
# For whoever collects the texts that are translated.
_STATE_WORDS = (
    pgettext_lazy("state of a key", "active"),
    pgettext_lazy("state of a key", "expired"),
    pgettext_lazy("state of a key", "revoked"),
)
DAYS = 7
_PAGE = 50
_NUMBER = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True)
class Asked:
    """The query string. `member` is a user's id; what cannot be read is not asked for."""

    state: str
    member: int | None
    after: int | None

    @property
    def is_filtered(self) -> bool:
        return bool(self.state or self.member)

    def query(self, **more: object) -> str:
        wanted = {"state": self.state, "member": self.member} | more
        return urlencode({name: value for name, value in wanted.items() if value})


@dataclass(frozen=True)
class Row:
    """`week` is what ended in the last 7 UTC days, today included."""

    key: ApiKey
    week: Ended
    meters: list[Meter]

    @property
    def calls(self) -> int:
        return self.week.completed + self.week.failed + self.week.cancelled


@dataclass(frozen=True)
class Page:
    keys: list[ApiKey]
    rows: list[Row]
    members: list[Membership]
    older: str


def asked(query: QueryDict) -> Asked:
    state = query.get("state", "")
    return Asked(
        state=state if state in STATES else "",
        member=_number(query.get("member", "")),
        after=_number(query.get("after", "")),
    )


def page(*, workspace: Workspace, asked: Asked) -> Page:
    """Newest first, 50 a page. Five queries however many there are."""
    found = list(_matching(workspace.pk, asked)[: _PAGE + 1])
    keys, more = found[:_PAGE], found[_PAGE:]
    known = budgets(workspace=workspace)
    meters = {budget.row.pk: budget.meters for budget in known.keys}
    week = _week(workspace.pk)
    return Page(
        keys=keys,
        rows=[Row(key, week.get(key.pk, Ended()), meters.get(key.pk, [])) for key in keys],
        members=[budget.row for budget in known.members],
        older=asked.query(after=keys[-1].pk) if more else "",
    )


def _matching(workspace_id: int, asked: Asked) -> QuerySet[ApiKey]:
    wanted = Q()
    if asked.member is not None:
        wanted &= Q(created_by=asked.member)
    if asked.after is not None:
        wanted &= Q(pk__lt=asked.after)
    if asked.state:
        wanted &= _in_state(asked.state)
    return selectors.newest_keys(workspace_id=workspace_id).filter(wanted)


def _in_state(state: str) -> Q:
    """As `ApiKey.state` says it."""
    is_over = Q(expires_at__lte=timezone.now())
    if state == "revoked":
        return Q(revoked_at__isnull=False)
    return Q(revoked_at__isnull=True) & (is_over if state == "expired" else ~is_over)


def _week(workspace_id: int) -> dict[int | None, Ended]:
    today = timezone.now().astimezone(UTC).date()
    first = today - timedelta(days=DAYS - 1)
    lines = spending.spend_by(workspace_id=workspace_id, first=first, last=today, split="key")
    return {line.subject_id: line.ended for line in lines}


def _number(text: str) -> int | None:
    return int(text) if _NUMBER.fullmatch(text) else None
