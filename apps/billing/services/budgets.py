"""Setting budgets of a workspace, its members and its keys, and telling people how much of them is spent.

A changed limit counts what its period already spent. Other processes hear of it within a second; what they accept
until then is counted only where a limit was set before.
"""

from dataclasses import asdict, dataclass
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from apps.accounts import selectors as accounts
from apps.accounts import services as accounts_services
from apps.accounts.models import ApiKey, Membership, User, Workspace
from apps.billing import policies
from apps.billing.models import CapSpend
from apps.billing.policies import Counter
from apps.billing.selectors.budgets import counters_of, scope_of
from apps.billing.selectors.people import recipients
from apps.billing.services import caps
from apps.core.errors import InvalidRequest, NotFound
from apps.core.money import format_usd
from apps.core.sentences import sentence
from apps.notifications.services import mail

_MOST_POINTS = 10**17


@dataclass(frozen=True)
class Limits:
    """Points a UTC day and month, and for a key in all; None: no limit."""

    cap_daily_points: int | None = None
    cap_monthly_points: int | None = None


@dataclass(frozen=True)
class KeyLimits(Limits):
    cap_total_points: int | None = None


@dataclass(frozen=True)
class WorkspaceLimits(Limits):
    """`budget_refuses`: at the limit nothing new starts; else people are only told.

    `low_balance_points`: the balance below which the owners get a mail; None: the installation's.
    """

    budget_refuses: bool = True
    low_balance_points: int | None = None


@dataclass(frozen=True)
class By:
    """Who changes it, for the audit log."""

    actor: User | None
    ip: str | None = None


@transaction.atomic
def set_workspace(*, workspace_id: int, limits: WorkspaceLimits, by: By) -> Workspace:
    """Raises InvalidRequest for amounts that cannot be. Safe to repeat."""
    row = Workspace.objects.select_for_update(no_key=True).get(pk=workspace_id)
    _set(row, row.pk, limits, by, target=row.slug)
    return row


@transaction.atomic
def set_member(*, workspace_id: int, member_id: int, limits: Limits, by: By) -> Membership:
    """Raises NotFound for a member of another workspace, InvalidRequest for amounts that cannot be."""
    rows = Membership.objects.select_for_update(no_key=True, of=("self",)).select_related("user")
    row = rows.filter(workspace_id=workspace_id, pk=member_id).first()
    if row is None:
        raise NotFound("There is no such member.")
    _set(row, workspace_id, limits, by, target=row.user.email)
    return row


@transaction.atomic
def set_key(*, workspace_id: int, key_id: int, limits: KeyLimits, by: By) -> ApiKey:
    """Raises NotFound for a key of another workspace, InvalidRequest for amounts that cannot be."""
    row = ApiKey.objects.of(workspace_id).select_for_update(no_key=True).filter(pk=key_id).first()
    if row is None:
        raise NotFound("There is no such key.")
    _set(row, workspace_id, limits, by, target=row.masked)
    return row


def _set(
    row: Workspace | Membership | ApiKey, workspace_id: int, limits: Limits, by: By, *, target: str
) -> None:
    wanted = asdict(limits)
    for name, value in wanted.items():
        if value is not None and not 0 <= value <= _MOST_POINTS:
            raise InvalidRequest.field(
                name, sentence("The limit must not be negative or that large.")
            )
    changed = {name: value for name, value in wanted.items() if getattr(row, name) != value}
    if not changed:
        return
    was = {name: getattr(row, name) for name in changed}
    for name, value in changed.items():
        setattr(row, name, value)
    row.save(update_fields=list(changed))
    caps.recount(workspace_id=workspace_id, wanted=counters_of(row, now=timezone.now()))
    accounts_services.audit(
        workspace_id=workspace_id,
        actor=by.actor,
        ip=by.ip,
        action="budget.changed",
        target=target,
        detail={"budget": scope_of(row).value, "from": was, "to": changed},
    )
    transaction.on_commit(accounts.forget_believed_keys)


# Subjects with a limit, their rows of the periods that run, and what they have crossed. From the limits to the rows:
# rows of days gone by are many.
_CROSSED = """
WITH subjects (scope, id, workspace_id, daily, monthly, total) AS (
    SELECT 'workspace', w.id, w.id, w.cap_daily_points, w.cap_monthly_points, NULL::bigint
      FROM accounts_workspace w WHERE COALESCE(w.cap_daily_points, w.cap_monthly_points) IS NOT NULL
    UNION ALL
    SELECT 'member', m.id, m.workspace_id, m.cap_daily_points, m.cap_monthly_points, NULL
      FROM accounts_membership m WHERE COALESCE(m.cap_daily_points, m.cap_monthly_points) IS NOT NULL
    UNION ALL
    SELECT 'key', k.id, k.workspace_id, k.cap_daily_points, k.cap_monthly_points, k.cap_total_points
      FROM accounts_apikey k
     WHERE k.revoked_at IS NULL
       AND COALESCE(k.cap_daily_points, k.cap_monthly_points, k.cap_total_points) IS NOT NULL
), periods AS (
    SELECT scope, id, workspace_id, period, cap FROM subjects, LATERAL (VALUES
        (to_char(statement_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD'), daily),
        (to_char(statement_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM'), monthly),
        ('total', total)) AS p (period, cap)
     WHERE cap > 0
)
SELECT s.id, p.cap FROM periods p
  JOIN billing_capspend s ON s.scope = p.scope AND s.subject_id = p.id AND s.period = p.period
 WHERE s.warned_percent < 100 AND s.points * 2 >= p.cap
 ORDER BY s.id
"""


def warn() -> None:
    """Write to people about budgets that are spent to 50, 80 or 100 percent: once each. Safe to repeat and at once."""
    with connection.cursor() as cursor:
        cursor.execute(_CROSSED)
        crossed = cursor.fetchall()
    for row_id, cap in crossed:
        _warn_of(row_id, cap)


@transaction.atomic
def _warn_of(row_id: int, cap: int) -> None:
    rows = CapSpend.objects.across_workspaces().select_for_update(no_key=True)
    row = rows.filter(pk=row_id).first()
    percent = policies.share_to_tell(spent=row.points, cap=cap) if row else 0
    if row is None or percent <= row.warned_percent:
        return
    row.warned_percent = percent
    row.save(update_fields=["warned_percent"])
    subject = _subject(row)
    counter = next(
        (one for one in counters_of(subject, now=timezone.now()) if one.period == row.period), None
    )
    if counter is not None:
        _mail(row, subject, counter, percent)


def _subject(row: CapSpend) -> Workspace | Membership | ApiKey:
    if row.scope == CapSpend.Scope.WORKSPACE:
        return Workspace.objects.get(pk=row.subject_id)
    if row.scope == CapSpend.Scope.MEMBER:
        return Membership.objects.select_related("user", "workspace").get(pk=row.subject_id)
    return ApiKey.objects.of(row.workspace_id).select_related("created_by").get(pk=row.subject_id)


def _mail(
    row: CapSpend, subject: Workspace | Membership | ApiKey, counter: Counter, percent: int
) -> None:
    to = recipients(workspace_id=row.workspace_id)
    person = _person(subject)
    if person is not None and person.email not in to:
        to.append(person.email)
    context: dict[str, Any] = {
        "workspace": row.workspace,
        "whose": _words(subject),
        "counter": counter,
        "percent": percent,
        "spent": format_usd(row.points),
        "cap": format_usd(counter.cap),
    }
    mail.add(
        key=f"budget:{row.scope}:{row.subject_id}:{row.period}:{counter.cap}:{percent}",
        to=to,
        template="budget",
        context=context,
        workspace_id=row.workspace_id,
    )


def _person(subject: Workspace | Membership | ApiKey) -> User | None:
    if isinstance(subject, Membership):
        return subject.user
    return subject.created_by if isinstance(subject, ApiKey) else None


def _words(subject: Workspace | Membership | ApiKey) -> str:
    if isinstance(subject, Workspace):
        return sentence("Workspace {name}", name=subject.name)
    if isinstance(subject, Membership):
        return subject.user.email
    return sentence("Key {name} ({key})", name=subject.name, key=subject.masked)
