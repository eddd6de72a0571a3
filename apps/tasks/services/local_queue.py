"""The local engine's side of the dispatch: how much its workers can be handed, and sending again what got lost."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import connection

from apps.byoa import selectors as byoa
from apps.catalog import registry
from apps.catalog.spec import Route, TaskSpec
from apps.core.queue import send
from apps.tasks.models import Status, Task

LOCAL = "local"
# A message can be lost with its broker; the row is then sent again after this long, doubling per send. Short
# enough for a customer to wait out, long enough that a full queue is not filled with copies.
_FIRST_RESEND_SECONDS = 30
_LONGEST_RESEND_SECONDS = 600
# How long a worker may take beyond a task's deadline before it is killed.
_GRACE_SECONDS = 60
_BATCH = 200


@dataclass(frozen=True)
class ForEngine:
    """A waiting task for the local engine."""

    task_id: uuid.UUID
    spec: TaskSpec
    route: Route


def local_route(spec: TaskSpec) -> Route | None:
    """The spec's way through the engine, if it has one and the engine can do it on this machine."""
    route = next((route for route in spec.routes if route.provider == LOCAL), None)
    return route if route is not None and byoa.engine_can(route) else None


def room() -> int:
    """How many more tasks the local workers may be handed: what they have not finished counts."""
    if not settings.LOCAL_ENGINE:
        return 0
    at_engine = Task.objects.across_workspaces().filter(
        provider=LOCAL, status__in=[Status.PENDING, Status.PROCESSING]
    )
    return max(0, settings.LOCAL_ENGINE_SLOTS - at_engine.count())


def take(tasks: Sequence[ForEngine]) -> None:
    """Count them as the engine's from now on, in the dispatcher's transaction. They stay pending until claimed."""
    if not tasks:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE tasks_task SET provider = 'local', sends = sends + 1,"
            " wake_at = clock_timestamp() + %s * interval '1 second' WHERE id = ANY(%s)",
            [_FIRST_RESEND_SECONDS, [task.task_id for task in tasks]],
        )


# A processing row is due when its lease has run out: its worker is gone.
_TAKE_DUE = """
UPDATE tasks_task SET sends = sends + 1,
       wake_at = clock_timestamp() + LEAST(%s * power(2, LEAST(sends, 10)), %s) * interval '1 second'
 WHERE id = ANY (ARRAY(
    SELECT id FROM tasks_task
     WHERE provider = 'local' AND status IN ('pending', 'processing') AND wake_at <= clock_timestamp()
     ORDER BY wake_at LIMIT %s FOR UPDATE SKIP LOCKED))
RETURNING id, model, task_type
"""


def resend() -> int:
    """Send what the engine's workers should have and show no sign of having. Says how many."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE_DUE, [_FIRST_RESEND_SECONDS, _LONGEST_RESEND_SECONDS, _BATCH])
        due = cursor.fetchall()
    sent = 0
    for task_id, model, task_type in due:
        spec = registry.all_specs().get((model, task_type))
        route = spec and local_route(spec)
        if spec and route:
            sent += send_to_engine(ForEngine(task_id, spec, route))
    return sent


def send_to_engine(task: ForEngine) -> bool:
    """The message; one that is lost is sent again by `resend`."""
    return send(
        "tasks.execute",
        queue=task.route.queue,
        time_limit=task.spec.timeout_seconds + _GRACE_SECONDS,
        task_id=str(task.task_id),
    )
