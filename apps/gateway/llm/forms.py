"""Forms with files (multipart/form-data), as the audio and picture endpoints of OpenAI's interface take them."""

from typing import Any

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request
from starlette.types import Message, Scope

from apps.core.errors import InvalidRequest
from apps.providers.llm.base import FilePart

_MOST_FILES = 16
_MOST_FIELDS = 100
_MOST_FIELD_BYTES = 1024 * 1024


def is_form(scope: Scope) -> bool:
    return any(
        name == b"content-type" and value.lower().startswith(b"multipart/form-data")
        for name, value in scope["headers"]
    )


async def read(scope: Scope, body: bytes) -> tuple[dict[str, Any], tuple[FilePart, ...]]:
    """Fields (a name with [] or given twice is a list) and files. Raises InvalidRequest for what is no form."""

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    request = Request(scope, receive)
    parser = MultiPartParser(
        request.headers,
        request.stream(),
        max_files=_MOST_FILES,
        max_fields=_MOST_FIELDS,
        max_part_size=_MOST_FIELD_BYTES,
    )
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError, ValueError, UnicodeError) as error:
        reason = error.message if isinstance(error, MultiPartException) else "It has no boundary."
        raise InvalidRequest(f"The form cannot be read: {reason}") from None
    fields: dict[str, Any] = {}
    files: list[FilePart] = []
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            files.append(await _file(name, value))
        else:
            _add(fields, name, value)
    return _typed(fields), tuple(files)


async def _file(name: str, upload: UploadFile) -> FilePart:
    data = await upload.read()
    await upload.close()
    if not data:
        raise InvalidRequest.field(name, "The file is empty.")
    content_type = upload.content_type or "application/octet-stream"
    return FilePart(name, upload.filename or "file", content_type, data)


def _add(fields: dict[str, Any], name: str, value: str) -> None:
    if name.endswith("[]"):
        fields.setdefault(name.removesuffix("[]"), []).append(value)
    elif name in fields:
        there = fields[name]
        fields[name] = [*there, value] if isinstance(there, list) else [there, value]
    else:
        fields[name] = value


def _typed(fields: dict[str, Any]) -> dict[str, Any]:
    """In a form everything is text; the one flag that endpoints look at becomes one."""
    stream = fields.get("stream")
    if isinstance(stream, str):
        fields["stream"] = stream.strip().lower() in ("true", "1")
    return fields
