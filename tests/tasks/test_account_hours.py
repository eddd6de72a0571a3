"""What each account did by the hour: counted anew each time, so repeated, late and at once it is the same."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import Workspace
from apps.byoa.models import Account
from apps.core.errors import NotFound
from apps.tasks.models import AccountHour, Attempt, FailureCode, Task
from apps.tasks.selectors.account_report import account_days
from apps.tasks.services import account_hours
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory
from tests.factories.own import bridge_account, private
from tests.tasks.own.helpers import midjourney

pytestmark = pytest.mark.django_db
HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=2)
# So far that HOUR is in it, however long the suite takes.
BACK = 12


@pytest.fixture(autouse=True)
def _no_engine(settings: Any) -> None:
    settings.LOCAL_ENGINE = False


@pytest.fixture
def home(db: None) -> Workspace:
    return private(WorkspaceFactory.create(plan="premium"))


def attempt(
    account: Account,
    state: str = "SUCCEEDED",
    *,
    ended_at: datetime = HOUR,
    seconds: float = 10,
    mode: str = "relax",
    code: int = 0,
    turned_down: bool = False,
) -> Attempt:
    """An attempt that ended so; `turned_down`: another one came after it."""
    workspace = account.workspace or WorkspaceFactory.create()
    task = midjourney(workspace)
    number = 1
    Task.objects.of(workspace.pk).filter(pk=task.pk).update(
        attempt=2 if turned_down else 1, error_code=code
    )
    return Attempt.objects.create(
        task=task,
        number=number,
        provider=account.provider,
        job="imagine",
        account=account,
        state=state,
        mode=mode,
        started_at=ended_at - timedelta(seconds=seconds + 5),
        accepted_at=ended_at - timedelta(seconds=seconds),
        ended_at=ended_at,
    )


def hours(account: Account) -> list[tuple[Any, ...]]:
    rows = AccountHour.objects.filter(account=account).order_by("hour")
    return list(rows.values_list("hour", "attempts", "succeeded", "run_ms", "fast_ms", "errors"))


def test_attempts_are_summed_by_account_and_hour_however_often(home: Workspace):
    first, second = bridge_account(home, "A"), bridge_account(home, "B")
    attempt(first)
    attempt(first, seconds=30, mode="fast", ended_at=HOUR + timedelta(minutes=59, seconds=59))
    attempt(first, seconds=7, mode="turbo", ended_at=HOUR + timedelta(hours=1))
    attempt(second, "FAILED", code=FailureCode.PROVIDER_MODERATED)

    for _ in range(3):
        account_hours.sum_up(hours=BACK)

    assert hours(first) == [
        (HOUR, 2, 2, 40_000, 30_000, {}),
        (HOUR + timedelta(hours=1), 1, 1, 7_000, 7_000, {}),
    ]
    assert hours(second) == [(HOUR, 1, 0, 0, 0, {"moderated": 1})]


@pytest.mark.parametrize(
    ("state", "given", "errors"),
    [
        ("FAILED", {"code": 11000}, {"failed": 1}),
        ("FAILED", {"code": 11001}, {"timeout": 1}),
        ("FAILED", {"code": 11002}, {"moderated": 1}),
        ("FAILED", {"code": 11005}, {"output_unavailable": 1}),
        ("FAILED", {"turned_down": True}, {"turned_down": 1}),
        ("FAILED", {"turned_down": True, "code": 11002}, {"turned_down": 1}),
        ("FAILED", {}, {"turned_down": 1}),
        ("ABANDONED", {"code": 11001}, {"timeout": 1}),
        ("LATE", {"code": 11001}, {"late": 1}),
        ("SUCCEEDED", {}, {}),
    ],
)
def test_what_went_wrong_has_a_word(
    home: Workspace, state: str, given: dict[str, Any], errors: dict[str, int]
):
    account = bridge_account(home)
    attempt(account, state, **given)

    account_hours.sum_up(hours=BACK)

    [(_, attempts, succeeded, _, _, found)] = hours(account)
    assert (attempts, succeeded, found) == (1, int(state == "SUCCEEDED"), errors)


@pytest.mark.parametrize("state", ["ASSIGNED", "SENDING", "UNKNOWN", "ACCEPTED"])
def test_what_has_not_ended_is_not_counted(home: Workspace, state: str):
    account = bridge_account(home)
    made = attempt(account, state)
    Attempt.objects.filter(pk=made.pk).update(ended_at=None)

    account_hours.sum_up(hours=BACK)

    assert hours(account) == []


def test_attempt_that_ends_late_is_added_to_its_hour(home: Workspace):
    account = bridge_account(home)
    attempt(account)
    account_hours.sum_up(hours=BACK)
    attempt(account, "FAILED", code=11000, ended_at=HOUR + timedelta(minutes=5))

    account_hours.sum_up(hours=BACK)

    assert hours(account) == [(HOUR, 2, 1, 10_000, 0, {"failed": 1})]


def test_hours_before_the_run_stay_and_old_ones_are_forgotten(home: Workspace):
    account = bridge_account(home)
    for days in (3, 399, 401):
        hour = HOUR - timedelta(days=days)
        sums = {"attempts": 9, "succeeded": 9, "run_ms": 0, "fast_ms": 0}
        AccountHour.objects.create(account=account, hour=hour, **sums)

    account_hours.sum_up(hours=BACK)

    assert [hour for hour, *_ in hours(account)] == [HOUR - timedelta(days=n) for n in (399, 3)]


def test_report_is_the_workspaces_own(home: Workspace):
    account = bridge_account(home)
    attempt(account)
    attempt(account, "FAILED", code=11002)
    theirs = bridge_account(private(WorkspaceFactory.create()))
    attempt(theirs)
    account_hours.sum_up(hours=BACK)

    days = account_days(workspace_id=home.pk, account_id=account.pk, days=2)

    day = next(one for one in days if one.day == HOUR.date())
    assert (day.tasks, day.succeeded, day.success_rate, day.errors) == (
        2,
        1,
        50.0,
        {"moderated": 1},
    )
    with pytest.raises(NotFound):
        account_days(workspace_id=home.pk, account_id=theirs.pk, days=2)


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_runs_at_once_count_the_same():
    home = private(WorkspaceFactory.create(plan="premium"))
    accounts = [bridge_account(home, f"{n}") for n in range(5)]
    for account in accounts:
        attempt(account)

    assert at_once(*[lambda: account_hours.sum_up(hours=BACK)] * 6, times=5) == []

    assert [hours(account) for account in accounts] == [[(HOUR, 1, 1, 10_000, 0, {})]] * 5


def test_sums_are_by_utc_whatever_the_sessions_zone(home: Workspace):
    account = bridge_account(home)
    attempt(account)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'Asia/Kathmandu'")
        account_hours.sum_up(hours=BACK)
        cursor.execute("SET LOCAL timezone = 'UTC'")

    assert [hour for hour, *_ in hours(account)] == [HOUR]
