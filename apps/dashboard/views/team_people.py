"""What the page of a workspace's people says of each of them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db.models import Count, Exists, OuterRef, QuerySet, Subquery
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.accounts import selectors
from apps.accounts.models import ApiKey, Membership
from apps.accounts.policies import PERMISSIONS, Permission, Role
from apps.tasks.selectors import spending

SPEND_DAYS = 30
_FACTORS = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)


@dataclass(frozen=True)
class Person:
    """`spent_points` of the last 30 UTC days, today included; `keys` counts live ones they made."""

    membership: Membership
    spent_points: int
    keys: int
    seen_at: datetime | None
    has_second_factor: bool


def people(*, workspace_id: int) -> list[Person]:
    """Everybody in the workspace, the owner first, then by address. Two queries however many they are."""
    members = selectors.members(workspace_id=workspace_id).annotate(
        keys=_keys(workspace_id),
        seen_at=_newest(UserSession.objects.all()),
        is_protected=Exists(
            Authenticator.objects.filter(user_id=OuterRef("user_id"), type__in=_FACTORS)
        ),
    )
    spent = _spent(workspace_id)
    found = [
        Person(
            membership=one,
            spent_points=spent.get(one.user_id, 0),
            keys=one.keys or 0,
            seen_at=max(filter(None, (one.seen_at, one.user.last_login)), default=None),
            has_second_factor=one.is_protected,
        )
        for one in members
    ]
    return sorted(found, key=lambda person: person.membership.role != Role.OWNER)


def _spent(workspace_id: int) -> dict[int | None, int]:
    today = timezone.now().astimezone(UTC).date()
    lines = spending.spend_by(
        workspace_id=workspace_id,
        first=today - timedelta(days=SPEND_DAYS - 1),
        last=today,
        split="member",
    )
    return {line.subject_id: line.ended.net_points for line in lines}


def _keys(workspace_id: int) -> Subquery:
    """How many live keys the member made here."""
    live = ApiKey.objects.of(workspace_id).filter(
        created_by_id=OuterRef("user_id"), revoked_at__isnull=True
    )
    return Subquery(live.values("created_by").annotate(count=Count("id")).values("count"))


def _newest(sessions: QuerySet[Any]) -> Subquery:
    """When the member was last seen in any of their sessions."""
    theirs = sessions.filter(user_id=OuterRef("user_id"))
    return Subquery(theirs.order_by("-last_seen_at").values("last_seen_at")[:1])


_WORDS = {
    Permission.VIEW_TASKS: gettext_noop("See tasks: state, times, cost"),
    Permission.VIEW_CONTENT: gettext_noop("Read prompts and outputs"),
    Permission.RUN_TASKS: gettext_noop("Run and cancel tasks"),
    Permission.MANAGE_OWN_KEYS: gettext_noop("Make and revoke keys of their own"),
    Permission.MANAGE_KEYS: gettext_noop("Change everybody's keys"),
    Permission.VIEW_BALANCE: gettext_noop("See the balance and transactions"),
    Permission.VIEW_BILLING: gettext_noop("See invoices and payments"),
    Permission.MANAGE_BILLING: gettext_noop("Top up, change plan and budgets"),
    Permission.VIEW_ACCOUNTS: gettext_noop("See own accounts at providers"),
    Permission.MANAGE_ACCOUNTS: gettext_noop("Connect and change own accounts"),
    Permission.MANAGE_MEMBERS: gettext_noop("Invite, remove, change roles"),
    Permission.MANAGE_SETTINGS: gettext_noop("Change settings, read the audit log"),
    Permission.DELETE_WORKSPACE: gettext_noop("Delete the workspace, choose its owner"),
}


def role_matrix() -> list[tuple[str, list[bool]]]:
    """(what it lets one do, whether each role may, in the order of `Role`), straight from the policies."""
    return [
        (_(_WORDS[permission]), [permission in PERMISSIONS[role] for role in Role])
        for permission in _WORDS
    ]
