"""Requests for the language model, and how it is told them."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field

from apps.localmodels.bodies import Body, Count
from apps.localmodels.errors import ApiError, unsupported
from apps.providers.local.chat.llama import CONTEXT, MIN_P, REPEAT_PENALTY, TEMPERATURE

MODEL = "local-chat"
LONGEST_ANSWER = 512  # tokens, where nobody says
_AS_IT_IS = ("top_p", "presence_penalty", "frequency_penalty", "logit_bias", "stream")


class StreamOptions(BaseModel):
    include_usage: bool = False


class Sampling(Body):
    max_tokens: Count | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    seed: int | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    logit_bias: dict[str, float] | None = None
    n: int | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None

    @property
    def wants_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)


class Message(BaseModel):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[dict[str, Any]] | None = None


class ChatBody(Sampling):
    messages: Annotated[list[Message], Field(min_length=1)]
    max_completion_tokens: Count | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    response_format: dict[str, Any] | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None


class CompletionBody(Sampling):
    prompt: str | Annotated[list[str], Field(min_length=1, max_length=1)]
    echo: Literal[False] | None = None
    suffix: Literal[""] | None = None
    best_of: Literal[1] | None = None


def asked_chat(body: ChatBody) -> dict[str, Any]:
    """The request as llama.cpp gets it. Only fields of ours: it knows more of them than strangers should use."""
    asked = _sampling(body, body.max_completion_tokens or body.max_tokens)
    asked["messages"] = [_message(message, index) for index, message in enumerate(body.messages)]
    if body.logprobs:
        asked |= {"logprobs": True, "top_logprobs": body.top_logprobs or 0}
    if schema := forced_call(body):
        asked["response_format"] = _schema(schema)
    elif body.response_format:
        asked["response_format"] = _format(body.response_format)
    return asked


def asked_completion(body: CompletionBody) -> dict[str, Any]:
    prompt = body.prompt if isinstance(body.prompt, str) else body.prompt[0]
    return _sampling(body, body.max_tokens) | {"prompt": prompt}


def _sampling(body: Sampling, longest: int | None) -> dict[str, Any]:
    if body.n not in (None, 1):
        raise unsupported("This model gives one answer at a time: n must be 1.", "n")
    asked = {name: value for name in _AS_IT_IS if (value := getattr(body, name)) is not None}
    asked |= {
        "max_tokens": min(longest or LONGEST_ANSWER, CONTEXT),
        "temperature": TEMPERATURE if body.temperature is None else body.temperature,
        "repeat_penalty": REPEAT_PENALTY,
        "min_p": MIN_P,
    }
    if body.seed is not None:
        asked["seed"] = body.seed % 2**31  # it takes no more, and -1 as none
    if stops := [body.stop] if isinstance(body.stop, str) else body.stop:
        asked["stop"] = [stop for stop in stops if stop]
    if body.stream:
        asked["stream_options"] = {"include_usage": body.wants_usage}
    return asked


# --------------------------------------------------------------------------------------- messages
def _message(message: Message, index: int) -> dict[str, str]:
    text = _text(message.content, index)
    match message.role:
        case "developer":
            return {"role": "system", "content": text}
        case "tool" | "function":  # words the model was never taught, so the user says it
            return {"role": "user", "content": f"Result of the function: {text}"}
        case "assistant" if message.tool_calls:
            calls = json.dumps([call.get("function") for call in message.tool_calls])
            return {"role": "assistant", "content": text or calls}
    return {"role": message.role, "content": text}


def _text(content: str | list[dict[str, Any]] | None, index: int) -> str:
    if not isinstance(content, list):
        return content or ""
    for part in content:
        if part.get("type") not in ("text", "input_text", "refusal"):
            raise unsupported(
                f"This model reads text only, no {part.get('type')!s:.40}.",
                f"messages.{index}.content",
            )
    return "\n".join(str(part.get("text") or "") for part in content)


# ------------------------------------------------------------------------------------------ shapes
def _format(wanted: dict[str, Any]) -> dict[str, Any]:
    match wanted:
        case {"type": "text"}:
            return {"type": "text"}
        case {"type": "json_object"}:
            return {"type": "json_object"}
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            return _schema(schema)
    raise unsupported(
        "response_format must be text, json_object or json_schema with a schema.", "response_format"
    )


def _schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}


def forced_call(body: ChatBody) -> dict[str, Any] | None:
    """The schema of a call of one of the tools where the request insists on one.

    Where the model may choose it never calls: it is too small to know when.
    """
    match body.tool_choice:
        case None | "auto" | "none":
            return None
        case "required":
            names = None
        case {"function": {"name": str(name)}}:
            names = {name}
        case _:
            raise unsupported(
                "tool_choice must be none, auto, required or name a function.", "tool_choice"
            )
    calls = [_call(tool["function"]) for tool in body.tools or [] if _is_wanted(tool, names)]
    if not calls:
        raise ApiError("tool_choice names no function of tools.", param="tool_choice")
    return calls[0] if len(calls) == 1 else {"anyOf": calls}


def _is_wanted(tool: dict[str, Any], names: set[str] | None) -> bool:
    function = tool.get("function")
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return False
    return names is None or function["name"] in names


def _call(function: dict[str, Any]) -> dict[str, Any]:
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    return {
        "type": "object",
        "properties": {"name": {"const": function["name"]}, "arguments": parameters},
        "required": ["name", "arguments"],
        "additionalProperties": False,
    }
