"""Reading accounts. A key or workspace that is not the caller's does not exist as far as the caller can tell."""

import ipaddress
import itertools
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from math import inf
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from apps.accounts import keys, plans
from apps.accounts.models import ApiKey, AuditEvent, Invitation, Membership, User, Workspace
from apps.accounts.policies import PLAN_TERMS, PlanTerms
from apps.core.errors import DomainError, NotFound
from apps.core.listener import Listener


class InvalidApiKey(DomainError):
    """Missing, unknown, revoked or expired: one answer, so that nobody learns which."""

    type = "invalid_api_key"


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls, as the transports hand it to the domain.

    `key_id` is None for a person in the dashboard, `user_id` is None for a key. Caps are points. `concurrent_tasks` is
    how many tasks of a family may be under way at once, `terms` what the plan includes, as it was bought.

    `member_id` is the membership of the person, or of whoever made the key; None when they have left. `cap_…` is the
    key's, `member_cap_…` that person's, `budget_…` the workspace's; `budget_refuses`: at that one nothing new starts.
    `private_families` run on own accounts unless a request says otherwise, `failover_families` may leave them.
    `allowed_models` are the language models the key may call; empty: all. `content_days`: how long what is said in its
    LLM calls is kept; 0: not at all.
    """

    workspace_id: int
    workspace_slug: str
    plan: str
    is_enabled: bool
    concurrent_tasks: int
    key_id: int | None = None
    user_id: int | None = None
    scopes: frozenset[str] = frozenset()
    networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    rate_limit_per_minute: int | None = None
    cap_total: int | None = None
    cap_daily: int | None = None
    cap_monthly: int | None = None
    terms: PlanTerms = PLAN_TERMS["hobbyist"]
    member_id: int | None = None
    member_cap_daily: int | None = None
    member_cap_monthly: int | None = None
    budget_daily: int | None = None
    budget_monthly: int | None = None
    budget_refuses: bool = True
    private_families: frozenset[str] = frozenset()
    failover_families: frozenset[str] = frozenset()
    tokens_per_minute: int | None = None
    allowed_models: frozenset[str] = frozenset()
    content_days: int = 0

    @property
    def has_cap(self) -> bool:
        """Whether anything counts what is spent: the key, the person or the workspace."""
        return not (
            self.cap_total is None
            and self.cap_daily is None
            and self.cap_monthly is None
            and self.member_cap_daily is None
            and self.member_cap_monthly is None
            and self.budget_daily is None
            and self.budget_monthly is None
        )

    def allows_ip(self, ip: str) -> bool:
        """True without an allow-list; an address we cannot read is outside of every list."""
        if not self.networks:
            return True
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            return False
        return any(address in network for network in self.networks)


# A revoked key must stop within a second in every process. A trigger tells every process of each change of a key or
# its workspace; while we hear, a lookup is believed for longer, else for under a second.
_BELIEVED_SECONDS = 0.9
_BELIEVED_WHILE_LISTENING_SECONDS = 60.0
_MAX_BELIEVED = 10_000


@dataclass(frozen=True, slots=True)
class _Belief:
    identity: Identity
    looked_up_at: float
    expires_at: float


_believed: dict[bytes, _Belief] = {}
_believed_lock = threading.Lock()
_changes = itertools.count(1)
_last_change = 0


def forget_believed_keys() -> None:
    """Look every key up again: something about keys or workspaces has changed."""
    global _last_change
    # Plans first: a key that is looked up in between already finds the new terms.
    plans.forget()
    with _believed_lock:
        _last_change = next(_changes)
        _believed.clear()


_listener = Listener("accounts_identity", forget_believed_keys)
plans.heard_by(lambda: _listener.hears())

_IDENTIFY = """
SELECT k.id, k.scopes, k.allowed_networks, k.rate_limit_per_minute, k.cap_total_points, k.cap_daily_points,
       k.cap_monthly_points,
       EXTRACT(EPOCH FROM k.expires_at - statement_timestamp())::float, w.id, w.slug, w.plan, w.is_enabled,
       w.concurrency_override, w.plan_version_id, w.cap_daily_points, w.cap_monthly_points, w.budget_refuses,
       m.id, m.cap_daily_points, m.cap_monthly_points, w.private_families, w.failover_families, k.tokens_per_minute,
       k.allowed_models, CASE WHEN w.keeps_llm_content THEN w.llm_content_days ELSE 0 END, k.digest,
       EXTRACT(EPOCH FROM k.old_until - statement_timestamp())::float
  FROM accounts_apikey k JOIN accounts_workspace w ON w.id = k.workspace_id
  LEFT JOIN accounts_membership m ON m.workspace_id = k.workspace_id AND m.user_id = k.created_by_id
 WHERE (k.digest = %s OR k.old_digest = %s AND k.old_until > statement_timestamp()) AND k.revoked_at IS NULL
   AND w.closes_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > statement_timestamp())
"""


_IDENTIFY_BY_ID = (
    _IDENTIFY[: _IDENTIFY.index(" WHERE")] + " WHERE k.id = %s AND k.workspace_id = %s"
)


def identify(*, key: str) -> Identity:
    """The identity of a live key. Raises InvalidApiKey.

    One indexed lookup, kept until something changes. The comparison is of SHA-256 digests, so its timing tells
    nothing about the key.
    """
    if not keys.is_well_formed(key):
        raise InvalidApiKey("invalid API key")
    digest = keys.digest(key)
    known = _known(digest)
    if known is not None:
        return known
    change = _last_change
    belief = _looked_up(digest)
    with _believed_lock:
        if len(_believed) >= _MAX_BELIEVED:
            _believed.clear()
        # Heard of a change since we asked? Then the answer may be older than the change.
        if change == _last_change:
            _believed[digest] = belief
    return belief.identity


def known(*, key: str) -> Identity | None:
    """The identity of a key that was identified a moment ago, without asking the database; None: `identify` it."""
    return _known(keys.digest(key))


def _known(digest: bytes) -> Identity | None:
    found = _believed.get(digest)
    return found.identity if found is not None and _holds(found) else None


def _holds(belief: _Belief) -> bool:
    now = time.monotonic()
    seconds = _BELIEVED_WHILE_LISTENING_SECONDS if _listener.hears() else _BELIEVED_SECONDS
    return now < belief.looked_up_at + seconds and now < belief.expires_at


def _looked_up(digest: bytes) -> _Belief:
    asked_at = time.monotonic()
    with connection.cursor() as cursor:
        cursor.execute(_IDENTIFY, [digest, digest])
        row = cursor.fetchone()
    if row is None:
        raise InvalidApiKey("invalid API key")
    ends = [row[7]] if bytes(row[25]) == digest else [row[7], row[26]]
    expires_at = asked_at + min((seconds for seconds in ends if seconds is not None), default=inf)
    return _Belief(_identity(row), asked_at, expires_at)


def _identity(row: tuple[Any, ...]) -> Identity:
    terms = plans.terms_of(plan=row[10], plan_version_id=row[13])
    return Identity(
        key_id=row[0],
        scopes=frozenset(row[1]),
        networks=_networks(row[2]),
        rate_limit_per_minute=row[3],
        cap_total=row[4],
        cap_daily=row[5],
        cap_monthly=row[6],
        workspace_id=row[8],
        workspace_slug=row[9],
        plan=row[10],
        is_enabled=row[11],
        concurrent_tasks=terms.concurrent_tasks if row[12] is None else row[12],
        terms=terms,
        budget_daily=row[14],
        budget_monthly=row[15],
        budget_refuses=row[16],
        member_id=row[17],
        member_cap_daily=row[18],
        member_cap_monthly=row[19],
        private_families=frozenset(row[20]),
        failover_families=frozenset(row[21]),
        tokens_per_minute=row[22],
        allowed_models=frozenset(row[23]),
        content_days=row[24],
    )


def _networks(
    texts: Iterable[str],
) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


def identity_of_member(
    *, workspace: Workspace, user: User, membership: Membership | None = None
) -> Identity:
    """A person acting in a workspace through the dashboard. `membership` saves looking it up."""
    member = membership or Membership.objects.filter(workspace=workspace, user=user).first()
    terms = plans.terms_of_workspace(workspace)
    override = workspace.concurrency_override
    return Identity(
        workspace_id=workspace.pk,
        workspace_slug=workspace.slug,
        plan=workspace.plan,
        is_enabled=workspace.is_open,
        concurrent_tasks=terms.concurrent_tasks if override is None else override,
        terms=terms,
        user_id=user.pk,
        scopes=frozenset({"tasks", "llm", "account", "files"}),
        member_id=member.pk if member else None,
        member_cap_daily=member.cap_daily_points if member else None,
        member_cap_monthly=member.cap_monthly_points if member else None,
        budget_daily=workspace.cap_daily_points,
        budget_monthly=workspace.cap_monthly_points,
        budget_refuses=workspace.budget_refuses,
        private_families=frozenset(workspace.private_families),
        failover_families=frozenset(workspace.failover_families),
        content_days=workspace.llm_content_days if workspace.keeps_llm_content else 0,
    )


def identity_of_work(*, workspace: Workspace, key_id: int | None, user_id: int | None) -> Identity:
    """Whose caps count work that was accepted before: of its key, even if that was revoked since, or of its person."""
    if key_id is None:
        user = User.objects.filter(pk=user_id).first() if user_id is not None else None
        return identity_of_member(workspace=workspace, user=user or User())
    with connection.cursor() as cursor:
        cursor.execute(_IDENTIFY_BY_ID, [key_id, workspace.pk])
        row = cursor.fetchone()
    if row is None:
        raise NotFound("There is no such key.")
    return _identity(row)


def membership(*, user: User, slug: str) -> Membership:
    """The person's membership of that workspace. Raises NotFound for everybody else's."""
    try:
        return Membership.objects.select_related("workspace").get(user=user, workspace__slug=slug)
    except Membership.DoesNotExist:
        raise NotFound(f"There is no workspace {slug}.") from None


def memberships(*, user: User) -> QuerySet[Membership]:
    """The person's workspaces, by name."""
    return (
        Membership.objects.filter(user=user).select_related("workspace").order_by("workspace__name")
    )


def members(*, workspace_id: int) -> QuerySet[Membership]:
    """Everybody in a workspace, by address."""
    return (
        Membership.objects.filter(workspace_id=workspace_id)
        .select_related("user")
        .order_by("user__email")
    )


def member(*, workspace_id: int, member_id: int) -> Membership:
    """Raises NotFound, also for a member of another workspace."""
    found = members(workspace_id=workspace_id).filter(pk=member_id).first()
    if found is None:
        raise NotFound("There is no such member.")
    return found


def open_invitations(*, workspace_id: int) -> QuerySet[Invitation]:
    """Those that are neither accepted nor revoked, newest first; some may have expired."""
    return (
        Invitation.objects.of(workspace_id)
        .filter(accepted_at__isnull=True, revoked_at__isnull=True)
        .select_related("invited_by")
        .order_by("-sent_at")
    )


def newest_keys(*, workspace_id: int) -> QuerySet[ApiKey]:
    return (
        ApiKey.objects.of(workspace_id).select_related("created_by").order_by("-created_at", "-id")
    )


def api_key(*, workspace_id: int, key_id: int) -> ApiKey:
    try:
        return ApiKey.objects.of(workspace_id).select_related("created_by").get(pk=key_id)
    except ApiKey.DoesNotExist:
        raise NotFound("There is no such key.") from None


@dataclass(frozen=True)
class AuditFilter:
    """`action` is one action or an area ("key."), which takes all of its actions; `actor` a user's id; `until`
    excluded."""

    action: str = ""
    actor: int | None = None
    since: datetime | None = None
    until: datetime | None = None


def audit_events(
    *, workspace_id: int, filter: AuditFilter, after: int | None = None
) -> QuerySet[AuditEvent]:
    """Newest first; `after` is the id of the last one seen, and that of another workspace shows the first page."""
    found = AuditEvent.objects.of(workspace_id).select_related("actor")
    if filter.action:
        is_area = filter.action.endswith(".")
        found = found.filter(**{"action__startswith" if is_area else "action": filter.action})
    if filter.actor is not None:
        found = found.filter(actor=filter.actor)
    if filter.since is not None:
        found = found.filter(created_at__gte=filter.since)
    if filter.until is not None:
        found = found.filter(created_at__lt=filter.until)
    seen = AuditEvent.objects.of(workspace_id).filter(pk=after).first() if after else None
    if seen is not None:
        at = seen.created_at
        found = found.filter(Q(created_at__lt=at) | Q(created_at=at, pk__lt=seen.pk))
    return found.order_by("-created_at", "-id")


def workspace_by_id(*, workspace_id: int) -> Workspace:
    return Workspace.objects.get(pk=workspace_id)
