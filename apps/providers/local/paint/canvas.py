"""The sheet that is painted on, and the few brushes every scene uses."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import cv2
import numpy as np

from apps.providers.local.arrays import Bytes2D, Floats, Plane
from apps.providers.local.paint.light import Colour, Light


@dataclass
class Canvas:
    """A picture in the making. `pixels` is (height, width, 3), 0 to 255, in R, G, B."""

    pixels: Floats
    horizon: int  # the row where land or sea meets the sky
    light: Light
    rng: np.random.Generator
    sun: tuple[int, int] = (0, 0)  # column and row

    @property
    def height(self) -> int:
        return int(self.pixels.shape[0])

    @property
    def width(self) -> int:
        return int(self.pixels.shape[1])

    @property
    def unit(self) -> float:
        """Pixels to a hundredth of the shorter side, so that strokes scale with the sheet."""
        return min(self.width, self.height) / 100

    @property
    def rows(self) -> Plane:
        """The number of every row, as a column."""
        return np.arange(self.height, dtype=np.float32)[:, None]

    @property
    def columns(self) -> Plane:
        return np.arange(self.width, dtype=np.float32)[None]

    def lit(self, colour: Colour) -> Floats:
        """A daylight colour as it looks under the light of this scene."""
        return np.array(colour, np.float32) * np.array(self.light.tint, np.float32)

    def cover(self, mask: Plane, paint: Floats) -> None:
        """Lay a colour or a whole layer over the picture where the mask says so."""
        weight = np.clip(mask, 0, 1)[..., None]
        self.pixels += (paint - self.pixels) * weight

    @contextmanager
    def drawing(self) -> Iterator[Bytes2D]:
        """A sheet of bytes to draw shapes on: OpenCV smooths their edges on no other kind."""
        sheet = np.clip(self.pixels, 0, 255).astype(np.uint8)
        yield sheet
        self.pixels[:] = sheet

    def add(self, glow: Plane, colour: Colour) -> None:
        """Light added to light, as lamps and suns do."""
        self.pixels += glow[..., None] * np.array(colour, np.float32)


def gradient(length: int, colours: Sequence[Colour]) -> Floats:
    """(length, 1, 3): colours one below the other, evenly spaced, with smooth passages."""
    stops = np.linspace(0, 1, len(colours))
    place = np.linspace(0, 1, max(1, length))
    bands = np.array(colours, np.float32).T
    mixed = np.stack([np.interp(place, stops, band) for band in bands], -1)
    return mixed[:, None].astype(np.float32)


def noise(
    rng: np.random.Generator, height: int, width: int, *, cells: float = 3, octaves: int = 5
) -> Plane:
    """Cloudy noise, stretched to 0..1; `cells` of the coarsest octave along the longer side."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        size = cells * 2**octave / max(height, width)
        grid = rng.random((int(height * size) + 4, int(width * size) + 4), np.float32)
        layer = cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
        total += layer / 2**octave
    low, high = float(total.min()), float(total.max())
    return (total - low) / max(high - low, 1e-6)


def tile(rng: np.random.Generator, *, cells: int = 8, octaves: int = 5, side: int = 512) -> Plane:
    """Square noise from 0 to 1 that continues across its edges, for `perspective`."""
    total = np.zeros((side, side), np.float32)
    for octave in range(octaves):
        count = cells * 2**octave
        step = side // count
        grid = np.pad(rng.random((count, count), np.float32), 2, mode="wrap")
        whole = cv2.resize(grid, None, fx=step, fy=step, interpolation=cv2.INTER_CUBIC)
        total += whole[2 * step : 2 * step + side, 2 * step : 2 * step + side] / 2**octave
    return np.asarray((total - total.min()) / np.ptp(total), np.float32)


def perspective(
    texture: Plane, height: int, width: int, *, across: float, along: float, far: float = 0.06
) -> Plane:
    """A plane that runs from the horizon (first row) to the viewer, covered with a texture.

    `across` and `along` say how often the texture repeats near the viewer; below `far` of the
    height it no longer shrinks, which is where it would dissolve into flicker.
    """
    depth = 1 / (np.linspace(0, 1, height, dtype=np.float32)[:, None] + far)
    side = texture.shape[0]
    x = (np.linspace(-0.5, 0.5, width, dtype=np.float32)[None] * depth * across + 0.5) * side
    y = np.broadcast_to(depth * along * side, x.shape)
    return cv2.remap(
        texture,
        np.mod(x, side).astype(np.float32),
        np.mod(y, side).astype(np.float32),
        cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_WRAP,
    )


def shifted(plane: Plane, right: float, down: float) -> Plane:
    """The plane moved; what comes in at an edge repeats that edge."""
    matrix = np.array([[1, 0, right], [0, 1, down]], np.float32)
    size = (plane.shape[1], plane.shape[0])
    return cv2.warpAffine(plane, matrix, size, borderMode=cv2.BORDER_REPLICATE)


def ridge(rng: np.random.Generator, width: int, *, peaks: int, rough: float = 0.55) -> Plane:
    """The outline of hills: one height (0 to 1) for every column; `rough` 0 is smooth dunes."""
    place = np.linspace(0, 1, width)
    line = np.zeros(width)
    for octave in range(7):
        count = peaks * 2**octave
        points = rng.random(count + 1)
        line += np.interp(place, np.linspace(0, 1, count + 1), points) * rough**octave
    if rough < 0.4:
        spread = max(3, width // (peaks * 6)) | 1
        line = cv2.GaussianBlur(line[None].astype(np.float32), (0, 0), spread / 2)[0]
    span = float(np.ptp(line))
    return np.asarray(((line - line.min()) / max(span, 1e-6)).astype(np.float32))
