"""All accounts at providers, the pool's and customers', as their operator sees them: states, reasons, how work goes.

No credential is read here, nor what tells two of them apart.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Now

from apps.byoa import policies
from apps.byoa.models import Account
from apps.byoa.policies import State
from apps.byoa.services.checklist import Sentence, explain
from apps.tasks.models import AccountHour

POOL, CUSTOMERS = "pool", "customers"
# What the pool's accounts without a list of families serve.
EVERYTHING = "everything"
_WORST_FIRST = ("bad", "warn", "run", "idle", "ok")


@dataclass(frozen=True)
class Line:
    """A customer's account: `today` is its tasks of this UTC day, the other two are attempts of the last 24 hours."""

    account: Account
    sentence: Sentence
    in_use: int
    today: int
    ended: int
    succeeded: int

    @property
    def is_well(self) -> bool:
        return self.sentence.tone not in ("bad", "warn")

    @property
    def success_percent(self) -> str:
        """To a tenth, rounded down; empty when nothing ended."""
        if not self.ended:
            return ""
        tenths = 1000 * self.succeeded // self.ended
        return f"{tenths // 10}.{tenths % 10}"


@dataclass(frozen=True)
class Filter:
    """Empty means all. `workspace` is a part of a short name."""

    family: str = ""
    provider: str = ""
    state: str = ""
    workspace: str = ""


def customers(wanted: Filter) -> list[Line]:
    """Customers' accounts, worst first, then by workspace."""
    rows = _accounts().filter(workspace__isnull=False).select_related("workspace")
    if wanted.family:
        rows = rows.filter(families=[wanted.family])
    if wanted.provider:
        rows = rows.filter(provider=wanted.provider)
    if wanted.workspace:
        rows = rows.filter(workspace__slug__icontains=wanted.workspace)
    ended = _last_day()
    lines = [_line(row, ended.get(row.pk, (0, 0))) for row in rows]
    found = [one for one in lines if wanted.state in ("", one.sentence.state)]
    return sorted(found, key=_rank)


def _rank(line: Line) -> tuple[int, str, int]:
    slug = line.account.workspace.slug if line.account.workspace else ""
    return _WORST_FIRST.index(line.sentence.tone), slug, line.account.pk


def _accounts() -> QuerySet[Account, Any]:
    return (
        Account.objects.across_workspaces()
        .defer("credential", "credential_digest")
        .annotate(now=Now(), in_use=Count("leases", filter=Q(leases__expires_at__gt=Now())))
    )


def _line(account: Any, ended: tuple[int, int]) -> Line:
    today = account.day_count if account.day == account.now.date() else 0
    sentence = explain(account, now=account.now)
    return Line(account, sentence, account.in_use, today, *ended)


def _last_day() -> dict[int, tuple[int, int]]:
    """Attempts that ended and that went well, by account."""
    since = datetime.now(UTC) - timedelta(hours=24)
    rows = AccountHour.objects.filter(hour__gte=since).values_list("account")
    summed = rows.annotate(ended=Sum("attempts"), well=Sum("succeeded"))
    return {account_id: (ended, well) for account_id, ended, well in summed}


# ------------------------------------------------------------------------------------ health
@dataclass(frozen=True)
class Health:
    """A family's accounts in the pool or of customers: how many there are, take tasks, and are in which state."""

    family: str
    whose: str
    total: int
    able: int
    states: Sequence[tuple[str, int]]

    @property
    def is_well(self) -> bool:
        return self.able > 0


def health() -> list[Health]:
    """Families with the largest part of accounts that take nothing first."""
    states: dict[tuple[str, str], Counter[State]] = defaultdict(Counter)
    able: Counter[tuple[str, str]] = Counter()
    for account in _accounts():
        state = policies.state_of(account, now=account.now)
        whose = POOL if account.workspace_id is None else CUSTOMERS
        for family in account.families or [EVERYTHING]:
            states[family, whose][state] += 1
            able[family, whose] += policies.is_able(account, now=account.now)
    found = [_health(key, counts, able[key]) for key, counts in states.items()]
    return sorted(found, key=lambda one: (one.able / one.total, -one.total, one.family, one.whose))


def _health(key: tuple[str, str], counts: Counter[State], able: int) -> Health:
    found = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    words = [(str(state.label), count) for state, count in found]
    return Health(*key, total=counts.total(), able=able, states=words)
