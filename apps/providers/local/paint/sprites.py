"""The pictures that are set into scenes, and finding the one that a few words mean."""

import io
import json
import zipfile
from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
from PIL import Image

from apps.providers.local.arrays import Floats
from apps.providers.local.sessions import Once
from apps.providers.local.weightstore import WEIGHTS

Habitat = Literal["ground", "air", "water", "bust", "back", "table"]
IN_KEYWORDS = 0.16  # what a match among a sprite's keywords is worth beside likeness of meaning


@dataclass(frozen=True)
class Sprite:
    number: int
    name: str
    words: frozenset[str]
    habitat: Habitat
    size: float  # height as a part of a standing person's


@dataclass(frozen=True)
class Library:
    archive: zipfile.ZipFile
    sprites: tuple[Sprite, ...]
    names: Floats

    def best(self, words: str, vector: Floats) -> tuple[Sprite, float]:
        """The sprite that fits some words best, and how well (1 is a perfect match)."""
        likeness = self.names @ vector
        known = np.array([words in sprite.words for sprite in self.sprites], np.float32)
        exact = np.array([words == sprite.name for sprite in self.sprites], np.float32)
        score = likeness + IN_KEYWORDS * known + 2 * exact  # nothing beats the very name
        best = int(score.argmax())
        return self.sprites[best], min(1.0, float(score[best]))

    def sticker(self, sprite: Sprite) -> Floats:
        image = Image.open(io.BytesIO(self.archive.read(f"{sprite.number}.webp")))
        return trimmed(np.asarray(image.convert("RGBA"), dtype=np.float32))


def _load() -> Library:
    # In memory, so that threads can share it and no file stays open.
    archive = zipfile.ZipFile(io.BytesIO(WEIGHTS.path("sprites.zip").read_bytes()))
    sprites = tuple(
        Sprite(number, entry["name"], frozenset(entry["words"]), entry["habitat"], entry["size"])
        for number, entry in enumerate(json.loads(archive.read("index.json")))
    )
    names = np.load(WEIGHTS.path("sprites.npy")).astype(np.float32)
    return Library(archive, sprites, names)


library = Once(_load)


def trimmed(sticker: Floats) -> Floats:
    """Without the empty border, so that feet touch the ground."""
    rows = np.flatnonzero((sticker[..., 3] > 8).any(1))
    columns = np.flatnonzero((sticker[..., 3] > 8).any(0))
    return sticker[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def scaled(sticker: Floats, height: float) -> Floats:
    factor = height / sticker.shape[0]
    size = (max(2, round(sticker.shape[1] * factor)), max(2, round(height)))
    how = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    weighted = sticker.copy()
    weighted[..., :3] *= sticker[..., 3:] / 255  # or the colour of empty pixels bleeds in
    small: Floats = np.clip(cv2.resize(weighted, size, interpolation=how), 0, 255)
    small[..., :3] /= np.maximum(small[..., 3:], 1) / 255
    return np.clip(small, 0, 255)


def recoloured(sticker: Floats, hue: float, strength: float) -> Floats:
    """Its main colour turned to a hue (degrees); a small `strength` takes the colour out."""
    bytes_ = np.clip(sticker[..., :3], 0, 255).astype(np.uint8)
    hsv = cv2.cvtColor(bytes_, cv2.COLOR_RGB2HSV).astype(np.float32)
    # What is grey stays so, and so do parts of another colour: the windows of a red car.
    vivid = (hsv[..., 1] > 60) & (sticker[..., 3] > 128)
    counts, edges = np.histogram(hsv[..., 0][vivid], bins=18, range=(0, 180))
    apart = np.abs(hsv[..., 0] - (edges[counts.argmax()] + 5))
    main = (hsv[..., 1] > 40) & (np.minimum(apart, 180 - apart) < 20)
    hsv[..., 0] = np.where(main, hue / 2, hsv[..., 0])
    hsv[..., 1] = np.where(main, np.maximum(hsv[..., 1], 130) * strength, hsv[..., 1])
    plain = cv2.cvtColor(np.clip(hsv, 0, 255).astype(np.uint8), cv2.COLOR_HSV2RGB)
    return np.dstack([plain.astype(np.float32), sticker[..., 3]])
