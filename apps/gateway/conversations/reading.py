"""What comes in: questions with their parts, and files; what is refused before a conversation is looked for."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from starlette.types import Scope

from apps.core.errors import InvalidRequest
from apps.gateway.llm import forms, requests
from apps.llm.services.conversations.preparing import Opening, Said

_LONGEST = 1_000_000
_MOST_PARTS = 50
_MOST_ATTACHMENTS = 20
_POINTER = "file-service://"
_SIZES = ("size_bytes", "width", "height")


def mapping(body: bytes) -> dict[str, Any]:
    """Raises InvalidRequest for anything but an object."""
    found = requests.parsed(body)
    if not isinstance(found, dict):
        raise InvalidRequest("Give a JSON object as body.")
    return found


def opening(body: Mapping[str, Any]) -> Opening:
    """Model and GPT of a new conversation."""
    return Opening(_text(body, "model"), _text(body, "gizmo_id", is_required=False))


def service_mode(body: Mapping[str, Any], asked: str) -> str:
    """As on other routes: the header, else the body's `config`."""
    config = body.get("config")
    named = config.get("service_mode") if isinstance(config, dict) else None
    return asked or (named if isinstance(named, str) else "")


def said(body: Mapping[str, Any]) -> Said:
    """The question. Raises InvalidRequest with the field."""
    content = body.get("content")
    if not isinstance(content, dict):
        raise InvalidRequest.field("content", "This field is required: an object.")
    kind = content.get("content_type", "text")
    if kind not in ("text", "multimodal_text"):
        raise InvalidRequest.field("content.content_type", "Use text or multimodal_text.")
    parts = content.get("parts")
    if not isinstance(parts, list) or not 0 < len(parts) <= _MOST_PARTS:
        raise InvalidRequest.field("content.parts", f"Give a list of 1 to {_MOST_PARTS} parts.")
    texts = [_plain(one) for one in parts if isinstance(one, str)]
    pictures = tuple(_pointed(one) for one in parts if not isinstance(one, str))
    if pictures and kind == "text":
        raise InvalidRequest.field("content.content_type", "Pictures need multimodal_text.")
    text = "\n".join(texts).strip()
    if not text and not pictures:
        raise InvalidRequest.field("content.parts", "There is nothing in it.")
    if len(text) > _LONGEST:
        raise InvalidRequest.field("content.parts", f"At most {_LONGEST} characters are read.")
    return Said(
        text,
        parts=[_kept(one) for one in parts] if pictures else [],
        pictures=pictures,
        attachments=_attachments(body.get("metadata")),
    )


def _plain(text: str) -> str:
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def _pointed(part: Any) -> str:
    """The file that a part points to."""
    if not isinstance(part, dict) or part.get("content_type") != "image_asset_pointer":
        raise InvalidRequest.field("content.parts", "A part is a text or an image_asset_pointer.")
    pointer = part.get("asset_pointer")
    if not isinstance(pointer, str) or not pointer.startswith(_POINTER):
        raise InvalidRequest.field("content.parts.asset_pointer", f"Give {_POINTER}file-….")
    return pointer.removeprefix(_POINTER)


def _kept(part: Any) -> Any:
    """A part as it is kept: what we know of it, in values that can be written down."""
    if isinstance(part, str):
        return _plain(part)
    sizes = {name: part[name] for name in _SIZES if isinstance(part.get(name), int)}
    pointer = {"content_type": "image_asset_pointer", "asset_pointer": part["asset_pointer"][:100]}
    return pointer | {name: max(0, min(size, 2**53)) for name, size in sizes.items()}


def _attachments(metadata: Any) -> list[dict[str, Any]]:
    found = metadata.get("attachments") if isinstance(metadata, dict) else None
    if found is None:
        return []
    if not isinstance(found, list) or len(found) > _MOST_ATTACHMENTS:
        raise InvalidRequest.field(
            "metadata.attachments", f"Give a list of at most {_MOST_ATTACHMENTS}."
        )
    for one in found:
        if not isinstance(one, dict) or not isinstance(one.get("id"), str):
            raise InvalidRequest.field("metadata.attachments.id", "Give the id of a file.")
    return [
        {"id": _plain(one["id"])[:60], "name": _plain(str(one.get("name", ""))[:128])}
        for one in found
    ]


def _text(body: Mapping[str, Any], name: str, *, is_required: bool = True) -> str:
    value = body.get(name)
    if value in (None, "") and not is_required:
        return ""
    if not isinstance(value, str) or not 0 < len(value) <= 200 or not value.isprintable():
        raise InvalidRequest.field(name, "This field is required: a text.")
    return value


async def file(scope: Scope, body: bytes) -> tuple[str, bytes]:
    """Name and bytes of an upload: a form with `file`, or JSON with `file_name` and `file_data`."""
    if forms.is_form(scope):
        _, files = await forms.read(scope, body)
        found = next((one for one in files if one.field == "file"), None)
        if found is None:
            raise InvalidRequest.field("file", "This field is required: a file.")
        return found.file_name, found.data
    fields = mapping(body)
    return _text(fields, "file_name"), _decoded(fields.get("file_data"))


def _decoded(value: Any) -> bytes:
    if not isinstance(value, str) or not value:
        raise InvalidRequest.field("file_data", "This field is required: Base64 or a data address.")
    plain = value.partition(",")[2] if value[:5].lower() == "data:" else value
    try:
        return base64.b64decode("".join(plain.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequest.field("file_data", "This is no Base64.") from None
