"""Each fault that the audit looks for, planted by hand: it is found, and it alone."""

from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import Workspace
from apps.ops import audit, jobs
from apps.tasks.models import Task
from apps.tasks.services import finish, operator
from apps.tasks.services.dispatch import dispatch
from tests.byoa.test_slots import lease
from tests.factories import WorkspaceFactory, completed, picture, task
from tests.factories.byoa import account

pytestmark = pytest.mark.django_db

HOOK = "https://customer.example.com/hook"


def plant(sql: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def at_provider(workspace: Workspace) -> Task:
    account()
    made = picture(workspace)
    assert dispatch() == 1
    return made


@pytest.mark.parametrize("active", [0, 2])
def test_load_that_is_not_what_there_is(workspace: Workspace, active: int):
    family = task(workspace).family
    task(WorkspaceFactory.create())
    assert audit.work_differences() == []

    plant("UPDATE tasks_familyload SET active = %s WHERE workspace_id = %s", active, workspace.pk)

    sentence = (
        f"workspace {workspace.pk} {family} (public): {active} active and 0 staged are counted,"
        " 1 and 0 are there"
    )
    assert audit.work_differences() == audit.differences() == [sentence]


def test_load_that_is_missing(workspace: Workspace):
    Workspace.objects.filter(pk=workspace.pk).update(concurrency_override=1)
    task(workspace)
    family = task(workspace).family
    assert audit.work_differences() == []

    plant("DELETE FROM tasks_familyload")

    assert audit.work_differences() == [
        f"workspace {workspace.pk} {family} (public): 0 active and 0 staged are counted, 1 and 1 are there"
    ]


def test_slot_that_nobody_holds(workspace: Workspace):
    made = at_provider(workspace)
    assert audit.differences() == []

    stray = lease(account().pk)

    assert audit.differences() == [
        f"slot {stray.pk} of account {stray.account_id} is held by no open attempt"
    ]
    assert made.reference not in audit.differences()[0]


@pytest.mark.parametrize("seconds", [-60, 600])
def test_slot_that_outlived_its_attempt(workspace: Workspace, seconds: int):
    made = at_provider(workspace)
    plant("UPDATE byoa_slotlease SET holder = 'kept' || holder")
    operator.void(task_id=made.id, actor=None, reason="test")
    plant("UPDATE byoa_slotlease SET holder = substr(holder, 5)")
    plant("UPDATE byoa_slotlease SET expires_at = now() + %s * interval '1 second'", seconds)

    [found] = audit.differences()

    assert found.endswith("is held by no open attempt")


@pytest.mark.parametrize("state", ["RUNNING", "ASSIGNED", "SENDING", "UNKNOWN", "ACCEPTED"])
def test_attempt_that_is_open_after_its_task(workspace: Workspace, state: str):
    made = completed(workspace)
    assert audit.differences() == []

    plant("UPDATE tasks_attempt SET state = %s", state)

    assert audit.differences() == [
        f"task {made.id} has ended (completed) but its attempt 1 is {state}"
    ]


def test_task_at_a_provider_that_nobody_works_on(workspace: Workspace):
    made = at_provider(workspace)

    plant("UPDATE tasks_attempt SET state = 'FAILED'; DELETE FROM byoa_slotlease")

    assert audit.differences() == [
        f"task {made.id} is processing at federation without an open attempt"
    ]


def test_task_whose_open_attempt_is_an_older_one(workspace: Workspace):
    made = at_provider(workspace)

    plant("UPDATE tasks_task SET attempt = 2")

    assert audit.differences() == [
        f"task {made.id} is processing at federation without an open attempt"
    ]


def test_end_that_nobody_was_told_of(workspace: Workspace):
    made = task(workspace, webhook_endpoint=HOOK)
    task(workspace)
    operator.void(task_id=made.id, actor=None, reason="test")
    assert audit.differences() == []

    plant("DELETE FROM notifications_delivery WHERE kind = 'task.failed'")

    assert audit.differences() == [
        f"task {made.id} has ended (failed) but its webhook has no delivery"
    ]

    # Deliveries are forgotten after a month.
    plant("UPDATE tasks_task SET ended_at = now() - interval '31 days' WHERE ended_at IS NOT NULL")
    assert audit.differences() == []


def refunded(workspace: Workspace, points: int) -> Task:
    """A task that cost 10,000 points, and a refund of that size written past the service."""
    made = completed(workspace)
    plant_refund(made, points)
    return made


def plant_refund(of: Task, points: int) -> None:
    plant("UPDATE billing_wallet SET available = available + %s", points)
    plant(
        "WITH line AS ("
        " INSERT INTO billing_creditentry (workspace_id, kind, reference, available_delta, available_after, held_after)"
        " SELECT workspace_id, 'REFUND', %s, %s, available, held FROM billing_wallet RETURNING id, workspace_id"
        ") INSERT INTO billing_creditlot (entry_id, workspace_id, points, remaining)"
        " SELECT id, workspace_id, %s, %s FROM line",
        of.reference,
        points,
        points,
        points,
    )


def test_refund_of_more_than_was_captured(workspace: Workspace):
    made = refunded(workspace, 10_001)

    assert audit.differences() == [
        f"{made.reference} was refunded 10001 points, but 10000 were captured"
    ]


def test_refund_of_what_was_never_captured(workspace: Workspace):
    made = refunded(workspace, 5_000)
    assert audit.differences() == []
    made = task(workspace)
    finish.cancel(task=made)
    plant_refund(made, 1)

    assert audit.differences() == [f"{made.reference} was refunded 1 points, but 0 were captured"]


def test_second_refund(workspace: Workspace):
    plant("SET CONSTRAINTS ALL IMMEDIATE")
    plant("ALTER TABLE billing_creditentry DROP CONSTRAINT credit_entry_once_per_kind")
    made = refunded(workspace, 5_000)
    plant_refund(made, 5_000)

    assert audit.differences() == [f"{made.reference} was refunded 2 times"]


def test_hourly_job_logs_each_fault(workspace: Workspace, caplog: pytest.LogCaptureFixture):
    task(workspace)
    jobs.audit_work()
    assert caplog.records == []

    plant("UPDATE tasks_familyload SET active = 7")
    jobs.audit_work()

    [record] = caplog.records
    assert (record.levelname, record.__dict__["reason"]) == ("ERROR", audit.work_differences()[0])
