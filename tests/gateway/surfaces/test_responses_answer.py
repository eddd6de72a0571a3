from typing import Any

from apps.gateway.surfaces.responses import SURFACE
from tests.gateway.surfaces.samples import (
    ANSWER,
    BILL,
    COST,
    LIMITED,
    STREAM,
    USAGE,
    WEATHER,
    chunk,
    events,
    streamed,
    written,
)

TOOL = {"type": "function", **WEATHER}
ASKED = {
    "model": "asked",
    "input": "Where?",
    "tools": [TOOL],
    "reasoning": {"effort": "low"},
    "max_output_tokens": 64,
}
USED = {
    "input_tokens": 20,
    "input_tokens_details": {"cached_tokens": 8, "cache_write_tokens": 2},
    "output_tokens": 9,
    "output_tokens_details": {"reasoning_tokens": 4},
    "total_tokens": 29,
    **COST,
}
THOUGHT = {"type": "summary_text", "text": "Two cities."}
FAILED = {
    "code": "rate_limit_exceeded",
    "message": "Too many requests.",
    "request_id": "req-1",
}


def text(said: str) -> dict[str, Any]:
    return {"type": "output_text", "text": said, "annotations": [], "logprobs": []}


def response(key: str, status: str, **fields: Any) -> dict[str, Any]:
    return {
        "id": f"resp_{key}",
        "object": "response",
        "status": status,
        "background": False,
        "error": None,
        "incomplete_details": None,
        "model": "asked",
        "output": [],
        "previous_response_id": None,
        "reasoning": {"effort": "low", "summary": None},
        "store": False,
        "text": {"format": {"type": "text"}},
        "usage": None,
        "instructions": None,
        "max_output_tokens": 64,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": None,
        "tool_choice": "auto",
        "tools": [TOOL],
        "top_p": None,
        "truncation": "disabled",
        "user": None,
        **fields,
    }


def called(key: str, index: int, call_id: str, arguments: str, status: str = "completed") -> Any:
    return {
        "id": f"fc_{key}0{index}",
        "type": "function_call",
        "status": status,
        "arguments": arguments,
        "call_id": call_id,
        "name": "weather",
    }


def said(key: str, index: int, *parts: Any, status: str = "completed") -> dict[str, Any]:
    return {
        "id": f"msg_{key}0{index}",
        "type": "message",
        "status": status,
        "role": "assistant",
        "content": list(parts),
    }


def output(key: str) -> list[dict[str, Any]]:
    return [
        {"id": f"rs_{key}00", "type": "reasoning", "summary": [THOUGHT]},
        said(key, 1, text("Let me look.")),
        called(key, 2, "call_a", '{"city":"Oslo"}'),
        called(key, 3, "call_b", '{"city":"Rome"}'),
    ]


def without_times(found: dict[str, Any]) -> dict[str, Any]:
    """The response without its clock, which must be there."""
    assert found["created_at"] > 1.7e9
    assert (found.get("completed_at") or 0) > 1.7e9 or found["status"] != "completed"
    return {name: one for name, one in found.items() if not name.endswith("_at")}


def answered(body: dict[str, Any], **fields: Any) -> dict[str, Any]:
    parsed = SURFACE.parse({**ASKED, **fields})
    return without_times(SURFACE.answer(body, parsed, is_native=False, usage=USAGE, bill=BILL))


def test_an_answer_in_chat_shape_becomes_a_response():
    assert answered(ANSWER) == response("5f0c77", "completed", output=output("5f0c77"), usage=USED)


def plain(content: str | None, finish: str, **message: Any) -> dict[str, Any]:
    said = {"role": "assistant", "content": content, **message}
    return {"choices": [{"index": 0, "message": said, "finish_reason": finish}]}


def test_an_answer_that_was_cut_off_is_incomplete():
    assert answered(plain("Once", "length")) == response(
        "5f0c77",
        "incomplete",
        incomplete_details={"reason": "max_output_tokens"},
        output=[said("5f0c77", 0, text("Once"), status="incomplete")],
        usage=USED,
    )


def test_a_refusal_and_citations_have_their_places():
    cited = {"url": "https://a.test", "title": "A", "start_index": 0, "end_index": 4}
    annotations = [{"type": "url_citation", "url_citation": cited}]
    refused = answered(plain(None, "stop", refusal="I will not."))["output"]
    assert refused == [said("5f0c77", 0, {"type": "refusal", "refusal": "I will not."})]
    found = answered(plain("Once", "stop", annotations=annotations))["output"]
    text_with = text("Once") | {"annotations": [{"type": "url_citation", **cited}]}
    assert found == [said("5f0c77", 0, text_with)]


def test_a_native_answer_stays_but_for_name_usage_and_cost():
    given = {
        "id": "resp_1",
        "model": "upstream",
        "output": [],
        "usage": {"input_tokens": 1},
        "x": 1,
    }
    answer = SURFACE.answer(given, SURFACE.parse(ASKED), is_native=True, usage=USAGE, bill=BILL)
    assert answer == {"id": "resp_1", "model": "asked", "output": [], "usage": USED, "x": 1}


def numbered(found: list[Any]) -> list[Any]:
    """The events without their numbers, which count up from nothing."""
    assert [one["sequence_number"] for one in found] == list(range(len(found)))
    return [
        {name: value for name, value in one.items() if name != "sequence_number"} for one in found
    ]


def event(name: str, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{name}", **fields}


def written_text(key: str, index: int, *deltas: str) -> list[dict[str, Any]]:
    at = {"item_id": f"msg_{key}0{index}", "output_index": index, "content_index": 0}
    whole = "".join(deltas)
    return [
        event("output_item.added", output_index=index, item=said(key, index, status="in_progress")),
        event("content_part.added", **at, part=text("")),
        *[event("output_text.delta", **at, delta=one, logprobs=[]) for one in deltas],
        event("output_text.done", **at, text=whole, logprobs=[]),
        event("content_part.done", **at, part=text(whole)),
        event("output_item.done", output_index=index, item=said(key, index, text(whole))),
    ]


def written_call(key: str, index: int, call_id: str, *deltas: str) -> list[dict[str, Any]]:
    at = {"item_id": f"fc_{key}0{index}", "output_index": index}
    whole = "".join(deltas)
    begun = called(key, index, call_id, "", "in_progress")
    return [
        event("output_item.added", output_index=index, item=begun),
        *[event("function_call_arguments.delta", **at, delta=one) for one in deltas],
        event("function_call_arguments.done", **at, arguments=whole),
        event("output_item.done", output_index=index, item=called(key, index, call_id, whole)),
    ]


def written_thought(key: str, *deltas: str) -> list[dict[str, Any]]:
    at = {"item_id": f"rs_{key}00", "output_index": 0, "summary_index": 0}
    item = {"id": f"rs_{key}00", "type": "reasoning"}
    return [
        event("output_item.added", output_index=0, item={**item, "summary": []}),
        event("reasoning_summary_part.added", **at, part={"type": "summary_text", "text": ""}),
        *[event("reasoning_summary_text.delta", **at, delta=one) for one in deltas],
        event("reasoning_summary_text.done", **at, text="".join(deltas)),
        event("reasoning_summary_part.done", **at, part=THOUGHT),
        event("output_item.done", output_index=0, item={**item, "summary": [THOUGHT]}),
    ]


def test_a_stream_in_chat_shape_becomes_every_event_of_this_interface():
    found = numbered(events(streamed(SURFACE, ASKED, STREAM)))
    key = found[0]["response"]["id"].removeprefix("resp_")
    for one in (*found[:2], found[-1]):
        one["response"] = without_times(one["response"])
    assert found == [
        event("created", response=response(key, "in_progress")),
        event("in_progress", response=response(key, "in_progress")),
        *written_thought(key, "Two ", "cities."),
        *written_text(key, 1, "Let me ", "look."),
        *written_call(key, 2, "call_a", '{"city":', '"Oslo"}'),
        *written_call(key, 3, "call_b", '{"city":"Rome"}'),
        event("completed", response=response(key, "completed", output=output(key), usage=USED)),
    ]


def test_a_stream_that_was_cut_off_is_incomplete():
    found = events(streamed(SURFACE, ASKED, [chunk({"content": "Once"}), chunk({}, "length")]))
    assert found[-2]["item"]["status"] == "incomplete"
    assert found[-1]["type"] == "response.incomplete"
    assert found[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}


def test_an_empty_stream_is_a_response_too():
    found = events(streamed(SURFACE, ASKED, []))
    assert [one["type"] for one in found] == [
        "response.created",
        "response.in_progress",
        "response.completed",
    ]


def test_a_broken_stream_has_failed():
    encoder = SURFACE.encoder(SURFACE.parse(ASKED), is_native=False)
    found = events(written(encoder, STREAM[:4]) + encoder.failed(LIMITED))
    assert found[-1]["type"] == "response.failed"
    assert found[-1]["response"]["status"] == "failed"
    assert found[-1]["response"]["error"] == FAILED


def native(name: str, number: int, **fields: Any) -> dict[str, Any]:
    return {"type": f"response.{name}", "sequence_number": number, **fields}


def test_native_events_pass_and_the_last_waits_for_the_bill():
    given = [
        native(
            "created", 0, response={"id": "resp_9", "model": "upstream", "status": "in_progress"}
        ),
        native("output_text.delta", 1, delta="Hi", obfuscation="x"),
        native("completed", 2, response={"id": "resp_9", "model": "upstream", "usage": {"x": 1}}),
    ]
    encoder = SURFACE.encoder(SURFACE.parse(ASKED), is_native=True)
    assert events(written(encoder, given)) == [
        native("created", 0, response={"id": "resp_9", "model": "asked", "status": "in_progress"}),
        given[1],
    ]
    assert events(encoder.end(USAGE, BILL)) == [
        native("completed", 2, response={"id": "resp_9", "model": "asked", "usage": USED}),
    ]
    encoder = SURFACE.encoder(SURFACE.parse(ASKED), is_native=True)
    written(encoder, given[:2])
    assert events(encoder.failed(LIMITED)) == [
        native(
            "failed",
            2,
            response={
                "id": "resp_9",
                "model": "asked",
                "status": "failed",
                "usage": None,
                "error": FAILED,
            },
        )
    ]
