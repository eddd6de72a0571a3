"""Result files: small real pictures that carry their task's id, and everything that is wrong with files."""

import base64
import struct
import zlib

from tests.upstream.http import Reply

_SIDE = 64
FIVE_GIGABYTES = 5 * 1024**3
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PAGE = b"<!doctype html><title>Sign in</title><script>alert(1)</script>"


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _rows() -> bytes:
    return b"".join(
        b"\x00" + b"".join(bytes((x * 4, y * 4, 128)) for x in range(_SIDE)) for y in range(_SIDE)
    )


_HEADER = _SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", _SIDE, _SIDE, 8, 2, 0, 0, 0))
_PICTURE = _chunk(b"IDAT", zlib.compress(_rows(), 9)) + _chunk(b"IEND", b"")


def png(name: str) -> bytes:
    """A picture of 64 by 64 that carries `name` as its comment, so no two tasks' files are the same."""
    return _HEADER + _chunk(b"tEXt", b"Comment\x00" + name.encode()) + _PICTURE


def serve(path: str) -> Reply:
    """`/files/<name>.png`, or `/files/<fault>/<name>.png`."""
    *fault, name = path.removeprefix("/files/").split("/")
    picture = png(name.removesuffix(".png"))
    match fault:
        case []:
            return Reply(body=picture, content_type="image/png")
        case ["huge"]:
            return Reply(content_type="image/png", length=FIVE_GIGABYTES, fault="flood")
        case ["page"]:
            return Reply(body=_PAGE, content_type="image/png")
        case ["label"]:
            return Reply(body=picture, content_type="text/html")
        case ["cut"]:
            return Reply(body=picture, content_type="image/png", fault="cut")
        case ["stall"]:
            return Reply(body=picture, content_type="image/png", fault="stall")
        case ["redirect"]:
            return Reply(status=302, headers={"location": "http://169.254.169.254/latest/"})
    return Reply(status=404, body=b"no such file", content_type="text/plain")


def inline(name: str) -> str:
    """The picture in base64."""
    return base64.b64encode(png(name)).decode()


def address(result: str, *, base: str, task_id: str) -> str:
    """The URL that the provider gives for a task's file."""
    name = f"{task_id}.png"
    if result in ("huge", "page", "label", "cut", "stall", "redirect", "missing"):
        return f"{base}/files/{result}/{name}"
    elsewhere = {
        "loopback": f"http://127.0.0.1:1/{name}",
        "metadata": "http://169.254.169.254/latest/meta-data/",
        "private": f"http://10.255.255.1/{name}",
        "unreachable": f"http://nowhere.invalid/{name}",
        "other_host": f"{base.replace('127.0.0.1', 'localhost')}/files/{name}",
        "file": "file:///etc/passwd",
    }
    return elsewhere.get(result, f"{base}/files/{name}")
