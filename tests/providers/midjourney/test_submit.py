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
from tests.providers.midjourney.samples import (
    ACCEPTED,
    BARE_PARENT,
    ELSEWHERE,
    GRID_PARENT,
    HANDLE,
    ID,
    PAGE,
    PNG,
    REFERENCE,
    SECRET,
    SINGLE_PARENT,
    UNKNOWN,
    Why,
    sent,
    submit,
    told_id,
    work,
)
from tests.providers.wire import answer, told

FORM = told_id(21, description="Waiting for window confirm", finalPrompt="a city")
OTHER = "1320098173419999"
INVALID, MODERATED, FAILED = (
    (ProviderRefused, why) for why in (Why.INVALID, Why.MODERATED, Why.FAILED)
)


@pytest.mark.parametrize(
    "body",
    [
        {"code": 1, "description": "ok", "result": ID, "properties": {}},
        {"code": 1, "result": int(ID)},
        {"code": "1", "result": ID, "surprise": [1]},
        {"code": 22, "description": "1 before you", "result": ID, "properties": {"numberOfQueues": 1}},
        {"code": 1, "result": ID, "properties": "x", "description": 7},
    ],
)  # fmt: skip
def test_submit_is_accepted(body: Any):
    assert submit(work(), answer(body)) == ACCEPTED


def test_a_task_that_exists_already_is_the_one():
    known = told_id(21, OTHER, "exists", status="SUCCESS", imageUrl="https://b.example/1.png")
    taken_out = work("upscale", parent=BARE_PARENT, index="1")

    assert submit(taken_out, known) == Accepted(OTHER, {"task_id": OTHER, "job": "upscale"})


def test_what_the_form_made_is_the_task():
    painted = work("inpaint", parent=SINGLE_PARENT, mask=PNG)

    assert submit(painted, FORM, told_id(result=OTHER)) == Accepted(
        OTHER, {"task_id": OTHER, "job": "inpaint"}
    )


@pytest.mark.parametrize(
    ("code", "description", "expected"),
    [
        (24, "may contain sensitive words", MODERATED),
        (23, "The queue is full", ELSEWHERE),
        (4, "prompt must not be empty", INVALID),
        (4, "base64格式错误", INVALID),
        (4, "account has been banned", (AccountNeedsOwner, Need.BANNED)),
        (3, "no available account instance", ELSEWHERE),
        (3, "无可用的账号实例", ELSEWHERE),
        (3, "nothing found", ELSEWHERE),
        (9, "You have run out of fast hours", (AccountNeedsOwner, Need.FAST_HOURS)),
        (9, "captcha required", (AccountNeedsOwner, Need.CAPTCHA)),
        (9, "Your subscription has expired", (AccountNeedsOwner, Need.SUBSCRIPTION)),
        (9, "insufficient quota", (AccountNeedsOwner, Need.BALANCE)),
        (9, "Banned prompt detected: gore", MODERATED),
        (9, "Relax mode is not included in the basic plan", ELSEWHERE),
        (9, "Too many requests", ELSEWHERE),
        # It may have been handed on before it broke.
        (9, "system error", UNKNOWN),
        (9, "timed out", UNKNOWN),
        (77, "?", UNKNOWN),
    ],
)
def test_submit_classifies_the_bridges_codes(code: int, description: str, expected: Any):
    error = submit(work(), told_id(code, None, description))

    assert told(error) == expected
    assert str(error) == description


def test_the_banned_word_is_named():
    error = submit(work(), told_id(24, None, "may contain sensitive words", bannedWord="gore"))

    assert str(error) == "may contain sensitive words (gore)"


def test_a_parent_that_the_bridge_forgot_is_the_requests_fault():
    forgotten = told_id(3, None, "the task does not exist or has expired")

    assert told(submit(work("upscale", parent=GRID_PARENT, index="1"), forgotten)) == INVALID


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        (b"not logged in", 401, (BadCredentials,)),
        (PAGE, 403, (BadCredentials,)),
        (PAGE, 404, ELSEWHERE),
        (PAGE, 405, ELSEWHERE),
        (PAGE, 302, ELSEWHERE),
        (PAGE, 400, ELSEWHERE),
        (PAGE, 413, INVALID),
        (PAGE, 429, ELSEWHERE),
        (PAGE, 408, UNKNOWN),
        (PAGE, 500, UNKNOWN),
        (PAGE, 502, UNKNOWN),
        (PAGE, 503, UNKNOWN),
        # A relay in front of the bridge speaks for itself.
        ({"error": {"message": "insufficient quota", "type": "x"}}, 403, (AccountNeedsOwner, Need.BALANCE)),
        ({"error": {"message": "upstream timed out"}}, 504, UNKNOWN),
        ({"error": {"message": "rate limit of the upstream"}}, 500, UNKNOWN),
        ({"error": {"message": "rate limit reached"}}, 200, ELSEWHERE),
        ({"code": 4, "description": "bad", "result": None}, 500, UNKNOWN),
        ({"code": 1, "result": ID}, 500, UNKNOWN),
        # Nonsense: it may have been taken all the same.
        (PAGE, 200, UNKNOWN),
        (b"", 200, UNKNOWN),
        (b"null", 200, UNKNOWN),
        (b"[]", 200, UNKNOWN),
        (b'"ok"', 200, UNKNOWN),
        (b'{"code":1,"resu', 200, UNKNOWN),
        (b"\xff\xfe\x00", 200, UNKNOWN),
        (b"[" * 5000, 200, UNKNOWN),
        ({}, 200, UNKNOWN),
        ({"code": 1}, 200, UNKNOWN),
        ({"code": 1, "result": {"id": ID}}, 200, UNKNOWN),
        ({"code": 1, "result": "../../admin"}, 200, UNKNOWN),
        ({"code": 1, "result": "a b"}, 200, UNKNOWN),
        ({"code": True, "result": ID}, 200, UNKNOWN),
        ({"code": [1], "description": {}, "properties": []}, 200, UNKNOWN),
    ],
)  # fmt: skip
def test_submit_classifies_odd_answers(body: Any, status: int, expected: Any):
    assert told(submit(work(), answer(body, status))) == expected


def test_retry_after_is_passed_on():
    full = answer({"code": 23, "description": "queue full"}, 200, retry_after="7")
    limited = answer(PAGE, 429, retry_after="9")

    assert told(submit(work(), full)) == (ProviderUnavailable, False, 7.0)
    assert told(submit(work(), limited)) == (ProviderUnavailable, False, 9.0)


@pytest.mark.parametrize("was_sent", [True, False])
def test_submit_without_an_answer_is_unknown_only_when_it_was_sent(was_sent: bool):
    error = submit(work(), NoAnswer("Timed out.", sent=was_sent))

    assert told(error) == (ProviderUnavailable, was_sent, None)


@pytest.mark.parametrize("was_sent", [True, False])
def test_a_form_without_an_answer_is_unknown_only_when_it_was_sent(was_sent: bool):
    painted = work("inpaint", parent=SINGLE_PARENT, mask=PNG)

    error = submit(painted, FORM, NoAnswer("Timed out.", sent=was_sent))

    assert told(error) == (ProviderUnavailable, was_sent, None)


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (told_id(24, None, "sensitive words"), MODERATED),
        (told_id(3, None, "the window has expired"), INVALID),
        (answer(PAGE, 502), UNKNOWN),
    ],
)
def test_a_form_may_be_refused(answered: Any, expected: Any):
    painted = work("inpaint", parent=SINGLE_PARENT, mask=PNG)

    assert told(submit(painted, FORM, answered)) == expected


def test_a_form_without_an_id_cannot_be_filled_in():
    painted = work("inpaint", parent=SINGLE_PARENT, mask=PNG)

    assert told(submit(painted, told_id(21, None))) == UNKNOWN


REMIXED = work("variation", parent=GRID_PARENT, index="1", prompt="a dog")


@pytest.mark.parametrize(
    "cancelled", [answer(b""), answer(PAGE, 404), NoAnswer("Timed out.", sent=True)]
)
def test_a_new_prompt_that_has_nowhere_to_go_stops_the_work(cancelled: Any):
    error = submit(REMIXED, told_id(), cancelled)

    assert told(error) == FAILED
    assert "remix mode is off" in str(error)
    assert [path for path, _ in sent(REMIXED, told_id(), cancelled)] == [
        "/mj/submit/action",
        f"/mj/task/{ID}/cancel",
    ]


@pytest.mark.parametrize(
    "description",
    [
        f"Your secret {SECRET} is wrong",
        f"no route for {REFERENCE}",
        f"hook https://us.example/hooks/providers/{REFERENCE} is blocked",
    ],
)
def test_no_message_repeats_what_is_ours(description: str):
    error = submit(work(), told_id(9, None, description))

    assert SECRET not in str(error)
    assert REFERENCE not in str(error)
    assert "[removed]" in str(error)


# ------------------------------------------------------------------------------------------------ seed

SEED = work("seed", parent=GRID_PARENT, task_id="ours")


def test_seed_is_asked_for_and_told_at_once():
    assert submit(SEED, told_id(result="1234567")) == Done({"seed": "1234567"})
    assert submit(SEED, told_id(result=1234567)) == Done({"seed": "1234567"})
    assert sent(SEED) == [(f"/mj/task/{ID}/image-seed", {})]


def test_a_seed_that_is_known_is_not_asked_for():
    assert submit(work("seed", parent={**GRID_PARENT, "seed": "77"}, task_id="x")) == Done(
        {"seed": "77"}
    )


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (answer({"code": 3, "description": "gone"}, 404), INVALID),
        (told_id(4, None, "the task is not finished"), INVALID),
        (told_id(9, None, "no private channel"), FAILED),
        (told_id(1, "soon"), FAILED),
        (told_id(1, "-5"), FAILED),
        (told_id(1, None), FAILED),
        (answer(PAGE, 401), (BadCredentials,)),
        (told_id(9, None, "captcha required"), (AccountNeedsOwner, Need.CAPTCHA)),
        (answer(PAGE, 404), ELSEWHERE),
        # Nothing was begun, so there is nothing to look for.
        (answer(PAGE, 502), ELSEWHERE),
        (answer(PAGE, 200), ELSEWHERE),
        (NoAnswer("Timed out.", sent=True), ELSEWHERE),
    ],
)
def test_a_seed_that_is_not_told(answered: Any, expected: Any):
    assert told(submit(SEED, answered)) == expected


def test_handle_is_small_and_holds_no_secret():
    accepted = submit(work(), told_id())

    assert accepted.handle == HANDLE
