"""`/v1/completions`: OpenAI's older interface, a text continued by a text."""

import time
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from apps.core.refusals import Refusal
from apps.gateway.surfaces import base, chat, checks, errors
from apps.gateway.surfaces.base import Bill, Parsed
from apps.gateway.surfaces.checks import fail
from apps.providers.llm.base import Operation, Usage

_MOST_PROMPTS = 2048
# A text has no calls to end with.
_OTHER_FINISHES = MappingProxyType({"tool_calls": "stop", "function_call": "stop"})
# What only a provider of this interface can do, and the value that asks for nothing.
_NATIVE_ONLY = MappingProxyType({"suffix": "", "echo": False, "best_of": 1})
_AS_IN_CHAT = (
    "model", "stream", "stream_options", "temperature", "top_p", "n", "max_tokens", "stop", "presence_penalty",
    "frequency_penalty", "seed", "logit_bias", "user",
)  # fmt: skip


def _prompt(value: Any, name: str) -> Any:
    """A text, several, or either as numbers of tokens."""
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not value:
        raise fail(name, "Give a string, or a list of strings.")
    if all(_is_token(one) for one in value):
        return value
    if len(value) > _MOST_PROMPTS:
        raise fail(name, f"Give at most {_MOST_PROMPTS}.")
    for index, one in enumerate(value):
        if not isinstance(one, str) and not _is_tokens(one):
            raise fail(f"{name}.{index}", "Give a string, or a list of tokens.")
    return value


def _is_token(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**31


def _is_tokens(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_token(one) for one in value)


RULES: Mapping[str, checks.Rule] = MappingProxyType(
    {
        **{name: chat.RULES[name] for name in _AS_IN_CHAT},
        "prompt": _prompt,
        "suffix": checks.text,
        "echo": checks.flag,
        "best_of": checks.integer(1, 20),
        "logprobs": checks.integer(0, 5),
    }
)


class Completions:
    operation: ClassVar[Operation] = Operation.COMPLETIONS

    def parse(self, body: Any) -> Parsed:
        return checks.parsed(checks.cleaned(body, RULES), required=("prompt",))

    def to_chat(self, body: Mapping[str, Any]) -> dict[str, Any]:
        # What is no field here and one of chat was never checked.
        fields = {name: body[name] for name in body if name in RULES or name not in chat.RULES}
        for name, nothing in _NATIVE_ONLY.items():
            if fields.pop(name, nothing) != nothing:
                raise fail(name, "This model does not offer it.")
        if fields.pop("logprobs", None) is not None:
            raise fail("logprobs", "This model offers it only in /v1/chat/completions.")
        prompt = fields.pop("prompt")
        if isinstance(prompt, list) and len(prompt) == 1:
            prompt = prompt[0]
        if not isinstance(prompt, str):
            raise fail("prompt", "This model takes one string, neither several nor tokens.")
        return {**fields, "messages": [{"role": "user", "content": prompt}]}

    def answer(
        self, body: dict[str, Any], parsed: Parsed, *, is_native: bool, usage: Usage, bill: Bill
    ) -> dict[str, Any]:
        choices = body.get("choices")
        if not is_native:
            choices = [_choice(one, "message") for one in _dicts(choices)]
        return {
            **body,
            "id": _own_id(body.get("id")) or f"cmpl-{bill.call_id}",
            "object": "text_completion",
            "created": body.get("created") or int(time.time()),
            "model": parsed.model,
            "choices": choices,
            "usage": base.chat_usage(usage, bill),
        }

    def encoder(self, parsed: Parsed, *, is_native: bool) -> "NativeEncoder":
        return NativeEncoder(parsed) if is_native else TranslatingEncoder(parsed)

    def refused(self, refusal: Refusal) -> dict[str, Any]:
        return errors.openai(refusal)


class NativeEncoder(chat.ChunkEncoder):
    object = "text_completion"
    id_prefix = "cmpl-"
    finish = MappingProxyType({"index": 0, "text": "", "logprobs": None, "finish_reason": "stop"})


class TranslatingEncoder(NativeEncoder):
    def choices(self, data: dict[str, Any]) -> list[Any]:
        found = [_choice(one, "delta") for one in _dicts(data.get("choices"))]
        return [one for one in found if one["text"] or one["finish_reason"]]

    def named(self, data: dict[str, Any]) -> dict[str, Any]:
        return super().named({**data, "id": _own_id(data.get("id"))})


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _choice(choice: dict[str, Any], where: str) -> dict[str, Any]:
    said = choice.get(where)
    text = said.get("content") if isinstance(said, dict) else None
    finish = choice.get("finish_reason")
    return {
        "index": choice.get("index") or 0,
        "text": text if isinstance(text, str) else "",
        "logprobs": None,
        "finish_reason": _OTHER_FINISHES.get(finish, finish) if isinstance(finish, str) else None,
    }


def _own_id(value: Any) -> str:
    """The provider's id, if there is one, without the word that says chat."""
    if not isinstance(value, str) or not value:
        return ""
    return f"cmpl-{value.removeprefix('chatcmpl-').removeprefix('cmpl-')}"


SURFACE = Completions()
