"""How often a process asks an account with a limit."""

from collections.abc import Callable

import pytest

from apps.accounts.models import Workspace
from apps.byoa.models import Account
from apps.tasks.models import Attempt
from apps.tasks.services.remote import pace
from apps.tasks.services.remote.pace import Pace
from tests.factories import picture
from tests.tasks.remote.conftest import due_now
from tests.upstream.running import Upstream


class Clock:
    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(pace, "time", clock)
    return clock


def asked(pace: Pace, times: int, per_minute: int | None = 60) -> int:
    return sum(pace.seconds_to_wait(account_id=1, per_minute=per_minute) == 0 for _ in range(times))


def test_burst_is_ten_seconds_worth_and_then_one_an_interval(clock: Clock):
    pace = Pace()

    assert asked(pace, 50) == 10
    assert pace.seconds_to_wait(account_id=1, per_minute=60) == pytest.approx(1)
    clock.now += 3
    assert asked(pace, 50) == 3
    clock.now += 3600
    assert asked(pace, 50) == 10


@pytest.mark.usefixtures("clock")
def test_accounts_do_not_count_for_each_other_and_no_limit_is_none():
    pace = Pace()

    assert asked(pace, 50) == 10
    assert pace.seconds_to_wait(account_id=2, per_minute=60) == 0
    assert asked(pace, 50, per_minute=None) == 50


@pytest.mark.usefixtures("clock")
def test_one_request_fits_however_rare_they_are():
    assert asked(Pace(), 5, per_minute=1) == 1


@pytest.mark.django_db
def test_polls_beyond_the_limit_are_put_off(
    workspace: Workspace, upstream: Upstream, pool_account: Account, run: Callable[..., None]
):
    for _ in range(6):
        picture(workspace, "[delay=600]")
    run()
    Account.objects.across_workspaces().filter(pk=pool_account.pk).update(requests_per_minute=1)
    before = upstream.totals()["polls"]

    due_now()
    run()

    assert upstream.totals()["polls"] == before + 1
    assert Attempt.objects.filter(state="ACCEPTED").count() == 6
