"""Reading how the telling went. A workspace comes first everywhere; what a delivery carries is left in the database."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count

from apps.core.errors import NotFound
from apps.core.tenancy import TenantQuerySet
from apps.notifications.models import Delivery

# Of one subject: a task has a handful of events, and a page shows no more than these.
_OF_A_SUBJECT = 100


@dataclass(frozen=True)
class Page:
    """Deliveries, newest first, and the id behind which the next page starts (None at the end)."""

    items: Sequence[Delivery]
    next: int | None


def delivery(*, workspace_id: int, event_id: uuid.UUID) -> Delivery:
    """The workspace's delivery. Raises NotFound."""
    found = _shown(workspace_id).filter(event_id=event_id).first()
    if found is None:
        raise NotFound(f"There is no delivery {event_id}.")
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
        "body", "secret", "sealed_to"
    )
    return rows
