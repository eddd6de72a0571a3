"""What happens to the others when one thing goes wrong."""

import logging
import threading
from collections.abc import Iterator

import pytest
from django.db import connection
from django.utils import timezone

from apps.tasks.models import Task
from apps.tasks.services import claims, sweep
from tests.factories import WorkspaceFactory, claimed, task

pytestmark = pytest.mark.django_db(transaction=True)


def test_task_that_cannot_be_ended_does_not_hold_up_the_others():
    workspace = WorkspaceFactory.create()
    broken, sound = task(workspace), task(workspace)
    with connection.cursor() as cursor:
        # A fault of ours: a hold that is not there. The ledger refuses this from everybody else.
        cursor.execute("ALTER TABLE billing_creditentry DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE billing_creditentry SET reference = 'lost' WHERE reference = %s",
            [broken.reference],
        )
        cursor.execute("ALTER TABLE billing_creditentry ENABLE TRIGGER USER")
    Task.objects.of(workspace.pk).update(deadline_at=timezone.now())

    assert sweep.fail_overdue() == 1

    statuses = dict(Task.objects.of(workspace.pk).values_list("id", "status"))
    assert statuses == {broken.id: "pending", sound.id: "failed"}


class Warned(logging.Handler):
    """Says when a lease could not be renewed."""

    def __init__(self) -> None:
        super().__init__()
        self.happened = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.happened.set()


@pytest.fixture
def warned() -> Iterator[Warned]:
    handler = Warned()
    logging.getLogger(claims.__name__).addHandler(handler)
    yield handler
    logging.getLogger(claims.__name__).removeHandler(handler)


def test_lease_is_kept_through_a_moment_without_the_database(
    warned: Warned, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(claims, "_RENEW_SECONDS", 0.02)
    claim = claimed(WorkspaceFactory.create())

    with claims.kept_alive(claim):
        _rename("tasks_task", "tasks_task_away")
        assert warned.happened.wait(10)
        _rename("tasks_task_away", "tasks_task")
        before = _lease(claim)
        renewed = any(_lease(claim) > before for _ in range(5000))

    assert renewed


def _rename(old: str, new: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {old} RENAME TO {new}")


def _lease(claim: claims.Claim) -> object:
    return Task.objects.across_workspaces().values_list("lease_until", flat=True).get()
