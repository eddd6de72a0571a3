"""Giving waiting tasks to whoever has room: accounts at providers, and the local engine.

Called on every wake-up and by the beat: both do the same. One dispatcher works at a time, so that slots, limits and
turns are counted exactly; its transaction is short and holds no network call.
"""

import logging
import secrets
import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from apps.byoa import selectors as byoa
from apps.byoa.services import slots
from apps.catalog import registry
from apps.catalog.spec import Route, TaskSpec
from apps.tasks.models import Attempt
from apps.tasks.services import aftermath, local_queue, wakes
from apps.tasks.services.local_queue import LOCAL, ForEngine
from apps.tasks.services.queueing import PER_WORKSPACE, Waiting, next_tasks, waiting_families

log = logging.getLogger(__name__)

_LOCK = 0x6D6F6479  # any number that nobody else uses for an advisory lock
_MOST_AT_ONCE = 500
# A slot outlives its task's deadline by this much: time to ask the provider to stop.
_LEASE_GRACE_SECONDS = 300


@dataclass(frozen=True)
class Assigned:
    """A waiting task, the account that is to do it, and our name for the attempt."""

    waiting: Waiting
    spec: TaskSpec
    route: Route
    account_id: int
    reference: str


def dispatch() -> int:
    """Start as much as there is room for. Says how many tasks were given away."""
    return local_queue.resend() + dispatch_waiting()


def dispatch_waiting() -> int:
    """The same without a look at what the local engine may have lost: next to nothing when nobody waits."""
    given = 0
    while waiting_families():
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
    waiting = waiting_families()
    if not waiting:
        return _Given()
    pool, engine_room = slots.open_pool(), local_queue.room()
    found = next_tasks(
        specs=_specs_with_room(pool, engine_room, waiting),
        room=min(_MOST_AT_ONCE, pool.room() + engine_room),
    )
    assigned: list[Assigned] = []
    local: list[ForEngine] = []
    for task in _with_asked(found):
        match _placed(pool, engine_room - len(local), task, now):
            case Assigned() as one:
                assigned.append(one)
            case ForEngine() as one:
                local.append(one)
    pool.save()
    _open_attempts(assigned)
    local_queue.take(local)
    given = len(assigned) + len(local)
    # A large round may have ended with its window. And those that came next and had no room stood before others: in
    # the next round their kind is left out.
    return _Given(assigned, local, given >= PER_WORKSPACE or 0 < given < len(found))


def with_room(families: Sequence[str]) -> list[str]:
    """Those of the families of which one more task could start now."""
    found = _specs_with_room(slots.open_pool(), local_queue.room(), families)
    able = {spec.family for spec in found}
    return [family for family in families if family in able]


def _placed(
    pool: slots.Pool, engine_room: int, task: Waiting, now: datetime
) -> Assigned | ForEngine | None:
    """The first of its routes that has room; None when somebody else took the last slot."""
    spec = registry.spec_of(task.model, task.task_type)
    for route in byoa.routes(spec):
        if route.provider == LOCAL:
            if engine_room > 0 and local_queue.can_run(spec, route):
                return ForEngine(task.id, spec, route)
        elif (booked := _booked(pool, task, spec, route, now)) is not None:
            return booked
    return None


def _specs_with_room(pool: slots.Pool, engine_room: int, families: Sequence[str]) -> list[TaskSpec]:
    """What could start now. Within a family some may need an account and others only the engine."""
    wanted = frozenset(families)
    specs = [spec for spec in registry.all_specs().values() if spec.family in wanted]
    return [spec for spec in specs if _has_room(pool, engine_room, spec)]


def _has_room(pool: slots.Pool, engine_room: int, spec: TaskSpec) -> bool:
    return any(
        engine_room > 0 and local_queue.can_run(spec, route)
        if route.provider == LOCAL
        else pool.has_room(provider=route.provider, family=spec.family)
        for route in byoa.routes(spec)
    )


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


def _booked(
    pool: slots.Pool, task: Waiting, spec: TaskSpec, route: Route, now: datetime
) -> Assigned | None:
    reference = secrets.token_urlsafe(24)
    expires_at = _deadline(task, spec, now) + timedelta(seconds=_LEASE_GRACE_SECONDS)
    for avoid in (task.asked, frozenset[int]()) if task.asked else (frozenset[int](),):
        account_id = pool.book(
            provider=route.provider,
            family=spec.family,
            holder=reference,
            expires_at=expires_at,
            avoid=avoid,
        )
        if account_id is not None:
            return Assigned(task, spec, route, account_id, reference)
    return None


def _deadline(task: Waiting, spec: TaskSpec, now: datetime) -> datetime:
    if task.deadline_seconds is not None:
        return task.created_at + timedelta(seconds=task.deadline_seconds)
    return now + timedelta(seconds=spec.timeout_seconds)


# A task's own deadline counts from its creation, the model's time from here.
_START = """
WITH started AS (
    UPDATE tasks_task t
       SET status = 'processing', attempt = t.attempt + 1, progress = 0, provider = v.provider,
           started_at = statement_timestamp(), lease_until = NULL, wake_at = NULL,
           deadline_at = CASE WHEN t.deadline_seconds IS NULL
                              THEN statement_timestamp() + v.seconds * interval '1 second'
                              ELSE t.deadline_at END
      FROM unnest(%s::uuid[], %s::text[], %s::text[], %s::bigint[], %s::text[], %s::int[])
           AS v (id, provider, job, account_id, reference, seconds)
     WHERE t.id = v.id
 RETURNING t.id, t.attempt, t.deadline_at, v.provider, v.job, v.account_id, v.reference
), attempts AS (
    INSERT INTO tasks_attempt (task_id, number, provider, job, account_id, state, reference, next_at, deadline_at)
    SELECT id, attempt, provider, job, account_id, 'ASSIGNED', reference, statement_timestamp(), deadline_at
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
    ]
    with connection.cursor() as cursor:
        cursor.execute(_START, columns)
    aftermath.started(ids)
