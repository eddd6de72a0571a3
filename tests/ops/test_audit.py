from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.ops import audit
from apps.tasks.services import finish
from tests.factories import WorkspaceFactory, claimed, completed, task

pytestmark = pytest.mark.django_db(transaction=True)


def test_audit_prints_one_line_of_proof():
    workspace = WorkspaceFactory.create(points=1_000_000)
    completed(workspace)
    task(workspace)
    out = StringIO()

    call_command("audit_credits", stdout=out)

    assert out.getvalue() == (
        "Credits balance: 1 wallets, 4 ledger lines, 2 tasks, 0 payments, 0 invoices; $0.098 available, "
        "$0.001 held, $0.00 owed.\n"
    )


def test_audit_finds_one_stray_point():
    workspace = WorkspaceFactory.create(points=100)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE billing_wallet SET available = available + 1")
    err = StringIO()

    with pytest.raises(CommandError, match="2 differences"):
        call_command("audit_credits", stderr=err)

    assert err.getvalue() == (
        f"workspace {workspace.pk}: available 101, ledger 100\n"
        f"workspace {workspace.pk} has 101 points, its lots 100\n"
    )


@pytest.mark.parametrize(
    ("damage", "finding"),
    [
        (
            "UPDATE tasks_task SET status = 'failed', ended_at = now(); UPDATE tasks_familyload SET active = 0",
            "has ended (failed) but its hold is open",
        ),
        ("UPDATE tasks_task SET price_points = price_points + 1", "has no hold of its price"),
        (
            "DELETE FROM tasks_taskevent; DELETE FROM tasks_attempt; DELETE FROM tasks_task;"
            " DELETE FROM tasks_familyload",
            "has no task",
        ),
    ],
)
def test_audit_finds_a_task_that_does_not_fit_its_hold(damage: str, finding: str):
    task(WorkspaceFactory.create())
    with connection.cursor() as cursor:
        for statement in damage.split("; "):
            cursor.execute(statement)

    found = audit.differences()

    assert len(found) == 1
    assert finding in found[0]


def test_audit_finds_a_cost_that_was_not_captured():
    claim = claimed(WorkspaceFactory.create())
    finish.fail(
        task_id=claim.task.id, failure=finish.Failure(finish.FailureCode.PROVIDER_FAILED, "No.")
    )
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tasks_task SET cost_points = 7")

    assert audit.differences() == [f"task {claim.task.id} cost 7 points but 0 were captured"]
