"""Pictures made from pictures: bent and tinted ones, enlarged ones, mixtures."""

from collections.abc import Sequence

import cv2
import numpy as np

from apps.providers.local.arrays import Bytes2D, Floats
from apps.providers.local.paint.canvas import noise
from apps.providers.local.pictures import resized

LARGEST = 2048  # sides of an enlarged picture
_FACTORS = {"4x": 4.0}
_CRISP = {"beta": 0.5, "creative": 0.9}


def varied(picture: Bytes2D, rng: np.random.Generator, strength: float) -> Bytes2D:
    """The same picture with shapes and colours moved a little; 1 is a lot."""
    moved = warped(picture, rng, strength).astype(np.float32)
    grey = moved.mean(-1, keepdims=True)
    vivid = grey + (moved - grey) * rng.uniform(1 - 0.35 * strength, 1 + 0.35 * strength)
    tint = rng.uniform(1 - 0.16 * strength, 1 + 0.16 * strength, 3)
    return np.asarray(np.clip(vivid * tint, 0, 255) + 0.5, np.uint8)


def warped(picture: Bytes2D, rng: np.random.Generator, strength: float) -> Bytes2D:
    """Bent as by uneven glass and moved a little nearer; 1 is a lot."""
    height, width = picture.shape[:2]
    reach = 0.14 * strength * min(width, height)
    zoom = 1 + rng.uniform(0.02, 0.16) * strength
    slip = rng.uniform(-0.05, 0.05, 2) * strength * min(width, height)
    bent = [(noise(rng, height, width, cells=1.5, octaves=1) - 0.5) * reach for _ in range(2)]
    x = (np.arange(width, dtype=np.float32)[None] - width / 2) / zoom + width / 2 + slip[0]
    y = (np.arange(height, dtype=np.float32)[:, None] - height / 2) / zoom + height / 2 + slip[1]
    return np.asarray(
        cv2.remap(
            np.ascontiguousarray(picture),
            (x + bent[0]).astype(np.float32),
            (y + bent[1]).astype(np.float32),
            cv2.INTER_CUBIC,
            borderMode=cv2.BORDER_REFLECT,
        )
    )


def enlarged(picture: Bytes2D, index: str) -> Bytes2D:
    """Twice as wide and high, four times for "4x", but no side longer than LARGEST.

    By Lanczos, with a little more edge where the upscaler promises detail: nothing is invented.
    """
    height, width = picture.shape[:2]
    factor = min(_FACTORS.get(index, 2.0), LARGEST / max(width, height))
    large = resized(picture, max(1, round(width * factor)), max(1, round(height * factor)))
    amount = _CRISP.get(index, 0.0)
    if not amount:
        return large
    soft = cv2.GaussianBlur(large, (0, 0), 2)
    return np.asarray(cv2.addWeighted(large, 1 + amount, soft, -amount, 0))


def mixture(pictures: Sequence[Bytes2D], number: int, rng: np.random.Generator) -> Bytes2D:
    """All pictures in one, each number in another way: evenly, side by side, one above the
    other, in clouds. They have the same size."""
    height, width = pictures[0].shape[:2]
    shares = _shares(len(pictures), number, (height, width), rng)
    mixed = (np.stack(pictures) * shares[..., None]).sum(0)
    return np.asarray(np.clip(mixed, 0, 255) + 0.5, np.uint8)


def _shares(count: int, number: int, shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """(count, height, width): one plane for each picture; together they are 1 everywhere."""
    if number == 1:
        return np.full((count, *shape), 1 / count, np.float32)
    if number == 4:
        weights = np.stack([noise(rng, *shape, cells=2.5, octaves=3) for _ in range(count)])
    else:
        along = np.linspace(0, count - 1, shape[number % 2], dtype=np.float32)
        line = along[None] if number % 2 else along[:, None]
        weights = np.stack([np.broadcast_to(-abs(line - place), shape) for place in range(count)])
    sharp = np.exp((weights - weights.max(0)) * 6)
    return np.asarray(sharp / sharp.sum(0), np.float32)
