"""Messages and tools of a chat request, as far as a translation must be able to rely on them."""

from typing import Any

from apps.gateway.surfaces import checks
from apps.gateway.surfaces.checks import fail

_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
# Who may have said nothing: an assistant that called a tool, a function that returned nothing.
_SILENT_ROLES = frozenset({"assistant", "function"})
_ADDRESSED = ("image_url", "video_url", "audio_url")
_NO_FILES = "Files of a provider are not reachable from here; send the file itself as file_data."


def messages(value: Any, name: str) -> list[dict[str, Any]]:
    if not checks.items(value, name):
        raise fail(name, "Give at least one message.")
    for index, message in enumerate(value):
        # Most messages are just this, and there may be very many.
        if not _is_plain(message):
            _check_message(message, f"{name}.{index}")
    return value  # type: ignore[no-any-return]


def _is_plain(message: Any) -> bool:
    return (
        type(message) is dict
        and message.keys() == {"role", "content"}
        and message["role"] in ("user", "assistant", "system")
        and type(message["content"]) is str
    )


def _check_message(message: Any, name: str) -> None:
    role = checks.mapping(message, name).get("role")
    if not isinstance(role, str) or role not in _ROLES:
        raise fail(f"{name}.role", f"Give one of {', '.join(sorted(_ROLES))}.")
    _check_content(message.get("content"), f"{name}.content", may_be_absent=role in _SILENT_ROLES)
    for key in ("name", "tool_call_id"):
        if message.get(key) is not None:
            checks.text(message[key], f"{name}.{key}")
    if role == "tool" and message.get("tool_call_id") is None:
        raise fail(f"{name}.tool_call_id", "This field is required.")
    if message.get("tool_calls") is not None:
        _check_tool_calls(message["tool_calls"], f"{name}.tool_calls")
    if message.get("function_call") is not None:
        _check_called(message["function_call"], f"{name}.function_call")


def _check_content(content: Any, name: str, *, may_be_absent: bool) -> None:
    if isinstance(content, str) or (content is None and may_be_absent):
        return
    if not isinstance(content, list):
        raise fail(name, "Give a string or a list of parts.")
    for index, part in enumerate(content):
        _check_part(part, f"{name}.{index}")


def _check_part(part: Any, name: str) -> None:
    kind = checks.typed(part, name)["type"]
    if kind in ("text", "refusal"):
        checks.text(part.get(kind), f"{name}.{kind}")
    elif kind in _ADDRESSED:
        named = part.get(kind)
        url, path = (named.get("url"), ".url") if isinstance(named, dict) else (named, "")
        checks.address(url, f"{name}.{kind}{path}")
    elif kind == "input_audio":
        checks.text(
            checks.mapping(part.get(kind), f"{name}.{kind}").get("data"), f"{name}.{kind}.data"
        )
    elif kind == "file":
        check_file(part.get("file"), f"{name}.file")


def check_file(file: Any, name: str) -> None:
    """A file that the request carries. One kept by a provider is kept in an account that many share."""
    if checks.mapping(file, name).get("file_id") is not None:
        raise fail(f"{name}.file_id", _NO_FILES)
    if file.get("file_url") is not None:
        checks.address(file["file_url"], f"{name}.file_url")
    else:
        checks.text(file.get("file_data"), f"{name}.file_data")


def _check_tool_calls(calls: Any, name: str) -> None:
    for index, call in enumerate(checks.items(calls, name)):
        if "custom" in checks.mapping(call, f"{name}.{index}"):
            checks.mapping(call["custom"], f"{name}.{index}.custom")
        else:
            _check_called(call.get("function"), f"{name}.{index}.function")


def _check_called(function: Any, name: str) -> None:
    checks.text(checks.mapping(function, name).get("name"), f"{name}.name")
    checks.text(function.get("arguments", ""), f"{name}.arguments")


def tools(value: Any, name: str) -> list[dict[str, Any]]:
    """Tools that the customer runs. Those that a provider runs cost more than tokens, which nobody could bill."""
    for index, tool in enumerate(checks.items(value, name)):
        path = f"{name}.{index}"
        kind = checks.typed(tool, path)["type"]
        if kind not in ("function", "custom"):
            raise fail(f"{path}.type", "Give function; tools that a provider runs are not offered.")
        check_function(tool.get(kind), f"{path}.{kind}")
    return value  # type: ignore[no-any-return]


def functions(value: Any, name: str) -> list[dict[str, Any]]:
    for index, function in enumerate(checks.items(value, name)):
        check_function(function, f"{name}.{index}")
    return value  # type: ignore[no-any-return]


def check_function(function: Any, name: str) -> None:
    if not checks.text(checks.mapping(function, name).get("name"), f"{name}.name"):
        raise fail(f"{name}.name", "This field is required.")
    if function.get("parameters") is not None:
        checks.mapping(function["parameters"], f"{name}.parameters")
