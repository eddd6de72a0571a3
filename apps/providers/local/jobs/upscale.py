"""Enlarges pictures with waifu2x (the network for photographs), doubling as often as needed."""

from collections.abc import Mapping
from typing import Any

import ncnn
import numpy as np

from apps.providers.local.arrays import Bytes2D
from apps.providers.local.base import BadMedia, EngineUnavailable, LocalResult, Progress
from apps.providers.local.pictures import picture, png, resized
from apps.providers.local.sessions import Once, threads
from apps.providers.local.weightstore import WEIGHTS

MAX_OUTPUT_PIXELS = 16_000_000
TILE = 192
MARGIN = 10  # the network eats 7 pixels a side; the rest keeps tile seams invisible


def run(*, input: Mapping[str, Any], media: Mapping[str, bytes], progress: Progress) -> LocalResult:
    """A PNG exactly `scale` times as wide and high. Faces are not treated specially."""
    scale = int(input.get("scale", 2))
    colours, alpha = picture(media)
    height, width = colours.shape[:2]
    _check_size(width, height, scale)
    progress(5)
    enlarged = resized(_doubled(colours, scale, progress), width * scale, height * scale)
    if alpha is not None:
        enlarged = np.dstack([enlarged, resized(alpha, width * scale, height * scale)])
    result = png("image_url", enlarged)
    progress(100)
    values = {"width": width * scale, "height": height * scale, "scale": scale}
    return LocalResult("neural", (result,), {**values, "face_enhance": False})


def _check_size(width: int, height: int, scale: int) -> None:
    if width * height * scale**2 > MAX_OUTPUT_PIXELS:
        raise BadMedia(
            f"{width}x{height} enlarged {scale} times is over the limit of"
            f" {MAX_OUTPUT_PIXELS // 1_000_000} megapixels for the result."
        )


def _doublings(scale: int) -> int:
    """How often to double. A last stretch of up to a quarter is left to Lanczos: nobody sees it."""
    count = 1
    while 2**count * 1.25 < scale:
        count += 1
    return count


def _doubled(colours: Bytes2D, scale: int, progress: Progress) -> Bytes2D:
    count = _doublings(scale)
    total = sum(4**step for step in range(count))
    done = 0.0
    for step in range(count):
        share = 4**step / total

        def tell(part: float, before: float = done, share: float = share) -> None:
            progress(round(5 + 85 * (before + share * part)))

        colours = _double(colours, tell)
        done += share
    return colours


def _double(colours: Bytes2D, tell: Any) -> Bytes2D:
    height, width = colours.shape[:2]
    padded = np.pad(colours, ((MARGIN, MARGIN), (MARGIN, MARGIN), (0, 0)), "symmetric")
    out = np.empty((height * 2, width * 2, 3), np.uint8)
    corners = [(y, x) for y in range(0, height, TILE) for x in range(0, width, TILE)]
    for index, (y, x) in enumerate(corners):
        rows, columns = min(TILE, height - y), min(TILE, width - x)
        tile = padded[y : y + rows + 2 * MARGIN, x : x + columns + 2 * MARGIN]
        out[y * 2 : (y + rows) * 2, x * 2 : (x + columns) * 2] = _infer(tile, rows, columns)
        tell((index + 1) / len(corners))
    return out


def _infer(tile: Bytes2D, rows: int, columns: int) -> Bytes2D:
    """The middle of one tile, doubled; an extractor each time, so threads can share the network."""
    net = _net()
    planes = np.ascontiguousarray(tile.transpose(2, 0, 1), dtype=np.float32) / 255
    extractor = net.create_extractor()
    extractor.input(net.input_names()[0], ncnn.Mat(planes))
    _, mat = extractor.extract(net.output_names()[0])
    output = np.array(mat).transpose(1, 2, 0)
    top, left = (output.shape[0] - rows * 2) // 2, (output.shape[1] - columns * 2) // 2
    middle = output[top : top + rows * 2, left : left + columns * 2]
    return (middle.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def _load() -> Any:
    net = ncnn.Net()
    net.opt.use_vulkan_compute = False
    net.opt.num_threads = threads()
    name = "waifu2x_photo_up2x"
    failed = net.load_param(str(WEIGHTS.path(f"{name}.param")))
    if failed or net.load_model(str(WEIGHTS.path(f"{name}.bin"))):
        raise EngineUnavailable(f"The network {name} could not be loaded.")
    return net


_net = Once(_load)
