"""A conversation in Anthropic's words: the system prompt, and messages whose sides take turns."""

import base64
import re
from collections.abc import Iterator, Mapping
from typing import Any

from apps.providers.llm import chat, reading

Blocks = list[dict[str, Any]]

_NO_ID = re.compile(r"[^a-zA-Z0-9_-]")
_PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")


def translated(messages: list[dict[str, Any]]) -> tuple[Blocks, Blocks]:
    """System prompt and turns. Raises ProviderRefused."""
    system: Blocks = []
    turns: Blocks = []
    for number, message in enumerate(messages):
        role = message.get("role")
        if role in ("system", "developer"):
            system += _content(message)
        elif role == "assistant":
            _add(turns, "assistant", _said(message, number))
        elif role in ("tool", "function"):
            _add(turns, "user", [_result(message, messages[:number])])
        else:
            _add(turns, "user", _content(message))
    if not turns:
        return [], [{"role": "user", "content": system}]
    if turns[0]["role"] == "assistant":
        turns.insert(0, {"role": "user", "content": [{"type": "text", "text": "…"}]})
    _trim_end(turns[-1])
    return system, turns


def ends_with_result(turns: Blocks) -> bool:
    return any(block["type"] == "tool_result" for block in turns[-1]["content"])


def cached(source: Mapping[str, Any]) -> dict[str, Any]:
    """The mark by which clients say what is worth keeping in the provider's cache."""
    mark = source.get("cache_control")
    return {"cache_control": mark} if isinstance(mark, dict) else {}


def _add(turns: Blocks, role: str, blocks: Blocks) -> None:
    if not blocks:
        return
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"] += blocks
    else:
        turns.append({"role": role, "content": blocks})


def _trim_end(turn: dict[str, Any]) -> None:
    """What the assistant is to go on from must not end in white space."""
    last = turn["content"][-1]
    if turn["role"] == "assistant" and last["type"] == "text":
        last["text"] = last["text"].rstrip()


# --------------------------------------------------------------------------------------------- content


def _content(message: Mapping[str, Any]) -> Blocks:
    return [_block(part) | cached(part) for part in chat.parts(message.get("content"))]


def _block(part: Mapping[str, Any]) -> dict[str, Any]:
    match part.get("type"):
        case "text":
            return {"type": "text", "text": part["text"]}
        case "image_url":
            return {"type": "image", "source": _picture(chat.image(part))}
        case "file":
            return _document(chat.file(part), reading.mapping(part.get("file")).get("filename"))
    raise reading.refused(f"Anthropic takes no content of the type {str(part.get('type'))[:60]!r}.")


def _picture(picture: chat.Inline | str) -> dict[str, Any]:
    if isinstance(picture, str):
        return {"type": "url", "url": picture}
    content_type = picture.content_type.replace("image/jpg", "image/jpeg")
    if content_type not in _PICTURES:
        raise reading.refused("Anthropic takes pictures as PNG, JPEG, GIF or WebP only.")
    return {"type": "base64", "media_type": content_type, "data": picture.base64}


def _document(file: chat.Inline, name: Any) -> dict[str, Any]:
    if file.content_type == "application/pdf":
        source = {"type": "base64", "media_type": file.content_type, "data": file.base64}
    elif file.content_type.startswith("text/"):
        source = {"type": "text", "media_type": "text/plain", "data": _decoded(file)}
    elif file.content_type.startswith("image/"):
        return {"type": "image", "source": _picture(file)}
    else:
        raise reading.refused("Anthropic takes files as PDF, text or pictures only.")
    document: dict[str, Any] = {"type": "document", "source": source}
    return document | {"title": name[:200]} if isinstance(name, str) and name else document


def _decoded(file: chat.Inline) -> str:
    try:
        return base64.b64decode(file.base64).decode()
    except ValueError:
        raise reading.refused("A file of text must be UTF-8 in base64.") from None


# ----------------------------------------------------------------------------------------------- tools


def _said(message: Mapping[str, Any], number: int) -> Blocks:
    blocks = _content(message)
    for one in chat.used(message, old_id=_old_id(number)):
        blocks.append(
            {"type": "tool_use", "id": _id(one.id), "name": one.name, "input": one.arguments}
            | cached(one.source)
        )
    return blocks


def _result(message: Mapping[str, Any], before: list[dict[str, Any]]) -> dict[str, Any]:
    id = reading.text(message.get("tool_call_id"))
    if message.get("role") == "function":
        id = _last_old(before)
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": _id(id)}
    if content := _content(message):
        block["content"] = content
    return block | cached(message)


def _last_old(before: list[dict[str, Any]]) -> str:
    """Results of the old kind have no id: they answer the last call."""
    calls: Iterator[int] = (
        number for number in range(len(before) - 1, -1, -1) if before[number].get("function_call")
    )
    return _old_id(next(calls, 0))


def _old_id(number: int) -> str:
    return f"call_{number}"


def _id(id: str) -> str:
    """Other providers' ids hold what Anthropic's must not."""
    return _NO_ID.sub("_", id) or "call"
