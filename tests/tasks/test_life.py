"""From pending to the end: claims, leases, fencing, the end of a task and its money."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.billing import selectors as billing
from apps.core.errors import NotFound
from apps.files.models import StoredFile
from apps.ops import audit
from apps.tasks import selectors
from apps.tasks.models import Attempt, FailureCode, Task, UsageBucket
from apps.tasks.services import claims, dispatch, execute, finish, sweep
from apps.tasks.services.cancel import NotCancellable, cancel_task
from tests.factories import ROUTE, WorkspaceFactory, claimed, completed, identity, task

pytestmark = pytest.mark.django_db
RESULT = finish.Result(
    output={"image_url": "http://testserver/files/mj/x.png"}, engine="procedural"
)
FAILURE = finish.Failure(FailureCode.PROVIDER_FAILED, "The picture cannot be read.", raw="raw")


def reread(found: Task) -> Task:
    return Task.objects.across_workspaces().get(id=found.id)


def change(found: Task, **fields: Any) -> None:
    Task.objects.across_workspaces().filter(id=found.id).update(**fields)


def claim(found: Task) -> claims.Claim | None:
    return claims.claim(task_id=found.id, route=ROUTE, worker="w")


def balance(workspace: Workspace) -> tuple[int, int]:
    wallet = billing.wallet(workspace_id=workspace.pk)
    return wallet.available, wallet.held


def test_claim_starts_the_task_and_opens_an_attempt(workspace: Workspace):
    found = claimed(workspace)

    stored = reread(found.task)
    assert (stored.status, stored.attempt, found.attempt) == ("processing", 1, 1)
    assert stored.started_at is not None
    assert stored.lease_until == stored.wake_at
    assert [(a.number, a.state) for a in stored.attempts.all()] == [(1, Attempt.State.RUNNING)]
    assert [e.kind for e in stored.events.order_by("id")] == ["created", "processing"]


def test_claimed_task_cannot_be_claimed_again_while_its_lease_holds(workspace: Workspace):
    assert claim(claimed(workspace).task) is None


def test_task_whose_lease_ran_out_is_claimed_anew_and_the_old_claim_is_dead(workspace: Workspace):
    old = claimed(workspace)
    change(old.task, lease_until=timezone.now() - timedelta(seconds=1))

    new = claim(old.task)

    assert new is not None
    assert new.attempt == 2
    assert claims.renew(old) is False
    assert finish.complete(task_id=old.task.id, attempt=old.attempt, result=RESULT) is False
    assert finish.fail(task_id=old.task.id, attempt=old.attempt, failure=FAILURE) is False
    assert finish.complete(task_id=new.task.id, attempt=new.attempt, result=RESULT) is True
    states = list(old.task.attempts.order_by("number").values_list("state", flat=True))
    assert states == [Attempt.State.LOST, Attempt.State.SUCCEEDED]
    assert balance(workspace) == (9_990_000, 0)
    assert audit.differences() == []


def test_renewed_lease_holds_longer(workspace: Workspace):
    found = claimed(workspace)
    change(found.task, lease_until=timezone.now())

    assert claims.renew(found) is True
    assert reread(found.task).lease_until > timezone.now() + timedelta(seconds=20)


def test_completed_task_costs_its_price_once(workspace: Workspace):
    found = claimed(workspace)

    ended = [finish.complete(task_id=found.task.id, attempt=1, result=RESULT) for _ in "ab"]

    assert ended == [True, False]
    stored = reread(found.task)
    assert (stored.status, stored.cost_points, stored.progress) == ("completed", 10_000, 100)
    assert (stored.output, stored.engine) == (RESULT.output, "procedural")
    assert stored.ended_at is not None
    assert (stored.lease_until, stored.wake_at) == (None, None)
    assert balance(workspace) == (9_990_000, 0)
    assert audit.differences() == []


def test_failed_task_costs_nothing(workspace: Workspace):
    found = claimed(workspace)

    ended = [finish.fail(task_id=found.task.id, attempt=1, failure=FAILURE) for _ in "ab"]

    assert ended == [True, False]
    stored = reread(found.task)
    assert (stored.status, stored.cost_points) == ("failed", 0)
    assert (stored.error_code, stored.error_message, stored.error_raw) == (
        11000,
        "The picture cannot be read.",
        "raw",
    )
    assert balance(workspace) == (10_000_000, 0)
    assert audit.differences() == []


def test_completion_that_crashes_before_its_commit_changes_nothing(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    found = claimed(workspace)
    with monkeypatch.context() as crash:
        crash.setattr(finish.credits, "settle_many", _crash)
        with pytest.raises(RuntimeError, match="crash"):
            finish.complete(task_id=found.task.id, attempt=1, result=RESULT)

    assert reread(found.task).status == "processing"
    assert balance(workspace) == (9_990_000, 10_000)
    assert audit.differences() == []
    assert finish.complete(task_id=found.task.id, attempt=1, result=RESULT) is True


def _crash(*_: object) -> None:
    raise RuntimeError("crash")


def test_finished_tasks_are_counted_in_their_quarter_hour(workspace: Workspace):
    completed(workspace)
    completed(workspace)
    finish.fail(task_id=claimed(workspace).task.id, failure=FAILURE)

    bucket = UsageBucket.objects.of(workspace.pk).get()

    assert (bucket.completed, bucket.failed, bucket.cost_points) == (2, 1, 20_000)
    assert bucket.starts_at.minute % 15 == 0
    assert bucket.starts_at.second == 0


def test_cancel_gives_the_hold_back(workspace: Workspace):
    found = task(workspace)

    ended = cancel_task(identity=identity(workspace), task_id=found.id)

    assert (ended.status, ended.error_code) == ("cancelled", 11004)
    assert balance(workspace) == (10_000_000, 0)
    assert audit.differences() == []


def test_running_task_cannot_be_cancelled(workspace: Workspace):
    found = claimed(workspace)

    with pytest.raises(NotCancellable, match="processing"):
        cancel_task(identity=identity(workspace), task_id=found.task.id)


def test_task_of_a_neighbour_does_not_exist(workspace: Workspace):
    theirs = task(WorkspaceFactory.create())

    with pytest.raises(NotFound):
        cancel_task(identity=identity(workspace), task_id=theirs.id)
    with pytest.raises(NotFound):
        selectors.task(workspace_id=workspace.pk, task_id=theirs.id)
    assert selectors.newest_tasks(workspace_id=workspace.pk, limit=10).items == []


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_cancel_and_claim_at_once_have_one_winner():
    workspace = WorkspaceFactory.create()
    who = identity(workspace)
    tasks = [task(workspace) for _ in range(12)]

    def cancel(found: Task) -> str:
        try:
            cancel_task(identity=who, task_id=found.id)
        except NotCancellable:
            return "late"
        finally:
            connection.close()
        return "cancelled"

    def take(found: Task) -> str:
        try:
            return "claimed" if claim(found) else "late"
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=8) as pool:
        pairs = [(pool.submit(cancel, t), pool.submit(take, t)) for t in tasks]
        outcomes = [{a.result(), b.result()} for a, b in pairs]

    assert all(outcome in ({"cancelled", "late"}, {"claimed", "late"}) for outcome in outcomes)
    assert audit.differences() == []


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_many_claims_at_once_have_one_winner():
    workspace = WorkspaceFactory.create()
    found = task(workspace)

    def take(_: int) -> bool:
        try:
            return claim(found) is not None
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=16) as pool:
        assert list(pool.map(take, range(32))).count(True) == 1


def test_dispatch_sends_a_waiting_task_once_and_again_when_its_message_is_lost(
    workspace: Workspace,
):
    found = task(workspace)

    assert [dispatch.dispatch(), dispatch.dispatch()] == [1, 0]
    change(found, wake_at=timezone.now())
    assert dispatch.dispatch() == 1
    stored = reread(found)
    assert stored.sends == 2
    assert stored.wake_at > timezone.now() + timedelta(seconds=50)


def test_dispatch_sends_a_task_whose_worker_died(workspace: Workspace):
    found = claimed(workspace)
    assert dispatch.dispatch() == 0
    change(found.task, lease_until=timezone.now(), wake_at=timezone.now())

    assert dispatch.dispatch() == 1


def test_task_past_its_deadline_fails_and_costs_nothing(workspace: Workspace):
    waiting, running = task(workspace), claimed(workspace)
    for found in (waiting, running.task):
        change(found, deadline_at=timezone.now() - timedelta(seconds=1))

    assert [sweep.fail_overdue(), sweep.fail_overdue()] == [2, 0]
    assert reread(waiting).error_code == reread(running.task).error_code == 11001
    assert finish.complete(task_id=running.task.id, attempt=1, result=RESULT) is False
    assert balance(workspace) == (10_000_000, 0)
    assert audit.differences() == []


@pytest.mark.django_db(transaction=True)
def test_execute_runs_the_engine_stores_the_file_and_charges():
    workspace = WorkspaceFactory.create()
    found = task(workspace)

    execute.execute(task_id=found.id)

    stored = reread(found)
    assert (stored.status, stored.error_message) == ("completed", "")
    file = StoredFile.objects.of(workspace.pk).get()
    assert stored.output is not None
    assert stored.output["image_url"] == f"http://testserver/files/{file.key}"
    assert stored.output["engine"] == stored.engine == "procedural"
    assert file.expires_at > timezone.now() + timedelta(days=6)
    assert audit.differences() == []


@pytest.mark.django_db(transaction=True)
def test_execute_with_an_input_that_is_gone_fails_the_task_for_free():
    workspace = WorkspaceFactory.create()
    found = task(
        workspace,
        model="Qubico/image-toolkit",
        task_type="background-remove",
        input={"image": f"http://testserver/files/temp/{uuid.uuid4()}.png"},
    )

    execute.execute(task_id=found.id)

    stored = reread(found)
    assert (stored.status, stored.cost_points) == ("failed", 0)
    assert "does not exist any more" in stored.error_message
    assert audit.differences() == []


@pytest.mark.django_db(transaction=True)
def test_task_that_killed_three_workers_is_given_up():
    workspace = WorkspaceFactory.create()
    found = task(workspace)
    change(found, attempt=3)

    execute.execute(task_id=found.id)

    stored = reread(found)
    assert (stored.status, stored.error_code) == ("failed", 11006)
    assert balance(workspace) == (10_000_000, 0)
