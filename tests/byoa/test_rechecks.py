"""Looking at accounts that work, from time to time."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now

from apps.accounts.models import Workspace
from apps.byoa import jobs
from apps.byoa.models import Account
from apps.byoa.services import checks, rechecks
from apps.notifications.models import Notice
from tests.byoa.test_health import again, history
from tests.byoa.test_slots import later
from tests.byoa.threads import at_once
from tests.factories.byoa import account, own_account
from tests.upstream.running import Upstream

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _local_servers(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


def bridged(workspace: Workspace, bridge: Any, **fields: Any) -> Account:
    return own_account(workspace, provider="midjourney_bridge", base_url=bridge.url, **fields)


def asked_before(made: Account, **ago: float) -> None:
    Account.objects.across_workspaces().filter(pk=made.pk).update(
        checked_at=Now() - timedelta(**ago)
    )


def test_account_is_asked_about_every_six_hours(workspace: Workspace, bridge: Any):
    made = bridged(workspace, bridge)
    bridge.knobs(fast_hours=9.0)

    assert (rechecks.recheck_due(), rechecks.recheck_due()) == (1, 0)
    assert float(again(made).fast_hours or 0) == 9
    bridge.knobs(fast_hours=4.0)
    asked_before(made, hours=5.9)
    assert rechecks.recheck_due() == 0
    asked_before(made, hours=6.1)

    assert rechecks.recheck_due() == 1
    assert float(again(made).fast_hours or 0) == 4
    assert history(made) == []


def test_fast_hours_that_went_elsewhere_are_learnt_and_told(workspace: Workspace, bridge: Any):
    made = bridged(workspace, bridge)
    bridge.knobs(fast_hours=0.0)

    jobs.recheck()

    assert (again(made).status, again(made).mode, again(made).is_out_of_fast) == (
        "active",
        "relax",
        True,
    )
    assert [row.type for row in Notice.objects.of(workspace.pk)] == ["mj_bot_no_fasthour"]


def test_account_that_is_refused_is_parked_and_told(workspace: Workspace, upstream: Upstream):
    made = own_account(workspace, "kling", base_url=upstream.url, credential="bad")

    rechecks.recheck_due()

    assert again(made).status == "invalid_credentials"
    assert [row.type for row in Notice.objects.of(workspace.pk)] == ["account_unavailable"]


def test_server_that_is_down_and_a_fault_of_ours_change_nothing(
    workspace: Workspace, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
):
    made = own_account(workspace, "kling", base_url="http://127.0.0.1:9")
    assert rechecks.recheck_due() == 1
    assert (again(made).status, again(made).failures, history(made)) == ("active", 0, [])

    def broken(request: Any) -> Any:
        raise RuntimeError

    monkeypatch.setattr(checks.egress, "send", broken)
    asked_before(made, hours=7)
    own_account(workspace, "kling", base_url=upstream.url)
    assert rechecks.recheck_due() == 2
    assert again(made).status == "active"


def test_rest_of_an_account_is_not_ended_by_a_look(
    workspace: Workspace, upstream: Upstream, monkeypatch: pytest.MonkeyPatch
):
    made = own_account(workspace, "kling", base_url=upstream.url)
    send = checks.egress.send
    seen: list[bool] = []

    def observed(request: Any) -> Any:
        seen.append(connection.in_atomic_block)
        # Meanwhile its tasks begin to fail.
        Account.objects.across_workspaces().update(status="cooling", resume_at=later(300))
        return send(request)

    monkeypatch.setattr(checks.egress, "send", observed)
    rechecks.recheck_due()

    assert (again(made).status, again(made).plan, seen) == ("cooling", "premium", [False])


@pytest.mark.parametrize(
    "fields",
    [
        {"is_paused": True},
        {"status": "banned"},
        {"status": "captcha_required"},
        {"status": "cooling"},
        {"seat_ended_at": "2026-01-01T00:00:00Z"},
    ],
)
def test_what_is_not_in_use_is_not_asked_about(workspace: Workspace, fields: dict[str, Any]):
    own_account(workspace, base_url="http://127.0.0.1:9", **fields)

    assert rechecks.recheck_due() == 0


def test_operators_accounts_that_tell_fast_hours_are_asked_about_often(
    bridge: Any, upstream: Upstream
):
    telling = account(provider="midjourney_bridge", base_url=bridge.url)
    silent = account(base_url=upstream.url)
    assert rechecks.recheck_due() == 2
    for one in (telling, silent):
        asked_before(one, minutes=11)

    assert rechecks.recheck_due() == 1
    assert (again(telling).fast_hours, again(silent).fast_hours) == (15, None)
    assert Notice.objects.across_workspaces().count() == 0


def test_few_are_asked_about_at_a_time(workspace: Workspace, upstream: Upstream):
    for _ in range(3):
        own_account(workspace, "kling", base_url=upstream.url)

    assert [rechecks.recheck_due(limit=2) for _ in range(3)] == [2, 1, 0]


@pytest.mark.concurrency
def test_processes_that_look_at_once_look_at_different_accounts(
    workspace: Workspace, upstream: Upstream
):
    for _ in range(4):
        own_account(workspace, "kling", base_url=upstream.url)
    counts: list[int] = []

    assert at_once(*[lambda: counts.append(rechecks.recheck_due())] * 4) == []

    assert sum(counts) == 4
