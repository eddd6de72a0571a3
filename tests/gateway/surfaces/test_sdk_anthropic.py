"""Anthropic's own library understands what we write: its models, strictly, and its readers of streams."""

from typing import Any

import orjson
import pytest

from apps.gateway.surfaces.messages import SURFACE
from tests.gateway.surfaces.samples import ANSWER, BILL, LIMITED, STREAM, USAGE, streamed, written

anthropic = pytest.importorskip("anthropic")
httpx = pytest.importorskip("httpx2")

ASKED: dict[str, Any] = {
    "model": "asked",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "Where?"}],
}


def customer(answer: bytes, *, content_type: str = "text/event-stream", status: int = 200) -> Any:
    """A client whose every request is answered with this."""

    def answered(request: Any) -> Any:
        assert b"asked" in request.content
        return httpx.Response(status, content=answer, headers={"content-type": content_type})

    return anthropic.Anthropic(
        api_key="k",
        base_url="https://gateway.test",
        http_client=httpx.Client(transport=httpx.MockTransport(answered)),
        max_retries=0,
        _strict_response_validation=True,
    )


def test_a_message():
    parsed = SURFACE.parse(ASKED)
    answer = SURFACE.answer(ANSWER, parsed, is_native=False, usage=USAGE, bill=BILL)
    found = customer(orjson.dumps(answer), content_type="application/json").messages.create(**ASKED)
    assert [one.type for one in found.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert found.content[3].input == {"city": "Rome"}
    assert (found.stop_reason, found.usage.cost_points) == ("tool_use", 123)


def test_a_streamed_message():
    with customer(streamed(SURFACE, ASKED, STREAM)).messages.stream(**ASKED) as stream:
        found = stream.get_final_message()
    assert [one.type for one in found.content] == ["thinking", "text", "tool_use", "tool_use"]
    assert found.content[1].text == "Let me look."
    assert [one.input for one in found.content[2:]] == [{"city": "Oslo"}, {"city": "Rome"}]
    assert (found.stop_reason, found.usage.input_tokens) == ("tool_use", 10)


def test_errors_say_what_is_wrong():
    refused = customer(
        orjson.dumps(SURFACE.refused(LIMITED)), content_type="application/json", status=429
    )
    with pytest.raises(anthropic.RateLimitError, match="Too many requests") as raised:
        refused.messages.create(**ASKED)
    assert raised.value.body["error"]["type"] == "rate_limit_error"


def test_an_error_inside_a_stream_is_raised():
    encoder = SURFACE.encoder(SURFACE.parse(ASKED), is_native=False)
    client = customer(written(encoder, STREAM[:5]) + encoder.keep_alive + encoder.failed(LIMITED))
    with pytest.raises(anthropic.APIError, match="Too many requests"):
        list(client.messages.create(**ASKED, stream=True))
