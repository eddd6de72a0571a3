"""An operator takes a task from a provider that works on it: what the provider sees, and what it costs whom."""

from collections.abc import Callable

import pytest

from apps.accounts.models import Workspace
from apps.byoa.models import SlotLease
from apps.files.models import StoredFile
from apps.ops import audit, pool_report
from apps.ops.pool_report import Money
from apps.tasks.models import Status, Task
from apps.tasks.services import operator
from tests.factories import picture
from tests.factories.byoa import account
from tests.tasks import rows
from tests.tasks.remote.conftest import attempts, finish_upstream
from tests.upstream.provider import Provider

pytestmark = pytest.mark.django_db
Run = Callable[..., None]
WHY = "Ticket 4711: hangs"


@pytest.fixture
def accepted(workspace: Workspace, provider: Provider, run: Run) -> Task:
    """A task that a provider has; it can still be cancelled there."""
    account(base_url=provider.server.url, config={"poll_seconds": 60})
    found = picture(workspace, "[delay=600][pending=600]")
    run()
    assert attempts(found) == [{"state": "ACCEPTED", "cost_points": 0}]
    return found


def test_retried_work_is_stopped_there_and_done_anew(
    workspace: Workspace, provider: Provider, run: Run, accepted: Task
):
    operator.retry(task_id=accepted.id, actor=None, reason=WHY, attempt=1)
    run()

    assert attempts(accepted) == [
        {"state": "ABANDONED", "cost_points": 0},
        {"state": "ACCEPTED", "cost_points": 0},
    ]
    assert sorted(task.is_cancelled for task in provider.store.tasks.values()) == [False, True]

    finish_upstream(provider)
    run(hurry=True)

    assert attempts(accepted)[1] == {"state": "SUCCEEDED", "cost_points": 5_000}
    assert rows.again(accepted).status == Status.COMPLETED
    assert rows.balance(workspace) == (9_980_000, 0)
    assert (SlotLease.objects.count(), audit.differences()) == (0, [])


def test_result_of_retried_work_is_paid_by_us_once_and_by_the_customer_not_twice(
    workspace: Workspace, provider: Provider, run: Run, accepted: Task
):
    # It is done before anybody can stop it.
    finish_upstream(provider)
    operator.retry(task_id=accepted.id, actor=None, reason=WHY)
    run(hurry=True)
    finish_upstream(provider)
    run(hurry=True)

    assert attempts(accepted) == [
        {"state": "LATE", "cost_points": 5_000},
        {"state": "SUCCEEDED", "cost_points": 5_000},
    ]
    assert rows.balance(workspace) == (9_980_000, 0)
    assert StoredFile.objects.of(workspace.pk).count() == 1
    assert pool_report.report().money == Money(10_000, 20_000)
    assert audit.differences() == []


def test_voided_work_is_free_for_the_customer_whatever_it_costs_us(
    workspace: Workspace, provider: Provider, run: Run, accepted: Task
):
    finish_upstream(provider)
    operator.void(task_id=accepted.id, actor=None, reason=WHY)
    run(hurry=True)

    assert attempts(accepted) == [{"state": "LATE", "cost_points": 5_000}]
    assert rows.again(accepted).status == Status.FAILED
    assert rows.balance(workspace) == (10_000_000, 0)
    assert StoredFile.objects.of(workspace.pk).count() == 0
    assert pool_report.report().money == Money(5_000, 0)
    assert audit.differences() == []
