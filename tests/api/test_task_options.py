"""What a create may ask for besides its input, and many tasks in one call."""

import uuid
from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.tasks.models import Task
from tests.api.conftest import Caller, caller_of
from tests.factories import ILLUSTRATION, WorkspaceFactory, task

pytestmark = pytest.mark.django_db
TASK, TASKS = "/api/v1/task", "/api/v1/tasks"


def stored(workspace: Workspace) -> Task:
    return Task.objects.of(workspace.pk).get()


def create(api: Caller, config: dict[str, Any], **headers: str) -> Any:
    return api.post(TASK, {**ILLUSTRATION, "config": config}, **headers)


def test_options_are_kept_and_echoed(api: Caller, workspace: Workspace):
    config = {
        "client_reference": "Bestellung № 7 🦊",
        "retention": "1h",
        "webhook_config": {"endpoint": "https://example.com/h", "progress": True},
    }

    created = create(api, config)
    read = api.get(f"{TASK}/{created.json()['data']['task_id']}")

    for answer in (created, read):
        assert answer.json()["data"]["config"] == {
            "service_mode": "public",
            "webhook_config": {"endpoint": "https://example.com/h", "secret": "", "progress": True},
            "client_reference": "Bestellung № 7 🦊",
            "retention": "1h",
        }
    found = stored(workspace)
    assert (found.client_reference, found.retention, found.webhook_progress) == (
        "Bestellung № 7 🦊",
        "1h",
        True,
    )


def test_longest_reference_is_taken(api: Caller, workspace: Workspace):
    assert create(api, {"client_reference": "é" * 255}).status_code == 200
    assert stored(workspace).client_reference == "é" * 255


@pytest.mark.parametrize(
    ("plan", "status"), [("hobbyist", 403), ("developer", 403), ("premium", 200)]
)
def test_year_of_retention_needs_premium(plan: str, status: int):
    workspace = WorkspaceFactory.create(plan=plan)
    caller = caller_of(workspace)

    response = create(caller, {"retention": "1y"})

    assert response.status_code == status
    assert Task.objects.of(workspace.pk).count() == (1 if status == 200 else 0)
    if status == 403:
        assert response.json()["error"]["type"] == "plan_required"
        quote = caller.post("/api/v1/task/quote", {**ILLUSTRATION, "config": {"retention": "1y"}})
        assert quote.status_code == 403


@pytest.mark.parametrize("seconds", ["1", "60", "86400"])
def test_deadline_counts_from_creation(api: Caller, workspace: Workspace, seconds: str):
    assert create(api, {}, HTTP_X_DEADLINE_SECONDS=seconds).status_code == 200

    found = stored(workspace)
    assert found.deadline_seconds == int(seconds)
    assert (found.deadline_at - found.created_at).total_seconds() == pytest.approx(
        int(seconds), abs=1
    )


@pytest.mark.parametrize("text", ["", "0", "86401", "-1", "1.5", "1e3", "x", "١", "999999999999"])
def test_deadline_out_of_range_is_refused(api: Caller, workspace: Workspace, text: str):
    response = create(api, {}, HTTP_X_DEADLINE_SECONDS=text)

    assert response.status_code == 400
    assert response.json()["error"]["detail"] == {"field": "X-Deadline-Seconds"}
    assert not Task.objects.of(workspace.pk).exists()


def test_list_is_filtered_by_reference(api: Caller, workspace: Workspace):
    wanted = [task(workspace, client_reference="a, b") for _ in range(2)]
    task(workspace, client_reference="a")
    task(workspace)
    task(WorkspaceFactory.create(), client_reference="a, b")

    items = api.get(f"{TASKS}?client_reference=a,%20b").json()["data"]["items"]

    assert [item["task_id"] for item in items] == [str(one.id) for one in reversed(wanted)]


# ----------------------------------------------------------------------- batch
def test_batch_is_in_the_order_asked_and_says_what_is_missing(api: Caller, workspace: Workspace):
    first, second, third = (task(workspace) for _ in range(3))
    theirs, nobodys = task(WorkspaceFactory.create()), uuid.uuid4()
    asked = [third.id, "x", theirs.id, first.id, nobodys, third.id, second.id.hex]

    data = api.get(f"{TASKS}?ids={','.join(map(str, asked))}").json()["data"]

    single = api.get(f"{TASK}/{third.id}").json()["data"]
    assert [item["task_id"] for item in data["items"]] == [
        str(one.id) for one in (third, first, second)
    ]
    assert data["items"][0] == single
    assert data["missing"] == ["x", str(theirs.id), str(nobodys)]
    assert data["next_cursor"] is None


@pytest.mark.parametrize("ids", ["", ",", "%20,%20"])
def test_batch_of_nothing_is_empty(api: Caller, workspace: Workspace, ids: str):
    task(workspace)

    assert api.get(f"{TASKS}?ids={ids}").json()["data"] == {
        "items": [],
        "missing": [],
        "next_cursor": None,
    }


def test_batch_takes_fifty_and_not_more(api: Caller):
    ids = [str(uuid.uuid4()) for _ in range(51)]

    assert api.get(f"{TASKS}?ids={','.join(ids[:50])}").json()["data"]["missing"] == ids[:50]
    refused = api.get(f"{TASKS}?ids={','.join(ids)}")
    assert refused.status_code == 400
    assert refused.json()["error"]["detail"] == {"field": "ids"}


@pytest.mark.parametrize("text", ["%00", "é", "a" * 5000, "%ff%fe", "{}", "urn:uuid:1"])
def test_batch_takes_nonsense_for_missing(api: Caller, text: str):
    response = api.get(f"{TASKS}?ids={text}")

    assert response.status_code == 200
    assert len(response.json()["data"]["missing"]) == 1


@pytest.mark.parametrize("count", [1, 3])
def test_batch_takes_one_query(
    api: Caller, workspace: Workspace, django_assert_num_queries: Any, count: int
):
    ids = ",".join(str(task(workspace).id) for _ in range(count))
    api.get(TASKS)

    with django_assert_num_queries(1):
        api.get(f"{TASKS}?ids={ids}")
