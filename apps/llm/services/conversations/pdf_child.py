"""Reads the text of a PDF: a program of its own, so that a hostile file can be ended. No imports of the platform.

stdin: the file. stdout: JSON with `pages`, `read` (pages that were), `is_encrypted` and `text`, pages apart by a form
feed; with `is_damaged` alone for what is none.
"""

import json
import logging
import resource
import sys
from io import BytesIO

from pypdf import PdfReader
from pypdf.errors import PyPdfError

_MEMORY = 1024 * 1024 * 1024
_CPU_SECONDS = 20


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS))
    logging.disable()
    most_pages, most_bytes = int(sys.argv[1]), int(sys.argv[2])
    try:
        found = read(sys.stdin.buffer.read(), most_pages=most_pages, most_bytes=most_bytes)
    except (
        PyPdfError,
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        IndexError,
        RecursionError,
    ):
        found = {"is_damaged": True}
    sys.stdout.write(json.dumps(found))


def read(data: bytes, *, most_pages: int, most_bytes: int) -> dict[str, object]:
    reader = PdfReader(BytesIO(data))
    if reader.is_encrypted and not reader.decrypt(""):
        return {"pages": 0, "read": 0, "is_encrypted": True, "text": ""}
    pages = len(reader.pages)
    texts: list[str] = []
    size = 0
    for page in reader.pages[: min(pages, most_pages)]:
        texts.append(_text_of(page))
        size += len(texts[-1])
        if size > most_bytes:
            break
    return {"pages": pages, "read": len(texts), "is_encrypted": False, "text": "\f".join(texts)}


def _text_of(page: object) -> str:
    try:
        return str(page.extract_text()).strip()  # type: ignore[attr-defined]
    except Exception:
        # A page that cannot be read does not make the others unreadable.
        return ""


if __name__ == "__main__":
    main()
