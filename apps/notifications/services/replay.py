"""Sending again what has ended: the same event id and the same body, so that receivers know it."""

import uuid
from collections.abc import Collection
from datetime import datetime

from django.db.models.functions import Now

from apps.core.tenancy import TenantQuerySet
from apps.notifications import selectors
from apps.notifications.models import Delivery, Endpoint
from apps.notifications.services import outbox

ENDED = (Delivery.State.DELIVERED, Delivery.State.FAILED, Delivery.State.STOPPED)


def replay(*, workspace_id: int, event_id: uuid.UUID) -> Delivery:
    """Have an event sent again now, with all its attempts before it; what is still waiting stays as it is.

    Safe to repeat. Its log goes on. Raises NotFound.
    """
    rows = Delivery.objects.of(workspace_id).filter(event_id=event_id, state__in=ENDED)
    if _again(rows):
        outbox.wake()
    return selectors.delivery(workspace_id=workspace_id, event_id=event_id)


def replay_range(
    *, workspace_id: int, since: datetime, until: datetime, states: Collection[str]
) -> int:
    """The same for all events of [since, until) that ended in one of these states; says how many."""
    rows = Delivery.objects.of(workspace_id).filter(
        created_at__gte=since, created_at__lt=until, state__in=set(states) & set(ENDED)
    )
    count = _again(rows)
    if count:
        outbox.wake()
    return count


def _again(rows: TenantQuerySet[Delivery]) -> int:
    # Nothing is sent to an endpoint that was deleted.
    return rows.exclude(hook__state=Endpoint.State.DELETED).update(
        state=Delivery.State.WAITING,
        attempts=0,
        next_attempt_at=Now(),
        ended_at=None,
        is_replay=True,
    )
