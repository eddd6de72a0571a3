"""Rate limits: exact under threads, told in headers, and what happens without Valkey."""

import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_django import Settings

from apps.accounts.models import Workspace
from apps.core import throttling
from apps.core.errors import RateLimited
from tests.api.conftest import Caller, caller_of
from tests.factories import ILLUSTRATION

TASKS = "/api/v1/tasks"


@pytest.fixture
def _in_one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall clock stands still, so that no window ends in the middle of a test."""
    standing = SimpleNamespace(time=lambda: 1_800_000_030.0, monotonic=time.monotonic)
    monkeypatch.setattr(throttling, "time", standing)


@pytest.fixture
def _no_valkey(settings: Settings) -> Iterator[None]:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    _forget_storages()
    yield
    _forget_storages()


def _forget_storages() -> None:
    throttling.forget_connections()
    throttling._made_alone.cache_clear()


@pytest.mark.concurrency
@pytest.mark.usefixtures("_in_one_minute", "db")
def test_limit_is_exact_under_64_threads():
    def attempt(_: int) -> bool:
        return not throttling.count_key(key_id=987_654, limit=100, is_paid=True).is_over

    with ThreadPoolExecutor(64) as pool:
        admitted = Counter(pool.map(attempt, range(640)))

    assert admitted == {True: 100, False: 540}


@pytest.mark.django_db
@pytest.mark.usefixtures("_in_one_minute")
def test_headers_count_down_to_429(workspace: Workspace):
    caller = caller_of(workspace, rate_limit_per_minute=2)

    answers = [caller.get(TASKS) for _ in range(3)]

    assert [(a.status_code, a["RateLimit-Limit"], a["RateLimit-Remaining"]) for a in answers] == [
        (200, "2", "1"),
        (200, "2", "0"),
        (429, "2", "0"),
    ]
    assert all(1 <= int(answer["RateLimit-Reset"]) <= 60 for answer in answers)
    assert answers[2]["Retry-After"] == answers[2]["RateLimit-Reset"]
    assert answers[2].json()["error"]["code"] == 10700


@pytest.mark.django_db
@pytest.mark.usefixtures("_in_one_minute")
def test_keys_are_counted_apart_and_refused_calls_count(workspace: Workspace):
    first = caller_of(workspace, rate_limit_per_minute=2)
    second = caller_of(workspace, rate_limit_per_minute=2)
    narrow = caller_of(workspace, rate_limit_per_minute=1, scopes=["files"])

    assert [first.get(TASKS).status_code for _ in range(3)] == [200, 200, 429]
    assert second.get(TASKS).status_code == 200
    assert [narrow.get(TASKS).status_code for _ in range(2)] == [403, 429]


@pytest.mark.django_db
@pytest.mark.usefixtures("_in_one_minute")
def test_guessing_keys_is_limited_by_address(settings: Settings):
    settings.ANONYMOUS_RATE_PER_MINUTE = 3
    wrong = Caller("my_live_wrong")

    found = [wrong.get(TASKS, REMOTE_ADDR="198.51.100.1").status_code for _ in range(4)]
    elsewhere = wrong.get(TASKS, REMOTE_ADDR="198.51.100.2")

    assert found == [401, 401, 401, 429]
    assert elsewhere.status_code == 401


@pytest.mark.django_db
@pytest.mark.usefixtures("_in_one_minute")
def test_valid_key_is_not_stopped_by_its_neighbours_at_the_address(
    workspace: Workspace, settings: Settings
):
    settings.ANONYMOUS_RATE_PER_MINUTE = 1
    answers = [Caller("x").get(TASKS).status_code for _ in range(2)]

    assert answers == [401, 429]
    assert caller_of(workspace).get(TASKS).status_code == 200


@pytest.mark.usefixtures("_in_one_minute", "db")
@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        ("2001:db8::1", "2001:db8::ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("198.51.100.1", "198.51.100.2", False),
        ("", "unknown", True),
    ],
)
def test_addresses_of_one_ipv6_network_are_one_caller(first: str, second: str, together: bool):
    throttling.count_address(ip=first)

    assert throttling.count_address(ip=second).used == (2 if together else 1)


@pytest.mark.usefixtures("_no_valkey", "_in_one_minute")
def test_without_valkey_reads_pass_and_paid_calls_are_few():
    reads = [throttling.count_key(key_id=1, limit=2, is_paid=False).is_over for _ in range(5)]
    paid = [
        throttling.count_key(key_id=1, limit=None, is_paid=True).is_over
        for _ in range(throttling.ALONE_PER_MINUTE + 2)
    ]

    assert not any(reads)
    assert Counter(paid) == {False: throttling.ALONE_PER_MINUTE, True: 2}


@pytest.mark.usefixtures("_no_valkey", "_in_one_minute")
def test_without_valkey_a_keys_own_limit_still_holds():
    allowances = [throttling.count_key(key_id=2, limit=3, is_paid=True) for _ in range(4)]

    assert [a.is_over for a in allowances] == [False, False, False, True]
    with pytest.raises(RateLimited):
        allowances[3].require()


@pytest.mark.django_db
@pytest.mark.usefixtures("_no_valkey")
def test_api_answers_without_valkey(api: Caller):
    answers: list[Any] = [api.get(TASKS), api.post("/api/v1/task", ILLUSTRATION)]

    assert [answer.status_code for answer in answers] == [200, 200]
