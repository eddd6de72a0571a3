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
from apps.core.sentences import sentence
from apps.tasks.models import STATUS_WORDS, Attempt, Status, Task
from apps.tasks.services.local_queue import LOCAL

_OUTDATED = sentence("derive from origin task: parent task is outdated")
_REMOVED = sentence("The account that made the task to continue was removed.")


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
        raise ParentOutdated(_OUTDATED)
    if isinstance(values, Continuing):
        values.of(Parent(parent.task_type, parent.process_mode, parent.model_version))
    return Origin(parent.id, parent.service_mode, made_by.provider, made_by.account_id)


def _parent(workspace_id: int, spec: TaskSpec, task_id: uuid.UUID) -> Task:
    field = f"input.{spec.follows}"
    rows = Task.objects.of(workspace_id).annotate(now=Now())
    parent = rows.filter(id=task_id, family=spec.family).first()
    if parent is None:
        raise _no_parent(field, spec, task_id)
    if parent.status != Status.COMPLETED or parent.ended_at is None:
        words = sentence(
            "That task is {status}; only a completed one can be continued.",
            status=STATUS_WORDS[parent.status],
        )
        raise InvalidRequest.field(field, words)
    if spec.follow_hours is not None and parent.ended_at < parent.now - timedelta(
        hours=spec.follow_hours
    ):
        raise ParentOutdated(_OUTDATED)
    return parent


def _no_parent(field: str, spec: TaskSpec, task_id: uuid.UUID) -> NotFound:
    words = sentence("There is no {family} task {id}.", family=spec.family, id=task_id)
    text = sentence("{field}: {problem}", field=field, problem=words)
    refused = NotFound(text, detail={"field": field})
    refused.words = words
    return refused


def require_account(*, spec: TaskSpec, origin: Origin, workspace_id: int) -> None:
    """The account that made the parent must still be there; a pause or a cool-down only means a wait.

    Raises NoSeat when its seat has ended and NoRoute when it is gone.
    """
    if origin.provider == LOCAL:
        return
    found = Account.objects.across_workspaces().filter(pk=origin.account_id or 0).first()
    if found is None or found.workspace_id not in (None, workspace_id):
        raise no_route(spec, _REMOVED)
    if found.seat_ended_at is not None:
        words = sentence(
            "The seat of {account}, which made the task to continue, has ended."
            " Rent it again to go on there.",
            account=found.label,
        )
        raise NoSeat(words)
