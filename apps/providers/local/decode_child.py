"""Decodes one untrusted image; run by `decode` as a program of its own, never imported there.

Standard input: the image file. Standard output: `OK <mode> <width> <height>` and a line end,
then raw pixels; or `NO ` and a sentence. It limits itself before it reads a byte, imports
nothing but Pillow, and can write no file.
"""

import io
import resource
import sys

from PIL import Image, ImageOps

MEGABYTE = 1024 * 1024
MEMORY_BYTES = 900 * MEGABYTE
CPU_SECONDS = 20
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP")
ROWS_AT_ONCE = 256


def limit_self() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))


class Refused(Exception):
    """The sentence the customer gets."""


def opened(data: bytes, max_pixels: int) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise Refused(too_many("more pixels than are allowed", max_pixels)) from error
    except Exception as error:
        raise Refused("The file is not a PNG, JPEG, WebP, GIF or BMP image.") from error
    width, height = image.size
    if width * height > max_pixels:
        raise Refused(too_many(f"{width}x{height} pixels", max_pixels))
    return image


def too_many(what: str, max_pixels: int) -> str:
    return f"The image has {what}; the limit is {max_pixels // 1_000_000} megapixels."


def plain(image: Image.Image) -> Image.Image:
    """Upright, 8 bits a channel, RGB or (where there is any transparency) RGBA."""
    turned = ImageOps.exif_transpose(image)
    if turned.mode.startswith(("I", "F")):
        # 16-bit grey: `convert` would clip everything above 255 to white.
        turned = turned.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    return turned.convert("RGBA" if turned.has_transparency_data else "RGB")


def decoded(data: bytes, max_pixels: int) -> Image.Image:
    image = opened(data, max_pixels)
    try:
        return plain(image)
    except MemoryError as error:
        raise Refused("The image needs too much memory to decode.") from error
    except Exception as error:
        raise Refused("The image is damaged and cannot be decoded.") from error


def main() -> None:
    max_pixels = int(sys.argv[1])
    # Our own check gives the sentence; Pillow's is a second line at the same place.
    Image.MAX_IMAGE_PIXELS = max_pixels
    limit_self()
    out = sys.stdout.buffer
    try:
        image = decoded(sys.stdin.buffer.read(), max_pixels)
    except Refused as refusal:
        out.write(f"NO {refusal}".encode())
        return
    out.write(f"OK {image.mode} {image.width} {image.height}\n".encode())
    for top in range(0, image.height, ROWS_AT_ONCE):
        rows = (0, top, image.width, min(top + ROWS_AT_ONCE, image.height))
        out.write(image.crop(rows).tobytes())


if __name__ == "__main__":
    main()
