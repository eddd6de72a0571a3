"""The limits as a caller of the API meets them, and references that stay inside their workspace."""

from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.tasks.models import Task
from apps.tasks.services import sweep
from apps.tasks.services.dispatch import dispatch
from tests.api.conftest import Caller, caller_of
from tests.factories import ILLUSTRATION, PICTURE, WorkspaceFactory
from tests.factories.byoa import account
from tests.tasks import rows

pytestmark = pytest.mark.django_db
TASK, TASKS = "/api/v1/task", "/api/v1/tasks"


@pytest.fixture
def hobbyist(db: None) -> Workspace:
    return WorkspaceFactory.create(plan="hobbyist")


@pytest.fixture
def caller(hobbyist: Workspace) -> Caller:
    return caller_of(hobbyist)


def create(caller: Caller, **config: Any) -> Any:
    return caller.post(TASK, {**ILLUSTRATION, "config": config}).json()["data"]


def test_third_is_staged_and_the_53rd_of_a_family_is_refused(caller: Caller, hobbyist: Workspace):
    made = [create(caller)["status"] for _ in range(52)]
    refused: Any = caller.post(TASK, ILLUSTRATION)

    assert made == ["pending"] * 2 + ["staged"] * 50
    body = refused.json()
    assert (refused.status_code, body["code"], body["data"]) == (429, 429, None)
    assert (body["error"]["code"], body["error"]["type"]) == (10701, "concurrency_exceeded")
    assert body["error"]["detail"] == {"family": "local"}
    assert int(refused["Retry-After"]) > 0
    assert rows.balance(hobbyist) == (10_000_000 - 520_000, 520_000)


def test_staged_task_is_read_listed_and_cancelled_like_a_waiting_one(caller: Caller):
    first, _, third = [create(caller) for _ in range(3)]
    path = f"{TASK}/{third['task_id']}"

    read = caller.get(path).json()["data"]
    listed = caller.get(f"{TASKS}?status=staged").json()["data"]["items"]
    cancelled = caller.call("DELETE", path).json()["data"]

    assert read["status"] == third["status"] == "staged"
    assert read["meta"]["usage"] == {"type": "point", "frozen": 10_000, "consume": 0}
    assert [one["task_id"] for one in listed] == [third["task_id"]]
    assert (cancelled["status"], cancelled["error"]["code"]) == ("cancelled", 11004)
    assert cancelled["meta"]["usage"] == {"type": "point", "frozen": 0, "consume": 0}
    assert caller.get(f"{TASK}/{first['task_id']}").json()["data"]["status"] == "pending"


def test_cancelling_a_waiting_task_starts_a_staged_one(caller: Caller):
    first, _, third = [create(caller) for _ in range(3)]

    caller.call("DELETE", f"{TASK}/{first['task_id']}")

    assert caller.get(f"{TASK}/{third['task_id']}").json()["data"]["status"] == "pending"


def test_replay_shows_the_task_as_it_was_created(caller: Caller):
    first = create(caller)
    create(caller)
    header = {"HTTP_IDEMPOTENCY_KEY": "one"}
    staged: Any = caller.post(TASK, ILLUSTRATION, **header)
    caller.call("DELETE", f"{TASK}/{first['task_id']}")

    replay: Any = caller.post(TASK, ILLUSTRATION, **header)

    assert replay["Idempotent-Replayed"] == "true"
    assert replay.json() == staged.json()
    assert staged.json()["data"]["status"] == "staged"


def test_task_at_a_provider_cannot_be_cancelled(caller: Caller, hobbyist: Workspace, settings: Any):
    settings.LOCAL_ENGINE = False
    account()
    made: Any = caller.post(TASK, PICTURE).json()["data"]
    dispatch()

    refused: Any = caller.call("DELETE", f"{TASK}/{made['task_id']}")

    assert refused.status_code == 409
    assert refused.json()["error"]["code"] == 10500
    assert rows.balance(hobbyist) == (10_000_000 - 20_000, 20_000)


def test_reference_finds_the_callers_own_tasks_only(caller: Caller):
    neighbour = caller_of(WorkspaceFactory.create())
    mine = [create(caller, client_reference="order 7")["task_id"] for _ in range(2)]
    create(caller, client_reference="order 8")
    theirs = create(neighbour, client_reference="order 7")["task_id"]

    def found(who: Caller) -> list[str]:
        answer: Any = who.get(f"{TASKS}?client_reference=order%207").json()
        return [one["task_id"] for one in answer["data"]["items"]]

    assert found(caller) == mine[::-1]
    assert found(neighbour) == [theirs]


def test_own_deadline_ends_a_task_that_still_waits(caller: Caller, hobbyist: Workspace):
    rows.plan(hobbyist, concurrency_override=0)
    made: Any = caller.post(TASK, ILLUSTRATION, HTTP_X_DEADLINE_SECONDS="60")
    assert made.json()["data"]["status"] == "staged"
    (found,) = Task.objects.of(hobbyist.pk)
    assert abs((found.deadline_at - found.created_at).total_seconds() - 60) < 0.1
    rows.change(found, deadline_at=timezone.now())

    assert sweep.fail_overdue() == 1

    read = caller.get(f"{TASK}/{found.id}").json()["data"]
    assert (read["status"], read["error"]["code"]) == ("failed", 11001)
    assert read["meta"]["usage"] == {"type": "point", "frozen": 0, "consume": 0}
