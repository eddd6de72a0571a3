"""Tasks without a webhook of their own are told to the endpoints that chose their events."""

import json
from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.notifications.models import Delivery, Endpoint
from apps.notifications.services import endpoints, outbox
from apps.tasks.models import Task
from apps.tasks.services import finish
from apps.tasks.services.cancel import cancel_task
from tests.factories import WorkspaceFactory, claimed, identity, task
from tests.notifications.endpoints.helpers import TASKS, Pump, at, listening, of
from tests.notifications.receiver import Receiver

pytestmark = pytest.mark.django_db


def _told(endpoint: Endpoint) -> list[tuple[str, str]]:
    return [(row.kind, json.loads(row.body)["data"]["status"]) for row in of(endpoint)]


def _complete(workspace: Workspace, **request: Any) -> Task:
    claim = claimed(workspace, **request)
    result = finish.Result(output={"image_url": "http://testserver/files/a.png"})
    finish.complete(task_id=claim.task.id, attempt=claim.attempt, result=result)
    return claim.task


def test_life_of_a_task_is_told_as_the_api_shows_it(
    workspace: Workspace, receiver: Receiver, pump: Pump
) -> None:
    made, _ = listening(workspace, receiver.url(), TASKS)

    done = _complete(workspace)
    pump()

    assert _told(made) == [("task.created", "pending"), ("task.completed", "completed")]
    created, completed = (json.loads(got.body) for got in receiver.got)
    assert created["data"]["task_id"] == completed["data"]["task_id"] == str(done.id)
    assert created["data"]["meta"]["created_at"] == completed["data"]["meta"]["created_at"]
    assert created["timestamp"] > 1_700_000_000
    assert [row.subject for row in of(made)] == [done.reference] * 2


def test_only_chosen_events_are_told(workspace: Workspace) -> None:
    made, _ = listening(workspace, events=("task.cancelled", "task.failed"))
    _complete(workspace)
    open_task = task(workspace)
    cancel_task(identity=identity(workspace), task_id=open_task.id)

    assert _told(made) == [("task.cancelled", "cancelled")]


def test_task_with_its_own_webhook_is_told_there_alone(workspace: Workspace) -> None:
    made, _ = listening(workspace, events=TASKS)

    _complete(workspace, webhook_endpoint="https://own.example.com/")

    assert of(made) == []
    rows = Delivery.objects.of(workspace.pk)
    assert {row.endpoint for row in rows} == {"https://own.example.com/"}


def test_every_listening_endpoint_hears_and_no_neighbour(workspace: Workspace) -> None:
    one, _ = listening(workspace, events=TASKS)
    two, _ = listening(workspace, "https://two.example.com/", TASKS)
    deaf, _ = listening(workspace)
    gone, _ = listening(workspace, events=TASKS)
    endpoints.delete(**at(workspace, gone))
    theirs, _ = listening(WorkspaceFactory.create(), events=TASKS)

    _complete(workspace)

    assert [len(of(one)) for one in (one, two, deaf, gone, theirs)] == [2, 2, 0, 0, 0]


def test_older_tasks_are_told_in_the_unified_shape(workspace: Workspace) -> None:
    made, _ = listening(workspace, events=TASKS)

    task(workspace, dialect="v2")

    (row,) = of(made)
    assert (row.dialect, sorted(json.loads(row.body))) == ("unified", ["data", "timestamp"])


def test_created_event_wakes_the_pump(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[int] = []
    monkeypatch.setattr(outbox, "wake", lambda: woken.append(1))

    task(workspace)
    assert woken == []
    listening(workspace, events=TASKS)
    task(workspace)

    assert woken == [1]
