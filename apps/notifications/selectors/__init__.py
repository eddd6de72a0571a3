"""Reading what was told, how the telling went, and what a workspace wants to be told.

A workspace comes first everywhere; what a delivery carries is left in the database.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from apps.accounts import plans
from apps.accounts.models import Membership, Workspace
from apps.accounts.policies import Feature
from apps.core.errors import NotFound
from apps.core.sentences import sentence
from apps.core.tenancy import TenantQuerySet
from apps.core.webhook_urls import host_of
from apps.notifications.events import EVENTS, Channel, EventType
from apps.notifications.models import AccountHook, Delivery, Notice, NotificationPreference

# Of one subject: a task has a handful of events, and a page shows no more than these.
_OF_A_SUBJECT = 100
# Of unread notices no more are counted.
MOST_UNREAD = 100
# Who runs the workspace hears of its account.
_TOLD = (Membership.Role.OWNER, Membership.Role.ADMIN)


@dataclass(frozen=True)
class Page:
    """Deliveries, newest first, and the id behind which the next page starts (None at the end)."""

    items: Sequence[Delivery]
    next: int | None


def delivery(*, workspace_id: int, event_id: uuid.UUID) -> Delivery:
    """The workspace's delivery. Raises NotFound."""
    found = _shown(workspace_id).filter(event_id=event_id).first()
    if found is None:
        raise NotFound(sentence("There is no delivery {id}.", id=event_id))
    return found


def deliveries_of(*, workspace_id: int, subject: str) -> list[Delivery]:
    """The deliveries of one subject, in the order of its events; of very many the newest 100."""
    newest = _shown(workspace_id).filter(subject=subject).order_by("-id")[:_OF_A_SUBJECT]
    return sorted(newest, key=lambda one: one.pk)


def newest_deliveries(
    *, workspace_id: int, limit: int, after: int | None = None, state: str = "", subject: str = ""
) -> Page:
    """A page of the workspace's deliveries; empty filters mean all."""
    rows = _shown(workspace_id)
    if state:
        rows = rows.filter(state=state)
    if subject:
        rows = rows.filter(subject=subject)
    if after is not None:
        rows = rows.filter(id__lt=after)
    found = list(rows.order_by("-id")[: limit + 1])
    items = found[:limit]
    return Page(items, items[-1].pk if len(found) > limit else None)


def counts(*, workspace_id: int, since: datetime) -> dict[str, int]:
    """How many deliveries made since then are in which state; states without any are 0."""
    rows = (
        Delivery.objects.of(workspace_id)
        .filter(created_at__gte=since)
        .values_list("state")
        .annotate(Count("id"))
        .order_by()
    )
    return {**dict.fromkeys(Delivery.State.values, 0), **dict(rows)}


def _shown(workspace_id: int) -> TenantQuerySet[Delivery]:
    """Without what nobody is shown: bodies are up to the size of a task, and secrets stay where they are."""
    rows: TenantQuerySet[Delivery] = Delivery.objects.of(workspace_id).defer(
        "body", "secret", "sealed_to", "answers"
    )
    return rows


@dataclass(frozen=True)
class Line:
    """One line of the bell, as one member sees it."""

    notice: Notice
    is_unread: bool

    @property
    def event(self) -> EventType:
        return EVENTS[self.notice.type]


@dataclass(frozen=True)
class NoticePage:
    """Newest first, and the id behind which the next page starts (None at the end)."""

    items: Sequence[Line]
    next: int | None


def notices(*, workspace_id: int, user_id: int, limit: int, after: int | None = None) -> NoticePage:
    """A page of what the bell shows to a member."""
    rows = Notice.objects.of(workspace_id).filter(is_shown=True, type__in=EVENTS).defer("read_by")
    if after is not None:
        rows = rows.filter(id__lt=after)
    found = list(rows.order_by("-id")[: limit + 1])
    items = found[:limit]
    unread = set(
        unread_notices(workspace_id=workspace_id, user_id=user_id)
        .filter(pk__in=[one.pk for one in items])
        .values_list("pk", flat=True)
    )
    lines = [Line(one, one.pk in unread) for one in items]
    return NoticePage(lines, items[-1].pk if len(found) > limit else None)


def unread_count(*, workspace_id: int, user_id: int) -> int:
    """How many lines a member has not marked as read; more than 100 are counted as 100."""
    rows = unread_notices(workspace_id=workspace_id, user_id=user_id)
    return rows.order_by("-id")[:MOST_UNREAD].count()


def unread_notices(*, workspace_id: int, user_id: int) -> TenantQuerySet[Notice]:
    """Those of the bell since the member came; to anybody else nothing is new."""
    joined = Membership.objects.filter(workspace_id=workspace_id, user_id=user_id)
    rows: TenantQuerySet[Notice] = (
        Notice.objects.of(workspace_id)
        .filter(is_shown=True, type__in=EVENTS, created_at__gte=joined.values("created_at")[:1])
        .exclude(read_by__contains=[user_id])
    )
    return rows


@dataclass(frozen=True)
class Preference:
    """What a workspace wants to be told of one event, and how."""

    event: EventType
    channels: frozenset[Channel]


def preferences(*, workspace_id: int) -> list[Preference]:
    """All events in the order of the table, each with the channels it takes now."""
    rows = NotificationPreference.objects.of(workspace_id).filter(event__in=EVENTS)
    chosen = {(row.event, row.channel): row.is_on for row in rows}
    return [Preference(event, _channels(event, chosen)) for event in EVENTS.values()]


def channels_of(*, workspace_id: int, event: EventType) -> frozenset[Channel]:
    """How the workspace wants to be told of one event."""
    rows = NotificationPreference.objects.of(workspace_id).filter(event=event.type)
    return _channels(event, {(row.event, row.channel): row.is_on for row in rows})


def _channels(event: EventType, chosen: dict[tuple[str, str], bool]) -> frozenset[Channel]:
    return frozenset(
        channel
        for channel in Channel
        if chosen.get((event.type, channel), channel in event.channels)
    )


def told_people(*, workspace_id: int) -> list[str]:
    """The addresses of owners and admins. People who were switched off get no mail."""
    people = Membership.objects.filter(
        workspace_id=workspace_id, role__in=_TOLD, user__is_active=True
    )
    return list(people.order_by("id").values_list("user__email", flat=True))


@dataclass(frozen=True)
class HookState:
    """Where account events go. The secret is no part of it: it is shown when it is made, and never again."""

    url: str
    is_in_plan: bool
    key: AccountHook | None

    @property
    def host(self) -> str:
        return host_of(self.url)


def hook(*, workspace: Workspace) -> HookState:
    key = AccountHook.objects.of(workspace.pk).defer("secret", "previous_secret").first()
    return HookState(workspace.notification_hook_url, may_have_hook(workspace=workspace), key)


def may_have_hook(*, workspace: Workspace) -> bool:
    """Whether the plan includes account events by webhook."""
    return plans.terms_of_workspace(workspace).includes(Feature.NOTIFICATION_WEBHOOK)


def hook_subject(*, workspace_id: int) -> str:
    """What deliveries of account events are about."""
    return f"workspace:{workspace_id}"


def hook_deliveries(*, workspace_id: int, limit: int = 20, after: int | None = None) -> Page:
    """A page of how account events were delivered."""
    subject = hook_subject(workspace_id=workspace_id)
    return newest_deliveries(workspace_id=workspace_id, limit=limit, after=after, subject=subject)
