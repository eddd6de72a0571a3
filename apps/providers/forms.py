"""Forms with files, as bytes to send."""

from collections.abc import Iterable
from secrets import token_hex
from typing import NamedTuple

# What would end a name or its line early, written as browsers write it.
_ESCAPES = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A", "\x00": ""})


class Part(NamedTuple):
    """A file of a form."""

    field: str
    file_name: str
    content_type: str
    data: bytes


def form(fields: Iterable[tuple[str, str]], files: Iterable[Part]) -> tuple[str, bytes]:
    """Content type and body. Values go between the lines that a boundary nobody can guess marks, so none can end its
    part."""
    boundary = f"form-{token_hex(16)}"
    parts = [
        _head(boundary, name) + f"{value}\r\n".encode("utf-8", "replace") for name, value in fields
    ]
    parts += [_head(boundary, one.field, one) + one.data + b"\r\n" for one in files]
    return (
        f"multipart/form-data; boundary={boundary}",
        b"".join(parts) + f"--{boundary}--\r\n".encode(),
    )


def _head(boundary: str, field: str, file: Part | None = None) -> bytes:
    head = f'--{boundary}\r\ncontent-disposition: form-data; name="{_inert(field)}"'
    if file is not None:
        head += (
            f'; filename="{_inert(file.file_name)}"\r\ncontent-type: {_inert(file.content_type)}'
        )
    return f"{head}\r\n\r\n".encode("utf-8", "replace")


def _inert(value: str) -> str:
    return value.translate(_ESCAPES)
