"""A task's time is over while a provider works on it: the customer pays nothing, and we learn what it cost us."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.byoa.models import SlotLease
from apps.core.wire import Request
from apps.files.models import StoredFile
from apps.ops import audit
from apps.tasks.models import Attempt, FailureCode, Status, Task
from apps.tasks.services import sweep
from apps.tasks.services.dispatch import dispatch
from apps.tasks.services.remote import due, writing
from apps.tasks.services.remote.pump import Pump
from tests.factories import picture
from tests.factories.byoa import account
from tests.tasks import rows
from tests.tasks.remote.conftest import attempts, due_now, finish_upstream, stepped
from tests.upstream.provider import Provider

pytestmark = pytest.mark.django_db
Run = Callable[..., None]


@pytest.fixture(autouse=True)
def _account(provider: Provider) -> None:
    account(base_url=provider.server.url, config={"poll_seconds": 0.05})


def given_up(workspace: Workspace, run: Run, words: str) -> Task:
    """A task that a provider has and whose deadline has passed."""
    found = picture(workspace, words)
    run()
    assert attempts(found)[0]["state"] == "ACCEPTED"
    rows.change(found, deadline_at=timezone.now())
    assert sweep.fail_overdue() == 1
    return rows.again(found)


def test_task_fails_for_free_and_the_provider_is_asked_to_stop(
    workspace: Workspace, provider: Provider, run: Run
):
    found = given_up(workspace, run, "[delay=60][pending=60]")

    assert (found.status, found.error_code) == (Status.FAILED, FailureCode.PROVIDER_TIMEOUT)
    assert found.error_message.endswith("Nothing was charged.")
    assert rows.balance(workspace) == (10_000_000, 0)
    assert SlotLease.objects.count() == 0
    run()

    assert [task.is_cancelled for task in provider.store.tasks.values()] == [True]
    assert attempts(found) == [{"state": "ABANDONED", "cost_points": 0}]
    assert Attempt.objects.get().next_at is None
    assert audit.differences() == []


def test_result_that_comes_too_late_is_recorded_and_neither_delivered_nor_charged(
    workspace: Workspace, provider: Provider, run: Run
):
    found = given_up(workspace, run, "[delay=60]")
    run()
    assert attempts(found) == [{"state": "ABANDONED", "cost_points": 0}]
    finish_upstream(provider)

    run(hurry=True)

    assert attempts(found) == [{"state": "LATE", "cost_points": 5000}]
    after = rows.again(found)
    assert (after.status, after.cost_points, after.output) == (Status.FAILED, 0, found.output)
    assert rows.balance(workspace) == (10_000_000, 0)
    assert StoredFile.objects.of(workspace.pk).count() == 0
    assert sum(seen.cancels for seen in provider.store.seen.values()) == 1
    run(hurry=True)
    assert Attempt.objects.get().next_at is None
    assert audit.differences() == []


def test_work_that_never_ends_is_asked_about_a_few_times_only(
    workspace: Workspace, provider: Provider, run: Run
):
    found = given_up(workspace, run, "[delay=1000]")
    for _ in range(6):
        run(hurry=True)

    assert Attempt.objects.get().next_at is None
    assert attempts(found) == [{"state": "ABANDONED", "cost_points": 0}]
    assert sum(seen.polls for seen in provider.store.seen.values()) <= 5


def test_provider_that_is_gone_for_good_is_not_asked_about_it_for_ever(
    workspace: Workspace, provider: Provider, run: Run
):
    given_up(workspace, run, "[delay=1000]")
    provider.knobs.set({"everything": "503"})
    run(hurry=True)
    assert Attempt.objects.get().next_at is not None
    Attempt.objects.update(started_at=timezone.now() - timedelta(days=2))

    run(hurry=True)

    assert Attempt.objects.get().next_at is None


def test_submit_that_is_never_answered_is_looked_up(
    workspace: Workspace, provider: Provider, run: Run, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("apps.providers.federation.Request", partial(Request, timeout_seconds=0.3))
    found = picture(workspace, "[create=hang][times=1]")

    run()
    assert attempts(found)[0]["state"] == "UNKNOWN"
    run(hurry=True)
    run(hurry=True)

    assert rows.again(found).status == Status.COMPLETED
    assert [seen.submits for seen in provider.store.seen.values()] == [1]


def test_work_whose_submit_was_lost_is_found_and_stopped_after_the_deadline(
    workspace: Workspace, provider: Provider, run: Run
):
    found = picture(workspace, "[create=lost][delay=60][pending=60]")
    run()
    assert attempts(found)[0]["state"] == "UNKNOWN"
    rows.change(found, deadline_at=timezone.now())
    sweep.fail_overdue()

    run()

    assert [task.is_cancelled for task in provider.store.tasks.values()] == [True]
    assert rows.balance(workspace) == (10_000_000, 0)


def test_own_deadline_counts_the_waiting(workspace: Workspace, provider: Provider, run: Run):
    found = picture(workspace, deadline_seconds=60)
    rows.change(found, deadline_at=timezone.now())

    run()

    assert sweep.fail_overdue() == 1
    after = rows.again(found)
    assert (after.status, after.error_code) == (Status.FAILED, FailureCode.PROVIDER_TIMEOUT)
    assert (
        after.error_message == "It could not be started before its deadline. Nothing was charged."
    )
    assert provider.store.tasks == {}
    assert rows.balance(workspace) == (10_000_000, 0)


def test_result_after_the_customers_own_deadline_is_not_delivered(
    workspace: Workspace, provider: Provider, run: Run
):
    found = picture(workspace, "[delay=60]", deadline_seconds=60)
    run()
    finish_upstream(provider)
    rows.change(found, deadline_at=timezone.now())
    due_now()

    Pump().run(seconds=0.2)
    sweep.fail_overdue()

    assert rows.again(found).status == Status.FAILED
    assert rows.balance(workspace) == (10_000_000, 0)
    assert StoredFile.objects.of(workspace.pk).count() == 0
    assert audit.differences() == []


def test_submit_that_is_answered_after_the_deadline_is_stopped_though_no_look_up_finds_it(
    workspace: Workspace, provider: Provider, run: Run
):
    provider.knobs.set({"look_up": "off"})
    found = picture(workspace, "[delay=60][pending=60]")
    dispatch()
    (one,) = due.to_send(limit=10, busy=())
    outcome = stepped(one, provider)
    rows.change(found, deadline_at=timezone.now())
    sweep.fail_overdue()

    writing.write([outcome])
    run(hurry=True)

    assert [task.is_cancelled for task in provider.store.tasks.values()] == [True]
    assert attempts(found) == [{"state": "ABANDONED", "cost_points": 0}]
    assert Attempt.objects.get().next_at is None
    assert rows.again(found).status == Status.FAILED
    assert audit.differences() == []
