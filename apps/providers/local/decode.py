"""Decoding images that strangers sent, in a child process that can do little harm.

Image decoders are C code with a long history of memory faults, and a small file can unfold
to gigabytes. The child has limits on memory, processor time and files, an empty environment
and no way to write; the parent trusts nothing it answers beyond the promised length.
"""

import os
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

from apps.providers.local.base import BadMedia, EngineFailed

MAX_BYTES = 40 * 1024 * 1024
MAX_PIXELS = 25_000_000
WALL_SECONDS = 30
CHILD = Path(__file__).with_name("decode_child.py")
_CHANNELS = {"RGB": 3, "RGBA": 4}
_DAMAGED = "The image is damaged and cannot be decoded."


@dataclass(frozen=True)
class Pixels:
    """An upright picture, row by row from the top; `mode` is RGB or RGBA, 8 bits a channel."""

    mode: str
    width: int
    height: int
    data: bytes


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Pixels:
    """Decode PNG, JPEG, WebP, GIF or BMP: the first frame, turned as its EXIF says.

    Raises `BadMedia`, with a sentence for the customer, for anything else: other formats,
    damaged files, more than `max_pixels`, more memory or time than an honest image needs.
    """
    if not data:
        raise BadMedia("The image is empty.")
    if len(data) > MAX_BYTES:
        raise BadMedia(f"The image file is larger than {MAX_BYTES // 1024**2} MB.")
    head, body = _ask_child(data, max_pixels)
    words = head.split()
    if words[:1] == ["NO"]:
        raise BadMedia(head[3:])
    return _pixels(words, body, max_pixels)


def _pixels(words: list[str], body: bytes, max_pixels: int) -> Pixels:
    sizes = [int(word) for word in words[2:] if word.isdigit()]
    if len(sizes) != 2 or words[0] != "OK" or words[1] not in _CHANNELS:
        raise BadMedia(_DAMAGED)
    mode, (width, height) = words[1], sizes
    if width * height > max_pixels or len(body) != width * height * _CHANNELS[mode]:
        raise BadMedia(_DAMAGED)
    return Pixels(mode, width, height, body)


def _ask_child(data: bytes, max_pixels: int) -> tuple[str, bytes]:
    """The child's first line and the rest; empty where it died. Never reads without a bound."""
    try:
        child = subprocess.Popen(  # noqa: S603 - our own file, no argument from outside
            [sys.executable, "-I", "-B", str(CHILD), str(max_pixels)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )
    except OSError as error:
        raise EngineFailed("The image decoder could not be started.") from error
    alarm = threading.Timer(WALL_SECONDS, child.kill)
    feeder = threading.Thread(target=_feed, args=(child, data), daemon=True)
    with child:
        alarm.start()
        feeder.start()
        try:
            return _read(child, max_pixels)
        finally:
            alarm.cancel()
            child.kill()
            feeder.join()


def _read(child: "subprocess.Popen[bytes]", max_pixels: int) -> tuple[str, bytes]:
    if child.stdout is None:  # impossible with PIPE; tells the type checker so
        return "", b""
    head = child.stdout.readline(200).decode("utf-8", "replace").rstrip("\n")
    body = child.stdout.read(max_pixels * 4 + 1) if head.startswith("OK") else b""
    return head, body


def _feed(child: "subprocess.Popen[bytes]", data: bytes) -> None:
    """Runs beside the reader, so that neither pipe can fill and block both processes."""
    if child.stdin is None:
        return
    try:
        with child.stdin as pipe:
            pipe.write(data)
    except (BrokenPipeError, ValueError):
        return  # the child ended early; what it answered tells why


def _environment() -> dict[str, str]:
    """Nothing of ours: settings and secrets live in the environment of the parent."""
    kept = ("LD_LIBRARY_PATH", "SYSTEMROOT")
    return {name: os.environ[name] for name in kept if name in os.environ} | {"LC_ALL": "C.UTF-8"}
