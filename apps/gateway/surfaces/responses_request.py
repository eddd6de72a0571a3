"""A request of `/v1/responses`: its rules, and the same in chat shape."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from apps.gateway.surfaces import chat, chat_messages, checks
from apps.gateway.surfaces.chat_building import Conversation, text_part, without_nones
from apps.gateway.surfaces.checks import fail

# Tools that the customer's program runs. The others are run, and billed by the call, by a provider.
_OWN_TOOLS = ("function", "custom", "local_shell", "apply_patch")
_ROLES = ("user", "assistant", "system", "developer")
_TEXT_PARTS = ("input_text", "output_text", "text", "summary_text", "reasoning_text")
_STATELESS = "Nothing is kept here; send the whole conversation as input."


def _input(value: Any, name: str) -> Any:
    if isinstance(value, str):
        return value
    if not isinstance(value, list) or not value:
        raise fail(name, "Give a string, or a list of items.")
    for index, item in enumerate(value):
        _check_item(item, f"{name}.{index}")
    return value


def _check_item(item: Any, name: str) -> None:
    kind = kind_of(checks.mapping(item, name))
    if kind == "message":
        if item.get("role") not in _ROLES:
            raise fail(f"{name}.role", f"Give one of {', '.join(_ROLES)}.")
        _check_content(item.get("content"), f"{name}.content")
    elif kind == "function_call":
        for key in ("call_id", "name", "arguments"):
            checks.text(item.get(key), f"{name}.{key}")
    elif kind == "function_call_output":
        checks.text(item.get("call_id"), f"{name}.call_id")
        _check_content(item.get("output"), f"{name}.output")
    elif kind == "item_reference":
        raise fail(f"{name}.type", _STATELESS)


def kind_of(item: Mapping[str, Any]) -> str:
    """The type of an item; messages may leave it out."""
    kind = item.get("type", "message" if "role" in item else "")
    return kind if isinstance(kind, str) else ""


def _check_content(content: Any, name: str) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise fail(name, "Give a string or a list of parts.")
    for index, part in enumerate(content):
        _check_part(part, f"{name}.{index}")


def _check_part(part: Any, name: str) -> None:
    kind = checks.typed(part, name)["type"]
    if kind in _TEXT_PARTS:
        checks.text(part.get("text"), f"{name}.text")
    elif kind == "refusal":
        checks.text(part.get("refusal"), f"{name}.refusal")
    elif kind == "input_image":
        if part.get("file_id") is not None:
            raise fail(f"{name}.file_id", "Send the picture itself as image_url.")
        checks.address(part.get("image_url"), f"{name}.image_url")
    elif kind == "input_file":
        chat_messages.check_file(part, name)


def _tools(value: Any, name: str) -> Any:
    for index, tool in enumerate(checks.items(value, name)):
        path = f"{name}.{index}"
        kind = checks.typed(tool, path)["type"]
        if kind not in _OWN_TOOLS:
            raise fail(f"{path}.type", "Give function; tools that a provider runs are not offered.")
        if kind == "function":
            chat_messages.check_function(tool, path)
    return value


def _text_settings(value: Any, name: str) -> Any:
    wanted = checks.mapping(value, name).get("format")
    if wanted is not None:
        checks.typed(wanted, f"{name}.format")
    return value


_TOKENS = checks.integer(1, checks.MOST_TOKENS)
RULES: Mapping[str, checks.Rule] = MappingProxyType(
    {
        **{
            name: chat.RULES[name]
            for name in ("model", "stream", "temperature", "top_p", "parallel_tool_calls", "user")
        },
        "stream_options": lambda value, name: {},
        "input": _input,
        "instructions": checks.text,
        "max_output_tokens": _TOKENS,
        "max_tool_calls": _TOKENS,
        "top_logprobs": checks.integer(0, 20),
        "tools": _tools,
        "tool_choice": checks.text_or_mapping,
        "text": _text_settings,
        "reasoning": checks.mapping,
        "include": checks.texts(32),
        "metadata": checks.metadata,
        "truncation": checks.one_of("auto", "disabled"),
        "previous_response_id": checks.refuse(_STATELESS),
        "conversation": checks.refuse(_STATELESS),
        "prompt": checks.refuse("Templates of a provider are not reachable; send input."),
        "background": checks.refuse("Answers are given at once or as a stream, not later."),
    }
)
# Passed as they are: chat has them by the same name.
_SHARED = ("temperature", "top_p", "parallel_tool_calls", "user", "prompt_cache_key", "seed")


def to_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    if body.get("top_logprobs"):
        raise fail("top_logprobs", "This model offers it only in /v1/chat/completions.")
    reasoning = body.get("reasoning", {})
    settings = body.get("text", {})
    effort = reasoning.get("effort")
    return without_nones(
        {
            "messages": _messages(body),
            "max_tokens": body.get("max_output_tokens"),
            "reasoning_effort": effort if isinstance(effort, str) else None,
            "response_format": _response_format(settings.get("format")),
            "verbosity": settings.get("verbosity"),
            "tools": _chat_tools(body.get("tools")),
            "tool_choice": _tool_choice(body.get("tool_choice")),
            **{name: body.get(name) for name in _SHARED},
        }
    )


def _messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    told = Conversation()
    if body.get("instructions"):
        told.say("system", [text_part(body["instructions"])])
    given = body["input"]
    if isinstance(given, str):
        told.say("user", [text_part(given)])
        return told.messages()
    for index, item in enumerate(given):
        _tell(told, item, f"input.{index}")
    messages = told.messages()
    if not messages:
        raise fail("input", "Give at least one message.")
    return messages


def _tell(told: Conversation, item: dict[str, Any], name: str) -> None:
    match kind_of(item):
        case "message":
            told.say(item["role"], _parts(item["content"], f"{name}.content"))
        case "function_call":
            told.call(item["call_id"], item["name"], item["arguments"])
        case "function_call_output":
            told.result(item["call_id"], _parts(item["output"], f"{name}.output"))
        case "reasoning":
            pass  # what one model thought is not readable for another
        case _:
            raise fail(
                f"{name}.type", "This model takes messages, function calls and their outputs."
            )


def _parts(content: Any, name: str) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [text_part(content)] if content else []
    return [_part(part, f"{name}.{index}") for index, part in enumerate(content)]


def _part(part: dict[str, Any], name: str) -> dict[str, Any]:
    kind = part["type"]
    if kind in _TEXT_PARTS:
        return text_part(part["text"])
    write = _PARTS.get(kind)
    if write is None:
        raise fail(f"{name}.type", "This model takes text, pictures, files and audio.")
    return write(part, name)


def _refusal(part: dict[str, Any], name: str) -> dict[str, Any]:
    return text_part(part["refusal"])


def _picture(part: dict[str, Any], name: str) -> dict[str, Any]:
    picture = without_nones({"url": part["image_url"], "detail": part.get("detail")})
    return {"type": "image_url", "image_url": picture}


def _file(part: dict[str, Any], name: str) -> dict[str, Any]:
    if part.get("file_data") is None:
        raise fail(f"{name}.file_url", "This model takes only the file itself, as file_data.")
    file = without_nones({"filename": part.get("filename"), "file_data": part["file_data"]})
    return {"type": "file", "file": file}


def _audio(part: dict[str, Any], name: str) -> dict[str, Any]:
    return {
        "type": "input_audio",
        "input_audio": checks.mapping(part.get("input_audio"), f"{name}.input_audio"),
    }


_PARTS: Mapping[str, Callable[[dict[str, Any], str], dict[str, Any]]] = MappingProxyType(
    {"refusal": _refusal, "input_image": _picture, "input_file": _file, "input_audio": _audio}
)


def _chat_tools(tools: Any) -> list[dict[str, Any]] | None:
    if not tools:
        return None
    for index, tool in enumerate(tools):
        if tool["type"] != "function":
            raise fail(f"tools.{index}.type", "This model takes only tools of type function.")
    fields = ("name", "description", "parameters", "strict")
    return [
        {"type": "function", "function": without_nones({key: tool.get(key) for key in fields})}
        for tool in tools
    ]


def _tool_choice(choice: Any) -> Any:
    if choice is None or isinstance(choice, str):
        return choice
    if choice.get("type") == "function" and isinstance(choice.get("name"), str):
        return {"type": "function", "function": {"name": choice["name"]}}
    raise fail("tool_choice", "Give auto, none, required or one function.")


def _response_format(wanted: Any) -> dict[str, Any] | None:
    if wanted is None or wanted["type"] == "text":
        return None
    if wanted["type"] == "json_object":
        return {"type": "json_object"}
    if wanted["type"] != "json_schema":
        raise fail("text.format.type", "Give text, json_object or json_schema.")
    schema = {key: wanted.get(key) for key in ("name", "description", "schema", "strict")}
    return {"type": "json_schema", "json_schema": without_nones(schema)}
