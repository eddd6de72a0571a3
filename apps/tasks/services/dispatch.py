"""Giving waiting tasks to whoever has room: accounts at providers, and the local engine.

Called on every wake-up and by the beat: both do the same. One dispatcher works at a time, so that slots, limits and
turns are counted exactly; its transaction is short and holds no network call.
"""

import logging
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from django.db import connection, transaction

from apps.accounts.models import Workspace
from apps.byoa.services import slots
from apps.tasks.models import Attempt
from apps.tasks.services import aftermath, local_queue, own_queue, wakes
from apps.tasks.services.local_queue import ForEngine
from apps.tasks.services.placing import Assigned, Places
from apps.tasks.services.queueing import PER_WORKSPACE, Waiting, next_tasks, waiting_families

log = logging.getLogger(__name__)

_LOCK = 0x6D6F6479  # any number that nobody else uses for an advisory lock
_MOST_AT_ONCE = 500


def dispatch() -> int:
    """Start as much as there is room for. Says how many tasks were given away."""
    return local_queue.resend() + dispatch_waiting()


def dispatch_waiting() -> int:
    """The same without a look at what the local engine may have lost: next to nothing when nobody waits."""
    given = 0
    while waiting_families() or not own_queue.is_empty():
        given_now = _round()
        given += len(given_now.assigned) + len(given_now.local)
        for one in given_now.local:
            local_queue.send_to_engine(one)
        if given_now.assigned:
            wakes.WORK.now()
        if not given_now.is_to_be_continued:
            break
    return given


@dataclass(frozen=True)
class _Given:
    """What one round gave away. `is_to_be_continued`: behind what was looked at there may be more with room."""

    assigned: Sequence[Assigned] = ()
    local: Sequence[ForEngine] = ()
    is_to_be_continued: bool = False


@transaction.atomic
def _round() -> _Given:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    families, queues = waiting_families(), own_queue.queues()
    if not families and not queues:
        return _Given()
    places = _places(queues, now)
    # Who must run on a certain account goes first: everybody else has a choice.
    has_more = _place_own(places, queues)
    placed_before = places.given
    found = next_tasks(kinds=places.kinds(families), room=min(_MOST_AT_ONCE, places.room()))
    for task in _with_asked(found):
        places.place(task)
    places.pool.save()
    _open_attempts(places.assigned)
    local_queue.take(places.local)
    given = places.given - placed_before
    # A large round may have ended with its window. And those that came next and had no room stood before others: in
    # the next round their kind is left out.
    is_to_be_continued = has_more or given >= PER_WORKSPACE or 0 < given < len(found)
    return _Given(places.assigned, places.local, is_to_be_continued)


def _places(queues: Sequence[Sequence[Waiting]], now: datetime) -> Places:
    owners = {task.workspace_id for queue in queues for task in queue if task.is_private}
    picky = Workspace.objects.filter(pk__in=owners, skips_flagged_suno=True)
    return Places(
        pool=slots.open_pool(workspace_ids=owners),
        engine_room=local_queue.room(),
        skipping_flagged=frozenset(picky.values_list("pk", flat=True)) if owners else frozenset(),
        now=now,
    )


def _place_own(places: Places, queues: Sequence[Sequence[Waiting]]) -> bool:
    """Place the heads of the queues, the oldest task first, and say whether more of one may have room.

    The order is the same for everybody, so nobody's tasks keep others off an account for long.
    """
    queue_of = {task.id: number for number, queue in enumerate(queues) for task in queue}
    tasks = sorted(chain(*queues), key=lambda task: (task.created_at, task.id))
    full: set[int] = set()
    for task in _with_asked(tasks):
        number = queue_of[task.id]
        if number not in full and not places.place(task):
            full.add(number)
    return any(
        len(queue) >= own_queue.PER_QUEUE
        for number, queue in enumerate(queues)
        if number not in full
    )


def with_room(families: Sequence[str]) -> list[str]:
    """Those of the families of which one more task could start now."""
    places = _places([], datetime.now(UTC))
    able = {kind.spec.family for kind in places.kinds(families)}
    return [family for family in families if family in able]


def _with_asked(tasks: Sequence[Waiting]) -> Iterable[Waiting]:
    """Each with the accounts that failed it before: another one is asked first."""
    retried = [task.id for task in tasks if task.attempt > 0]
    asked: dict[uuid.UUID, set[int]] = defaultdict(set)
    if retried:
        rows = Attempt.objects.filter(task_id__in=retried, account__isnull=False)
        for task_id, account_id in rows.values_list("task_id", "account_id"):
            asked[task_id].add(account_id or 0)
    for task in tasks:
        yield replace(task, asked=frozenset(asked[task.id])) if task.id in asked else task


# A task's own deadline counts from its creation, the model's time from here.
_START = """
WITH started AS (
    UPDATE tasks_task t
       SET status = 'processing', attempt = t.attempt + 1, progress = 0, provider = v.provider,
           process_mode = v.mode, started_at = statement_timestamp(), lease_until = NULL, wake_at = NULL,
           deadline_at = CASE WHEN t.deadline_seconds IS NULL
                              THEN statement_timestamp() + v.seconds * interval '1 second'
                              ELSE t.deadline_at END
      FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::int[], %s::text[])
           AS v (id, provider, job, account_id, reference, seconds, mode)
     WHERE t.id = v.id
 RETURNING t.id, t.attempt, t.deadline_at, v.provider, v.job, v.account_id, v.reference, v.mode
), attempts AS (
    INSERT INTO tasks_attempt (task_id, number, provider, job, account_id, state, reference, next_at, deadline_at, mode)
    SELECT id, attempt, provider, job, account_id, 'ASSIGNED', reference, statement_timestamp(), deadline_at, mode
      FROM started
)
INSERT INTO tasks_taskevent (task_id, kind, data)
SELECT id, 'processing', jsonb_build_object('attempt', attempt) FROM started
"""


def _open_attempts(assigned: Sequence[Assigned]) -> None:
    if not assigned:
        return
    ids = [one.waiting.id for one in assigned]
    columns: list[list[Any]] = [
        ids,
        [one.route.provider for one in assigned],
        [one.route.job for one in assigned],
        [one.account_id for one in assigned],
        [one.reference for one in assigned],
        [one.spec.timeout_seconds for one in assigned],
        [one.mode for one in assigned],
    ]
    with connection.cursor() as cursor:
        cursor.execute(_START, columns)
    aftermath.started(ids)
