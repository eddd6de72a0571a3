"""OpenAI's own library understands what we write: its models, strictly, and its readers of streams."""

from typing import Any

import orjson
import pytest

from apps.gateway.surfaces import SURFACES
from apps.gateway.surfaces.base import Surface
from apps.providers.llm.base import Operation
from tests.gateway.surfaces.samples import ANSWER, BILL, LIMITED, STREAM, USAGE, streamed, written

openai = pytest.importorskip("openai")
httpx = pytest.importorskip("httpx")

CHAT, COMPLETIONS, RESPONSES = (
    SURFACES[one] for one in (Operation.CHAT, Operation.COMPLETIONS, Operation.RESPONSES)
)
MESSAGES = [{"role": "user", "content": "Where?"}]


def customer(
    answer: bytes,
    *,
    content_type: str = "text/event-stream",
    status: int = 200,
    is_strict: bool = True,
) -> Any:
    """A client whose every request is answered with this."""

    def answered(request: Any) -> Any:
        assert b"asked" in request.content
        return httpx.Response(status, content=answer, headers={"content-type": content_type})

    return openai.OpenAI(
        api_key="k",
        base_url="https://gateway.test/v1",
        http_client=httpx.Client(transport=httpx.MockTransport(answered)),
        max_retries=0,
        _strict_response_validation=is_strict,
    )


def whole(surface: Surface, body: dict[str, Any]) -> Any:
    parsed = surface.parse(body)
    answer = surface.answer(ANSWER, parsed, is_native=False, usage=USAGE, bill=BILL)
    return customer(orjson.dumps(answer), content_type="application/json")


def test_a_chat_answer():
    body = {"model": "asked", "messages": MESSAGES}
    answer = whole(CHAT, body).chat.completions.create(**body)
    assert answer.choices[0].message.tool_calls[1].function.arguments == '{"city":"Rome"}'
    assert (answer.usage.total_tokens, answer.usage.cost) == (29, 0.0000123)


@pytest.mark.parametrize("wants_usage", [True, False])
def test_a_chat_stream(wants_usage: bool):
    body = {
        "model": "asked",
        "messages": MESSAGES,
        "stream_options": {"include_usage": wants_usage},
    }
    client = customer(streamed(CHAT, body, STREAM))
    with client.chat.completions.stream(**body) as stream:
        found = stream.get_final_completion()
    assert found.choices[0].message.content == "Let me look."
    assert [one.function.arguments for one in found.choices[0].message.tool_calls] == [
        '{"city":"Oslo"}',
        '{"city":"Rome"}',
    ]
    assert found.usage.cost_points == 123


def test_a_text():
    body = {"model": "asked", "prompt": "Once"}
    answer = whole(COMPLETIONS, body).completions.create(**body)
    assert answer.usage.cost_points == 123
    pieces = [
        {"choices": [{"delta": {"content": one}, "finish_reason": end}]}
        for one, end in (("upon", None), (" a time", "stop"))
    ]
    # Its models have no room for the null that OpenAI itself sends until the last chunk.
    client = customer(streamed(COMPLETIONS, body, pieces), is_strict=False)
    chunks = list(client.completions.create(**body, stream=True))
    assert "".join(one.choices[0].text for one in chunks) == "upon a time"
    assert chunks[-1].usage.cost_points == 123


def test_a_response():
    body = {"model": "asked", "input": "Where?"}
    answer = whole(RESPONSES, body).responses.create(**body)
    assert answer.output_text == "Let me look."
    assert [one.type for one in answer.output] == [
        "reasoning",
        "message",
        "function_call",
        "function_call",
    ]
    assert answer.usage.cost_points == 123


def test_a_streamed_response():
    body = {"model": "asked", "input": "Where?"}
    client = customer(streamed(RESPONSES, body, STREAM))
    with client.responses.stream(**body) as stream:
        found = stream.get_final_response()
    assert found.output_text == "Let me look."
    assert [one.arguments for one in found.output if one.type == "function_call"] == [
        '{"city":"Oslo"}',
        '{"city":"Rome"}',
    ]
    assert found.usage.cost_points == 123


def test_errors_say_what_is_wrong():
    body = {"model": "asked", "messages": MESSAGES}
    refused = customer(
        orjson.dumps(CHAT.refused(LIMITED)), content_type="application/json", status=429
    )
    with pytest.raises(openai.RateLimitError) as raised:
        refused.chat.completions.create(**body)
    assert (raised.value.param, raised.value.type) == ("model", "rate_limited")


def test_an_error_inside_a_stream_is_raised():
    body = {"model": "asked", "messages": MESSAGES}
    encoder = CHAT.encoder(CHAT.parse(body), is_native=True)
    client = customer(written(encoder, STREAM[3:5]) + encoder.keep_alive + encoder.failed(LIMITED))
    with pytest.raises(openai.APIError, match="Too many requests"):
        list(client.chat.completions.create(**body, stream=True))
