import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from apps.providers.local import decode as module
from apps.providers.local.base import BadMedia
from apps.providers.local.decode import Pixels, decode
from tests.providers.local.pictures import ball, file


def bomb(width: int, height: int) -> bytes:
    """A correct PNG of black and white pixels, a few kilobytes whatever its size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        sum_ = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + sum_

    packer = zlib.compressobj(9)
    row = bytes(1 + (width + 7) // 8)
    body = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", body) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("form", ["PNG", "BMP"])
def test_decode_gives_back_the_pixels_of_lossless_formats(form: str) -> None:
    image = ball(31, 17)
    assert decode(file(image, form)) == Pixels("RGB", 31, 17, image.tobytes())


@pytest.mark.parametrize("form", ["JPEG", "WEBP", "GIF"])
def test_decode_reads_lossy_formats_closely(form: str) -> None:
    image = ball(64, 48)
    pixels = decode(file(image, form))
    assert (pixels.mode, pixels.width, pixels.height) == ("RGB", 64, 48)
    got, wanted = np.frombuffer(pixels.data, np.uint8), np.frombuffer(image.tobytes(), np.uint8)
    assert np.abs(got.astype(int) - wanted).mean() < 6


def test_decode_keeps_transparency() -> None:
    image = ball(20, 10).convert("RGBA")
    image.putalpha(90)
    assert decode(file(image)) == Pixels("RGBA", 20, 10, image.tobytes())


def test_decode_turns_pictures_as_their_exif_says() -> None:
    image = Image.new("RGB", (30, 20), "white")
    image.paste((255, 0, 0), (0, 0, 30, 4))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn right by 90 degrees to see it
    pixels = decode(file(image, exif=exif))
    assert (pixels.width, pixels.height) == (20, 30)
    array = np.frombuffer(pixels.data, np.uint8).reshape(30, 20, 3)
    assert (array[:, -4:] == [255, 0, 0]).all()
    assert (array[:, :-4] == 255).all()


def test_decode_scales_sixteen_bit_grey_and_does_not_clip_it() -> None:
    image = Image.fromarray(np.full((4, 5), 0x8000, np.uint16))
    assert decode(file(image)) == Pixels("RGB", 5, 4, bytes([128]) * 60)


def test_decode_reads_cmyk_and_palettes() -> None:
    image = Image.new("CMYK", (6, 6), (0, 0, 0, 0))
    assert set(decode(file(image, "JPEG")).data) == {255}
    palette = ball(12, 12).quantize(8)
    assert decode(file(palette)).data == palette.convert("RGB").tobytes()


def test_decode_takes_the_first_frame_of_an_animation() -> None:
    film = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = file(film[0], "GIF", save_all=True, append_images=film[1:])
    assert decode(data).data[:3] == bytes([255, 0, 0])


def test_decode_refuses_a_picture_with_too_many_pixels() -> None:
    with pytest.raises(BadMedia, match=r"more pixels than are allowed; the limit is 25 megapixels"):
        decode(bomb(20_000, 20_000))


def test_decode_accepts_as_many_pixels_as_it_says() -> None:
    pixels = decode(bomb(5000, 5000))
    assert (pixels.width, pixels.height, len(pixels.data)) == (5000, 5000, 75_000_000)
    with pytest.raises(BadMedia, match="has 5001x5000 pixels; the limit is 25"):
        decode(bomb(5001, 5000))


PNG = file(ball())
BROKEN = {
    "empty": b"",
    "text": b"Hello, I am a text.",
    "html": b"<!doctype html><img src=x onerror=alert(1)>",
    "svg": b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "noise": np.random.default_rng(1).bytes(5000),
    "head only": PNG[:40],
    "half": PNG[: len(PNG) // 2],
    "jpeg cut short": file(ball(), "JPEG")[:900],
    "flipped bytes": PNG[:60] + bytes(byte ^ 0x5A for byte in PNG[60:]),
    "postscript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    "tiff": file(ball(), "TIFF"),
    "pdf": file(ball(), "PDF"),
    "no pixels": bomb(0, 0),
}


@pytest.mark.parametrize("name", BROKEN)
def test_decode_refuses_what_is_broken_or_of_another_kind(name: str) -> None:
    with pytest.raises(BadMedia) as caught:
        decode(BROKEN[name])
    assert str(caught.value) in {
        "The image is empty.",
        "The file is not a PNG, JPEG, WebP, GIF or BMP image.",
        "The image is damaged and cannot be decoded.",
    }


def test_decode_refuses_a_file_that_is_too_large() -> None:
    with pytest.raises(BadMedia, match="larger than 40 MB"):
        decode(bytes(module.MAX_BYTES + 1))


def child(tmp_path: object, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    path = tmp_path / "child.py"  # type: ignore[operator]
    path.write_text(code)
    monkeypatch.setattr(module, "CHILD", path)


def test_decode_kills_a_child_that_hangs(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    child(tmp_path, monkeypatch, "import threading; threading.Event().wait()")
    monkeypatch.setattr(module, "WALL_SECONDS", 0.5)
    with pytest.raises(BadMedia, match="damaged"):
        decode(bytes(10_000_000))


@pytest.mark.parametrize(
    "answer",
    [
        "b'OK RGB 2 2\\n123'",
        "b'OK RGB 99999 99999\\n'",
        "b'OK RGB 1 1\\n' + bytes(10**7)",
        "b'OK'",
        "b'OK RGB x y\\n'",
    ],
)
def test_decode_believes_no_child_that_lies(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    child(tmp_path, monkeypatch, f"import sys; sys.stdout.buffer.write({answer})")
    with pytest.raises(BadMedia, match="damaged"):
        decode(PNG)


def test_decode_child_can_write_no_file_and_sees_no_secret(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "hunter2")
    source = module.CHILD.read_text().replace(
        "limit_self()\n    out",
        f"limit_self()\n    raise SystemExit(attempt({str(tmp_path)!r}))\n    out",
    )
    probe = """
def attempt(folder):
    import os
    try:
        with open(folder + "/x", "wb") as file:
            file.write(b"x")
            file.flush()
        wrote = "wrote"
    except OSError:
        wrote = "refused"
    sys.stdout.write(f"NO {wrote} {sorted(os.environ)}")
"""
    child(tmp_path, monkeypatch, source.replace("def main()", probe + "\n\ndef main()"))
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    with pytest.raises(BadMedia, match=r"^refused \['LC_ALL'\]$"):
        decode(PNG)


def test_decode_child_dies_of_too_much_memory_and_not_the_worker(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = module.CHILD.read_text().replace(
        "image = opened(data, max_pixels)", "bytes(2_000_000_000)"
    )
    child(tmp_path, monkeypatch, source)
    with pytest.raises(BadMedia, match="damaged"):
        decode(io.BytesIO(PNG).getvalue())
