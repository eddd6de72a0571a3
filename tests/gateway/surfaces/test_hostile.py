"""Whatever a customer sends is understood or refused, and what is understood goes through everything that follows."""

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from apps.core.errors import InvalidRequest
from apps.gateway.surfaces import SURFACES, checks, counting
from apps.gateway.surfaces.base import Surface
from apps.providers.llm.base import Operation
from tests.gateway.surfaces.samples import BILL, USAGE, written

_NAMES = st.sampled_from(
    ["model", "messages", "input", "prompt", "role", "content", "type", "text", "image_url", "url", "tools", "name",
     "function", "arguments", "tool_calls", "tool_call_id", "call_id", "output", "source", "data", "media_type",
     "stream", "stream_options", "include_usage", "max_tokens", "system", "thinking", "tool_choice", "input_schema",
     "format", "reasoning", "effort", "output_config", "metadata", "stop", "temperature", "file", "file_data",
     "index", "delta", "choices", "message", "finish_reason", "id", "usage", "response", "tool_use_id", "signature"]
)  # fmt: skip
_WORDS = st.sampled_from(
    ["m", "user", "assistant", "system", "tool", "text", "image", "image_url", "document", "tool_use", "tool_result",
     "function", "function_call", "function_call_output", "message", "input_text", "input_image", "input_file",
     "base64", "content", "url", "https://a.test/x", "json_schema", "enabled", "1", "1e5", "nan", "{}", "\ud800",
     "stop"]
)  # fmt: skip
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | _WORDS | st.text(max_size=5)
_VALUES = st.recursive(
    _SCALARS,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(_NAMES, part, max_size=6),
    max_leaves=25,
)
_HELLO = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
_LEAST: dict[Operation, dict[str, Any]] = {
    Operation.CHAT: _HELLO,
    Operation.COMPLETIONS: {"model": "m", "prompt": "x"},
    Operation.RESPONSES: {"model": "m", "input": "x"},
    Operation.MESSAGES: {**_HELLO, "max_tokens": 5},
}
_FIELDS = st.dictionaries(_NAMES, _VALUES, max_size=6)
_SURFACES = st.sampled_from(list(SURFACES.values()))


def asked(surface: Surface, **fields: Any) -> dict[str, Any]:
    return {**_LEAST[surface.operation], **fields}


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = {"content": [value]}
    return value


@settings(max_examples=300, deadline=None)
@given(_SURFACES, _FIELDS | _VALUES)
@example(SURFACES[Operation.CHAT], {"x": nested(5000)})
@example(SURFACES[Operation.CHAT], {"messages": [nested(5000)]})
@example(SURFACES[Operation.MESSAGES], {"messages": [nested(5000)]})
@example(SURFACES[Operation.CHAT], {"x": 10**400})
@example(SURFACES[Operation.CHAT], {"temperature": 10**400})
def test_a_request_is_understood_or_refused(surface: Surface, body: Any):
    try:
        parsed = surface.parse(asked(surface, **body) if isinstance(body, dict) else body)
    except InvalidRequest:
        return
    size = counting.measured(surface.operation, parsed.body, image_tokens=100)
    assert size.least >= 0
    assert size.counted <= size.most
    try:
        chat = surface.to_chat(parsed.body)
    except InvalidRequest:
        return
    SURFACES[Operation.CHAT].parse({"model": "m", **chat})
    counting.measured(Operation.CHAT, chat, image_tokens=100)


@settings(max_examples=300, deadline=None)
@given(_SURFACES, st.booleans(), st.lists(st.dictionaries(_NAMES, _VALUES, max_size=4), max_size=4))
def test_whatever_a_provider_answers_is_passed_on(
    surface: Surface, is_native: bool, answers: list[Any]
):
    parsed = surface.parse(asked(surface))
    encoder = surface.encoder(parsed, is_native=is_native)
    written(encoder, answers)
    assert encoder.end(USAGE, BILL)
    for answer in answers:
        surface.answer(answer, parsed, is_native=is_native, usage=USAGE, bill=BILL)


@pytest.mark.parametrize(
    "name",
    ["api_key", "API-KEY", "api_base", "base_url", "extra_headers", "extra_body", "custom_llm_provider", "provider",
     "organization", "azure_ad_token", "vertex_credentials", "aws_secret_access_key", "Authorization", "user_config",
     "fallbacks", "mock_response", "callbacks", "litellm_params", "models", "service_tier", "speed", "store"],
)  # fmt: skip
def test_what_steers_a_call_never_passes(name: str):
    assert checks.steers(name)
    for surface in SURFACES.values():
        body = surface.parse(asked(surface, **{name: "x"})).body
        assert body.get(name) in (None, False)


def test_other_names_pass():
    for surface in SURFACES.values():
        passed = surface.parse(asked(surface, top_a={"x": [None]})).body
        assert passed["top_a"] == {"x": [None]}


def test_very_many_messages_are_taken():
    for operation in (Operation.CHAT, Operation.MESSAGES):
        surface = SURFACES[operation]
        part = {"type": "text", "text": "abcd"}
        messages = [{"role": "user", "content": [part]} for _ in range(100_000)]
        body = surface.parse(asked(surface, messages=messages)).body
        assert counting.measured(operation, body, image_tokens=0).counted == 100_000
