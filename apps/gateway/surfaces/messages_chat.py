"""A checked request of `/v1/messages` in chat shape."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from apps.gateway.surfaces.base import dumps
from apps.gateway.surfaces.chat_building import Conversation, text_part, without_nones
from apps.gateway.surfaces.checks import fail

_TOOL_CHOICES = MappingProxyType({"auto": "auto", "any": "required", "none": "none"})
# Budgets of thinking, in tokens, up to which it is low or medium.
_LOW_BUDGET = 4096
_MEDIUM_BUDGET = 16384
_EFFORTS = MappingProxyType({"low": "low", "medium": "medium"})

Part = dict[str, Any]


def to_chat(body: Mapping[str, Any]) -> dict[str, Any]:
    choice = body.get("tool_choice", {})
    return without_nones(
        {
            "messages": _messages(body),
            "max_tokens": body["max_tokens"],
            "temperature": body.get("temperature"),
            "top_p": body.get("top_p"),
            "stop": body.get("stop_sequences") or None,
            "user": body.get("metadata", {}).get("user_id"),
            "reasoning_effort": _effort(body),
            "response_format": _response_format(body.get("output_config", {}).get("format")),
            "tools": _tools(body.get("tools")),
            "tool_choice": _tool_choice(choice),
            "parallel_tool_calls": False
            if choice.get("disable_parallel_tool_use") is True
            else None,
        }
    )


def _messages(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    told = Conversation()
    system = body.get("system") or []
    told.say("system", _texts(system))
    for index, message in enumerate(body["messages"]):
        name = f"messages.{index}.content"
        content = message["content"]
        if isinstance(content, str):
            told.say(message["role"], _texts(content))
        elif message["role"] == "assistant":
            _tell_answer(told, content, name)
        else:
            _tell(told, message["role"], content, name)
    messages = told.messages()
    if not messages:
        raise fail("messages", "Give at least one message that says something.")
    return messages


def _texts(content: Any) -> list[Part]:
    if isinstance(content, str):
        return [text_part(content)] if content else []
    return [text_part(block["text"]) for block in content]


def _tell_answer(told: Conversation, content: list[Part], name: str) -> None:
    texts: list[Part] = []
    for index, block in enumerate(content):
        match block["type"]:
            case "text":
                texts.append(text_part(block["text"]))
            case "tool_use":
                told.say("assistant", texts)
                texts = []
                told.call(block["id"], block["name"], dumps(block["input"]).decode())
            case "thinking" | "redacted_thinking":
                pass  # signed for Anthropic's models, of no use to others
            case _:
                raise _unknown(f"{name}.{index}")
    told.say("assistant", texts)


def _tell(told: Conversation, role: str, content: list[Part], name: str) -> None:
    parts: list[Part] = []
    for index, block in enumerate(content):
        path = f"{name}.{index}"
        if block["type"] != "tool_result":
            parts += _parts(block, path)
            continue
        told.say(role, parts)
        parts = []
        told.result(block["tool_use_id"], _result(block, f"{path}.content"))
    told.say(role, parts)


def _result(block: Part, name: str) -> list[Part]:
    content = block.get("content") or ""
    parts = _texts(content) if isinstance(content, str) else _all_parts(content, name)
    return [text_part("This failed:"), *parts] if block.get("is_error") is True else parts


def _all_parts(blocks: list[Part], name: str) -> list[Part]:
    return [part for index, block in enumerate(blocks) for part in _parts(block, f"{name}.{index}")]


def _parts(block: Part, name: str) -> list[Part]:
    write = _WRITERS.get(block["type"])
    if write is None:
        raise _unknown(name)
    return write(block, name)


def _text(block: Part, name: str) -> list[Part]:
    return [text_part(block["text"])]


def _picture(block: Part, name: str) -> list[Part]:
    source = block["source"]
    url = source["url"] if source["type"] == "url" else _data_address(source)
    return [{"type": "image_url", "image_url": {"url": url}}]


def _document(block: Part, name: str) -> list[Part]:
    source = block["source"]
    title = block.get("title")
    title = title if isinstance(title, str) and title else "document"
    match source["type"]:
        case "text":
            return [text_part(f"{title}:\n\n{source['data']}")]
        case "content":
            content = source["content"]
            return _texts(content) if isinstance(content, str) else _all_parts(content, name)
        case "base64":
            file = {"filename": title, "file_data": _data_address(source)}
            return [{"type": "file", "file": file}]
    raise fail(f"{name}.source", "This model takes only the document itself, as base64.")


def _search_result(block: Part, name: str) -> list[Part]:
    """What the customer found, as text."""
    said = [block.get("title"), block.get("source")]
    said += [one.get("text") for one in block["content"] if isinstance(one, dict)]
    return [text_part("\n".join(one for one in said if isinstance(one, str)))]


_WRITERS: Mapping[str, Callable[[Part, str], list[Part]]] = MappingProxyType(
    {
        "text": _text,
        "image": _picture,
        "document": _document,
        "search_result": _search_result,
        "thinking": lambda block, name: [],
        "redacted_thinking": lambda block, name: [],
    }
)


def _data_address(source: Part) -> str:
    return f"data:{source['media_type']};base64,{source['data']}"


def _unknown(name: str) -> Exception:
    return fail(f"{name}.type", "This model takes text, pictures, documents and calls of tools.")


def _tools(tools: Any) -> list[dict[str, Any]] | None:
    if not tools:
        return None
    for index, tool in enumerate(tools):
        if tool.get("type") not in (None, "custom"):
            raise fail(f"tools.{index}.type", "This model takes only tools with an input_schema.")
    return [
        {
            "type": "function",
            "function": without_nones(
                {
                    "name": tool["name"],
                    "description": tool.get("description"),
                    "parameters": tool["input_schema"],
                }
            ),
        }
        for tool in tools
    ]


def _tool_choice(choice: Mapping[str, Any]) -> Any:
    kind = choice.get("type")
    if kind is None or kind in _TOOL_CHOICES:
        return _TOOL_CHOICES[kind] if kind else None
    if kind == "tool" and isinstance(choice.get("name"), str):
        return {"type": "function", "function": {"name": choice["name"]}}
    raise fail("tool_choice", "Give auto, any, none, or tool with its name.")


def _effort(body: Mapping[str, Any]) -> str | None:
    """How hard to think. Chat knows words, Anthropic's older requests say tokens."""
    thinking = body.get("thinking", {})
    effort = body.get("output_config", {}).get("effort")
    if isinstance(effort, str) and thinking.get("type") != "disabled":
        return _EFFORTS.get(effort, "high")
    if thinking.get("type") != "enabled":
        return None
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int) or budget <= _LOW_BUDGET:
        return "low"
    return "medium" if budget <= _MEDIUM_BUDGET else "high"


def _response_format(wanted: Any) -> dict[str, Any] | None:
    if wanted is None:
        return None
    schema = {"name": "answer", "schema": wanted["schema"], "strict": True}
    return {"type": "json_schema", "json_schema": schema}
