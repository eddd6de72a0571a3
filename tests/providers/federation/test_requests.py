from dataclasses import replace
from typing import Any

import orjson
import pytest

from apps.providers import flow
from apps.providers.base import (
    Access,
    AccountNeedsOwner,
    BadCredentials,
    Need,
    Work,
)
from tests.providers.federation.samples import (
    ACCESS,
    CALLBACK,
    KEY,
    REFERENCE,
    WORK,
    adapter,
    failed,
    poll,
    submit,
    task,
)
from tests.providers.wire import Wire, answer, refusal, run, success, told


def test_submit_sends_the_contracts_request():
    work = Work(**{**vars(WORK), "callback_url": CALLBACK, "callback_secret": "s3cret"})
    access = Access("https://upstream.example/", KEY, {"service_mode": "private"})
    wire = Wire(success(task()))

    flow.run(adapter.submit(work, access), wire)

    [request] = wire.requests
    assert (request.method, request.url) == ("POST", "https://upstream.example/api/v1/task")
    assert request.headers == {
        "x-api-key": KEY,
        "accept": "application/json",
        "content-type": "application/json",
        "idempotency-key": REFERENCE,
    }
    assert orjson.loads(request.body) == {
        "model": "Qubico/flux1-schnell",
        "task_type": "txt2img",
        "input": {"prompt": "a flying city"},
        "config": {
            "client_reference": REFERENCE,
            "service_mode": "private",
            "webhook_config": {"endpoint": CALLBACK, "secret": "s3cret"},
        },
    }


def test_submit_without_options_names_neither_mode_nor_webhook():
    request = next(adapter.submit(WORK, ACCESS))

    assert orjson.loads(request.body)["config"] == {"client_reference": REFERENCE}


def test_submit_sent_again_is_the_same_request():
    first, second = (next(adapter.submit(WORK, ACCESS)) for _ in range(2))

    assert (first, first.body, first.headers) == (second, second.body, second.headers)


@pytest.mark.parametrize(
    ("base_url", "expected"),
    [
        ("https://up.example", "https://up.example/account/info"),
        ("https://up.example/", "https://up.example/account/info"),
        ("http://up.example:8080/some/prefix/", "http://up.example:8080/some/prefix/account/info"),
        ("https://up.example/?a=b#c", "https://up.example/account/info"),
    ],
)
def test_paths_follow_the_base_url(base_url: str, expected: str):
    assert next(adapter.check(Access(base_url, KEY))).url == expected


@pytest.mark.parametrize(
    "base_url", ["", "up.example", "ftp://up.example", "https://", "http://[::1"]
)
def test_an_address_that_is_no_url_needs_the_owner(base_url: str):
    error = run(adapter.check(Access(base_url, KEY)))

    assert told(error) == (AccountNeedsOwner, Need.SETUP)


@pytest.mark.parametrize("key", ["", "a\nb", "ключ", "a\x00"])
def test_a_key_that_fits_no_header_is_bad(key: str):
    assert told(run(adapter.submit(WORK, Access("https://up.example", key)))) == (BadCredentials,)


def test_requests_show_no_key_when_printed():
    request = next(adapter.submit(WORK, ACCESS))

    assert KEY not in repr(request)
    assert KEY not in repr(ACCESS)


@pytest.mark.parametrize(
    ("task_id", "path"),
    [
        ("../../account/info", "..%2F..%2Faccount%2Finfo"),
        ("https://evil.example", "https%3A%2F%2Fevil.example"),
    ],
)
def test_an_id_cannot_leave_its_place_in_the_path(task_id: str, path: str):
    asked = next(adapter.poll({"task_id": task_id}, ACCESS))

    assert asked.url == f"https://upstream.example/api/v1/task/{path}"


def test_messages_repeat_no_secret():
    secrets = (KEY, "s3cret-of-the-callback", CALLBACK, REFERENCE)
    work = Work(**{**vars(WORK), "callback_url": CALLBACK, "callback_secret": secrets[1]})
    words = f"key {KEY} / {secrets[1]} / {CALLBACK} / {REFERENCE}"
    answers = [
        refusal(401, 10100, words),
        refusal(400, 10000, words),
        refusal(500, 10900, words),
        success(task("failed", error=failed(11000, words))),
    ]

    messages = [str(run(adapter.submit(work, ACCESS), one)) for one in answers]

    assert messages == ["key [removed] / [removed] / [removed] / [removed]"] * 4


def test_a_secret_at_the_end_of_a_long_message_is_not_left_half():
    error = submit(refusal(400, 10000, "x" * 1990 + KEY))

    assert str(error) == "x" * 1990 + "[removed]"


def test_a_polls_message_repeats_no_key():
    errors = [poll(refusal(401, 10100, KEY)), poll(success(task("failed", error=failed(1, KEY))))]

    assert [str(error) for error in errors] == ["[removed]", "[removed]"]


def test_a_message_is_fit_to_store():
    error = submit(refusal(400, 10000, "a\x00b\x1b[31m " + "long " * 10_000))

    assert len(str(error)) == 2000
    assert str(error).startswith("ab[31m long")


@pytest.mark.parametrize("message", [None, 7, {"a": 1}, [], "", "  "])
def test_an_error_without_words_names_the_status(message: Any):
    error = submit(answer({"code": 500, "message": message}, 500))

    assert str(error) == "The provider answered HTTP 500 without a readable reason."


def body_of(work: Work) -> Any:
    return orjson.loads(next(adapter.submit(work, ACCESS)).body)


@pytest.mark.parametrize("field", ["origin_task_id", "task_id"])
def test_follow_up_names_the_other_servers_task(field: str):
    theirs = "9f647527-1111-4222-8333-444444444444"
    given = {field: "0f647527-1111-4222-8333-444444444444", "index": "1"}

    work = replace(WORK, input=given, parent={"id": theirs, "kind": "grid"})

    assert body_of(work)["input"] == {field: theirs, "index": "1"}
    assert work.input == given


@pytest.mark.parametrize("parent", [{}, {"kind": "grid"}, {"id": ""}])
def test_follow_up_of_a_task_that_the_other_server_has_not_made_is_as_it_was(parent: Any):
    given = {"origin_task_id": "0f647527-1111-4222-8333-444444444444"}

    assert body_of(replace(WORK, input=given, parent=parent))["input"] == given


def test_a_parent_adds_no_field_that_the_input_lacks():
    work = replace(WORK, parent={"id": "9f647527"})

    assert body_of(work)["input"] == {"prompt": "a flying city"}


def test_the_mode_that_was_decided_wins_over_the_inputs():
    work = replace(WORK, input={"prompt": "a city", "process_mode": "turbo"}, mode="relax")

    assert body_of(work)["input"] == {"prompt": "a city", "process_mode": "relax"}
