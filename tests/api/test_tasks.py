"""Create, read, cancel, list: shapes to the last key, and what servers of this API must tolerate."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.billing.models import Wallet
from apps.tasks.models import FailureCode, Task
from apps.tasks.services import finish
from tests.api.conftest import Caller
from tests.factories import ILLUSTRATION, WorkspaceFactory, claimed, completed, task

pytestmark = pytest.mark.django_db
TASK, TASKS = "/api/v1/task", "/api/v1/tasks"
ZERO = "0001-01-01T00:00:00Z"
NO_ERROR = {"code": 0, "raw_message": "", "message": "", "detail": None}


def shown(found: Task, **changed: Any) -> dict[str, Any]:
    """The whole of a task as the contract has it."""
    usage = {"type": "point", "frozen": 10_000, "consume": 0}
    return {
        "task_id": str(found.id),
        "model": "modelyard/illustration",
        "task_type": "text-to-image",
        "status": "pending",
        "config": {
            "service_mode": "public",
            "webhook_config": {"endpoint": "", "secret": ""},
            "client_reference": "",
            "retention": "plan",
        },
        "input": ILLUSTRATION["input"],
        "output": None,
        "meta": {
            "created_at": wire(found.created_at),
            "started_at": wire(found.started_at),
            "ended_at": wire(found.ended_at),
            "usage": usage,
            "is_using_private_pool": False,
        },
        "detail": None,
        "logs": [],
        "error": NO_ERROR,
        **changed,
    }


def wire(instant: datetime | None) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if instant else ZERO


def used(data: dict[str, Any]) -> tuple[int, int]:
    usage = data["meta"]["usage"]
    assert usage["type"] == "point"
    return usage["frozen"], usage["consume"]


def stored(workspace: Workspace) -> Task:
    return Task.objects.of(workspace.pk).get()


def test_create_answers_200_with_the_whole_task(api: Caller, workspace: Workspace):
    response = api.post(TASK, ILLUSTRATION)

    assert response.status_code == 200
    assert response.json() == {
        "code": 200,
        "data": shown(stored(workspace)),
        "message": "success",
    }


def test_get_answers_what_create_answered(api: Caller):
    created = api.post(TASK, ILLUSTRATION).json()

    assert api.get(f"{TASK}/{created['data']['task_id']}").json() == created


@pytest.mark.parametrize(
    "config",
    [
        None,
        {},
        "",
        {"service_mode": None},
        {"service_mode": ""},
        {"service_mode": "public"},
        {"webhook_config": None},
        {"webhook_config": {}},
        {"webhook_config": {"endpoint": "", "secret": ""}},
        {"webhook_config": {"endpoint": None, "secret": None, "progress": None}, "unknown": 1},
        {"client_reference": None, "retention": None},
        {"client_reference": "", "retention": "", "webhook_config": {"progress": ""}},
    ],
)
def test_empty_configs_behave_alike(api: Caller, workspace: Workspace, config: Any):
    body = {**ILLUSTRATION, "config": config, "auto_upload_assets": True}

    assert api.post(TASK, body).json()["data"] == shown(stored(workspace))


@pytest.mark.parametrize(
    "content_type",
    ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "é"],
)
def test_body_is_json_whatever_its_content_type(api: Caller, content_type: str):
    assert api.post(TASK, ILLUSTRATION, CONTENT_TYPE=content_type).status_code == 200


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "nonsense", ""])
def test_answer_is_json_whatever_is_accepted(api: Caller, accept: str):
    response = api.get(TASKS, HTTP_ACCEPT=accept)

    assert (response.status_code, response["Content-Type"]) == (200, "application/json")


@pytest.mark.parametrize("path", [TASKS, "/api/v1/models", "/account/info"])
def test_trailing_slash_head_and_options_are_tolerated(api: Caller, path: str):
    head, options = api.call("HEAD", path), Caller().call("OPTIONS", path)

    assert api.get(f"{path}/").json()["code"] == 200
    assert (head.status_code, head.content) == (200, b"")
    assert options.status_code == 200
    assert "GET" in options["Allow"]


def test_unknown_inputs_are_echoed_and_numeric_text_is_coerced(api: Caller, workspace: Workspace):
    given = {"prompt": "a fox", "width": "256", "height": 256, "mood": ["calm", {"x": None}]}

    data = api.post(TASK, {**ILLUSTRATION, "input": given}).json()["data"]

    assert data["input"] == given
    assert stored(workspace).input == given


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"input": []}, "input"),
        ({"input": "text"}, "input"),
        ({"input": {}}, "input.prompt"),
        ({"input": None}, "input.prompt"),
        ({"config": []}, "config"),
        ({"config": {"service_mode": 1}}, "config.service_mode"),
        ({"config": {"service_mode": "hybrid"}}, "config.service_mode"),
        ({"config": {"webhook_config": 1}}, "config.webhook_config"),
        ({"config": {"webhook_config": {"endpoint": 1}}}, "config.webhook_config.endpoint"),
        (
            {"config": {"webhook_config": {"endpoint": "http://127.0.0.1/"}}},
            "config.webhook_config.endpoint",
        ),
        ({"config": {"webhook_config": {"secret": "a\r\nb"}}}, "config.webhook_config.secret"),
        ({"config": {"webhook_config": {"secret": "a" * 513}}}, "config.webhook_config.secret"),
        ({"config": {"webhook_config": {"progress": 1}}}, "config.webhook_config.progress"),
        ({"config": {"webhook_config": {"progress": "true"}}}, "config.webhook_config.progress"),
        ({"config": {"client_reference": 1}}, "config.client_reference"),
        ({"config": {"client_reference": "a" * 256}}, "config.client_reference"),
        ({"config": {"retention": "2d"}}, "config.retention"),
        ({"config": {"retention": 1}}, "config.retention"),
        ({"model": None}, "model"),
        ({"model": {"a": 1}}, "model"),
        ({"task_type": None}, "task_type"),
        ({"task_type": ["text-to-image"]}, "task_type"),
    ],
)
def test_wrong_field_is_named_and_nothing_is_made(
    api: Caller, workspace: Workspace, change: dict[str, Any], field: str
):
    response = api.post(TASK, ILLUSTRATION | change)

    assert response.status_code == 400
    assert response.json()["error"]["detail"]["field"] == field
    assert not Task.objects.of(workspace.pk).exists()
    assert Wallet.objects.of(workspace.pk).get().held == 0


def test_secret_of_a_webhook_is_never_shown(api: Caller):
    webhook = {"endpoint": "https://example.com/hook", "secret": "canary-secret"}

    created = api.post(TASK, {**ILLUSTRATION, "config": {"webhook_config": webhook}})
    again = api.get(f"{TASK}/{created.json()['data']['task_id']}")

    for answer in (created, again):
        assert answer.json()["data"]["config"]["webhook_config"] == {**webhook, "secret": ""}
        assert "canary-secret" not in answer.content.decode()


def test_completed_task_shows_output_and_cost(api: Caller, workspace: Workspace):
    done = completed(workspace, {"image_url": "http://testserver/files/mj/x.png"})

    data = api.get(f"{TASK}/{done.id}").json()["data"]

    expected = shown(
        done, status="completed", output={"image_url": "http://testserver/files/mj/x.png"}
    )
    expected["meta"]["usage"] = {"type": "point", "frozen": 10_000, "consume": 10_000}
    assert data == expected
    assert ZERO not in (data["meta"]["started_at"], data["meta"]["ended_at"])


def test_failed_task_costs_nothing_and_says_why(api: Caller, workspace: Workspace):
    claim = claimed(workspace)
    failure = finish.Failure(FailureCode.PROVIDER_FAILED, "It did not work.", raw="boom")
    finish.fail(task_id=claim.task.id, attempt=claim.attempt, failure=failure)

    data = api.get(f"{TASK}/{claim.task.id}").json()["data"]

    assert data["status"] == "failed"
    assert used(data) == (0, 0)
    assert data["error"] == {
        "code": 11000,
        "raw_message": "boom",
        "message": "It did not work.",
        "detail": None,
    }


def test_processing_task_keeps_its_hold(api: Caller, workspace: Workspace):
    claim = claimed(workspace)

    data = api.get(f"{TASK}/{claim.task.id}").json()["data"]

    assert (data["status"], used(data)) == ("processing", (10_000, 0))
    assert data["meta"]["started_at"] != ZERO


def test_cancel_gives_the_hold_back_and_answers_with_the_task(api: Caller, workspace: Workspace):
    waiting = task(workspace)

    response = api.call("DELETE", f"{TASK}/{waiting.id}")

    data = response.json()["data"]
    assert response.status_code == 200
    assert (data["status"], data["error"]["code"], used(data)) == ("cancelled", 11004, (0, 0))
    wallet = Wallet.objects.of(workspace.pk).get()
    assert (wallet.available, wallet.held) == (10_000_000, 0)
    assert api.call("DELETE", f"{TASK}/{waiting.id}").status_code == 409


@pytest.mark.parametrize("text", ["x", "123", "%00", "..%2f", "é", "0" * 300, "a" * 36])
@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_is_no_task_id_is_not_found(api: Caller, method: str, text: str):
    assert api.call(method, f"{TASK}/{text}").status_code == 404


def test_echo_adds_the_defaults_that_clients_expect(api: Caller, workspace: Workspace):
    # No Flux task can be created without a provider, so one becomes one afterwards.
    Task.objects.of(workspace.pk).filter(id=task(workspace).id).update(
        model="Qubico/flux1-schnell", task_type="txt2img", input={"prompt": "a fox", "width": 512}
    )

    data = api.get(TASKS).json()["data"]["items"][0]

    assert data["input"] == {"prompt": "a fox", "width": 512, "height": 0, "steps": 0}


def test_midjourney_tells_more_in_meta(api: Caller, workspace: Workspace):
    Task.objects.of(workspace.pk).filter(id=task(workspace).id).update(
        model="midjourney", task_type="imagine", process_mode="fast", output={"progress": 0}
    )

    meta = api.get(TASKS).json()["data"]["items"][0]["meta"]

    assert {
        name: meta[name] for name in ("model_version", "process_mode", "failover_triggered")
    } == {
        "model_version": "unknown",
        "process_mode": "fast",
        "failover_triggered": False,
    }


# ------------------------------------------------------------------------ list
def ids(response: Any) -> list[str]:
    return [item["task_id"] for item in response.json()["data"]["items"]]


def test_list_is_newest_first_with_whole_tasks(api: Caller, workspace: Workspace):
    made = [task(workspace) for _ in range(3)]

    data = api.get(TASKS).json()["data"]

    assert data == {"items": [shown(found) for found in reversed(made)], "next_cursor": None}


def test_pages_show_each_task_once_also_of_one_instant(api: Caller, workspace: Workspace):
    made = {str(task(workspace).id) for _ in range(7)}
    Task.objects.of(workspace.pk).update(created_at=datetime(2026, 1, 1, tzinfo=UTC))
    seen: list[str] = []
    cursor: str | None = ""

    while cursor is not None:
        page = api.get(f"{TASKS}?limit=3&cursor={cursor}")
        # A newer task that arrives meanwhile shifts nothing.
        newest = str(task(workspace).id)
        seen += ids(page)
        cursor = page.json()["data"]["next_cursor"]

    assert newest not in seen
    assert (len(seen), set(seen)) == (7, made)


def test_list_is_filtered_by_state_model_and_time(api: Caller, workspace: Workspace):
    old, new, done = task(workspace), task(workspace), completed(workspace)
    Task.objects.of(workspace.pk).filter(id=old.id).update(
        created_at=datetime(2026, 1, 1, tzinfo=UTC) - timedelta(seconds=1)
    )
    turn = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())

    found = {
        query: ids(api.get(f"{TASKS}?{query}"))
        for query in (
            "status=completed",
            "model=kling",
            f"created_before={turn}",
            f"created_after={turn}",
            f"created_after={turn - 1}&created_before={turn}",
        )
    }

    assert list(found.values()) == [
        [str(done.id)],
        [],
        [str(old.id)],
        [str(done.id), str(new.id)],
        [str(old.id)],
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=-1", "limit"),
        ("limit=1.5", "limit"),
        ("limit=١", "limit"),
        ("limit=99999999999999999999", "limit"),
        ("status=COMPLETED", "status"),
        ("status=%00", "status"),
        ("model=%00", "model"),
        ("model=a%20b", "model"),
        ("created_after=x", "created_after"),
        ("created_after=-1", "created_after"),
        ("created_before=1e9", "created_before"),
        ("created_before=999999999999", "created_before"),
        ("client_reference=%00", "client_reference"),
        (f"client_reference={'a' * 256}", "client_reference"),
        ("cursor=x", "cursor"),
        ("cursor=%00", "cursor"),
        ("cursor=" + "A" * 32, "cursor"),
        ("cursor=" + "é", "cursor"),
    ],
)
def test_wrong_parameter_is_named(api: Caller, query: str, field: str):
    response = api.get(f"{TASKS}?{query}")

    # A cursor of zeros is a position like any other: the first second of 1970.
    if query == "cursor=" + "A" * 32:
        assert response.json()["data"] == {"items": [], "next_cursor": None}
    else:
        assert response.status_code == 400
        assert response.json()["error"]["detail"] == {"field": field}


@pytest.mark.parametrize("count", [1, 3])
def test_queries_do_not_grow_with_the_list(
    api: Caller, workspace: Workspace, django_assert_num_queries: Any, count: int
):
    for _ in range(count):
        task(workspace)
    api.get(TASKS)

    with django_assert_num_queries(1):
        api.get(TASKS)


@pytest.mark.django_db(transaction=True)
def test_create_takes_one_statement(
    api: Caller, workspace: Workspace, django_assert_num_queries: Any
):
    api.post(TASK, ILLUSTRATION)

    with django_assert_num_queries(1):
        api.post(TASK, ILLUSTRATION)


def test_neighbours_tasks_are_not_there(api: Caller):
    theirs = task(WorkspaceFactory.create())

    assert api.get(f"{TASK}/{theirs.id}").status_code == 404
    assert api.call("DELETE", f"{TASK}/{theirs.id}").status_code == 404
    assert ids(api.get(TASKS)) == []
    assert api.get(f"{TASK}/{theirs.id}").json()["message"] == f"There is no task {theirs.id}."
    missing = uuid.uuid4()
    assert api.get(f"{TASK}/{missing}").json()["message"] == f"There is no task {missing}."
