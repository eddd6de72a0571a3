"""Grids of four, the mark on every picture, and previews of unfinished grids."""

from collections.abc import Iterable, Sequence
from functools import lru_cache

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from apps.providers.local.arrays import Bytes2D
from apps.providers.local.base import Progress
from apps.providers.local.grids.prompt import clamped
from apps.providers.local.pictures import png, shrunk

LONGEST = 512  # of one picture of a grid: four of them are painted in two seconds
PREVIEW = 200  # pixels of the longer side: a preview is well below 60 kB
MARK = "sandbox"
_PLATE, _LETTERS = (44, 44, 48), (214, 214, 218)
_SAME = 30.0  # mean difference, of 255, up to which a corner still shows the mark


def size_of(ratio: float) -> tuple[int, int]:
    """Width and height of one picture of a grid."""
    ratio = clamped(ratio)
    if ratio >= 1:
        return LONGEST, round(LONGEST / ratio)
    return round(LONGEST * ratio), LONGEST


def ratio_in(picture: Bytes2D) -> float:
    height, width = picture.shape[:2]
    return float(width / height)


def quarter(grid: Bytes2D, number: int) -> Bytes2D:
    """Picture 1 to 4: from left to right, then down."""
    height, width = grid.shape[0] // 2, grid.shape[1] // 2
    row, column = divmod(number - 1, 2)
    top, left = row * height, column * width
    return grid[top : top + height, left : left + width]


def grid_of(pictures: Iterable[Bytes2D], size: tuple[int, int], progress: Progress) -> Bytes2D:
    """Four marked pictures of that size on one sheet. They are taken one by one, and after each
    of the first three the listener gets a preview: a job is stopped between two of them."""
    width, height = size
    sheet = np.full((height * 2, width * 2, 3), 128, np.uint8)
    for number, picture in enumerate(pictures, start=1):
        quarter(sheet, number)[:] = marked(picture)
        progress(20 * number + 5, _preview(sheet) if number < 4 else None)
    return sheet


def _preview(sheet: Bytes2D) -> bytes:
    return png("", cv2.GaussianBlur(shrunk(sheet, PREVIEW), (0, 0), 1.5)).data


# ------------------------------------------------------------------------------------------- mark


def marked(picture: Bytes2D) -> Bytes2D:
    """With the mark in the lower right corner; an older mark is covered exactly."""
    result = picture.copy()
    plate = _plate(*_plate_size(picture))
    result[-plate.shape[0] :, -plate.shape[1] :] = plate
    return result


def unmarked(picture: Bytes2D) -> Bytes2D:
    """Without the mark, where there is one: continued from what surrounds it, for pictures whose
    corner will not be a corner any more."""
    plate = _plate(*_plate_size(picture))
    high, wide = plate.shape[:2]
    corner = picture[-high:, -wide:].astype(int)
    if corner.shape != plate.shape or np.abs(corner - plate).mean() > _SAME:
        return picture
    reach = high * 3
    part = np.ascontiguousarray(picture[-reach:, -(wide + reach) :])
    hole = np.zeros(part.shape[:2], np.uint8)
    hole[-high - 2 :, -wide - 2 :] = 255
    result = picture.copy()
    result[-reach:, -(wide + reach) :] = cv2.inpaint(part, hole, 3, cv2.INPAINT_TELEA)
    return result


def _plate_size(picture: Bytes2D) -> tuple[int, int]:
    """Follows the longer side, so that an enlarged mark lies exactly where a new one would."""
    high = max(8, round(max(picture.shape[:2]) * 0.0215))
    return round(high * 4.2), high


@lru_cache(maxsize=16)
def _plate(width: int, height: int) -> Bytes2D:
    image = Image.new("RGB", (width, height), _PLATE)
    font = ImageFont.load_default(size=height * 0.86)
    ImageDraw.Draw(image).text((width / 2, height / 2), MARK, _LETTERS, font, anchor="mm")
    return np.asarray(image)


def sides(pictures: Sequence[Bytes2D], size: tuple[int, int]) -> list[Bytes2D]:
    """Every picture cut about its middle and scaled to fill that size."""
    return [_covering(picture, *size) for picture in pictures]


def _covering(picture: Bytes2D, width: int, height: int) -> Bytes2D:
    old_height, old_width = picture.shape[:2]
    scale = max(width / old_width, height / old_height)
    cut_width, cut_height = (
        min(old_width, round(width / scale)),
        min(old_height, round(height / scale)),
    )
    left, top = (old_width - cut_width) // 2, (old_height - cut_height) // 2
    cut = picture[top : top + max(1, cut_height), left : left + max(1, cut_width)]
    return np.asarray(cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA))
