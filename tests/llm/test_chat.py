"""Chat completions through the gateway: answers, streams, what they cost."""

from tests.llm.service import Service

# Ten tokens read at 0.1125 and three written at 0.45 US$ a million.
COST = 25


def test_an_answer_has_its_cost_in_body_headers_row_and_wallet(service: Service) -> None:
    answer = service.chat("Hi")

    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["model"] == "gpt-4o-mini"
    assert body["choices"][0]["message"]["content"] == "Hello there."
    assert body["usage"]["cost_points"] == COST
    assert answer.headers["x-cost-points"] == str(COST)
    [row] = service.usage()
    assert (row.end, row.usage_source, row.points) == ("completed", "reported", COST)
    assert (row.input_tokens, row.output_tokens, row.written_off) == (10, 3, 0)
    assert service.spent() == COST


def test_a_stream_ends_with_usage_and_cost(service: Service) -> None:
    events = service.stream("Hi", stream_options={"include_usage": True})

    text = "".join(e["choices"][0]["delta"].get("content", "") for e in events[:-2] if e["choices"])
    assert text == "Hello there."
    assert events[-2]["choices"] == []
    assert events[-2]["usage"]["cost_points"] == COST
    assert events[-1] == "[DONE]"
    [row] = service.usage()
    assert (row.end, row.is_stream, row.points) == ("completed", True, COST)
    assert service.spent() == COST
