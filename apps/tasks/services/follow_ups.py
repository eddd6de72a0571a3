"""What a follow-up continues: its parent, and where both must run."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.db.models.functions import Now

from apps.byoa.models import Account
from apps.byoa.selectors import NoSeat, no_route
from apps.catalog.inputs import Continuing, TaskInput
from apps.catalog.spec import Parent, TaskSpec
from apps.core.errors import DomainError, InvalidRequest, NotFound
from apps.tasks.models import Attempt, Status, Task
from apps.tasks.services.local_queue import LOCAL


class ParentOutdated(DomainError):
    """The task to continue ended too long ago."""

    type = "parent_task_outdated"


class ActionPerformed(DomainError):
    """This was done to the parent before, and can be done once."""

    type = "action_already_performed"


@dataclass(frozen=True)
class Origin:
    """The task that is continued, its pool, and who made it: with an account unless it was the local engine."""

    task_id: uuid.UUID
    service_mode: str
    provider: str
    account_id: int | None


def origin(*, workspace_id: int, spec: TaskSpec, values: TaskInput) -> Origin | None:
    """Look the parent up and give the input what it inherits; None for what continues nothing.

    Raises NotFound, InvalidRequest for a parent that cannot be continued in this way, and ParentOutdated.
    """
    if not spec.follows:
        return None
    task_id: str = getattr(values, spec.follows)
    parent = _parent(workspace_id, spec, uuid.UUID(task_id))
    made_by = parent.attempts.filter(state=Attempt.State.SUCCEEDED).order_by("-number").first()
    if made_by is None:
        raise ParentOutdated("derive from origin task: parent task is outdated")
    if isinstance(values, Continuing):
        values.of(Parent(parent.task_type, parent.process_mode, parent.model_version))
    return Origin(parent.id, parent.service_mode, made_by.provider, made_by.account_id)


def _parent(workspace_id: int, spec: TaskSpec, task_id: uuid.UUID) -> Task:
    field = f"input.{spec.follows}"
    rows = Task.objects.of(workspace_id).annotate(now=Now())
    parent = rows.filter(id=task_id, family=spec.family).first()
    if parent is None:
        raise NotFound(
            f"{field}: There is no {spec.family} task {task_id}.", detail={"field": field}
        )
    if parent.status != Status.COMPLETED or parent.ended_at is None:
        raise InvalidRequest.field(
            field, f"That task is {parent.status}; only a completed one can be continued."
        )
    if spec.follow_hours is not None and parent.ended_at < parent.now - timedelta(
        hours=spec.follow_hours
    ):
        raise ParentOutdated("derive from origin task: parent task is outdated")
    return parent


def require_account(*, spec: TaskSpec, origin: Origin, workspace_id: int) -> None:
    """The account that made the parent must still be there; a pause or a cool-down only means a wait.

    Raises NoSeat when its seat has ended and NoRoute when it is gone.
    """
    if origin.provider == LOCAL:
        return
    found = Account.objects.across_workspaces().filter(pk=origin.account_id or 0).first()
    if found is None or found.workspace_id not in (None, workspace_id):
        raise no_route(spec, "The account that made the task to continue was removed.")
    if found.seat_ended_at is not None:
        raise NoSeat(
            f"The seat of {found.label}, which made the task to continue, has ended. Rent it again to go on there."
        )
