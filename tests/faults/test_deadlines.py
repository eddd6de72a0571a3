"""A result that comes after the customer's deadline, while nobody swept: free of charge all the same."""

from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import Workspace
from apps.billing import selectors as billing
from apps.byoa.models import SlotLease
from apps.files.models import StoredFile
from apps.ops import audit
from apps.tasks.models import FailureCode, Status, Task
from apps.tasks.services import claims, finish, sweep
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.finish import Result
from apps.tasks.services.remote.pump import Pump
from tests.factories import ROUTE, picture, task
from tests.factories.byoa import account
from tests.tasks.remote.conftest import again, attempts, due_now
from tests.upstream.running import Upstream

pytestmark = pytest.mark.django_db


def pass_the_deadline() -> None:
    with connection.cursor() as cursor:
        cursor.execute("UPDATE tasks_task SET deadline_at = statement_timestamp()")


def balance(workspace: Workspace) -> tuple[int, int]:
    wallet = billing.wallet(workspace_id=workspace.pk)
    return wallet.available, wallet.held


@pytest.fixture
def late_task(workspace: Workspace, upstream: Upstream, settings: Any) -> Task:
    """At its provider, which is done; the customer's time is over."""
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    account(base_url=upstream.url, config={"poll_seconds": 0.05})
    made = picture(workspace, "[delay=0.1]", deadline_seconds=60)
    dispatch()
    Pump().run(seconds=5)
    due_now()
    pass_the_deadline()
    return made


def test_late_result_of_a_provider_is_not_delivered_and_not_charged(
    workspace: Workspace, late_task: Task
):
    Pump().run(seconds=1)
    assert (again(late_task).status, balance(workspace)[1]) == (Status.PROCESSING, 20_000)

    assert sweep.fail_overdue() == 1
    Pump().run(seconds=5)

    ended = again(late_task)
    assert (ended.status, ended.error_code, ended.cost_points) == (
        Status.FAILED,
        FailureCode.PROVIDER_TIMEOUT,
        0,
    )
    assert attempts(late_task) == [{"state": "LATE", "cost_points": 5_000}]
    assert balance(workspace) == (10_000_000, 0)
    assert (StoredFile.objects.of(workspace.pk).count(), SlotLease.objects.count()) == (0, 0)
    assert audit.differences() == []


def test_late_result_of_the_local_engine_is_refused(workspace: Workspace):
    made = task(workspace, deadline_seconds=60)
    claimed = claims.claim(task_id=made.id, route=ROUTE, worker="test")
    assert claimed is not None
    pass_the_deadline()

    done = finish.complete(task_id=made.id, attempt=1, result=Result({"image_url": "x"}))

    assert (done, again(made).status) == (False, Status.PROCESSING)


def test_result_that_is_late_by_the_models_own_limit_only_is_delivered(workspace: Workspace):
    made = task(workspace)
    claimed = claims.claim(task_id=made.id, route=ROUTE, worker="test")
    assert claimed is not None
    pass_the_deadline()

    assert finish.complete(task_id=made.id, attempt=1, result=Result({"image_url": "x"}))
    assert again(made).status == Status.COMPLETED
