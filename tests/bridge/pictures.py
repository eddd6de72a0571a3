"""Grids of four colours, a single one of them, and the dim previews on the way: small real PNGs, each task's own."""

import hashlib
import re
import struct
import zlib

SIDE = 32
_ASPECT = re.compile(r"--(?:ar|aspect)\s+(\d{1,3}):(\d{1,3})")
_SIGNATURE = b"\x89PNG\r\n\x1a\n"

Colour = tuple[int, int, int]


def size(prompt: str) -> tuple[int, int]:
    """Width and height of one picture of the grid, by the prompt's aspect ratio."""
    found = _ASPECT.findall(prompt)
    wide, high = (int(one) for one in found[-1]) if found else (1, 1)
    wide, high = max(wide, 1), max(high, 1)
    scale = SIDE / max(wide, high)
    return max(4, round(wide * scale)), max(4, round(high * scale))


def colours(name: str) -> list[Colour]:
    """Four, told apart by at least one channel: another quarter, another blue."""
    seed = hashlib.sha256(name.encode()).digest()
    return [(seed[3 * n], seed[3 * n + 1], 40 + 60 * n) for n in range(4)]


def grid(name: str, cell: tuple[int, int], *, dim: float = 1.0) -> bytes:
    """Two by two: first row 1 2, second row 3 4."""
    four = [_dimmed(one, dim) for one in colours(name)]
    width, height = cell
    top = _row(four[:2], width)
    bottom = _row(four[2:], width)
    return _png(2 * width, 2 * height, top * height + bottom * height)


def single(colour: Colour, cell: tuple[int, int]) -> bytes:
    """One picture, as large as a grid."""
    width, height = cell
    return _png(2 * width, 2 * height, _row([colour], 2 * width) * (2 * height))


def _row(parts: list[Colour], width: int) -> bytes:
    return b"\x00" + b"".join(bytes(one) * width for one in parts)


def _dimmed(colour: Colour, dim: float) -> Colour:
    red, green, blue = (int(part * dim) for part in colour)
    return red, green, blue


def _png(width: int, height: int, rows: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        _SIGNATURE
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(rows, 9))
        + _chunk(b"IEND", b"")
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
