"""Sending many deliveries of an endpoint again: counted first, by a job, oldest first, a few a second."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models.functions import Now

from apps.core.errors import InvalidRequest
from apps.core.queue import send
from apps.core.sentences import sentence
from apps.notifications.models import Endpoint, ReplayRun
from apps.notifications.selectors import listening
from apps.notifications.services import endpoints, outbox
from apps.notifications.services.endpoints import By

# Of one run; the rest is the next one's.
MOST = 10_000
_PER_SECOND = 10
_BATCH = 500


@dataclass(frozen=True)
class Asked:
    """What is to be sent again: of [since, until), what was not delivered, or all of it."""

    since: datetime
    until: datetime
    with_delivered: bool = False


@dataclass(frozen=True)
class Preview:
    """How many deliveries that is (at most `MOST`), and the id that keeps later ones out."""

    total: int
    upto_id: int
    is_cut: bool


def preview(*, endpoint: Endpoint, asked: Asked, upto_id: int | None = None) -> Preview:
    """What a run would send again, of ids up to this one."""
    rows = listening.replayable(
        endpoint=endpoint,
        since=asked.since,
        until=asked.until,
        with_delivered=asked.with_delivered,
    )
    if upto_id is not None:
        rows = rows.filter(id__lte=upto_id)
    found = list(rows.order_by("id").values_list("pk", flat=True)[: MOST + 1])
    taken = found[:MOST]
    return Preview(len(taken), taken[-1] if taken else 0, len(found) > MOST)


@transaction.atomic
def start(
    *,
    workspace_id: int,
    endpoint_id: uuid.UUID,
    run_id: uuid.UUID,
    asked: Asked,
    upto_id: int,
    by: By,
) -> ReplayRun:
    """Have these sent again. The same `run_id` makes one run, however often it is asked for.

    Raises NotFound, and InvalidRequest while the endpoint is paused, while another run is under way, when there is
    nothing to send, or for a `run_id` of somebody else.
    """
    endpoint = endpoints.locked(workspace_id=workspace_id, endpoint_id=endpoint_id)
    earlier = ReplayRun.objects.across_workspaces().filter(pk=run_id).first()
    if earlier is not None:
        if earlier.endpoint_id == endpoint.pk:
            return earlier
        raise InvalidRequest(sentence("Count again before you replay."))
    if endpoint.state != Endpoint.State.ACTIVE:
        raise InvalidRequest(sentence("Resume the endpoint before you replay several events."))
    if listening.open_run(endpoint=endpoint) is not None:
        raise InvalidRequest(sentence("A replay is under way. Wait until it has been queued."))
    seen = preview(endpoint=endpoint, asked=asked, upto_id=upto_id)
    if not seen.total:
        raise InvalidRequest(sentence("Nothing is left to replay."))
    run = ReplayRun.objects.create(
        id=run_id,
        workspace_id=workspace_id,
        endpoint=endpoint,
        since=asked.since,
        until=asked.until,
        with_delivered=asked.with_delivered,
        upto_id=seen.upto_id,
        total=seen.total,
        created_by=by.actor,
    )
    endpoints.record(endpoint, "replayed", by, {"events": run.total})
    transaction.on_commit(lambda: send("notifications.endpoints", queue="deliver"))
    return run


def advance() -> None:
    """Queue what open runs still have to send. Safe to repeat, to kill, and to run twice at once."""
    rows = ReplayRun.objects.across_workspaces().filter(ended_at__isnull=True)
    for run_id in list(rows.order_by("created_at").values_list("pk", flat=True)):
        while _advance(run_id):
            pass


# What runs at a moment is spread from the run's beginning on, so that a batch that was made late makes up for it.
_AGAIN = """
WITH picked AS MATERIALIZED (
    SELECT id, row_number() OVER (ORDER BY id) AS n FROM (
        SELECT id FROM notifications_delivery
         WHERE hook_id = %(hook)s AND id > %(after)s AND id <= %(upto)s
           AND created_at >= %(since)s AND created_at < %(until)s AND state = ANY(%(states)s)
           AND kind <> %(test)s
         ORDER BY id LIMIT %(batch)s) AS next
), again AS (
    UPDATE notifications_delivery d
       SET state = 'WAITING', attempts = 0, ended_at = NULL, is_replay = true, lane = %(lane)s,
           next_attempt_at = greatest(statement_timestamp(),
                                      %(from)s + (%(done)s + picked.n - 1) / %(pace)s::float8 * interval '1 second')
      FROM picked WHERE d.id = picked.id AND d.state <> 'WAITING'
 RETURNING d.id
)
SELECT (SELECT count(*) FROM again), (SELECT count(*) FROM picked), (SELECT max(id) FROM picked)
"""


@transaction.atomic
def _advance(run_id: uuid.UUID) -> bool:
    """One batch and how far it came, together. True when there may be more."""
    rows = ReplayRun.objects.across_workspaces().filter(pk=run_id, ended_at__isnull=True)
    run = rows.select_related("endpoint").select_for_update(skip_locked=True, of=("self",)).first()
    if run is None:
        return False
    done, found, last = 0, 0, None
    if run.endpoint.state == Endpoint.State.ACTIVE:
        with connection.cursor() as cursor:
            cursor.execute(_AGAIN, _parameters(run))
            done, found, last = cursor.fetchone()
    run.done += done
    run.after_id = last or run.after_id
    has_more = found == _BATCH and run.done < MOST
    run.ended_at = None if has_more else Now()
    run.save(update_fields=["done", "after_id", "ended_at"])
    if done:
        outbox.wake()
    return has_more


def _parameters(run: ReplayRun) -> dict[str, Any]:
    return {
        "hook": run.endpoint_id,
        "lane": run.endpoint.lane,
        "after": run.after_id,
        "upto": run.upto_id,
        "since": run.since,
        "until": run.until,
        "states": list(listening.replayable_states(with_delivered=run.with_delivered)),
        "test": listening.TEST,
        "batch": _BATCH,
        "from": run.created_at,
        "done": run.done,
        "pace": _PER_SECOND,
    }
