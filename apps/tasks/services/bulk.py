"""Many tasks on one word: cancelled, or run again."""

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

import orjson

from apps.accounts.selectors import Identity
from apps.core.errors import DomainError
from apps.tasks import selectors
from apps.tasks.models import CANCELLABLE, Task
from apps.tasks.services import finish, penalties
from apps.tasks.services.create import create_task
from apps.tasks.services.request import TaskRequest, prepare

_BATCH = 200


def cancel_these(*, identity: Identity, task_ids: Sequence[uuid.UUID]) -> int:
    """Cancel those of the workspace's tasks that have not started; how many that were. Safe to repeat.

    Each is ended and its hold given back in one transaction with it.
    """
    own: list[uuid.UUID] = []
    for start in range(0, len(task_ids), _BATCH):
        found = selectors.tasks_by_ids(
            workspace_id=identity.workspace_id, task_ids=task_ids[start : start + _BATCH]
        )
        own += [task.id for task in found if task.status in CANCELLABLE]
    done = (finish.cancel_many(task_ids=own[at : at + _BATCH]) for at in range(0, len(own), _BATCH))
    return sum(map(len, done))


@dataclass(frozen=True)
class Line:
    """One task that is to run again: what it costs now, or the sentence why it cannot."""

    task: Task
    points: int
    refusal: str = ""


@dataclass(frozen=True)
class Offer:
    """What running these again costs together, at today's prices."""

    lines: Sequence[Line]

    @property
    def ready(self) -> list[Line]:
        return [line for line in self.lines if not line.refusal]

    @property
    def refused(self) -> list[Line]:
        return [line for line in self.lines if line.refusal]

    @property
    def points(self) -> int:
        return sum(line.points for line in self.ready)


def offer(*, identity: Identity, task_ids: Sequence[uuid.UUID]) -> Offer:
    """Price the tasks anew. Reads only."""
    tasks = selectors.tasks_by_ids(workspace_id=identity.workspace_id, task_ids=task_ids)
    return Offer([_line(identity, task) for task in tasks])


def _line(identity: Identity, task: Task) -> Line:
    try:
        prepared = prepare(identity=identity, request=_request(task))
    except DomainError as error:
        return Line(task, 0, error.message)
    return Line(task, penalties.expected(identity=identity, prepared=prepared).points)


@dataclass(frozen=True)
class Rerun:
    """The new tasks, and the sentence that stopped the rest (empty: nothing did)."""

    made: Sequence[Task]
    refusal: str = ""


def run_again(*, identity: Identity, offered: Offer, token: str) -> Rerun:
    """Create the tasks of an offer. Repeated with the same `token` it makes none twice.

    Stops at the first that is refused (too few credits, no account, no room), since the next would be too.
    """
    made: list[Task] = []
    for line in offered.ready:
        try:
            made.append(create_task(identity=identity, request=_request(line.task, token)).task)
        except DomainError as error:
            return Rerun(made, error.message)
    return Rerun(made)


def _request(task: Task, token: str = "") -> TaskRequest:
    """The same again, in the same pool; whoever waits for the first one's webhook is not told of the second."""
    body = [task.model, task.task_type, task.input, task.service_mode]
    return TaskRequest(
        model=task.model,
        task_type=task.task_type,
        input=task.input,
        service_mode=task.service_mode,
        client_reference=task.client_reference,
        idempotency_key=f"again:{token}:{task.id}" if token else None,
        fingerprint=hashlib.sha256(orjson.dumps(body)).digest() if token else b"",
    )
