import base64
from typing import Any

import pytest

from apps.gateway.surfaces.counting import count, measured
from apps.providers.llm.base import Operation

CHAT = Operation.CHAT


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("a", 1), ("abcd", 1), ("abcde", 2), ("Grüße", 2), ("\ud800", 1)]
)
def test_a_token_is_four_bytes(text: str, tokens: int):
    assert count(text) == tokens


def chat(*contents: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": content} for content in contents]}


def data_address(size: int) -> str:
    return "data:application/pdf;base64," + base64.b64encode(b"x" * size).decode()


def part(kind: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"type": kind, **fields}]


# Request, its bounds, what is counted by the rule; a picture is 100 tokens.
CASES = [
    (CHAT, chat("a" * 24), (5, 24 + 64), 6),
    (CHAT, chat("a" * 24, part("text", text="b" * 26)), (10, 50 + 80), 13),
    (CHAT, chat(part("image_url", image_url={"url": "https://a.test/" + "x" * 999})), (3, 164), 100),
    (CHAT, chat(part("file", file={"filename": "abcd", "file_data": data_address(300)})), (3, 364), 75),
    (CHAT, chat(part("file", file={"file_url": "https://a.test"})), (3, 1_000_064), 250_000),
    (CHAT, chat(part("input_audio", input_audio={"data": "A" * 64})), (3, 68), 1),
    (CHAT, {**chat("abcd"), "user": "x" * 999, "stop": ["y" * 996], "n": 9}, (3, 68 + 1999), 1),
    (CHAT, {**chat("abcd"), "tools": [{"a": 1}]}, (3, 68 + 9 + 1024), 4),
    (
        Operation.COMPLETIONS,
        {"prompt": [1, 2, 3], "suffix": "abcd"},
        (3, 3 + 4 + 48),
        4,
    ),
    (Operation.COMPLETIONS, {"prompt": ["abcd", "efgh"]}, (0, 8 + 48), 2),
    (Operation.EMBEDDINGS, {"input": [[1, 2], [3]]}, (3, 3 + 48), 3),
    (
        Operation.RESPONSES,
        {"instructions": "abcd", "input": [{"role": "user", "content": part("input_text", text="efgh")}]},
        (3, 8 + 64),
        2,
    ),
    (
        Operation.RESPONSES,
        {"input": [{"type": "function_call_output", "call_id": "c", "output": "abcdefgh"}]},
        (3, 8 + 1 + 64),
        2,
    ),
    (
        Operation.MESSAGES,
        {
            "system": part("text", text="abcd", cache_control={"type": "ephemeral"}),
            **chat(part("tool_result", tool_use_id="", content=part("image", source={"data": "A" * 999}))),
        },
        (6, 4 + 20 + 80 + 100),
        101,
    ),
    (
        Operation.MESSAGES,
        chat(part("document", title="abcd", source={"type": "text", "data": "x" * 40})),
        (3, 44 + 64),
        11,
    ),
    (Operation.MESSAGES, chat(part("tool_use", id="t", name="abcd", input={"a": 1})), (3, 4 + 7 + 1 + 64), 3),
    (Operation.MESSAGES, chat(part("thinking", thinking="x", signature="y")), (3, 50 + 64), 0),
    (CHAT, {"messages": [{"role": "assistant", "content": "abcd", "reasoning_content": "xx"}]}, (3, 70), 1),
]  # fmt: skip


@pytest.mark.parametrize(("operation", "body", "bounds", "tokens"), CASES)
def test_what_is_read_is_counted(
    operation: Operation, body: dict[str, Any], bounds: tuple[int, int], tokens: int
):
    assert measured(operation, body, image_tokens=100) == (*bounds, tokens)


def test_a_call_of_a_tool_is_counted_as_it_is_written():
    called = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    body = {"messages": [{"role": "assistant", "content": None, "tool_calls": [called]}]}
    size = measured(CHAT, body, image_tokens=0)
    assert (size.least, size.most) == (3 + 71 // 12, 71 + 64)


def test_any_depth_is_counted_without_going_deep():
    nested: Any = "abcd"
    for _ in range(100_000):
        nested = [nested]
    assert measured(CHAT, chat(nested), image_tokens=0).counted == 1
