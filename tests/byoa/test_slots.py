import ast
import random
from collections import Counter
from collections.abc import Collection, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.byoa.models import Account, SlotLease
from apps.byoa.services import slots
from apps.byoa.services.slots import Wish
from tests.factories.byoa import account

pytestmark = pytest.mark.django_db

HOLDERS = count()


def database_now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT statement_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found


def later(seconds: float = 600) -> datetime:
    return database_now() + timedelta(seconds=seconds)


def wish(**fields: Any) -> Wish:
    return Wish(**{"providers": ["federation"], "family": "kling", **fields})


def book(
    pool: slots.Pool, *, holder: str = "", expires_at: datetime | None = None, **fields: Any
) -> int | None:
    """The account that a slot is taken of."""
    booked = pool.book(
        wish(**fields),
        holder=holder or f"attempt:{next(HOLDERS)}",
        expires_at=expires_at or later(),
    )
    return booked and booked.account_id


def booked(times: int, *, workspace_ids: Collection[int] = (), **fields: Any) -> list[int | None]:
    """What a transaction of its own gets."""
    pool = slots.open_pool(workspace_ids=workspace_ids)
    found = [book(pool, **fields) for _ in range(times)]
    pool.save()
    return found


def lease(account_id: int, seconds: float = 600) -> SlotLease:
    return SlotLease.objects.create(
        account_id=account_id, holder=f"attempt:{next(HOLDERS)}", expires_at=later(seconds)
    )


# ----------------------------------------------------------------------------------- slots
def test_account_takes_as_many_as_it_has_slots():
    made = account(slots=3)

    assert booked(4) == [made.pk, made.pk, made.pk, None]
    assert booked(1) == [None]
    assert SlotLease.objects.filter(account=made).count() == 3


def test_slot_that_is_given_back_is_taken_again():
    made = account(slots=2)
    booked(1, holder="first")
    booked(1, holder="second")

    assert slots.free(holders=["first", "no such holder"]) == 1
    assert slots.free(holders=["first"]) == 0
    assert slots.free(holders=[]) == 0
    assert booked(2) == [made.pk, None]


def test_lease_that_ran_out_counts_no_more_and_is_swept():
    made = account(slots=2)
    live, dead = lease(made.pk, seconds=60), lease(made.pk, seconds=-1)

    assert booked(2) == [made.pk, None]
    assert slots.expire() == 1
    assert SlotLease.objects.filter(id=live.pk).exists()
    assert not SlotLease.objects.filter(id=dead.pk).exists()


def test_nothing_is_taken_before_it_is_saved():
    account()
    pool = slots.open_pool()

    book(pool)

    assert SlotLease.objects.count() == 0
    pool.save()
    pool.save()
    assert SlotLease.objects.count() == 1


def test_room_counts_down_as_it_is_booked():
    account(slots=2)
    account(slots=5, daily_cap=1)
    pool = slots.open_pool()

    assert (pool.room(), pool.has_room(wish())) == (3, True)
    for left in (2, 1, 0):
        book(pool)
        assert pool.room() == left
    assert not pool.has_room(wish())
    assert book(pool) is None


# -------------------------------------------------------------------------------- who takes
def test_tasks_are_shared_by_weight_over_many_transactions():
    made = {weight: account(weight=weight, slots=50) for weight in ("low", "mid", "high")}

    taken = Counter(found for _ in range(7) for found in booked(7))

    assert taken == {made["low"].pk: 7, made["mid"].pk: 14, made["high"].pk: 28}


def test_account_to_avoid_is_not_asked():
    first, second = account(), account()

    assert set(booked(4, avoid=[first.pk])) == {second.pk}
    assert booked(1, avoid={first.pk, second.pk}) == [None]


def test_account_serves_its_families_only():
    flux, every = account(families=("flux",)), account()

    assert set(booked(4, family="kling")) == {every.pk}
    assert set(booked(6, family="flux")) == {flux.pk, every.pk}
    assert booked(1, providers=["somebody"]) == [None]


def test_account_that_was_away_gets_no_burst():
    old = account(slots=100)
    booked(50)
    new = account(slots=100)

    taken = Counter(booked(20))

    assert taken[new.pk] <= 14
    assert Counter(booked(40))[new.pk] == pytest.approx(20, abs=1)
    assert old.pk in taken


@pytest.mark.parametrize(
    "fields",
    [
        {"is_paused": True},
        {"status": "no_balance"},
        {"status": "banned"},
        {"status": "checking"},
        {"status": "no_fast_hours"},
    ],
)
def test_account_that_is_paused_or_parked_takes_nothing(fields: dict[str, Any]):
    account(**fields)

    assert booked(1) == [None]


def test_account_of_a_workspace_is_never_given_to_the_pool(workspace: Workspace):
    """Whoever asks, in any order: a customer's account serves that customer only."""
    theirs = {account(workspace=workspace, slots=500, families=["kling"]).pk for _ in range(5)}
    ours = {account(slots=2_000, families=("kling",)).pk for _ in range(5)}
    chance = random.Random(1)
    pool, expires_at = slots.open_pool(), later()

    taken = Counter(
        book(pool, family=chance.choice(["kling", "flux"]), expires_at=expires_at)
        for _ in range(10_000)
    )

    assert theirs.isdisjoint(taken)
    assert set(taken) == {None, *ours}


# ----------------------------------------------------------------------------------- probes
def test_cooling_account_takes_nothing_until_its_time_and_then_one():
    made = account(status="cooling", resume_at=later(30))
    assert booked(1) == [None]

    Account.objects.across_workspaces().update(resume_at=later(-1))

    assert booked(2, holder="probe") == [made.pk, None]
    assert booked(1) == [None]
    slots.free(holders=["probe"])
    assert booked(1) == [made.pk]


# -------------------------------------------------------------- limits by the minute and day
def test_requests_per_minute_are_spread_over_it():
    made = account(requests_per_minute=30, slots=50)

    assert booked(6) == [made.pk] * 5 + [None]
    assert booked(1) == [None]

    made.refresh_from_db()
    assert made.bucket_at is not None
    ahead = (made.bucket_at - database_now()).total_seconds()
    assert 9 < ahead <= 10
    Account.objects.across_workspaces().update(bucket_at=later(4.1))
    assert booked(4) == [made.pk, made.pk, None, None]


def test_daily_cap_counts_by_the_databases_day():
    made = account(daily_cap=3)
    today = database_now().date()

    assert booked(4) == [made.pk] * 3 + [None]
    made.refresh_from_db()
    assert (made.day, made.day_count) == (today, 3)

    Account.objects.across_workspaces().update(day=today - timedelta(days=1))
    assert booked(1) == [made.pk]
    made.refresh_from_db()
    assert (made.day, made.day_count) == (today, 1)


def test_period_is_read_in_the_accounts_time_zone():
    # Two places whose clocks are never alike: a period of an hour around what the first one shows.
    shown = database_now() + timedelta(hours=5, minutes=30)  # Kolkata, without summer time
    period = {
        "active_from": (shown - timedelta(minutes=30)).time(),
        "active_to": (shown + timedelta(minutes=30)).time(),
    }
    made = account(**period, time_zone="Asia/Kolkata")
    account(**period, time_zone="Asia/Tokyo")

    assert set(booked(5)) == {made.pk}


# ---------------------------------------------------------------------------------- its cost
@pytest.mark.parametrize("number", [1, 30])
def test_pool_costs_one_query_and_saving_two_however_many(
    number: int, django_assert_num_queries: Any
):
    for _ in range(number):
        lease(account().pk)

    with django_assert_num_queries(1):
        pool = slots.open_pool()
    for _ in range(number * 3):
        book(pool)
    with django_assert_num_queries(2):
        pool.save()
    with django_assert_num_queries(0):
        pool.save()


# ------------------------------------------------------------------------------------ clocks
@pytest.fixture(params=[-3, 3], ids=["three days behind", "three days ahead"])
def wrong_clock(request: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    wrong = datetime.now(UTC) + timedelta(days=request.param)
    monkeypatch.setattr(timezone, "now", lambda: wrong)
    return None


@pytest.mark.usefixtures("wrong_clock")
def test_machine_with_a_wrong_clock_books_the_same():
    hour = timedelta(hours=1)
    now = database_now()
    made = account(
        slots=3,
        daily_cap=2,
        requests_per_minute=600,
        active_from=(now - hour).time(),
        active_to=(now + hour).time(),
    )
    lease(made.pk, seconds=-1)
    lease(made.pk, seconds=60)
    account(status="cooling", resume_at=later(60))

    assert booked(3) == [made.pk, made.pk, None]
    made.refresh_from_db()
    assert (made.day, made.day_count) == (database_now().date(), 2)
    assert slots.expire() == 1


def test_nothing_in_the_pool_asks_this_machines_clock():
    folder = Path(slots.__file__).parent.parent
    asked = [
        f"{path.name}:{node.lineno}"
        for path in folder.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute)
        and node.attr in {"now", "utcnow", "today", "time_ns"}
        and isinstance(node.value, ast.Name)
        and node.value.id in {"datetime", "date", "timezone", "time"}
    ]
    assert asked == []
