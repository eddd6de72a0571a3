from typing import Any

import pytest

from apps.core.wire import NoAnswer
from apps.providers.base import (
    Accepted,
    AccountNeedsOwner,
    BadCredentials,
    Done,
    Need,
    ProviderRefused,
    ProviderUnavailable,
)
from tests.providers.federation.samples import (
    ACCEPTED,
    ELSEWHERE,
    ID,
    OUTPUT,
    PAGE,
    UNKNOWN,
    Why,
    consumed,
    failed,
    submit,
    task,
)
from tests.providers.wire import answer, refusal, success, told


@pytest.mark.parametrize(
    "body",
    [
        {"code": 200, "message": "success", "data": task()},
        {"code": "200", "data": task("Processing")},
        {"data": {"task_id": ID}},
        {"code": 200, "data": task("STAGED", surprise=[1, {"a": None}]), "extra": True},
        {"code": 200, "data": task(status=7)},
        {"code": 200, "data": task(None, output=7, meta="x", error=[], config=None)},
        # Completed, but its output is not there yet: a poll decides.
        {"code": 200, "data": task("completed")},
    ],
)
def test_submit_is_accepted(body: Any):
    assert submit(answer(body)) == ACCEPTED


def test_submit_reads_an_id_that_is_a_number():
    assert submit(success(task(task_id=12345))) == Accepted("12345", {"task_id": "12345"})


@pytest.mark.parametrize("word", ["completed", "Completed", "finished", "SUCCESS"])
def test_submit_may_be_done_at_once(word: str):
    done = submit(success(task(word, output=OUTPUT, meta=consumed(20000))))

    assert done == Done(OUTPUT, provider_id=ID, cost_points=20000)


def test_submit_may_fail_at_once():
    error = submit(success(task("failed", error=failed(11002, "Flagged."), meta=consumed(5000))))

    assert told(error) == (ProviderRefused, Why.MODERATED)
    assert (str(error), error.cost_points) == ("Flagged.", 5000)


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, 10000, (ProviderRefused, Why.INVALID)),
        (400, 10003, (ProviderRefused, Why.MODERATED)),
        (400, 10004, (ProviderRefused, Why.INVALID)),
        (400, 10005, (ProviderRefused, Why.INVALID)),
        (413, 10600, (ProviderRefused, Why.INVALID)),
        (400, 10001, ELSEWHERE),
        (400, 10002, ELSEWHERE),
        (404, 10400, ELSEWHERE),
        (405, 10000, ELSEWHERE),
        (401, 10100, (BadCredentials,)),
        (402, 10200, (AccountNeedsOwner, Need.BALANCE)),
        (402, 10201, (AccountNeedsOwner, Need.BALANCE)),
        (403, 10300, (AccountNeedsOwner, Need.SUBSCRIPTION)),
        (403, 10301, (AccountNeedsOwner, Need.SUBSCRIPTION)),
        (403, 10302, (AccountNeedsOwner, Need.SETUP)),
        (403, 10303, (AccountNeedsOwner, Need.SETUP)),
        (409, 10500, UNKNOWN),
        (409, 10501, UNKNOWN),
        (429, 10700, ELSEWHERE),
        (429, 10701, ELSEWHERE),
        (503, 10800, ELSEWHERE),
        (503, 10900, ELSEWHERE),
        (500, 10900, UNKNOWN),
        # A server with but one code says it of its own faults too.
        (500, 10000, UNKNOWN),
        # A code of nobody's table counts by its status.
        (402, 77, (AccountNeedsOwner, Need.BALANCE)),
        (400, 77, (ProviderRefused, Why.INVALID)),
        (502, 77, UNKNOWN),
    ],
)
def test_submit_classifies_every_row_of_the_table(status: int, code: int, expected: Any):
    error = submit(refusal(status, code, "Their words."))

    assert told(error) == expected
    assert str(error) == "Their words."


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        # The body counts before the status line.
        ({"code": 402, "message": "no"}, 200, (AccountNeedsOwner, Need.BALANCE)),
        ({"code": "401", "message": "no"}, 200, (BadCredentials,)),
        (
            {"code": 200, "error": {"code": 10200, "message": "no"}},
            200,
            (AccountNeedsOwner, Need.BALANCE),
        ),
        (
            {"code": 500, "data": {"task_id": "", "error": failed(10200)}},
            500,
            (AccountNeedsOwner, Need.BALANCE),
        ),
        (
            {"error": {"type": "spend_limit_reached", "message": "no"}},
            400,
            (AccountNeedsOwner, Need.BALANCE),
        ),
        # Only a status.
        (PAGE, 401, (BadCredentials,)),
        (PAGE, 402, (AccountNeedsOwner, Need.BALANCE)),
        (PAGE, 403, (AccountNeedsOwner, Need.SETUP)),
        (PAGE, 404, ELSEWHERE),
        (PAGE, 405, ELSEWHERE),
        (PAGE, 413, (ProviderRefused, Why.INVALID)),
        (PAGE, 429, ELSEWHERE),
        # Not said by the contract's server, so not about the work.
        (PAGE, 400, ELSEWHERE),
        (PAGE, 302, ELSEWHERE),
        (PAGE, 408, UNKNOWN),
        (PAGE, 409, UNKNOWN),
        (PAGE, 500, UNKNOWN),
        (PAGE, 502, UNKNOWN),
        (PAGE, 503, UNKNOWN),
        ({"code": 503, "message": "overloaded"}, 503, UNKNOWN),
        # Nonsense: it may have been taken all the same.
        (PAGE, 200, UNKNOWN),
        (b"", 200, UNKNOWN),
        (b"", 204, UNKNOWN),
        (b'{"code":200,"data":{"task_', 200, UNKNOWN),
        (b"null", 200, UNKNOWN),
        (b"[]", 200, UNKNOWN),
        (b'"ok"', 200, UNKNOWN),
        (b"\xff\xfe\x00", 200, UNKNOWN),
        (b"[" * 5000, 200, UNKNOWN),
        (b'{"a":' * 3000 + b"1" + b"}" * 3000, 200, UNKNOWN),
        ({}, 200, UNKNOWN),
        ({"code": 200, "data": None}, 200, UNKNOWN),
        ({"code": 200, "data": [task()]}, 200, UNKNOWN),
        ({"code": 200, "data": {"status": "pending"}}, 200, UNKNOWN),
        ({"code": [200], "data": {"task_id": {"id": 1}}, "message": {}}, 200, UNKNOWN),
        ({"code": 99999999999, "data": None}, 200, UNKNOWN),
    ],
)
def test_submit_classifies_odd_answers(body: Any, status: int, expected: Any):
    assert told(submit(answer(body, status))) == expected


@pytest.mark.parametrize(
    "task_id",
    [
        "", None, True, 1.5, [ID], "../task/1", "a/b", "http://evil.example/x", "a?b=c", "a#b", "a b", "a\n", ".",
        "..", "%2e%2e", "é", "x" * 201, -5,
    ],
)  # fmt: skip
def test_submit_takes_no_id_that_could_not_stand_in_a_path(task_id: Any):
    assert told(submit(success(task(task_id=task_id)))) == UNKNOWN


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("config.service_mode", (AccountNeedsOwner, Need.SETUP)),
        ("config.webhook_config.endpoint", (AccountNeedsOwner, Need.SETUP)),
        ("input.prompt", (ProviderRefused, Why.INVALID)),
    ],
)
def test_what_is_wrong_with_our_config_is_not_the_customers_fault(field: str, expected: Any):
    error = {"code": 10000, "type": "invalid_request", "message": "No.", "detail": {"field": field}}

    assert told(submit(answer({"code": 400, "error": error}, 400))) == expected


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0), ("0", 0.0), (" 12 ", 12.0), ("999999", 3600.0), ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0), ("-5", None), ("soon", None), ("", None), ("nan", None),
        ("1" * 500, None), ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(header: str, seconds: float | None):
    error = submit(refusal(429, 10700, retry_after=header))

    assert told(error) == (ProviderUnavailable, False, seconds)


@pytest.mark.parametrize("sent", [True, False])
def test_submit_without_an_answer_is_unknown_only_when_it_was_sent(sent: bool):
    assert told(submit(NoAnswer("Timed out.", sent=sent))) == (ProviderUnavailable, sent, None)
