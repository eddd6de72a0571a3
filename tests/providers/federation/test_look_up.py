from typing import Any

import pytest

from apps.core.wire import NoAnswer, Response
from apps.providers.base import (
    AccountNeedsOwner,
    BadCredentials,
    Done,
    Need,
    ProviderRefused,
    ProviderUnavailable,
)
from tests.providers.federation.samples import (
    ACCEPTED,
    ACCESS,
    ID,
    OUTPUT,
    PAGE,
    REFERENCE,
    UNKNOWN,
    WORK,
    Why,
    adapter,
    consumed,
    failed,
    look_up,
    task,
)
from tests.providers.wire import answer, refusal, success, told


def items(*found: Any) -> Response:
    return success({"items": list(found), "next_cursor": None})


STRANGER = task(
    "completed", output=OUTPUT, config={"client_reference": "another"}, task_id="other-1"
)


def test_look_up_asks_by_reference():
    asked = next(adapter.look_up(WORK, ACCESS))

    assert (asked.method, asked.url) == (
        "GET", f"https://upstream.example/api/v1/tasks?client_reference={REFERENCE}&limit=5",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (items(task()), ACCEPTED),
        (
            items(task("completed", output=OUTPUT, meta=consumed(9))),
            Done(OUTPUT, ID, cost_points=9),
        ),
        (items("junk", STRANGER, task("processing")), ACCEPTED),
        # Two of them: the key was ignored. The older one is taken.
        (items(task(task_id="newer-2"), task()), ACCEPTED),
        (items(), None),
    ],
)
def test_look_up_finds_our_work_or_knows_that_it_never_came(answered: Response, expected: Any):
    assert look_up(answered) == expected


def test_look_up_may_find_that_it_failed():
    found = look_up(items(task("failed", error=failed(11002, "Flagged."))))

    assert told(found) == (ProviderRefused, Why.MODERATED)


@pytest.mark.parametrize(
    "answered",
    [
        # The filter has no effect there, so ours may be further down.
        items(STRANGER),
        items(task(config={})),
        items(task(config=None)),
        items(task(config="x")),
        items(7, None),
        # Ours, but not to be followed.
        items(task(task_id="../x")),
        success({}),
        success([]),
        success([task()]),
        success({"items": None}),
        success({"items": {"0": task()}}),
        answer({"items": []}),
        answer(b"", 200),
        answer(PAGE, 200),
        answer(PAGE, 404),
        refusal(404, 10400, "404 page not found"),
        refusal(400, 10000),
        refusal(500, 10900),
        refusal(503, 10800),
        NoAnswer("Refused.", sent=False),
        NoAnswer("Timed out.", sent=True),
    ],
)
def test_look_up_that_cannot_tell_leaves_it_unknown(answered: Response | NoAnswer):
    assert told(look_up(answered)) == UNKNOWN


def test_look_up_that_comes_too_often_says_when_to_ask_again():
    assert told(look_up(refusal(429, 10700, retry_after="4"))) == (ProviderUnavailable, True, 4.0)


def test_look_up_tells_of_an_account_that_is_shut():
    assert told(look_up(refusal(401, 10100))) == (BadCredentials,)
    assert told(look_up(refusal(403, 10303))) == (AccountNeedsOwner, Need.SETUP)
