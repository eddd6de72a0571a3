from datetime import datetime
from typing import Any

import pytest
from django.db import connection
from django.db.models.functions import Now

from apps.byoa.models import Account
from apps.byoa.services import health, slots
from apps.providers.base import (
    AccountNeedsOwner,
    BadCredentials,
    Need,
    ProviderRefused,
    ProviderUnavailable,
)
from tests.byoa.test_slots import book, later
from tests.byoa.threads import at_once
from tests.factories.byoa import account

pytestmark = pytest.mark.django_db

DOWN = ProviderUnavailable("The server is overloaded.")


def again(made: Account) -> Account:
    return Account.objects.across_workspaces().annotate(now=Now()).get(pk=made.pk)


def resumes_in(made: Account) -> float | None:
    """Seconds from now, by the database's clock."""
    found: Any = again(made)
    return None if found.resume_at is None else (found.resume_at - found.now).total_seconds()


def history(made: Account) -> list[tuple[str, str]]:
    """Without the first row, which adding wrote."""
    rows = made.events.order_by("id").values_list("status", "reason")
    return list(rows)[1:]


def rested(made: Account) -> None:
    """The time of its rest is over."""
    Account.objects.across_workspaces().filter(pk=made.pk).update(resume_at=later(-1))


# -------------------------------------------------------------------------------- failures
def test_third_failure_in_a_row_cools_an_account_and_a_success_between_starts_anew():
    made = account()
    for _ in range(2):
        health.failed(account_id=made.pk, error=DOWN)
    assert (again(made).status, again(made).failures) == ("active", 2)

    health.worked(account_ids=[made.pk])
    assert again(made).failures == 0
    for _ in range(3):
        health.failed(account_id=made.pk, error=DOWN)

    assert (again(made).status, again(made).failures) == ("cooling", 3)
    assert resumes_in(made) == pytest.approx(5, abs=1)
    assert history(made) == [("cooling", "The server is overloaded.")]


def test_provider_that_says_when_to_come_back_is_believed_at_once():
    made = account()

    health.failed(
        account_id=made.pk, error=ProviderUnavailable("Slow down.", retry_after_seconds=42)
    )

    assert again(made).status == "cooling"
    assert resumes_in(made) == pytest.approx(42, abs=1)


def test_storm_opens_the_circuit_within_five_calls_and_it_closes_after_a_probe():
    made = account(slots=100)

    calls = 0
    for _ in range(50):
        pool = slots.open_pool()
        if book(pool) is None:
            break
        pool.save()
        calls += 1
        health.failed(account_id=made.pk, error=DOWN)

    assert calls == 3
    rested(made)
    slots.free(holders=list(made.leases.values_list("holder", flat=True)))
    pool = slots.open_pool()
    assert [book(pool, holder="probe"), book(pool)] == [made.pk, None]
    pool.save()
    health.worked(account_ids=[made.pk])
    assert book(slots.open_pool()) == made.pk
    assert [status for status, _ in history(made)] == ["cooling", "active"]


def test_probe_that_fails_doubles_the_rest():
    made = account()
    for _ in range(3):
        health.failed(account_id=made.pk, error=DOWN)
    waits = []
    for _ in range(3):
        rested(made)
        health.failed(account_id=made.pk, error=DOWN)
        waits.append(round(resumes_in(made) or 0))

    assert waits == [10, 20, 40]
    # One cool-down, however many probes it took.
    assert [status for status, _ in history(made)] == ["cooling"]


def test_stragglers_make_a_rest_no_longer():
    made = account()
    for _ in range(20):
        health.failed(account_id=made.pk, error=DOWN)

    assert again(made).failures == 3
    assert resumes_in(made) == pytest.approx(5, abs=1)

    health.failed(account_id=made.pk, error=ProviderUnavailable("", retry_after_seconds=90))
    assert resumes_in(made) == pytest.approx(90, abs=1)


def test_success_of_earlier_work_does_not_end_a_rest():
    made = account()
    health.failed(account_id=made.pk, error=ProviderUnavailable("", retry_after_seconds=60))

    health.worked(account_ids=[made.pk])

    assert again(made).status == "cooling"
    rested(made)
    health.worked(account_ids=[made.pk])
    assert (again(made).status, again(made).resume_at, again(made).failures) == ("active", None, 0)


def test_refused_task_says_nothing_about_the_account():
    made = account()

    for why in ProviderRefused.Why:
        health.failed(account_id=made.pk, error=ProviderRefused("No.", why=why))

    assert (again(made).status, again(made).failures, history(made)) == ("active", 0, [])


# --------------------------------------------------------------------------------- parking
@pytest.mark.parametrize(
    ("error", "status", "minutes"),
    [
        (BadCredentials("Unknown key."), "invalid_credentials", 10),
        (AccountNeedsOwner("Empty.", need=Need.BALANCE), "no_balance", 10),
        (AccountNeedsOwner("Over.", need=Need.SUBSCRIPTION), "subscription_expired", 10),
        (AccountNeedsOwner("Terms.", need=Need.SETUP), "setup_required", 10),
        (AccountNeedsOwner("Prove it.", need=Need.CAPTCHA), "captcha_required", None),
        (AccountNeedsOwner("Blocked.", need=Need.BANNED), "banned", None),
    ],
)
def test_account_is_parked_for_what_it_needs(error: Any, status: str, minutes: int | None):
    made = account()

    health.failed(account_id=made.pk, error=error)

    assert (again(made).status, again(made).status_reason) == (status, str(error))
    expected = None if minutes is None else pytest.approx(minutes * 60, abs=2)
    assert resumes_in(made) == expected
    assert history(made) == [(status, str(error))]


def test_ban_with_an_end_is_looked_at_then():
    made = account(config={"block_until": later(3600).isoformat()})

    health.failed(account_id=made.pk, error=AccountNeedsOwner("Blocked.", need=Need.BANNED))

    assert resumes_in(made) == pytest.approx(3600, abs=2)


def test_parked_account_is_changed_by_nothing_that_was_under_way():
    made = account()
    health.failed(account_id=made.pk, error=BadCredentials("Unknown key."))
    before = again(made)

    health.failed(account_id=made.pk, error=BadCredentials("Unknown key, again."))
    health.failed(account_id=made.pk, error=ProviderUnavailable("", retry_after_seconds=9))
    health.worked(account_ids=[made.pk])

    after = again(made)
    assert (after.status, after.status_reason, after.resume_at) == (
        "invalid_credentials",
        "Unknown key.",
        before.resume_at,
    )
    assert len(history(made)) == 1


def test_account_that_is_gone_is_no_error():
    health.failed(account_id=0, error=DOWN)
    health.worked(account_ids=[0])


@pytest.mark.parametrize(
    "said",
    [
        "Key upstream-key-1234 is unknown.",
        'bad header {"x-api-key": "upstream-key-1234"}',
        "Authorization: Bearer upstream-key-1234",
        "…" * 490 + "upstream-key-1234",
    ],
)
def test_reason_never_holds_the_credential(said: str, caplog: pytest.LogCaptureFixture):
    made = account(credential="upstream-key-1234")

    health.failed(account_id=made.pk, error=BadCredentials(said))

    kept = [again(made).status_reason, *(reason for _, reason in history(made)), caplog.text]
    assert "upstream-key" not in "".join(kept)
    assert len(again(made).status_reason) <= 500


# ---------------------------------------------------------------------------- worked, again
def test_success_costs_one_statement_and_writes_nothing_when_all_is_well(
    django_assert_num_queries: Any,
):
    made = [account() for _ in range(3)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, xmin::text FROM byoa_account ORDER BY id")
        before = cursor.fetchall()

    with django_assert_num_queries(1):
        health.worked(account_ids=[one.pk for one in made])
    with django_assert_num_queries(0):
        health.worked(account_ids=[])

    with connection.cursor() as cursor:
        cursor.execute("SELECT id, xmin::text FROM byoa_account ORDER BY id")
        assert cursor.fetchall() == before


def test_success_heals_only_the_accounts_that_had_it():
    first, second = account(failures=2), account(failures=2)

    health.worked(account_ids=[first.pk, first.pk])

    assert (again(first).failures, again(second).failures) == (0, 2)


def test_status_remembers_since_when():
    made = account(status_since=datetime.fromisoformat("2020-01-01T00:00:00Z"))
    health.failed(account_id=made.pk, error=DOWN)
    assert again(made).status_since.year == 2020

    health.failed(account_id=made.pk, error=BadCredentials("Unknown key."))

    assert again(made).status_since.year > 2020


# -------------------------------------------------------------------------------- at once
@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_failures_at_the_same_moment_are_all_counted():
    made = account()

    assert at_once(*[lambda: health.failed(account_id=made.pk, error=DOWN)] * 8) == []

    # Three cooled it; the other five had been sent before.
    assert (again(made).status, again(made).failures) == ("cooling", 3)
    assert history(made) == [("cooling", "The server is overloaded.")]


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_successes_failures_and_bookings_of_many_accounts_do_not_block_each_other():
    made = [account(failures=1, slots=1000) for _ in range(6)]
    ids = [one.pk for one in made]

    def booking() -> None:
        pool = slots.open_pool()
        for _ in range(12):
            book(pool)
        pool.save()

    def failing() -> None:
        for account_id in reversed(ids):
            health.failed(account_id=account_id, error=DOWN)

    def working() -> None:
        health.worked(account_ids=ids[::-1])

    assert at_once(booking, failing, working, times=30) == []
