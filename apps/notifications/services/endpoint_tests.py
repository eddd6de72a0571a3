"""A test event: sent while its sender waits, so that they read at once how it went."""

import asyncio
import uuid
from dataclasses import replace
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from apps.core import egress, throttling
from apps.core.wire import Request, Response
from apps.notifications.models import Delivery
from apps.notifications.selectors import listening
from apps.notifications.services import claims, endpoints, hook_out
from apps.notifications.services.attempt import attempt
from apps.notifications.services.claims import Claimed

_TIMEOUT_SECONDS = 10
_TESTS_A_MINUTE = 10
_MESSAGE = "This is a test. Nothing happened to the account."


def send_test(*, workspace_id: int, endpoint_id: uuid.UUID) -> Delivery:
    """Send an event of the type "test" once, also to an endpoint that is paused, and give its delivery as it ended.

    It says nothing of how the endpoint does. A process that dies while it waits leaves the event to the pump. Raises
    NotFound, and RateLimited after ten a minute.
    """
    throttling.count_try(
        caller=f"webhook-test:{workspace_id}", limit=_TESTS_A_MINUTE, window_seconds=60
    ).require()
    row, claimed = _claimed(workspace_id, endpoint_id)
    landed = asyncio.run(attempt(claimed, _send))
    outcome = landed.outcome
    if outcome.state == Delivery.State.WAITING:
        outcome = replace(outcome, state=Delivery.State.FAILED)
    claims.record(outcomes=[outcome])
    row.refresh_from_db()
    return row


@transaction.atomic
def _claimed(workspace_id: int, endpoint_id: uuid.UUID) -> tuple[Delivery, Claimed]:
    """The event as written, and claimed by us for as long as an attempt may take."""
    found = endpoints.locked(workspace_id=workspace_id, endpoint_id=endpoint_id)
    row = Delivery.objects.create(
        workspace_id=workspace_id,
        subject=listening.hooks_subject(workspace_id=workspace_id),
        kind=listening.TEST,
        hook=found,
        endpoint=found.url,
        lane=found.lane,
        body=hook_out.body_of(type=listening.TEST, message=_MESSAGE, detail={}),
        is_replay=True,
        claim=1,
        next_attempt_at=timezone.now() + timedelta(seconds=claims.LEASE_SECONDS),
    )
    claimed = Claimed(
        id=row.pk,
        claim=1,
        workspace_id=workspace_id,
        event_id=row.event_id,
        lane=found.lane,
        endpoint=found.url,
        secret=found.both_secrets if found.is_overlapping else found.secret,
        sealed_to=found.sealed_to,
        dialect=row.dialect,
        body=row.body,
        attempts=0,
        age_seconds=0,
        now=timezone.now().timestamp(),
        hook_id=found.pk,
        is_replay=True,
    )
    return row, claimed


async def _send(request: Request) -> Response:
    async with egress.Session(connections=1, per_host=1) as session:
        return await session.send(replace(request, timeout_seconds=_TIMEOUT_SECONDS))
