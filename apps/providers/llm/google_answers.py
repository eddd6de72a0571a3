"""Gemini's answers as chat completions, and what they say was used."""

from collections.abc import Mapping
from typing import Any

from apps.providers import chat_errors, untrusted
from apps.providers.llm import chat, chat_shapes, reading, usage
from apps.providers.llm.base import Answer, Call, Usage

_FINISHES = {"MAX_TOKENS": "length"} | dict.fromkeys(
    ("SAFETY", "IMAGE_SAFETY", "PROHIBITED_CONTENT", "IMAGE_PROHIBITED_CONTENT", "RECITATION", "IMAGE_RECITATION",
     "BLOCKLIST", "SPII", "ESCALATION"),
    "content_filter",
)  # fmt: skip


def as_chat(call: Call, fields: dict[str, Any]) -> Answer:
    """Raises ProviderRefused for a prompt that was blocked, ProviderUnavailable for what is no answer."""
    found = candidates(fields)
    if not found:
        raise reading.unreadable()
    is_old = chat.is_old(call.body)
    choices = [_choice(number, one, is_old=is_old) for number, one in enumerate(found)]
    used = used_by(fields)
    model = fields.get("modelVersion") or call.model
    return Answer(chat_shapes.completion(fields.get("responseId"), model, choices, used), used)


def candidates(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The answers, none where none has come yet. Raises ProviderRefused for a prompt that was blocked."""
    feedback = reading.mapping(fields.get("promptFeedback"))
    if blocked := feedback.get("blockReason"):
        raise chat_errors.refused(f"The prompt was blocked ({untrusted.text(blocked, most=60)}).")
    return reading.objects(fields.get("candidates"))


def parts(candidate: Mapping[str, Any]) -> list[dict[str, Any]]:
    return reading.objects(reading.mapping(candidate.get("content")).get("parts"))


def finish(reason: Any, *, has_calls: bool) -> str:
    return _FINISHES.get(str(reason)) or ("tool_calls" if has_calls else "stop")


def call_of(part: Mapping[str, Any]) -> dict[str, Any] | None:
    """The call of a tool that a part is."""
    found = part.get("functionCall")
    if not isinstance(found, dict):
        return None
    arguments = reading.written(reading.mapping(found.get("args"))).decode()
    made = chat_shapes.tool_call(found.get("id"), found.get("name"), arguments)
    if signature := reading.text(part.get("thoughtSignature")):
        made["extra_content"] = {"google": {"thought_signature": signature}}
    return made


def used_by(fields: Mapping[str, Any]) -> Usage | None:
    """Thoughts are counted beside the answer there, and numbers that are zero are left out."""
    said = reading.mapping(fields.get("usageMetadata"))
    prompt = usage.count(said.get("promptTokenCount"))
    shown = usage.count(said.get("candidatesTokenCount", 0))
    thoughts = usage.count(said.get("thoughtsTokenCount", 0))
    if not prompt or shown is None or thoughts is None:
        return None
    given = prompt + usage.part(said.get("toolUsePromptTokenCount"), usage.MOST)
    made = shown + thoughts
    return Usage(
        input_tokens=given,
        cached_tokens=usage.part(said.get("cachedContentTokenCount"), given),
        audio_input_tokens=_audio(said.get("promptTokensDetails"), given),
        output_tokens=made,
        reasoning_tokens=thoughts,
        audio_output_tokens=_audio(said.get("candidatesTokensDetails"), made),
    )


def _choice(number: int, candidate: Mapping[str, Any], *, is_old: bool) -> dict[str, Any]:
    found = parts(candidate)
    calls = [made for part in found if (made := call_of(part))]
    thought = "".join(reading.text(one.get("text")) for one in found if one.get("thought"))
    text = "".join(reading.text(one.get("text")) for one in found if not one.get("thought"))
    message: dict[str, Any] = {"content": text or None}
    if thought:
        message["reasoning_content"] = thought
    if calls:
        message["tool_calls"] = calls
    reason = finish(candidate.get("finishReason"), has_calls=bool(calls))
    return chat_shapes.choice(number, message, reason, is_old=is_old)


def _audio(details: Any, most: int) -> int:
    said = (
        one.get("tokenCount") for one in reading.objects(details) if one.get("modality") == "AUDIO"
    )
    return min(sum(usage.part(one, most) for one in said), most)
