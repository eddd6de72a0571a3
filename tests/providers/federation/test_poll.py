from typing import Any

import orjson
import pytest

from apps.core.wire import Request, Response
from apps.providers.base import (
    AccountNeedsOwner,
    BadCredentials,
    Done,
    Need,
    ProviderRefused,
    ProviderUnavailable,
    Running,
)
from tests.providers.federation.samples import (
    ACCESS,
    ELSEWHERE,
    HANDLE,
    ID,
    KEY,
    OUTPUT,
    PAGE,
    Why,
    adapter,
    consumed,
    failed,
    poll,
    task,
)
from tests.providers.wire import answer, refusal, success, told


def test_poll_asks_for_the_task():
    asked = next(adapter.poll(HANDLE, ACCESS))

    assert asked == Request(
        "GET",
        f"https://upstream.example/api/v1/task/{ID}",
        headers={"x-api-key": KEY, "accept": "application/json"},
        timeout_seconds=15,
    )


@pytest.mark.parametrize(
    "status", ["staged", "pending", "processing", "Processing", "queued", " retry "]
)
def test_poll_of_unfinished_work_runs_on(status: str):
    assert poll(success(task(status))) == Running()


@pytest.mark.parametrize(
    ("progress", "expected"),
    [(0, 0), (45, 45), (100, 100), ("45", 45), (45.0, 45), (101, None), (-1, None), ("soon", None), (None, None),
     (True, None), (45.5, None), ([45], None), ("9" * 5000, None), (1e300, None)],
)  # fmt: skip
def test_poll_reads_progress_in_percent(progress: Any, expected: int | None):
    output = {"progress": progress}

    assert poll(success(task("processing", output=output))) == Running(expected, output)


def test_poll_delivers_the_output():
    answered = success(task("completed", output=OUTPUT, meta=consumed(20000)))

    assert poll(answered) == Done(OUTPUT, provider_id=ID, cost_points=20000)


@pytest.mark.parametrize(
    ("meta", "cost"),
    [
        (consumed(0), 0), (consumed(700000), 700000), (consumed("700000"), 700000), (consumed(7.0), 7),
        (consumed(-1), None), (consumed("-1"), None), (consumed(7.5), None), (consumed("lots"), None),
        (consumed(None), None), (consumed(True), None), (consumed([7]), None), (consumed({}), None),
        (consumed(10**13), None), (consumed(1e308), None), (consumed(9_223_372_036_854_775_807), None),
        (consumed("9" * 10_000), None), (consumed("NaN"), None), (consumed("1e5"), None),
        (consumed(5, "llm"), None), (consumed(5, None), None), (consumed(5, ["point"]), None),
        ({"usage": {"consume": 5}}, 5), ({"usage": []}, None), ({}, None), (None, None), ("x", None), ([], None),
    ],
)  # fmt: skip
def test_poll_believes_only_sane_costs(meta: Any, cost: int | None):
    assert poll(success(task("completed", output={}, meta=meta))) == Done({}, ID, cost_points=cost)


@pytest.mark.parametrize("token", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400])
def test_poll_reads_what_no_json_has(token: str):
    body = orjson.dumps({"code": 200, "data": task("completed", output=OUTPUT, meta=consumed(-77))})

    done = poll(answer(body.replace(b"-77", token.encode())))

    assert done == Done(OUTPUT, ID, cost_points=None)


def test_an_output_is_fit_to_store():
    body = (
        b'{"code":200,"data":{"status":"completed","output":'
        b'{"a\\u0000":"x\\u0000y","half":"\\ud800","nan":NaN,"huge":123456789012345678901234567890,"ok":[1,2.5,true,null]}}}'
    )

    done = poll(answer(body))

    assert done.output == {
        "a": "xy",
        "half": "?",
        "nan": None,
        "huge": None,
        "ok": [1, 2.5, True, None],
    }
    assert orjson.loads(orjson.dumps(done.output)) == done.output


@pytest.mark.parametrize("output", [None, "done", 7, [], [OUTPUT], True])
def test_completed_without_an_object_has_failed(output: Any):
    error = poll(success(task("completed", output=output, meta=consumed(5))))

    assert told(error) == (ProviderRefused, Why.FAILED)
    assert (str(error), error.cost_points) == (
        "The provider calls the task completed, but gives no output.", 5,
    )  # fmt: skip


def test_an_output_nested_too_deep_is_none():
    output: dict[str, Any] = {}
    for _ in range(200):
        output = {"a": output}

    assert told(poll(success(task("completed", output=output)))) == (ProviderRefused, Why.FAILED)


@pytest.mark.parametrize(
    ("status", "code", "why"),
    [
        ("failed", 11000, Why.FAILED), ("failed", 11001, Why.TIMEOUT), ("failed", 11002, Why.MODERATED),
        ("failed", 11003, Why.FAILED), ("failed", 11004, Why.CANCELLED), ("failed", 11005, Why.FAILED),
        ("failed", 11006, Why.FAILED), ("failed", 10000, Why.FAILED), ("failed", 10003, Why.MODERATED),
        ("failed", "11002", Why.MODERATED), ("failed", None, Why.FAILED), ("failed", [1], Why.FAILED),
        ("FAILED", 0, Why.FAILED), ("failure", -1, Why.FAILED),
        ("cancelled", 11004, Why.CANCELLED), ("canceled", 0, Why.CANCELLED), ("cancelled", 11000, Why.CANCELLED),
    ],
)  # fmt: skip
def test_poll_says_why_it_failed(status: str, code: Any, why: Any):
    error = poll(success(task(status, error=failed(code, "Raw words.", "Polite words."))))

    assert told(error) == (ProviderRefused, why)
    assert (str(error), error.cost_points) == ("Raw words.", 0)


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (failed(11000, "", "Polite words."), "Polite words."),
        (failed(11000, {"a": 1}, "Polite words."), "Polite words."),
        (failed(11000), "The provider says that the task failed, not why."),
        (None, "The provider says that the task failed, not why."),
        ("broken", "The provider says that the task failed, not why."),
    ],
)
def test_poll_finds_words_for_a_failure(error: Any, message: str):
    assert str(poll(success(task("failed", error=error)))) == message


@pytest.mark.parametrize(("amount", "cost"), [(5000, 5000), (0, 0), (-5, 0), ("x", 0), (10**15, 0)])
def test_poll_tells_what_a_failure_cost(amount: Any, cost: int):
    error = poll(success(task("failed", error=failed(11000, "Crashed."), meta=consumed(amount))))

    assert error.cost_points == cost


@pytest.mark.parametrize(
    ("answered", "expected"),
    [
        (refusal(401, 10100), (BadCredentials,)),
        (refusal(402, 10200), (AccountNeedsOwner, Need.BALANCE)),
        (refusal(403, 10300), (AccountNeedsOwner, Need.SUBSCRIPTION)),
        (refusal(403, 10303), (AccountNeedsOwner, Need.SETUP)),
        (refusal(404, 10400, "There is no such task."), (ProviderRefused, Why.FAILED)),
        # The route is missing: a deployment, not the task.
        (refusal(404, 10400, "404 page not found"), ELSEWHERE),
        (answer(b"404 page not found", 404), ELSEWHERE),
        (answer(PAGE, 404), ELSEWHERE),
        (refusal(429, 10700, retry_after="9"), (ProviderUnavailable, False, 9.0)),
        (refusal(400, 10000), ELSEWHERE),
        (refusal(500, 10900), ELSEWHERE),
        (refusal(503, 10800), ELSEWHERE),
        (answer(PAGE, 502), ELSEWHERE),
        (answer(PAGE, 200), ELSEWHERE),
        (answer(b"", 200), ELSEWHERE),
        (answer({"code": 200, "data": None}), ELSEWHERE),
        (answer({"code": 200, "data": [task("completed", output=OUTPUT)]}), ELSEWHERE),
        (success(task("halfway")), ELSEWHERE),
        (success(task(None)), ELSEWHERE),
        (success(task(99)), ELSEWHERE),
    ],
)
def test_poll_classifies_errors(answered: Response, expected: Any):
    assert told(poll(answered)) == expected


def test_another_tasks_result_is_never_taken():
    other = task("completed", output=OUTPUT, task_id="99999999-1111-4222-8333-444444444444")

    assert told(poll(success(other))) == ELSEWHERE


def test_poll_takes_an_answer_that_does_not_repeat_the_id():
    assert poll(success({"status": "completed", "output": OUTPUT})) == Done(OUTPUT, ID)


LINK = "https://cdn.discordapp.com/attachments/1/2/grid.png?ex=1"
STEPS = [f"https://files.example/step{number}.webp" for number in range(3)]


def test_poll_keeps_the_makers_own_link_apart():
    output = {**OUTPUT, "discord_image_url": LINK, "intermediate_image_urls": STEPS}

    assert poll(success(task("completed", output=output))) == Done(
        OUTPUT, provider_id=ID, cost_points=0, links={"discord_image_url": LINK}
    )


@pytest.mark.parametrize("link", ["", None, 7, "discord", "file:///etc/passwd", "http://a b/"])
def test_poll_takes_no_link_that_is_none(link: Any):
    output = {**OUTPUT, "discord_image_url": link}

    assert poll(success(task("completed", output=output))) == Done(
        OUTPUT, provider_id=ID, cost_points=0
    )


def test_poll_copies_the_four_crops_like_any_file():
    output = {**OUTPUT, "temporary_image_urls": STEPS}

    assert poll(success(task("completed", output=output))) == Done(
        output, provider_id=ID, cost_points=0
    )


@pytest.mark.parametrize(
    ("shown", "previews"),
    [
        (STEPS, tuple(STEPS)),
        ([*STEPS, "", None, 5, "data:image/png;base64,AAAA", {"url": STEPS[0]}], tuple(STEPS)),
        (STEPS * 10, tuple((STEPS * 10)[-20:])),
        (None, ()),
        ("x", ()),
        ({}, ()),
    ],
)
def test_poll_of_unfinished_work_shows_previews(shown: Any, previews: Any):
    output = {"progress": 40, "intermediate_image_urls": shown, "temporary_image_urls": STEPS}

    assert poll(success(task("processing", output=output))) == Running(
        40, {"progress": 40}, previews
    )
