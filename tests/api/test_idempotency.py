"""One Idempotency-Key, one task: repeated, raced, by a neighbour, with another body, a day later."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import Workspace
from apps.billing.models import CreditEntry, Wallet
from apps.tasks.models import IdempotencyRecord, Task
from tests.api.conftest import Caller, caller_of
from tests.factories import ILLUSTRATION, WorkspaceFactory, api_key

TASK = "/api/v1/task"


def create(caller: Caller, key: str, **change: Any) -> Any:
    return caller.post(TASK, ILLUSTRATION | change, HTTP_IDEMPOTENCY_KEY=key)


@pytest.mark.django_db
def test_repetition_gives_the_first_answer_again(api: Caller, workspace: Workspace):
    first = create(api, "a")
    assert api.call("DELETE", f"{TASK}/{first.json()['data']['task_id']}").status_code == 200

    again = create(api, "a")

    assert again.json() == first.json()
    assert (first.get("Idempotent-Replayed"), again["Idempotent-Replayed"]) == (None, "true")
    assert Task.objects.of(workspace.pk).count() == 1


@pytest.mark.django_db
def test_same_json_in_other_spelling_is_the_same_request(api: Caller):
    first = api.post(
        TASK,
        '{"model":"modelyard/illustration","task_type":"text-to-image","input":{"prompt":"a","seed":1}}',
        HTTP_IDEMPOTENCY_KEY="a",
    )
    again = api.post(
        TASK,
        '{ "input": {"seed": 1, "prompt": "\\u0061"},\n'
        '"task_type": "text-to-image", "model": "modelyard/illustration"}',
        HTTP_IDEMPOTENCY_KEY="a",
    )

    assert again["Idempotent-Replayed"] == "true"
    assert again.json() == first.json()


@pytest.mark.django_db
def test_other_body_is_a_conflict_and_makes_nothing(api: Caller, workspace: Workspace):
    create(api, "a")

    response = create(api, "a", input={"prompt": "a bear"})

    assert (response.status_code, response.json()["error"]["code"]) == (409, 10501)
    assert Task.objects.of(workspace.pk).count() == 1


@pytest.mark.django_db
def test_neighbours_key_of_the_same_name_is_another(api: Caller):
    neighbour = caller_of(WorkspaceFactory.create())

    mine, theirs = create(api, "a"), create(neighbour, "a")

    assert theirs.get("Idempotent-Replayed") is None
    assert mine.json()["data"]["task_id"] != theirs.json()["data"]["task_id"]


@pytest.mark.django_db
def test_key_is_free_again_after_a_day(api: Caller, workspace: Workspace):
    first = create(api, "a")
    record = IdempotencyRecord.objects.of(workspace.pk).get()
    record.created_at -= timedelta(hours=25)
    record.save(update_fields=["created_at"])

    second = create(api, "a")

    assert second.status_code == 200
    assert second.json()["data"]["task_id"] != first.json()["data"]["task_id"]


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["", "a" * 256, "é", "a\tb", "a\x7f"])
def test_unusable_key_is_refused(api: Caller, workspace: Workspace, name: str):
    response = create(api, name)

    assert response.status_code == 400
    assert response.json()["error"]["detail"] == {"field": "Idempotency-Key"}
    assert not Task.objects.of(workspace.pk).exists()


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["a", " ", "a" * 255, "%s'\"; drop"])
def test_usable_key_is_taken(api: Caller, name: str):
    assert create(api, name).status_code == 200
    assert create(api, name)["Idempotent-Replayed"] == "true"


def in_threads(jobs: list[Any], threads: int = 32) -> list[Any]:
    def run(job: Any) -> Any:
        try:
            return job()
        finally:
            connection.close()

    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(run, jobs))


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_many_clients_with_the_same_keys_make_one_task_each():
    workspace = WorkspaceFactory.create()
    key = api_key(workspace)

    def job(name: str) -> Any:
        return lambda: create(Caller(key), name).json()["data"]["task_id"]

    names = [f"k{n}" for n in range(10)] * 32

    made = in_threads([job(name) for name in names])

    assert len(set(zip(names, made, strict=True))) == len(set(made)) == 10
    assert Task.objects.of(workspace.pk).count() == 10
    wallet = Wallet.objects.of(workspace.pk).get()
    assert (wallet.available, wallet.held) == (10_000_000 - 10 * 10_000, 10 * 10_000)
    holds = CreditEntry.objects.of(workspace.pk).filter(kind=CreditEntry.Kind.HOLD)
    assert holds.count() == 10


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_concurrent_creates_spend_exactly_what_is_there():
    workspace = WorkspaceFactory.create(points=50 * 10_000)
    key = api_key(workspace)

    statuses = Counter(
        in_threads([lambda: Caller(key).post(TASK, ILLUSTRATION).status_code for _ in range(200)])
    )

    assert statuses == {200: 50, 402: 150}
    wallet = Wallet.objects.of(workspace.pk).get()
    assert (wallet.available, wallet.held) == (0, 500_000)
    assert Task.objects.of(workspace.pk).count() == 50
