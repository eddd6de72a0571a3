"""A chat request in the words of Anthropic's Messages.

Decisions where the two differ:

- Instructions, wherever they stand, become the system prompt; messages of the same side that follow one another are
  one. A conversation of instructions only is asked as a question, one that the assistant begins gets a word before it.
- The limit of tokens is required there: the request's, else the account's `max_tokens`, else 4,096. Thinking counts
  towards it, so a request's own limit is never exceeded for it: it thinks less, or not at all. Only where no limit was
  named does the thought come on top.
- There is no thinking where a tool is forced, or where a tool's result was handed in: that goes on from a thought
  which we do not have.
- An answer by a schema is a forced call of a tool with this schema, whose arguments are the answer. Where the request
  has tools of its own, or the schema is no object's, an instruction asks for it, as it does for any JSON.
"""

from collections.abc import Mapping
from typing import Any

from apps.providers.base import Access
from apps.providers.llm import anthropic_messages, chat, reading
from apps.providers.llm.base import Call

# The tool whose arguments are the answer.
JSON_TOOL = "json_answer"
_DEFAULT_TOKENS = 4096
_JSON = "Answer with one JSON object and nothing else: no explanation, no code fence."


def body(call: Call, access: Access) -> dict[str, Any]:
    """Raises ProviderRefused for what Anthropic has no words for."""
    asked = call.body
    chat.check(asked, provider="Anthropic")
    system, messages = anthropic_messages.translated(chat.messages(asked))
    made: dict[str, Any] = {"model": call.model, "messages": messages, "stream": call.is_stream}
    made |= _tools(asked, messages)
    if instruction := _instruction(asked):
        system = [*system, {"type": "text", "text": instruction}]
    if system:
        made["system"] = system
    if stop := chat.stops(asked):
        made["stop_sequences"] = _visible(stop)
    if user := reading.text(asked.get("user") or asked.get("safety_identifier")):
        made["metadata"] = {"user_id": user[:256]}
    made["max_tokens"] = chat.limit(asked) or _most(access)
    return made | _sampling(asked, made)


def is_forced_json(asked: Mapping[str, Any]) -> bool:
    """Whether the answer comes as the arguments of our tool."""
    schema = chat.schema(asked)
    if not schema or schema.get("type") != "object":
        return False
    return not (asked.get("tools") or asked.get("functions"))


def _most(access: Access) -> int:
    chosen = access.config.get("max_tokens")
    return chosen if type(chosen) is int and chosen > 0 else _DEFAULT_TOKENS


def _visible(stop: list[str]) -> list[str]:
    if not all(one.strip() for one in stop):
        raise reading.refused("Anthropic stops at no white space: stop must hold other characters.")
    return stop


# ---------------------------------------------------------------------------------- sampling, thinking


def _sampling(asked: Mapping[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    thinking = _thinking(asked, made)
    # A model that thinks takes no other sampling than its own.
    return thinking or {
        name: value
        for name, value in (
            ("temperature", _clamped(asked.get("temperature"))),
            ("top_p", _unless_one(asked.get("top_p"))),
            ("top_k", asked.get("top_k")),
        )
        if value is not None
    }


def _thinking(asked: Mapping[str, Any], made: dict[str, Any]) -> dict[str, Any]:
    budget = chat.thought(asked)
    forced = made.get("tool_choice", {}).get("type") in ("any", "tool")
    if not budget or forced or anthropic_messages.ends_with_result(made["messages"]):
        return {}
    most: int = made["max_tokens"]
    if chat.limit(asked):
        # Some is left for the answer.
        budget = min(budget, most - most // 4)
    else:
        most += budget
    if budget < chat.LEAST_THOUGHT:
        return {}
    return {"thinking": {"type": "enabled", "budget_tokens": budget}, "max_tokens": most}


def _clamped(temperature: Any) -> Any:
    return max(0, min(1, temperature)) if isinstance(temperature, int | float) else None


def _unless_one(top_p: Any) -> Any:
    """New models refuse both kinds of sampling together, and 1 is no choice."""
    return None if top_p == 1 else top_p


# ---------------------------------------------------------------------------------------------- tools


def _tools(asked: Mapping[str, Any], messages: list[dict[str, Any]]) -> dict[str, Any]:
    if is_forced_json(asked):
        tool = chat.Tool(JSON_TOOL, "Give the answer.", chat.schema(asked) or {}, {})
        return {"tools": [_tool(tool)], "tool_choice": {"type": "tool", "name": JSON_TOOL}}
    tools = [_tool(one) for one in chat.tools(asked)]
    if not tools:
        return _mentioned(messages)
    choice = _choice(asked)
    return {"tools": tools, "tool_choice": choice} if choice else {"tools": tools}


def _tool(tool: chat.Tool) -> dict[str, Any]:
    schema = tool.parameters or {"type": "object", "properties": {}}
    made: dict[str, Any] = {"name": tool.name, "input_schema": {"type": "object", **schema}}
    if tool.description:
        made["description"] = tool.description
    return made | anthropic_messages.cached(tool.source)


def _choice(asked: Mapping[str, Any]) -> dict[str, Any] | None:
    match chat.choice(asked):
        case (name,):
            choice: dict[str, Any] = {"type": "tool", "name": name}
        case "none":
            return {"type": "none"}
        case "required":
            choice = {"type": "any"}
        case "auto":
            choice = {"type": "auto"}
        case _:
            choice = {}
    # Functions of the old kind are called one at a time.
    if asked.get("parallel_tool_calls") is False or chat.is_old(asked):
        return {"type": "auto", **choice, "disable_parallel_tool_use": True}
    return choice or None


def _mentioned(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """A conversation in which tools were called is refused where there are none, even if none is to be called again."""
    names = {
        block["name"]: None
        for message in messages
        for block in message["content"]
        if block["type"] == "tool_use"
    }
    if not names:
        return {}
    tools = [_tool(chat.Tool(name, "", {}, {})) for name in names]
    return {"tools": tools, "tool_choice": {"type": "none"}}


def _instruction(asked: Mapping[str, Any]) -> str:
    schema = chat.schema(asked)
    if schema is None or is_forced_json(asked):
        return ""
    if not schema:
        return _JSON
    return f"{_JSON} It must conform to this JSON schema:\n{reading.written(schema).decode()}"
