"""Whatever a server answers, an adapter ends in a result or one of the closed list of errors."""

import json
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.core.wire import Response
from apps.providers.base import Done, ProviderError, Standing
from tests.providers.chat.samples import ADAPTERS, BASE64, KEY, access, work
from tests.providers.midjourney.samples import PNG
from tests.providers.wire import run

_WORDS = st.sampled_from(
    ["stop", "refusal", "SAFETY", "NO_IMAGE", "content_filter", "", KEY, "\x00", "insufficient_quota", "17s", BASE64,
     "overloaded_error", "Title: x\ny"]
)  # fmt: skip
_NAMES = st.sampled_from(
    ["error", "message", "code", "type", "status", "details", "reason", "retryDelay", "choices", "content", "refusal",
     "finish_reason", "text", "stop_reason", "candidates", "parts", "finishReason", "inlineData", "data", "b64_json",
     "promptFeedback", "blockReason", "models", "id", "responseId"]
)  # fmt: skip
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | _WORDS | st.text(max_size=20)
_VALUES = st.recursive(
    _SCALARS,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(_NAMES, part, max_size=5),
    max_leaves=15,
)
_STATUSES = st.sampled_from([200, 200, 200, 204, 302, 400, 401, 403, 404, 413, 429, 500, 529])
_ANSWERS = st.builds(
    lambda status, body, wait: Response(status, {"retry-after": wait}, body),
    _STATUSES,
    _VALUES.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40),
    st.text(max_size=12) | st.just("7"),
)


def check(result: Any, *kinds: type) -> None:
    if isinstance(result, ProviderError):
        assert KEY not in str(result)
        assert "\x00" not in str(result)
        return
    assert isinstance(result, kinds), result
    if isinstance(result, Done):
        assert b"\\u0000" not in orjson.dumps(result.output)


@settings(max_examples=300, deadline=None)
@given(_ANSWERS)
def test_every_answer_comes_to_something(answered: Response):
    for adapter in ADAPTERS:
        for asked in (
            work(),
            work("caption", image=PNG),
            work("image", prompt="a city"),
            work("image", prompt="a city", image_urls=[PNG]),
        ):
            check(run(adapter.submit(asked, access()), answered), Done)
        check(run(adapter.check(access()), answered), Standing)
