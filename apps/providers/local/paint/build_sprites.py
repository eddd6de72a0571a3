"""Builds weights/sprites.zip and weights/sprites.npy from the two packages they come from.

Only for whoever changes `sprite_list.txt`:

    npm pack @lobehub/fluent-emoji-3d@1.1.0 emojilib@4.0.3   (and unpack both)
    python -m apps.providers.local.paint.build_sprites FLUENT_ASSETS EMOJILIB_JSON

then write the new hashes into weights/SHA256SUMS.
"""

import json
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from apps.providers.local.meaning import vectors
from apps.providers.local.weightstore import WEIGHTS

LIST = Path(__file__).with_name("sprite_list.txt")
_GROUP = re.compile(r"\[(\w+) ([\d.]+)\]")
EPOCH = (1980, 1, 1, 0, 0, 0)  # the zip must not change with the hour it was made


def listed() -> Iterator[tuple[str, str, str, float]]:
    """Emoji, label ("" for none), habitat and size of every line in the list."""
    habitat, size = "", 0.0
    for line in LIST.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        if group := _GROUP.match(line):
            habitat, size = group[1], float(group[2])
            continue
        for word in line.split():
            emoji, _, label = word.partition("=")
            yield emoji, label, habitat, size


def spellings(emoji: str) -> tuple[str, str, str]:
    """The two packages disagree on where the variation selector belongs."""
    bare = emoji.replace("\ufe0f", "")
    return emoji, bare, f"{bare}\ufe0f"


def picture(assets: Path, emoji: str) -> bytes:
    for spelling in spellings(emoji):
        path = assets / ("-".join(f"{ord(letter):04x}" for letter in spelling) + ".webp")
        if path.exists():
            return path.read_bytes()
    raise SystemExit(f"There is no picture of {emoji}.")


def words(library: dict[str, list[str]], emoji: str) -> list[str]:
    found = next(library[spelling] for spelling in spellings(emoji) if spelling in library)
    return [word.replace("_", " ").lower() for word in found]


def build(assets: Path, library: dict[str, list[str]]) -> None:
    index: list[dict[str, Any]] = []
    with zipfile.ZipFile(WEIGHTS.folder / "sprites.zip", "w", zipfile.ZIP_STORED) as archive:
        for number, (emoji, label, habitat, size) in enumerate(listed()):
            known = words(library, emoji)
            name = label.replace("_", " ") or known[0]
            archive.writestr(zipfile.ZipInfo(f"{number}.webp", EPOCH), picture(assets, emoji))
            index.append({"name": name, "words": known, "habitat": habitat, "size": size})
        text = json.dumps(index, ensure_ascii=False, separators=(",", ":"))
        archive.writestr(zipfile.ZipInfo("index.json", EPOCH), text)
    names = vectors([sprite["name"] for sprite in index])
    np.save(WEIGHTS.folder / "sprites.npy", names.astype(np.float16))


if __name__ == "__main__":
    build(Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text(encoding="utf-8")))
