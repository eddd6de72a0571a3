"""What a file is and what can be read in it. Its name says which kind of text it is, its bytes what kind of picture."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from types import MappingProxyType

import imagesize

from apps.core import media
from apps.core.errors import InvalidRequest, TooLarge
from apps.core.sentences import sentence
from apps.llm.services.conversations import pdf

MOST_BYTES = 20 * 1024 * 1024
_MOST_TEXT = 2 * 1024 * 1024
_LONGEST_NAME = 128
_TEXTS: Mapping[str, str] = MappingProxyType(
    {
        "txt": "text/plain", "text": "text/plain", "log": "text/plain", "md": "text/markdown",
        "markdown": "text/markdown", "csv": "text/csv", "tsv": "text/tab-separated-values",
        "json": "application/json", "html": "text/html", "htm": "text/html",
    }
)  # fmt: skip
_PICTURES = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
KINDS = sentence("txt, md, csv, tsv, json, html, pdf, png, jpg, webp and gif")


@dataclass(frozen=True, slots=True)
class Extracted:
    """A file that was looked at. `extension` is ours: what the storage calls it."""

    name: str
    data: bytes
    content_type: str
    extension: str
    text: str = ""
    pages: int | None = None
    note: str = ""
    width: int | None = None
    height: int | None = None


def extracted(*, name: str, data: bytes) -> Extracted:
    """Read a file. May block for half a minute (PDF). Raises InvalidRequest or TooLarge, which name the field."""
    checked_name(name)
    if not data:
        raise InvalidRequest.field("file", sentence("The file is empty."))
    if len(data) > MOST_BYTES:
        raise TooLarge(
            sentence("The file is larger than {most} MB.", most=MOST_BYTES // 1024 // 1024),
            detail={"field": "file", "max_bytes": MOST_BYTES},
        )
    extension = name.rpartition(".")[2].lower() if "." in name else ""
    if extension == "pdf":
        return _pdf(name, data)
    if extension in _TEXTS:
        return _text(name, data, extension)
    return _picture(name, data)


def checked_name(name: str) -> str:
    """Raises InvalidRequest for what is no name of a file."""
    if not name.strip() or len(name) > _LONGEST_NAME:
        raise InvalidRequest.field(
            "file_name", sentence("Give a name of 1 to {most} characters.", most=_LONGEST_NAME)
        )
    if not name.isprintable() or any(mark in name for mark in "/\\") or name.startswith("."):
        raise InvalidRequest.field(
            "file_name",
            sentence("A name has no slashes, no control characters and no dot in front."),
        )
    return name


def _pdf(name: str, data: bytes) -> Extracted:
    if b"%PDF-" not in data[:1024]:
        raise InvalidRequest.field("file", sentence("The file is called .pdf but is no PDF."))
    found = pdf.read(data, most_bytes=_MOST_TEXT)
    return Extracted(
        name,
        data,
        "application/pdf",
        "pdf",
        text=_clean(found.text),
        pages=found.pages,
        note=found.note,
    )


def _text(name: str, data: bytes, extension: str) -> Extracted:
    text = _decoded(data)
    if extension in ("html", "htm"):
        text = _stripped(text)
    elif extension == "json":
        text = _laid_out(text)
    note = "" if text.strip() else sentence("No text was found in the file.")
    if len(text) > _MOST_TEXT:
        note = sentence(
            "Only the first {most} million characters were read.", most=_MOST_TEXT // 1024 // 1024
        )
    return Extracted(
        name, data, _TEXTS[extension], extension, text=_clean(text[:_MOST_TEXT]), note=note
    )


def _decoded(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        if b"\0" in data:
            raise InvalidRequest.field("file", sentence("The file is no text.")) from None
        # What Windows writes where it does not write UTF-8.
        return data.decode("cp1252", "replace")


def _laid_out(text: str) -> str:
    """JSON in one line is one paragraph; with a line for each value it can be excerpted."""
    try:
        return json.dumps(json.loads(text), ensure_ascii=False, indent=1)
    except (ValueError, RecursionError):
        return text


def _picture(name: str, data: bytes) -> Extracted:
    found = media.sniff(data)
    if found is None or found.content_type not in _PICTURES:
        raise InvalidRequest.field(
            "file", sentence("Files of this kind are not read; give {kinds}.", kinds=KINDS)
        )
    try:
        media.check_pixels(data)
    except media.MediaError as error:
        raise InvalidRequest.field("file", error.words) from None
    width, height = imagesize.get(io.BytesIO(data))
    return Extracted(
        name,
        data,
        found.content_type,
        found.extension,
        note=sentence("A picture: shown to models that can see."),
        width=int(width),
        height=int(height),
    )


def _clean(text: str) -> str:
    """As PostgreSQL can keep it, with line ends of one kind."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
    return text.encode("utf-8", "replace").decode("utf-8")


_UNSEEN = frozenset({"script", "style", "template", "noscript", "svg", "head"})
_BREAKS = frozenset(
    {"p", "div", "br", "li", "tr", "table", "section", "article", "h1", "h2", "h3", "h4", "h5", "h6", "pre", "ul", "ol"}
)  # fmt: skip


class _Stripper(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag in _BREAKS:
            self.found.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag in _BREAKS:
            self.found.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.found.append(" ".join(data.split(" ")))


def _stripped(html: str) -> str:
    parser = _Stripper()
    parser.feed(html)
    parser.close()
    lines = (" ".join(line.split()) for line in "".join(parser.found).split("\n"))
    return "\n".join(line for line in lines if line)
