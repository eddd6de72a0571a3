"""A request of Anthropic's `/v1/messages`: its rules."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from apps.gateway.surfaces import chat, checks
from apps.gateway.surfaces.checks import fail

# Tools that the customer's program runs, by the beginning of their type. The others are run, and billed by the call or
# the hour, by the provider.
_OWN_TOOLS = ("bash_", "text_editor_", "computer_", "browser_", "memory_", "tool_search_tool_")
_ROLES = ("user", "assistant", "system")
_NO_FILES = "Files of a provider are not reachable from here; send the file itself as base64."
_NESTABLE = frozenset({"text", "image", "document", "search_result", "tool_reference"})


def _messages(value: Any, name: str) -> list[dict[str, Any]]:
    if not checks.items(value, name):
        raise fail(name, "Give at least one message.")
    for index, message in enumerate(value):
        _check_message(message, f"{name}.{index}")
    return [_readable(message) for message in value]


def _check_message(message: Any, name: str) -> None:
    if checks.mapping(message, name).get("role") not in _ROLES:
        raise fail(f"{name}.role", f"Give one of {', '.join(_ROLES)}.")
    _check_content(message.get("content"), f"{name}.content", is_inner=False)


def _readable(message: dict[str, Any]) -> dict[str, Any]:
    """The message without thoughts that nobody signed: ours, of other providers, which Anthropic would refuse."""
    content = message["content"]
    if isinstance(content, str) or not any(_is_unsigned(block) for block in content):
        return message
    return {**message, "content": [block for block in content if not _is_unsigned(block)]}


def _is_unsigned(block: dict[str, Any]) -> bool:
    return block["type"] == "thinking" and not block.get("signature")


def _check_content(content: Any, name: str, *, is_inner: bool) -> None:
    if isinstance(content, str):
        return
    if not isinstance(content, list):
        raise fail(name, "Give a string or a list of blocks.")
    for index, block in enumerate(content):
        _check_block(block, f"{name}.{index}", is_inner=is_inner)


def _check_block(block: Any, name: str, *, is_inner: bool) -> None:
    kind = checks.typed(block, name)["type"]
    if is_inner and kind not in _NESTABLE:
        raise fail(f"{name}.type", "Give text, image or document.")
    check = _CHECKS.get(kind)
    if check is not None:
        check(block, name)
    elif kind == "document":
        _check_document(block.get("source"), f"{name}.source", is_inner=is_inner)
    elif kind == "container_upload":
        raise fail(f"{name}.type", _NO_FILES)


def _check_text(block: dict[str, Any], name: str) -> None:
    checks.text(block.get("text"), f"{name}.text")


def _check_image(block: dict[str, Any], name: str) -> None:
    _check_source(block.get("source"), f"{name}.source")


def _check_tool_use(block: dict[str, Any], name: str) -> None:
    for key in ("id", "name"):
        checks.text(block.get(key), f"{name}.{key}")
    checks.mapping(block.get("input"), f"{name}.input")


def _check_tool_result(block: dict[str, Any], name: str) -> None:
    checks.text(block.get("tool_use_id"), f"{name}.tool_use_id")
    if block.get("content") is not None:
        _check_content(block["content"], f"{name}.content", is_inner=True)


def _check_search_result(block: dict[str, Any], name: str) -> None:
    checks.items(block.get("content"), f"{name}.content")


_CHECKS: Mapping[str, Callable[[dict[str, Any], str], None]] = MappingProxyType(
    {
        "text": _check_text,
        "image": _check_image,
        "tool_use": _check_tool_use,
        "tool_result": _check_tool_result,
        "search_result": _check_search_result,
    }
)


def _check_source(source: Any, name: str) -> None:
    kind = checks.typed(source, name)["type"]
    if kind == "url":
        checks.address(source.get("url"), f"{name}.url")
    elif kind in ("base64", "text"):
        for key in ("media_type", "data"):
            checks.text(source.get(key), f"{name}.{key}")
    else:
        raise fail(f"{name}.type", _NO_FILES if kind == "file" else "Give base64 or url.")


def _check_document(source: Any, name: str, *, is_inner: bool) -> None:
    if checks.typed(source, name)["type"] != "content":
        _check_source(source, name)
    elif is_inner:
        raise fail(f"{name}.type", "Give base64, text or url.")
    else:
        _check_content(source.get("content"), f"{name}.content", is_inner=True)


def _system(value: Any, name: str) -> Any:
    if isinstance(value, str):
        return value
    for index, block in enumerate(checks.items(value, name)):
        if checks.typed(block, f"{name}.{index}")["type"] != "text":
            raise fail(f"{name}.{index}.type", "Give text.")
        checks.text(block.get("text"), f"{name}.{index}.text")
    return value


def _tools(value: Any, name: str) -> Any:
    for index, tool in enumerate(checks.items(value, name)):
        _check_tool(tool, f"{name}.{index}")
    return value


def _check_tool(tool: Any, name: str) -> None:
    kind = checks.mapping(tool, name).get("type") or "custom"
    if kind == "custom":
        checks.text(tool.get("name"), f"{name}.name")
        checks.mapping(tool.get("input_schema"), f"{name}.input_schema")
    elif not checks.text(kind, f"{name}.type").startswith(_OWN_TOOLS):
        raise fail(f"{name}.type", "Tools that a provider runs are not offered.")


def _metadata(value: Any, name: str) -> dict[str, Any]:
    user = checks.mapping(value, name).get("user_id")
    return {} if user is None else {"user_id": checks.text(user, f"{name}.user_id")}


def _output_config(value: Any, name: str) -> dict[str, Any]:
    wanted = checks.mapping(value, name).get("format")
    if wanted is not None:
        checks.mapping(
            checks.typed(wanted, f"{name}.format").get("schema"), f"{name}.format.schema"
        )
    return value  # type: ignore[no-any-return]


RULES: Mapping[str, checks.Rule] = MappingProxyType(
    {
        **{name: chat.RULES[name] for name in ("model", "stream", "top_p")},
        "stream_options": lambda value, name: {},
        "messages": _messages,
        "system": _system,
        "max_tokens": checks.integer(1, checks.MOST_TOKENS),
        "temperature": checks.number(0, 1),
        "top_k": checks.integer(0, checks.MOST_TOKENS),
        "stop_sequences": checks.texts(64),
        "tools": _tools,
        "tool_choice": checks.typed,
        "thinking": checks.typed,
        "metadata": _metadata,
        "output_config": _output_config,
        "mcp_servers": checks.refuse(
            "Servers of tools are not called from here; use your own tools."
        ),
        "container": checks.refuse("Containers of a provider are not offered."),
    }
)
