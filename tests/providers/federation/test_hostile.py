"""Whatever a server answers, the adapter ends in one of its results or one of the closed list of errors."""

import json
from typing import Any

import orjson
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apps.core.wire import Response
from apps.providers.base import Accepted, Done, ProviderError, Running, Standing
from tests.providers.federation.samples import (
    ACCESS,
    HANDLE,
    ID,
    KEY,
    REFERENCE,
    WORK,
    adapter,
    task,
)
from tests.providers.wire import run, success

_WORDS = st.sampled_from(
    ["completed", "failed", "cancelled", "processing", "staged", "", "../..", KEY, ID, REFERENCE, "11002", "\x00"]
)  # fmt: skip
_NAMES = st.sampled_from(
    [
        "code", "data", "message", "error", "raw_message", "task_id", "status", "output", "progress", "meta", "usage",
        "type", "consume", "items", "config", "client_reference", "detail", "field", "wallet", "balance", "plan",
        "equivalent_in_usd",
    ]
)  # fmt: skip
_SCALARS = (
    st.none()
    | st.booleans()
    | st.sampled_from([200, 400, 402, 404, 10000, 10200, 10501, 11002, -1, 2**70])
    | st.floats()
    | _WORDS
    | st.text(max_size=20)
)
_VALUES = st.recursive(
    _SCALARS,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(_NAMES, part, max_size=5),
    max_leaves=12,
)
_STATUSES = st.sampled_from([200, 200, 200, 201, 204, 302, 400, 401, 404, 409, 429, 500, 503])
_TASKS = st.dictionaries(_NAMES, _VALUES, max_size=6).map(lambda changes: task(**changes))
_BODIES = _VALUES | st.fixed_dictionaries({"code": st.just(200), "data": _TASKS | _VALUES})


def encoded(value: Any) -> bytes:
    """JSON as Python's own writes it: NaN, the infinities, huge integers and half surrogates too."""
    return json.dumps(value).encode()


_ANSWERS = st.builds(
    lambda status, body, wait: Response(status, {"retry-after": wait}, body),
    _STATUSES,
    _BODIES.map(encoded) | st.binary(max_size=40),
    st.text(max_size=12) | st.just("7"),
)


def is_kept_safely(value: Any) -> bool:
    """Whether PostgreSQL and JSON can hold it."""
    return b"\\u0000" not in orjson.dumps(value)


def check(result: Any, *kinds: type) -> None:
    if isinstance(result, ProviderError):
        assert KEY not in str(result)
        assert "\x00" not in str(result)
        assert 0 <= result.cost_points < 2**63
        return
    assert isinstance(result, kinds), result
    if isinstance(result, Done | Running):
        assert is_kept_safely(result.output)
    if isinstance(result, Done):
        assert result.cost_points is None or 0 <= result.cost_points < 2**63
    if isinstance(result, Accepted):
        assert result.handle == {"task_id": result.provider_id}
        assert not set(result.provider_id) & set("/\\?#%\x00 \n")


@settings(max_examples=300, deadline=None)
@given(_ANSWERS)
@example(success(task("completed", output={"a": "\x00"})))
def test_every_answer_comes_to_something(answered: Response):
    check(run(adapter.submit(WORK, ACCESS), answered), Accepted, Done)
    check(run(adapter.poll(HANDLE, ACCESS), answered), Running, Done)
    check(run(adapter.look_up(WORK, ACCESS), answered), Accepted, Done, type(None))
    check(run(adapter.cancel(HANDLE, ACCESS), answered), bool)
    check(run(adapter.check(ACCESS), answered, answered), Standing)


@settings(max_examples=300, deadline=None)
@given(
    _BODIES.map(encoded) | st.binary(max_size=40),
    st.dictionaries(st.text(max_size=9), st.text(max_size=9)),
)
def test_every_callback_is_read_or_refused(body: bytes, headers: dict[str, str]):
    try:
        found = adapter.callback(headers=headers, body=body, secret="s3cret")
    except ValueError:
        return
    assert (found.is_verified, found.handle) == (False, {"task_id": found.provider_id})
