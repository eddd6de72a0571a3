"""Whatever a bridge answers, the adapter ends in one of its results or one of the closed list of errors."""

import json
from typing import Any

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apps.core.wire import Response
from apps.providers.base import Accepted, Done, ProviderError, Running, Standing
from tests.providers.midjourney.samples import (
    ACCESS,
    GRID_PARENT,
    HANDLE,
    ID,
    PICTURE,
    REFERENCE,
    SECRET,
    SINGLE_PARENT,
    adapter,
    task,
    work,
)
from tests.providers.wire import answer, run

_WORDS = st.sampled_from(
    ["SUCCESS", "FAILURE", "MODAL", "IN_PROGRESS", "CANCEL", "", "../..", SECRET, ID, REFERENCE, "\x00", PICTURE, "45%",
     "captcha", "Your account is banned until <t:99999999999:R>", "Pro", "1️⃣ a\n2️⃣ b"]
)  # fmt: skip
_NAMES = st.sampled_from(
    ["code", "description", "result", "properties", "id", "status", "state", "imageUrl", "progress", "failReason",
     "buttons", "customId", "label", "finalPrompt", "messageHash", "seed", "submitTime", "list", "data", "error",
     "message", "enable", "lock", "subscribePlan", "fastTimeRemaining", "coreSize", "disabledReason", "action"]
)  # fmt: skip
_SCALARS = (
    st.none()
    | st.booleans()
    | st.sampled_from([1, 3, 4, 9, 21, 22, 23, 24, 200, -1, 2**70])
    | st.floats()
    | _WORDS
    | st.text(max_size=20)
)
_VALUES = st.recursive(
    _SCALARS,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(_NAMES, part, max_size=5),
    max_leaves=12,
)
_STATUSES = st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 403, 404, 429, 500, 503])
_TASKS = st.dictionaries(_NAMES, _VALUES, max_size=6).map(lambda changes: task(**changes))
_BODIES = _VALUES | _TASKS | st.lists(_TASKS, max_size=3)


def encoded(value: Any) -> bytes:
    """JSON as Python's own writes it: NaN, the infinities, huge integers and half surrogates too."""
    return json.dumps(value).encode()


_ANSWERS = st.builds(
    lambda status, body, wait: Response(status, {"retry-after": wait}, body),
    _STATUSES,
    _BODIES.map(encoded) | st.binary(max_size=40),
    st.text(max_size=12) | st.just("7"),
)


def check(result: Any, *kinds: type) -> None:
    if isinstance(result, ProviderError):
        assert SECRET not in str(result)
        assert "\x00" not in str(result)
        return
    assert isinstance(result, kinds), result
    if isinstance(result, Done):
        assert b"\\u0000" not in orjson.dumps([result.output, result.facts, result.links])
    if isinstance(result, Accepted):
        assert result.handle["task_id"] == result.provider_id
        assert not set(result.provider_id) & set("/\\?#%\x00 \n")


@settings(max_examples=300, deadline=None)
@given(_ANSWERS, _ANSWERS)
@example(answer(task("SUCCESS", imageUrl=PICTURE, seed=2**60)), answer(b""))
def test_every_answer_comes_to_something(first: Response, second: Response):
    for asked in (
        work(mode="fast"),
        work("upscale", parent=GRID_PARENT, index="1"),
        work("pan", parent=SINGLE_PARENT, direction="up", prompt="a dog"),
        work("seed", parent=GRID_PARENT, task_id="x"),
    ):
        check(run(adapter.submit(asked, ACCESS), first, second), Accepted, Done)
    check(run(adapter.poll(HANDLE, ACCESS), first), Running, Done)
    check(run(adapter.poll({"task_id": ID, "job": "describe"}, ACCESS), first), Running, Done)
    check(run(adapter.look_up(work(), ACCESS), first), Accepted, type(None))
    check(run(adapter.cancel(HANDLE, ACCESS), first, second), bool)
    check(run(adapter.check(ACCESS), first, second), Standing)


@settings(max_examples=200, deadline=None)
@given(_BODIES.map(encoded) | st.binary(max_size=40))
def test_every_callback_is_read_or_refused(body: bytes):
    try:
        found = adapter.callback(headers={}, body=body, secret="s3cret")
    except ValueError:
        return
    assert (found.is_verified, found.handle) == (False, {"task_id": found.provider_id})


@given(_VALUES)
def test_whatever_stands_in_a_parent_is_no_crash(facts: Any):
    parent = facts if isinstance(facts, dict) else {"buttons": facts}
    follow_up = work("variation", parent={"id": ID, **parent}, index="1", prompt="a dog")

    check(run(adapter.submit(follow_up, ACCESS), answer({}), answer({})), Accepted)
