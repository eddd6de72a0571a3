from typing import Any

import pytest

from apps.core.wire import NoAnswer
from apps.providers.base import BadCredentials, ProviderUnavailable
from tests.providers.midjourney.samples import (
    ACCEPTED,
    ACCESS,
    PAGE,
    SECRET,
    UNKNOWN,
    adapter,
    look_up,
    task,
    work,
)
from tests.providers.wire import answer, told

OTHERS = task(id="1", state="somebody-else")


def test_look_up_lists_the_newest_tasks():
    asked = next(adapter.look_up(work(), ACCESS))

    assert (asked.method, asked.url) == ("GET", "https://bridge.example/mj/task/list")
    assert asked.headers == {"mj-api-secret": SECRET, "accept": "application/json"}
    assert asked.max_bytes == 16 * 1024 * 1024


@pytest.mark.parametrize("status", ["SUBMITTED", "IN_PROGRESS", "SUCCESS", "FAILURE", "PONDERING"])
def test_look_up_finds_our_state_among_others(status: str):
    listed = [OTHERS, task(status), task(id="2", state=None)]

    assert look_up(answer(listed)) == ACCEPTED
    assert look_up(answer({"list": listed, "pagination": {}})) == ACCEPTED
    assert look_up(answer({"code": 1, "data": listed})) == ACCEPTED


def test_look_up_of_one_that_was_sent_twice_takes_the_older():
    newer, older = task(id="5", submitTime=2_000), task(submitTime=1_000)

    assert look_up(answer([newer, older])) == ACCEPTED
    assert look_up(answer([older, newer])) == ACCEPTED


def test_look_up_of_what_never_arrived():
    assert look_up(answer([])) is None
    assert look_up(answer([OTHERS])) is None


def test_a_form_that_was_never_sent_runs_nothing():
    assert look_up(answer([task("MODAL")])) is None
    assert look_up(answer([task("MODAL", id="5", submitTime=1), task(submitTime=2)])) == ACCEPTED


def test_a_full_list_that_reaches_back_too_little_says_nothing():
    minute, base = 60_000, 1_767_225_600_000
    recent = [OTHERS | {"submitTime": base + n} for n in range(100)]
    hours = [OTHERS | {"submitTime": base + n * minute} for n in range(100)]

    assert told(look_up(answer(recent))) == UNKNOWN
    assert look_up(answer(hours)) is None
    assert look_up(answer([*recent, task()])) == ACCEPTED


def test_a_list_without_states_says_nothing():
    blind = {name: value for name, value in OTHERS.items() if name != "state"}

    assert told(look_up(answer([blind, blind]))) == UNKNOWN


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (answer(PAGE, 404), UNKNOWN),
        (answer(PAGE, 200), UNKNOWN),
        (answer(PAGE, 502), UNKNOWN),
        (answer(b"", 200), UNKNOWN),
        (answer(b"null", 200), UNKNOWN),
        (answer({"code": 9}), UNKNOWN),
        (answer(PAGE, 429, retry_after="5"), (ProviderUnavailable, True, 5.0)),
        (answer(b"no", 401), (BadCredentials,)),
        (NoAnswer("Too large.", sent=True), UNKNOWN),
        (NoAnswer("Refused.", sent=False), UNKNOWN),
    ],
)
def test_look_up_that_is_not_answered_leaves_it_open(answered: Any, expected: Any):
    assert told(look_up(answered)) == expected


def test_odd_items_are_passed_over():
    odd = [None, 7, "x", [], {}, {"state": "ref-5f2b7d1e9c"}, task(id="../x"), {"state": ["x"]}]

    assert look_up(answer([*odd, task()])) == ACCEPTED


def test_look_up_of_a_seed_asks_nothing():
    assert look_up(done=work("seed", task_id="x")) is None
