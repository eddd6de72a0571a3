from typing import Any

import pytest

from apps.core.errors import InvalidRequest
from apps.gateway.surfaces.base import Parsed
from apps.gateway.surfaces.completions import SURFACE
from tests.gateway.surfaces.samples import ANSWER, BILL, CHAT_USAGE, USAGE, chunk, events, streamed

ASKED = {"model": "asked", "prompt": "Once"}


def choice(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "text": text, "logprobs": None, "finish_reason": finish}


def ours(**fields: Any) -> dict[str, Any]:
    named = {"id": "cmpl-1", "object": "text_completion", "created": 1700000000, "model": "asked"}
    return {**named, **fields}


@pytest.mark.parametrize(
    "prompt", ["Once", "", ["Once"], ["a", "b"], [1, 2], [[1], [2, 3]], ["a", [1]]]
)
def test_prompts_of_all_shapes_pass_to_whoever_speaks_this(prompt: Any):
    body = {**ASKED, "prompt": prompt, "best_of": "2", "logprobs": 5, "echo": True}
    assert SURFACE.parse(body) == Parsed(
        "asked", False, {"prompt": prompt, "best_of": 2, "logprobs": 5, "echo": True}
    )


@pytest.mark.parametrize("prompt", ["Once", ["Once"]])
def test_one_prompt_is_a_message(prompt: Any):
    body = {
        "prompt": prompt,
        "max_tokens": 9,
        "echo": False,
        "best_of": 1,
        "suffix": "",
        "top_k": 3,
    }
    # Chat knows these, and nobody has looked at them.
    body |= {"tools": [{"type": "web_search"}], "messages": "x"}
    assert SURFACE.to_chat(body) == {
        "messages": [{"role": "user", "content": "Once"}],
        "max_tokens": 9,
        "top_k": 3,
    }


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"prompt": 5}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"prompt": ["a", {}]}, "prompt.1"),
        ({"prompt": [[]]}, "prompt.0"),
        ({"prompt": ["a"] * 2049}, "prompt"),
        ({"logprobs": 6}, "logprobs"),
        ({"best_of": 0}, "best_of"),
    ],
)
def test_what_is_wrong_is_named(body: dict[str, Any], field: str):
    with pytest.raises(InvalidRequest) as raised:
        SURFACE.parse({**ASKED, **body})
    assert raised.value.detail == {"field": field}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("suffix", "end"),
        ("echo", True),
        ("best_of", 2),
        ("logprobs", 0),
        ("prompt", ["a", "b"]),
        ("prompt", [1, 2]),
    ],
)
def test_what_chat_has_no_words_for_is_refused(name: str, value: Any):
    with pytest.raises(InvalidRequest) as raised:
        SURFACE.to_chat({"prompt": "Once", name: value})
    assert raised.value.detail == {"field": name}


def test_an_answer_in_chat_shape_becomes_a_text():
    answer = SURFACE.answer(ANSWER, SURFACE.parse(ASKED), is_native=False, usage=USAGE, bill=BILL)
    assert answer == ours(
        system_fingerprint="fp_1",
        choices=[choice("Let me look.", "stop")],
        usage=CHAT_USAGE,
    )


def test_a_native_answer_stays_as_it_is():
    given = {"id": "x", "created": 5, "choices": [choice("upon", "stop") | {"extra": 1}]}
    answer = SURFACE.answer(given, SURFACE.parse(ASKED), is_native=True, usage=USAGE, bill=BILL)
    assert answer == ours(id="cmpl-x", created=5, choices=given["choices"], usage=CHAT_USAGE)


def test_a_stream_in_chat_shape_becomes_texts():
    pieces = [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "upon"}),
        chunk({"content": " a time"}),
        chunk({}, "length"),
    ]
    assert events(streamed(SURFACE, ASKED, pieces)) == [
        ours(choices=[choice("upon")]),
        ours(choices=[choice(" a time")]),
        ours(choices=[choice("", "length")], usage=CHAT_USAGE),
        "[DONE]",
    ]


def test_a_native_stream_keeps_its_choices_and_may_have_its_usage_apart():
    body = {**ASKED, "stream_options": {"include_usage": True}}
    pieces = [{"id": "cmpl-1", "created": 1700000000, "choices": [choice("upon")]}]
    assert events(streamed(SURFACE, body, pieces, is_native=True)) == [
        ours(choices=[choice("upon")], usage=None),
        ours(choices=[choice("", "stop")], usage=None),
        ours(choices=[], usage=CHAT_USAGE),
        "[DONE]",
    ]
