"""Media as customers give it: a URL, a data URI or plain base64, in any media field.

Nothing here opens a connection or decodes a picture: it only says what a value is. Bytes are told by their first bytes,
never by a name or by what the customer calls them.
"""

import base64
import binascii
import io
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

import imagesize

from apps.core.wording import sentence

MAX_INLINE_BYTES = 20 * 1024 * 1024
MAX_URL_LENGTH = 4096
# What the local engine decodes at most.
MAX_PIXELS = 25_000_000

# content type, file extension, family
_SIGNATURES: tuple[tuple[bytes, int, str, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png", "png"),
    (b"\xff\xd8\xff", 0, "image/jpeg", "jpg"),
    (b"GIF8", 0, "image/gif", "gif"),
    (b"BM", 0, "image/bmp", "bmp"),
    (b"WEBP", 8, "image/webp", "webp"),
    (b"WAVE", 8, "audio/wav", "wav"),
    (b"ftypM4A", 4, "audio/mp4", "m4a"),
    (b"ftyp", 4, "video/mp4", "mp4"),
    (b"\x1aE\xdf\xa3", 0, "video/webm", "webm"),
    (b"ID3", 0, "audio/mpeg", "mp3"),
    (b"\xff\xfb", 0, "audio/mpeg", "mp3"),
    (b"\xff\xf3", 0, "audio/mpeg", "mp3"),
    (b"\xff\xf2", 0, "audio/mpeg", "mp3"),
    (b"fLaC", 0, "audio/flac", "flac"),
    (b"OggS", 0, "audio/ogg", "ogg"),
    (b"glTF", 0, "model/gltf-binary", "glb"),
)
# Photos in the clothes of a film; we have no decoder for them.
_PHOTO_BRANDS = frozenset({b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypmsf1", b"ftypavif"})
_NOT_OF_KIND = {
    "image": sentence("The data is not an image in a format we know."),
    "audio": sentence("The data is not an audio in a format we know."),
    "video": sentence("The data is not a video in a format we know."),
}
_DATA_URI = re.compile(r"data:([\w.+/-]{0,100})((?:;[\w.+=-]{1,100}){0,5}),", re.IGNORECASE)
_SPACE = re.compile(r"\s+")


class MediaError(ValueError):
    """The value is not media we can take; `words` say why to a customer."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


@dataclass(frozen=True)
class Sniffed:
    content_type: str
    extension: str

    @property
    def kind(self) -> str:
        """image, audio, video or model."""
        return self.content_type.partition("/")[0]


def sniff(data: bytes) -> Sniffed | None:
    """What the bytes are, by their signature; None when we know no such format."""
    if data[4:12] in _PHOTO_BRANDS:
        return None
    for signature, offset, content_type, extension in _SIGNATURES:
        if data[offset : offset + len(signature)] == signature:
            return Sniffed(content_type, extension)
    return None


def check_pixels(data: bytes) -> None:
    """Refuses a picture by what its header says: too many pixels, or nothing readable. Nothing is decoded.

    A header can lie; whoever decodes has limits of their own. This one tells the customer at once.
    """
    width, height = imagesize.get(io.BytesIO(data))
    if width <= 0 or height <= 0:
        raise MediaError(sentence("The image is damaged: its header cannot be read."))
    if width * height > MAX_PIXELS:
        words = sentence(
            "The image has {width} × {height} pixels; at most {most} million are read.",
            width=width,
            height=height,
            most=MAX_PIXELS // 1_000_000,
        )
        raise MediaError(words)


def is_url(value: str) -> bool:
    return value[:8].lower().startswith(("http://", "https://"))


def checked_url(value: str) -> str:
    """An http(s) URL with a host and no credentials. Where it leads is checked when we connect."""
    if len(value) > MAX_URL_LENGTH:
        raise MediaError(sentence("The URL is longer than {most} characters.", most=MAX_URL_LENGTH))
    try:
        parts = urlsplit(value)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        raise MediaError(sentence("The URL cannot be read.")) from None
    if parts.scheme.lower() not in {"http", "https"} or not parts.hostname or not port_is_valid:
        raise MediaError(sentence("The URL must start with http:// or https:// and name a host."))
    if parts.username is not None or parts.password is not None:
        raise MediaError(sentence("The URL must not carry a user name or password."))
    if any(ord(c) <= 32 or ord(c) == 127 for c in value):
        raise MediaError(sentence("The URL must not hold spaces or control characters."))
    return value


def inline_bytes(value: str) -> bytes:
    """The bytes of a data URI or of plain base64. Raises MediaError."""
    body = value
    if value[:5].lower() == "data:":
        match = _DATA_URI.match(value[:700])
        if not match or ";base64" not in match.group(2).lower():
            raise MediaError(sentence("The data URI must be base64: data:image/png;base64,…"))
        body = value[match.end() :]
    if len(body) > MAX_INLINE_BYTES * 4 // 3 + 4:
        words = sentence(
            "Inline media is limited to {most} MB; give a URL instead.",
            most=MAX_INLINE_BYTES // 1024 // 1024,
        )
        raise MediaError(words)
    try:
        data = base64.b64decode(_SPACE.sub("", body), validate=True)
    except (binascii.Error, ValueError):
        raise MediaError(sentence("This is neither an http(s) URL nor valid base64.")) from None
    if not data:
        raise MediaError(sentence("The media is empty."))
    return data


def checked(value: str, *, kind: str) -> str:
    """The value, if it can be media of that kind ("image", "audio", "video")."""
    value = value.strip()
    if is_url(value):
        return checked_url(value)
    found = sniff(inline_bytes(value))
    if found is None or found.kind != kind:
        raise MediaError(_NOT_OF_KIND[kind])
    return value
