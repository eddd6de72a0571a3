"""Telling a workspace that an endpoint fails, that it works again, and that it was switched off: once an episode."""

import uuid
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.core.webhook_urls import host_of
from apps.notifications import policies, stored
from apps.notifications.models import Endpoint
from apps.notifications.selectors import listening
from apps.notifications.services import account_events, endpoints


def look() -> None:
    """Tell what is new of endpoints that fail or did. Safe to repeat and to run twice at once."""
    rows = Endpoint.objects.across_workspaces().filter(
        Q(failing_since__isnull=False) | Q(told_for__isnull=False), state=Endpoint.State.ACTIVE
    )
    for endpoint_id in list(rows.order_by("pk").values_list("pk", flat=True)):
        _look_at(endpoint_id)


@transaction.atomic
def _look_at(endpoint_id: uuid.UUID) -> None:
    # Whoever holds it may be telling this very news.
    rows = Endpoint.objects.across_workspaces().filter(pk=endpoint_id, state=Endpoint.State.ACTIVE)
    rows = rows.select_related("workspace")
    found = rows.select_for_update(no_key=True, skip_locked=True, of=("self",)).first()
    if found is None:
        return
    if found.told_for is not None and found.told_for != found.failing_since:
        words = stored.RECOVERED.format(host=host_of(found.url))
        _told(found, "webhook_recovered", words, found.told_for)
        _keep(found, None)
    if found.failing_since is None:
        return
    lasts = timezone.now() - found.failing_since
    if lasts >= policies.DISABLED_AFTER and not listening.has_delivered(
        # Somebody mended it and saw a replay or a test succeed; only nothing has come up since.
        endpoint=found,
        since=found.failing_since,
    ):
        _disable(found, found.failing_since)
    elif found.told_for is None and (
        lasts >= policies.TOLD_AFTER or found.failures >= policies.TOLD_AFTER_FAILURES
    ):
        _told(found, "webhook_failing", _failing(found), found.failing_since, **_facts(found))
        _keep(found, found.failing_since)


def _disable(endpoint: Endpoint, since: datetime) -> None:
    words = stored.SWITCHED_OFF.format(
        host=host_of(endpoint.url), days=policies.DISABLED_AFTER.days
    )
    endpoints.move(endpoint, Endpoint.State.DISABLED)
    _told(endpoint, "webhook_stopped", words, since)


def _keep(endpoint: Endpoint, told_for: datetime | None) -> None:
    endpoint.told_for = told_for
    endpoint.save(update_fields=["told_for"])


def _failing(endpoint: Endpoint) -> str:
    how = f"HTTP {endpoint.failing_status}" if endpoint.failing_status else endpoint.failing_error
    pattern = stored.FAILS_ONCE if endpoint.failures == 1 else stored.FAILS
    return pattern.format(
        host=host_of(endpoint.url), count=endpoint.failures, reason=how.rstrip(".")
    )


def _facts(endpoint: Endpoint) -> dict[str, Any]:
    since = endpoint.failing_since
    return {
        "failures": endpoint.failures,
        "status": endpoint.failing_status or 0,
        "since": int(since.timestamp()) if since else 0,
    }


def _told(endpoint: Endpoint, type: str, words: str, episode: datetime, **facts: Any) -> None:
    host = host_of(endpoint.url)
    account_events.tell(
        workspace_id=endpoint.workspace_id,
        type=type,
        message=words,
        detail={"endpoint_id": str(endpoint.pk), "host": host, **facts},
        key=f"{type}:{endpoint.pk}:{episode.isoformat()}",
        url=f"/w/{endpoint.workspace.slug}/webhooks/{endpoint.pk}",
    )
