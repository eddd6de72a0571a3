"""Gemini's answers."""

from typing import Any

from apps.providers.llm.base import Usage
from tests.providers.llm.samples import events

COUNTED = {
    "promptTokenCount": 20,
    "cachedContentTokenCount": 5,
    "candidatesTokenCount": 10,
    "thoughtsTokenCount": 30,
    "toolUsePromptTokenCount": 4,
    "totalTokenCount": 64,
    "promptTokensDetails": [
        {"modality": "TEXT", "tokenCount": 12},
        {"modality": "AUDIO", "tokenCount": 8},
    ],
    "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 2}],
}
USED = Usage(
    input_tokens=24,
    cached_tokens=5,
    audio_input_tokens=8,
    output_tokens=40,
    reasoning_tokens=30,
    audio_output_tokens=2,
)
CALL = {"functionCall": {"id": "c1", "name": "get_weather", "args": {"city": "Rome"}}}


def candidate(*parts: Any, finish: Any = "STOP", index: Any = 0) -> dict[str, Any]:
    found = [{"text": one} if isinstance(one, str) else one for one in parts]
    said = {"content": {"role": "model", "parts": found}, "index": index}
    return said | {"finishReason": finish} if finish else said


def content(*candidates: Any, usage: Any = COUNTED, **fields: Any) -> dict[str, Any]:
    return {
        "candidates": list(candidates),
        "modelVersion": "gemini-2.5-flash",
        "responseId": "r-1",
        **({"usageMetadata": usage} if usage is not None else {}),
        **fields,
    }


def choice(message: dict[str, Any], finish: str = "stop", index: int = 0) -> dict[str, Any]:
    return {
        "index": index,
        "message": {"role": "assistant", "content": None, "refusal": None, **message},
        "logprobs": None,
        "finish_reason": finish,
    }


def called(**more: Any) -> dict[str, Any]:
    function = {"name": "get_weather", "arguments": '{"city":"Rome"}'}
    return {"id": "c1", "type": "function", "function": function, **more}


EVENTS = [
    content(
        candidate({"text": "Hm.", "thought": True}, finish=None), usage={"promptTokenCount": 20}
    ),
    content(candidate("Hel", finish=None), usage=None),
    content(candidate("lo 🎈", "", finish=None), usage=None),
    content(candidate(CALL, CALL | {"thoughtSignature": "c2ln"})),
]
STREAM = events(*EVENTS)
