"""Whatever a customer asks and a server answers, it ends in a result or one of the closed list of errors; and a result
can be written again."""

import json
from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.core.wire import Request, Response
from apps.providers.base import Access, ProviderError
from apps.providers.llm.base import Answer, Call, LlmProvider, Operation, Usage
from apps.providers.llm.registry import llm_provider, names
from apps.providers.llm.usage import MOST
from tests.providers.llm.samples import KEY, PICTURE, cut

ACCESS = Access("https://llm.example.com", KEY)
PROVIDERS = [llm_provider(name) for name in names()]

_NAMES = st.sampled_from(
    ["error", "message", "code", "type", "status", "choices", "delta", "content", "index", "finish_reason", "usage",
     "prompt_tokens", "completion_tokens", "prompt_tokens_details", "cached_tokens", "input_tokens", "output_tokens",
     "tool_calls", "function", "arguments", "function_call", "name", "id", "text", "data", "b64_json", "embedding",
     "candidates", "parts", "finishReason", "inlineData", "functionCall", "args", "promptFeedback", "blockReason",
     "usageMetadata", "promptTokenCount", "candidatesTokenCount", "embeddings", "values", "predictions", "response",
     "content_block", "stop_reason", "partial_json", "thinking", "output", "results", "duration", "seconds", "object"]
)  # fmt: skip
_ASKED = st.sampled_from(
    ["messages", "role", "content", "type", "text", "image_url", "url", "file", "file_data", "input_audio", "tools",
     "tool_choice", "functions", "function", "function_call", "tool_calls", "name", "arguments", "parameters", "stop",
     "n", "max_tokens", "temperature", "reasoning_effort", "response_format", "json_schema", "schema", "input", "user",
     "prompt", "stream_options", "tool_call_id", "id", "size", "modalities", "extra_content", "cache_control"]
)  # fmt: skip
_WORDS = st.sampled_from(
    ["stop", "text", "tool_use", "function", "system", "user", "assistant", "tool", "message_start", "message_delta",
     "content_block_start", "content_block_delta", "content_block_stop", "message_stop", "text_delta", "STOP",
     "input_json_delta", "response.completed", "response.failed", "image_url", "file", "json_schema", "json_object",
     "object", "required", "auto", "high", "{}", "", KEY, "\x00", "insufficient_quota", "error", PICTURE]
)  # fmt: skip
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | _WORDS | st.text(max_size=8)


def _values(named: Any) -> Any:
    return st.recursive(
        _SCALARS,
        lambda part: st.lists(part, max_size=3) | st.dictionaries(named, part, max_size=5),
        max_leaves=20,
    )


_SAID = st.dictionaries(_NAMES, _values(_NAMES), max_size=6)
_BODIES = st.dictionaries(_ASKED, _values(_ASKED), max_size=6)
_STREAMS = st.lists(
    st.tuples(st.sampled_from(["", "error", "message_start", "response.completed"]), _SAID),
    max_size=6,
)


def check_usage(usage: Usage | None) -> None:
    if usage is None:
        return
    numbers = {name: getattr(usage, name) for name in Usage.__dataclass_fields__}
    assert all(type(one) is int and 0 <= one <= 4 * MOST for one in numbers.values()), usage
    assert usage.cached_tokens + usage.cache_write_tokens <= usage.input_tokens
    assert max(usage.reasoning_tokens, usage.audio_output_tokens) <= usage.output_tokens
    assert usage.audio_input_tokens <= usage.input_tokens


def calls(body: dict[str, Any], *, is_stream: bool) -> list[tuple[LlmProvider, Call]]:
    return [
        (provider, Call(operation, "m-1", body, is_stream=is_stream))
        for provider in PROVIDERS
        for operation in Operation
        if provider.speaks(operation)
    ]


def tried(function: Any, *arguments: Any) -> Any:
    """None for an error of the closed list, which repeats no credential."""
    result, words = None, ""
    try:
        result = function(*arguments)
    except ProviderError as error:
        words = str(error)
    assert KEY not in words
    return result


@settings(max_examples=150, deadline=None)
@given(_BODIES, st.booleans())
def test_every_request_comes_to_something(body: dict[str, Any], is_stream: bool):
    before = repr(body)

    for provider, call in calls(body, is_stream=is_stream):
        assert isinstance(tried(provider.request, call, ACCESS), Request | None)

    assert repr(body) == before


@settings(max_examples=150, deadline=None)
@given(
    _SAID.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40),
    st.sampled_from(["", "application/json", "audio/mpeg"]),
    st.sampled_from([{}, {"input": "a"}, {"response_format": "srt", "stream_format": "sse"}]),
)
def test_every_answer_comes_to_something(data: bytes, content_type: str, body: dict[str, Any]):
    response = Response(200, {"content-type": content_type}, data)

    for provider, call in calls(body, is_stream=False):
        answer = tried(provider.answer, call, response, ACCESS)
        assert isinstance(answer, Answer | None)
        if answer is not None:
            check_usage(answer.usage)
            assert isinstance(answer.body, bytes) or orjson.dumps(answer.body)


@settings(max_examples=150, deadline=None)
@given(
    _STREAMS.map(
        lambda sent: b"".join(
            f"event: {name}\n".encode() * bool(name)
            + b"data: "
            + json.dumps(one).encode()
            + b"\n\n"
            for name, one in sent
        )
    )
    | st.binary(max_size=40),
    st.lists(st.integers(0, 10**6), max_size=5),
)
def test_every_stream_comes_to_something(stream: bytes, places: list[int]):
    for provider, call in calls({}, is_stream=True):
        decoder = provider.decoder(call, ACCESS)
        pieces = []
        for part in cut(stream, places):
            found = tried(decoder.feed, part)
            if found is None:
                break
            pieces += found
        else:
            pieces += tried(decoder.close) or []
        for piece in pieces:
            check_usage(piece.usage)
            assert type(piece.text) is str
            assert piece.raw or orjson.dumps(piece.data)


@settings(max_examples=150, deadline=None)
@given(
    _SAID.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=40),
    st.sampled_from([204, 302, 400, 401, 403, 404, 413, 429, 500, 529]),
)
def test_every_failure_comes_to_something(data: bytes, status: int):
    for provider in PROVIDERS:
        error = provider.failure(Response(status, {}, data), ACCESS)
        assert isinstance(error, ProviderError)
        assert KEY not in str(error)
