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
from functools import cache
from typing import Any

from django.db import connection, transaction

from apps.byoa import selectors as byoa
from apps.byoa.services import slots
from apps.catalog import registry
from apps.catalog.spec import Route, TaskSpec
from apps.core.errors import DomainError
from apps.tasks.models import Attempt
from apps.tasks.services import aftermath, local_queue, wakes
from apps.tasks.services.local_queue import LOCAL, ForEngine
from apps.tasks.services.queueing import Waiting, next_tasks, waiting_families

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
    given = local_queue.resend()
    while True:
        assigned, local = _round()
        given += len(assigned) + len(local)
        for one in local:
            local_queue.send_to_engine(one)
        if assigned:
            wakes.WORK.now()
        if len(assigned) + len(local) < _MOST_AT_ONCE:
            return given


@transaction.atomic
def _round() -> tuple[list[Assigned], list[ForEngine]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        cursor.execute("SELECT clock_timestamp()")
        now: datetime = cursor.fetchone()[0]
    waiting = waiting_families()
    if not waiting:
        return [], []
    pool, engine_room = slots.open_pool(), local_queue.room()
    families = [family for family in waiting if _has_room(pool, engine_room, family)]
    found = next_tasks(families=families, room=min(_MOST_AT_ONCE, pool.room() + engine_room))
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
    return assigned, local


def with_room(families: Sequence[str]) -> list[str]:
    """Those of the families of which one more task could start now."""
    pool, engine_room = slots.open_pool(), local_queue.room()
    return [family for family in families if _has_room(pool, engine_room, family)]


def _placed(
    pool: slots.Pool, engine_room: int, task: Waiting, now: datetime
) -> Assigned | ForEngine | None:
    """The first of its routes that has room; None when somebody else took the last slot."""
    spec = _spec(task)
    if spec is None:
        return None
    for route in byoa.routes(spec):
        if route.provider == LOCAL:
            if engine_room > 0 and local_queue.can_run(spec, route):
                return ForEngine(task.id, spec, route)
        elif (booked := _booked(pool, task, spec, route, now)) is not None:
            return booked
    return None


def _has_room(pool: slots.Pool, engine_room: int, family: str) -> bool:
    return any(
        engine_room > 0 if provider == LOCAL else pool.has_room(provider=provider, family=family)
        for provider in _providers_of(family)
    )


@cache
def _providers_of(family: str) -> frozenset[str]:
    specs = [spec for spec in registry.all_specs().values() if spec.family == family]
    return frozenset(route.provider for spec in specs for route in byoa.routes(spec))


def _spec(task: Waiting) -> TaskSpec | None:
    try:
        return registry.spec_of(task.model, task.task_type)
    except DomainError:
        # The catalog no longer has it; the deadline ends the task and gives the hold back.
        log.warning("task without a spec", extra={"task_id": str(task.id), "model": task.model})
        return None


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
    seconds = spec.timeout_seconds + _LEASE_GRACE_SECONDS
    for avoid in (task.asked, frozenset[int]()) if task.asked else (frozenset[int](),):
        account_id = pool.book(
            provider=route.provider,
            family=spec.family,
            holder=reference,
            expires_at=now + timedelta(seconds=seconds),
            avoid=avoid,
        )
        if account_id is not None:
            return Assigned(task, spec, route, account_id, reference)
    return None


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
