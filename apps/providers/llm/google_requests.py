"""A chat request in Gemini's words.

An answer of a tool is found by its name there, so the call that it answers must stand before it. What Gemini thought
before a call (its `thoughtSignature`) goes back where the client kept it, in `extra_content` as Google's own
OpenAI-compatible interface writes it; models that insist on one accept a word instead.
"""

import mimetypes
from collections.abc import Mapping
from typing import Any

import orjson

from apps.providers.llm import chat, google_schema, reading
from apps.providers.llm.base import Call

Parts = list[dict[str, Any]]

_MOST_CHOICES = 8
_NO_SIGNATURE = "skip_thought_signature_validator"
# Fields of the same meaning.
_CONFIG = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
}


def body(call: Call) -> dict[str, Any]:
    """Raises ProviderRefused for what Gemini has no words for."""
    asked = call.body
    chat.check(asked, provider="Google", choices=_MOST_CHOICES)
    system, contents = _contents(call)
    made: dict[str, Any] = {"contents": contents, "generationConfig": _config(asked)}
    if system:
        made["systemInstruction"] = {"parts": system}
    return made | _tools(asked)


# --------------------------------------------------------------------------------------- conversations


def _contents(call: Call) -> tuple[Parts, Parts]:
    """Instructions, and turns of which those of the same side that follow one another are one."""
    system: Parts = []
    turns: Parts = []
    names: dict[str, str] = {}
    for number, message in enumerate(chat.messages(call.body)):
        role = message.get("role")
        if role in ("system", "developer"):
            system += _parts(message)
        elif role == "assistant":
            _add(turns, "model", _said(message, names, call.model, number))
        elif role in ("tool", "function"):
            _add(turns, "user", [_result(message, names)])
        else:
            _add(turns, "user", _parts(message))
    return (system, turns) if turns else ([], [{"role": "user", "parts": system}])


def _add(turns: Parts, role: str, parts: Parts) -> None:
    if not parts:
        return
    if turns and turns[-1]["role"] == role:
        turns[-1]["parts"] += parts
    else:
        turns.append({"role": role, "parts": parts})


def _parts(message: Mapping[str, Any]) -> Parts:
    return [_part(part) for part in chat.parts(message.get("content"))]


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    match part.get("type"):
        case "text":
            return {"text": part["text"]}
        case "image_url":
            return _picture(chat.image(part))
        case "file":
            return _inline(chat.file(part))
        case "input_audio":
            sound = reading.mapping(part.get("input_audio"))
            kind = reading.text(sound.get("format")) or "wav"
            return _inline(chat.Inline(f"audio/{kind}", reading.text(sound.get("data"))))
    raise reading.refused(f"Google takes no content of the type {str(part.get('type'))[:60]!r}.")


def _picture(picture: chat.Inline | str) -> dict[str, Any]:
    if isinstance(picture, chat.Inline):
        return _inline(picture)
    guessed = mimetypes.guess_type(picture.partition("?")[0])[0]
    return {"fileData": {"mimeType": guessed or "image/jpeg", "fileUri": picture}}


def _inline(media: chat.Inline) -> dict[str, Any]:
    return {"inlineData": {"mimeType": media.content_type, "data": media.base64}}


def _said(message: Mapping[str, Any], names: dict[str, str], model: str, number: int) -> Parts:
    parts = _parts(message)
    for one in chat.used(message, old_id=f"call_{number}"):
        names[one.id] = one.name
        part: dict[str, Any] = {"functionCall": {"name": one.name, "args": one.arguments}}
        if signature := _signature(one, model):
            part["thoughtSignature"] = signature
        parts.append(part)
    return parts


def _signature(used: chat.Used, model: str) -> str:
    extra = reading.mapping(reading.mapping(used.source.get("extra_content")).get("google"))
    kept = reading.text(extra.get("thought_signature"))
    return kept or (_NO_SIGNATURE if model.startswith("gemini-3") else "")


def _result(message: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    name = message.get("name") or names.get(reading.text(message.get("tool_call_id")))
    if not isinstance(name, str):
        raise reading.refused("The answer of a tool must follow the message that called it.")
    said = chat.plain(message.get("content"))
    try:
        response = orjson.loads(said)
    except ValueError:
        response = said
    if not isinstance(response, dict):
        response = {"result": response}
    return {"functionResponse": {"name": name, "response": response}}


# --------------------------------------------------------------------------------------- configuration


def _config(asked: Mapping[str, Any]) -> dict[str, Any]:
    config = {
        theirs: asked[ours] for ours, theirs in _CONFIG.items() if asked.get(ours) is not None
    }
    if limit := chat.limit(asked):
        config["maxOutputTokens"] = limit
    if stop := chat.stops(asked):
        config["stopSequences"] = stop
    n = asked.get("n")
    if isinstance(n, int) and n > 1:
        config["candidateCount"] = n
    schema = chat.schema(asked)
    if schema is not None:
        config["responseMimeType"] = "application/json"
        config |= {"responseSchema": google_schema.translated(schema)} if schema else {}
    return config | _thinking(asked)


def _thinking(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Thoughts count towards the limit, so they must leave some of it. Where little is left, the model decides: each
    has another least budget."""
    budget = chat.thought(asked)
    limit = chat.limit(asked)
    if budget and limit is not None:
        budget = min(budget, limit - limit // 4)
    if budget is None or 0 < budget < chat.LEAST_THOUGHT:
        return {}
    return {"thinkingConfig": {"thinkingBudget": budget, "includeThoughts": budget > 0}}


def _tools(asked: Mapping[str, Any]) -> dict[str, Any]:
    declared = [_declared(one) for one in chat.tools(asked)]
    if not declared:
        return {}
    tools: dict[str, Any] = {"tools": [{"functionDeclarations": declared}]}
    match chat.choice(asked):
        case (name,):
            config: dict[str, Any] = {"mode": "ANY", "allowedFunctionNames": [name]}
        case "required":
            config = {"mode": "ANY"}
        case "none":
            config = {"mode": "NONE"}
        case _:
            return tools
    return tools | {"toolConfig": {"functionCallingConfig": config}}


def _declared(tool: chat.Tool) -> dict[str, Any]:
    declared: dict[str, Any] = {"name": tool.name, "description": tool.description or tool.name}
    # An object without properties is refused; a function without parameters is not.
    if tool.parameters.get("properties") or tool.parameters.get("$ref"):
        declared["parameters"] = google_schema.translated(tool.parameters)
    return declared
