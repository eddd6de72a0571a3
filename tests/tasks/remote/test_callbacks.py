"""Providers' callbacks: hints that make us look sooner, and the only word on work that no look-up finds."""

from collections.abc import Callable

import orjson
import pytest

from apps.accounts.models import Workspace
from apps.ops import audit
from apps.tasks.models import Attempt, Status, Task
from apps.tasks.services import callbacks, sweep
from apps.tasks.services.remote.steps import callback_secret
from tests.factories import picture
from tests.factories.byoa import account
from tests.tasks import rows
from tests.tasks.remote.conftest import attempts, finish_upstream
from tests.upstream.provider import Provider

pytestmark = pytest.mark.django_db
Run = Callable[..., None]


@pytest.fixture(autouse=True)
def _account(provider: Provider) -> None:
    account(base_url=provider.server.url, config={"poll_seconds": 600, "callbacks": True})


def call_back(attempt: Attempt, *, task_id: str = "", secret: str | None = None) -> bool:
    reference = attempt.reference or ""
    given = callback_secret(reference) if secret is None else secret
    body = {
        "timestamp": 1,
        "data": {"task_id": task_id or attempt.provider_id, "status": "completed"},
    }
    return callbacks.receive(
        reference=reference, headers={"x-webhook-secret": given}, body=orjson.dumps(body)
    )


def only() -> Attempt:
    return Attempt.objects.get()


def upstreams(provider: Provider) -> str:
    (task_id,) = provider.store.tasks
    return task_id


@pytest.fixture
def accepted(workspace: Workspace, provider: Provider, run: Run) -> Task:
    """Work that the provider has, and that nobody asks about for years."""
    found = picture(workspace, "[delay=60]")
    run()
    Attempt.objects.update(next_at="2100-01-01T00:00Z")
    finish_upstream(provider)
    return found


@pytest.mark.parametrize("secret", [None, "forged"])
def test_callback_has_the_work_looked_at_now(accepted: Task, run: Run, secret: str | None):
    assert call_back(only(), secret=secret) is True

    run()

    assert rows.again(accepted).status == Status.COMPLETED
    assert audit.differences() == []


def test_what_a_forged_callback_says_is_not_believed(accepted: Task):
    before = only()

    call_back(before, task_id="somebody-elses", secret="forged")

    after = only()
    assert (after.provider_id, after.handle, after.state) == (
        before.provider_id,
        before.handle,
        "ACCEPTED",
    )
    assert rows.again(accepted).status == Status.PROCESSING


def test_ten_times_the_same_callback_is_one_result(accepted: Task, run: Run):
    first = only()
    for _ in range(10):
        call_back(first)
    run()

    for _ in range(10):
        call_back(first)
    run()

    assert attempts(accepted) == [{"state": "SUCCEEDED", "cost_points": 5000}]
    assert only().next_at is None
    assert audit.differences() == []


def test_verified_callback_adopts_work_that_no_look_up_can_find(
    workspace: Workspace, provider: Provider, run: Run
):
    provider.knobs.set({"look_up": "off"})
    found = picture(workspace, "[create=lost]")
    run()
    assert only().state == "UNKNOWN"

    finish_upstream(provider)
    call_back(only(), task_id=upstreams(provider))
    run()

    assert rows.again(found).status == Status.COMPLETED
    assert [seen.submits for seen in provider.store.seen.values()] == [1]
    assert audit.differences() == []


def test_forged_callback_adopts_nothing(workspace: Workspace, provider: Provider, run: Run):
    provider.knobs.set({"look_up": "off"})
    picture(workspace, "[create=lost]")
    run()

    call_back(only(), task_id=upstreams(provider), secret="forged")

    assert (only().state, only().provider_id, only().handle) == ("UNKNOWN", "", {})


def test_name_that_nobody_gave_is_nobody(workspace: Workspace):
    assert callbacks.receive(reference="guessed", headers={}, body=b"{}") is False


def test_provider_is_told_where_to_call_and_with_what(accepted: Task, provider: Provider):
    reference = only().reference or ""

    (task,) = provider.store.tasks.values()

    assert task.webhook == (
        f"http://testserver/hooks/providers/{reference}",
        callback_secret(reference),
    )
    assert len(reference) >= 32


def test_callback_after_the_deadline_lets_us_stop_work_that_no_look_up_can_find(
    workspace: Workspace, provider: Provider, run: Run
):
    provider.knobs.set({"look_up": "off"})
    found = picture(workspace, "[create=lost][delay=60][pending=60]")
    run()
    rows.change(found, deadline_at=found.created_at)
    assert sweep.fail_overdue() == 1
    before = rows.again(found)

    call_back(only(), task_id=upstreams(provider))
    run()

    assert [task.is_cancelled for task in provider.store.tasks.values()] == [True]
    assert (only().state, only().next_at) == ("ABANDONED", None)
    assert rows.again(found).ended_at == before.ended_at
    assert rows.balance(workspace) == (10_000_000, 0)


def test_callback_for_a_task_that_ended_long_ago_changes_nothing(accepted: Task, run: Run):
    call_back(only())
    run()
    before = only()

    assert call_back(before) is True

    after = only()
    names = [field.attname for field in Attempt._meta.concrete_fields]
    assert [getattr(after, name) for name in names] == [getattr(before, name) for name in names]
