"""A task's way through a provider, over a real wire: how it ends, what it costs, what the provider saw."""

from collections.abc import Callable

import pytest
from django.core.files.storage import default_storage

from apps.accounts.models import Workspace
from apps.billing import selectors as billing
from apps.byoa.models import Account, SlotLease
from apps.byoa.services import accounts
from apps.files.models import StoredFile
from apps.ops import audit
from apps.tasks.models import Attempt, FailureCode, Status
from tests.factories import picture
from tests.factories.byoa import account
from tests.tasks.remote.conftest import again, attempts, status
from tests.upstream.running import Upstream

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("pool_account")]
Run = Callable[..., None]


def balance(workspace: Workspace) -> tuple[int, int]:
    wallet = billing.wallet(workspace_id=workspace.pk)
    return wallet.available, wallet.held


@pytest.mark.parametrize("words", ["[delay=0]", "[delay=0.1]", "[delay=0.1][pending=0.05]"])
def test_result_is_copied_charged_and_its_cost_noted(
    workspace: Workspace, upstream: Upstream, run: Run, words: str
):
    task = picture(workspace, words)

    run()
    run(hurry=True)

    task = again(task)
    assert (task.error_message, task.error_raw) == ("", "")
    assert (task.status, task.cost_points) == (Status.COMPLETED, 20_000)
    assert task.output is not None
    file = StoredFile.objects.of(workspace.pk).get(task_id=task.id)
    assert task.output["image_url"] == f"http://testserver/files/{file.key}"
    with default_storage.open(file.key) as stored:
        assert stored.read(8) == b"\x89PNG\r\n\x1a\n"
    assert attempts(task) == [{"state": "SUCCEEDED", "cost_points": 5000}]
    assert balance(workspace) == (10_000_000 - 20_000, 0)
    assert SlotLease.objects.count() == 0
    assert upstream.totals()["duplicates"] == 0
    assert audit.differences() == []


@pytest.mark.parametrize(
    ("words", "code", "cost"),
    [
        ("[fail=11000]", FailureCode.PROVIDER_FAILED, 0),
        ("[fail=11002]", FailureCode.PROVIDER_MODERATED, 0),
        ("[fail=11001]", FailureCode.PROVIDER_TIMEOUT, 0),
        ("[fail=11000][bills]", FailureCode.PROVIDER_FAILED, 5000),
        ("[result=loopback]", FailureCode.OUTPUT_UNAVAILABLE, 5000),
        ("[result=metadata]", FailureCode.OUTPUT_UNAVAILABLE, 5000),
        ("[result=page]", FailureCode.OUTPUT_UNAVAILABLE, 5000),
        ("[result=missing]", FailureCode.OUTPUT_UNAVAILABLE, 5000),
    ],
)
def test_failure_is_free_and_says_why(
    workspace: Workspace,
    run: Run,
    words: str,
    code: FailureCode,
    cost: int,
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setattr("apps.tasks.services.remote.copies._TRIES", 1)
    task = picture(workspace, words)

    run()
    run(hurry=True)

    task = again(task)
    assert (task.status, task.error_code, task.cost_points) == (Status.FAILED, code, 0)
    assert task.error_message.endswith("Nothing was charged.")
    assert attempts(task) == [{"state": "FAILED", "cost_points": cost}]
    assert balance(workspace) == (10_000_000, 0)
    assert SlotLease.objects.count() == 0
    assert audit.differences() == []


@pytest.mark.parametrize("fault", ["lost", "html", "truncated", "empty"])
def test_submit_whose_answer_was_lost_is_found_and_not_sent_again(
    workspace: Workspace, upstream: Upstream, run: Run, fault: str
):
    task = picture(workspace, f"[create={fault}][times=1]")

    run()
    assert status(task) == Status.PROCESSING
    assert attempts(task)[0]["state"] == "UNKNOWN"
    run(hurry=True)
    run(hurry=True)

    assert status(task) == Status.COMPLETED
    assert len(attempts(task)) == 1
    reference = Attempt.objects.get(task=task).reference
    assert upstream.seen(reference or "")["submits"] == 1
    assert upstream.totals()["duplicates"] == 0


def test_submit_that_never_arrived_is_sent_again_under_the_same_reference(
    workspace: Workspace, upstream: Upstream, run: Run
):
    task = picture(workspace, "[create=lost][created=no][times=1]")

    run()
    assert attempts(task)[0]["state"] == "UNKNOWN"
    run(hurry=True)
    run(hurry=True)

    assert status(task) == Status.COMPLETED
    reference = Attempt.objects.get(task=task).reference
    assert upstream.seen(reference or "")["submits"] == 2
    assert upstream.totals()["tasks"] == 1


def test_provider_that_cannot_say_is_never_sent_the_work_twice(
    workspace: Workspace, upstream: Upstream, run: Run
):
    upstream.knobs(look_up="off")
    task = picture(workspace, "[create=lost]")

    run()
    run(hurry=True)
    run(hurry=True)

    assert attempts(task)[0]["state"] == "UNKNOWN"
    assert upstream.totals()["submits"] == 1


@pytest.mark.parametrize("answer", ["429", "503", "401", "402"])
def test_work_that_is_turned_down_waits_and_is_done_once_the_account_is_well(
    workspace: Workspace, upstream: Upstream, run: Run, pool_account: Account, answer: str
):
    upstream.knobs(everything=answer)
    task = picture(workspace)

    run()
    assert (status(task), balance(workspace)) == (Status.PENDING, (10_000_000 - 20_000, 20_000))
    upstream.knobs(everything="")
    Account.objects.across_workspaces().filter(pk=pool_account.pk).update(status="active")
    run(hurry=True)
    run(hurry=True)

    assert status(task) == Status.COMPLETED
    assert upstream.totals()["tasks"] == 1
    assert audit.differences() == []


def test_work_falls_back_to_the_next_account(
    workspace: Workspace, make_upstream: Callable[[], Upstream], pool_account: Account, run: Run
):
    accounts.set_credential(account_id=pool_account.pk, credential="bad")
    Account.objects.across_workspaces().filter(pk=pool_account.pk).update(turn=-100)
    account(base_url=make_upstream().url, config={"poll_seconds": 0.05}, label="Second")
    task = picture(workspace)

    run()
    run(hurry=True)
    run(hurry=True)

    assert status(task) == Status.COMPLETED
    assert [one["state"] for one in attempts(task)] == ["FAILED", "SUCCEEDED"]
