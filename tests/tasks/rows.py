"""Many rows at once, and what tests ask of them."""

import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from django.db import connection

from apps.accounts.models import Workspace
from apps.billing import selectors as billing
from apps.tasks.models import FamilyLoad, Task
from apps.tasks.services.create import create_task
from apps.tasks.services.request import TaskRequest
from tests.factories import PICTURE, identity

_Answer = TypeVar("_Answer")
# Columns of a copy that are not the template's.
_OWN = {"id": "gen_random_uuid()", "created_at": "created_at + n * interval '1 microsecond'"}


def copies(template: Task, *, count: int) -> None:
    """More waiting tasks like this one, created right after it. Without holds: for tests of what runs, not of money."""
    names = [field.column for field in Task._meta.concrete_fields]
    values = [_OWN.get(name, name) for name in names]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO tasks_task ({', '.join(names)})"  # noqa: S608 - our own columns
            f" SELECT {', '.join(values)} FROM tasks_task, generate_series(1, %s) n WHERE id = %s",
            [count, template.id],
        )


def pictures(workspace: Workspace, count: int, **request: Any) -> list[Task]:
    """So many tasks for a provider, created as they come in."""
    who = identity(workspace)
    wanted = TaskRequest(**{**PICTURE, **request})
    return [create_task(identity=who, request=wanted).task for _ in range(count)]


def plan(workspace: Workspace, **fields: Any) -> Workspace:
    """The workspace with these fields changed."""
    Workspace.objects.filter(pk=workspace.pk).update(**fields)
    workspace.refresh_from_db()
    return workspace


def change(task: Task, **fields: Any) -> None:
    Task.objects.of(task.workspace_id).filter(id=task.id).update(**fields)


def again(task: Task) -> Task:
    """The task as it is now."""
    return Task.objects.of(task.workspace_id).get(id=task.id)


def statuses(workspace: Workspace) -> Mapping[str, int]:
    """How many tasks of the workspace are in each state."""
    return Counter(Task.objects.of(workspace.pk).values_list("status", flat=True))


def loads(workspace: Workspace) -> dict[str, tuple[int, int]]:
    """Family → (active, staged), as counted."""
    rows = FamilyLoad.objects.of(workspace.pk).values_list("family", "active", "staged")
    return {family: (active, staged) for family, active, staged in rows}


def balance(workspace: Workspace) -> tuple[int, int]:
    """(available, held)"""
    wallet = billing.wallet(workspace_id=workspace.pk)
    return wallet.available, wallet.held


def ids(tasks: list[Task]) -> list[uuid.UUID]:
    return [task.id for task in tasks]


def elsewhere(call: Callable[[], _Answer]) -> _Answer:
    """Called on another connection while ours stays as it is."""

    def once() -> _Answer:
        try:
            return call()
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(once).result()
