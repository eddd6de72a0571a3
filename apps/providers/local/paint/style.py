"""Ways to finish a picture, when the prompt asks for one."""

import cv2
import numpy as np

from apps.providers.local.arrays import Bytes2D


def finished(pixels: Bytes2D, style: str) -> Bytes2D:
    """The picture in a style of `prompt.STYLES`; unchanged for any other name."""
    match style:
        case "pixel":
            return _pixel(pixels)
        case "watercolour":
            return _watercolour(pixels)
        case "sketch":
            grey = cv2.pencilSketch(pixels, sigma_s=50, sigma_r=0.08, shade_factor=0.045)[0]
            return np.dstack([grey] * 3)
        case "oil":
            return _oil(pixels)
    return pixels


def _pixel(pixels: Bytes2D) -> Bytes2D:
    """Large squares in few shades."""
    height, width = pixels.shape[:2]
    size = (max(1, width // 6), max(1, height // 6))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    few = (np.round(small / 255 * 11) / 11 * 255).astype(np.uint8)
    big: Bytes2D = cv2.resize(few, (width, height), interpolation=cv2.INTER_NEAREST)
    return big


def _watercolour(pixels: Bytes2D) -> Bytes2D:
    """Washes that run together, lighter than life, on paper with a grain."""
    calm = cv2.edgePreservingFilter(cv2.medianBlur(pixels, 7), flags=1, sigma_s=40, sigma_r=0.42)
    random = np.random.default_rng(0)
    paper = cv2.GaussianBlur(random.normal(0, 1, pixels.shape[:2]), (0, 0), 1.1)
    pools = cv2.GaussianBlur(random.normal(0, 1, pixels.shape[:2]), (0, 0), pixels.shape[0] / 40)
    wash = 1 + pools / max(float(pools.std()), 1e-9) * 0.035
    vivid = cv2.addWeighted(calm, 1.18, cv2.GaussianBlur(calm, (0, 0), 12), -0.18, 0)
    light = 255 - (255 - vivid.astype(np.float32)) * 0.9 * wash[..., None]
    return np.asarray(np.clip(light + paper[..., None] * 9, 0, 255).astype(np.uint8))


def _oil(pixels: Bytes2D) -> Bytes2D:
    """Kuwahara's filter: each spot takes the calmest of its four neighbourhoods, as a brush does."""
    reach = 4
    source = pixels.astype(np.float32)
    mean = cv2.blur(source, (reach + 1, reach + 1))
    spread = (cv2.blur(source**2, (reach + 1, reach + 1)) - mean**2).sum(-1)
    shifts = [(x, y) for x in (-2, 2) for y in (-2, 2)]
    means = np.stack([np.roll(mean, shift, (0, 1)) for shift in shifts])
    spreads = np.stack([np.roll(spread, shift, (0, 1)) for shift in shifts])
    calmest = spreads.argmin(0)[None, ..., None]
    painted = np.take_along_axis(means, calmest, 0)[0]
    return np.asarray(np.clip((painted - 128) * 1.08 + 128, 0, 255).astype(np.uint8))
