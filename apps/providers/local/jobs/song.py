"""The sandbox of songs: two instrumental pieces with covers. Nobody sings; the result says so."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from apps.providers.local.base import Artefact, JsonValue, LocalResult, Progress
from apps.providers.local.grids.fill import painted
from apps.providers.local.grids.sheet import marked
from apps.providers.local.jobs import music
from apps.providers.local.paint.prompt import Plan, plan
from apps.providers.local.pictures import png, resized
from apps.providers.local.seeds import random_for, seed_from

SECONDS = 16  # two pieces with covers are to be there within six
COVER, LARGE_COVER = 256, 512
_NAMES = uuid.UUID("8a6c1f0e-6a5b-4c58-9f3b-5d1f6f0b7f52")  # of this job's clip ids


@dataclass(frozen=True)
class _Wish:
    """What of the input a clip repeats, and what is played."""

    title: str
    tags: str
    lyrics: str
    description: str

    @property
    def sound(self) -> str:
        """Words of the lyrics tell a story; they count only where nothing speaks of music."""
        return self.description or f"{self.tags} {self.title}".strip() or self.lyrics


def run(*, input: Mapping[str, Any], media: Mapping[str, bytes], progress: Progress) -> LocalResult:
    """Two clips. The same input and `seed` give the same clip ids, pieces and covers."""
    wish = _wish(input)
    seed = seed_from(input.get("seed"))
    scene = plan(wish.sound)
    clips: dict[str, JsonValue] = {}
    artefacts: list[Artefact] = []
    for number in (0, 1):
        clip_id = str(uuid.uuid5(_NAMES, f"{seed} {number} {wish!r}"))
        clips[clip_id] = _clip(clip_id, wish)
        tell = _Half(progress, number)
        artefacts.append(_played(wish.sound, seed + number, f"clips.{clip_id}.audio_url", tell))
        artefacts += _covers(scene, wish.sound, seed + number, f"clips.{clip_id}.")
    progress(100)
    facts: dict[str, JsonValue] = {"seed": seed, "engine": "procedural"}
    return LocalResult("procedural", tuple(artefacts), {"clips": clips}, facts)


def _wish(input: Mapping[str, Any]) -> _Wish:
    def text(name: str) -> str:
        return " ".join(str(input.get(name) or "").split())

    lyrics = str(input.get("prompt") or "").strip()
    return _Wish(text("title"), text("tags"), lyrics, text("gpt_description_prompt"))


class _Half:
    """The progress of one of two pieces as that of both."""

    def __init__(self, progress: Progress, number: int) -> None:
        self.progress = progress
        self.number = number

    def __call__(self, percent: int, preview: bytes | None = None) -> None:
        self.progress(50 * self.number + percent * 45 // 100, preview)


def _played(sound: str, seed: int, key: str, progress: Progress) -> Artefact:
    asked = {"prompt": sound, "duration": SECONDS, "seed": seed}
    made = music.run(input=asked, media={}, progress=progress)
    return replace(made.artefacts[0], key=key)


def _covers(scene: Plan, sound: str, seed: int, prefix: str) -> list[Artefact]:
    """A small and a large one of the same picture."""
    large = marked(painted(scene, (LARGE_COVER, LARGE_COVER), random_for(f"cover {sound}", seed)))
    small = resized(large, COVER, COVER)
    return [png(f"{prefix}image_url", small), png(f"{prefix}image_large_url", large)]


def _clip(clip_id: str, wish: _Wish) -> dict[str, JsonValue]:
    """Every field of a clip; where nothing true can be said it is empty. Addresses come later."""
    return {
        "id": clip_id,
        "video_url": "",
        "audio_url": "",
        "image_url": "",
        "image_large_url": "",
        "is_video_pending": False,
        "major_model_version": "",
        "model_name": "",
        "metadata": _metadata(wish),
        "is_liked": False,
        "user_id": "",
        "display_name": "instrumental sandbox",
        "handle": "",
        "is_handle_updated": False,
        "is_trashed": False,
        "reaction": None,
        "created_at": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "status": "complete",
        "title": wish.title,
        "play_count": 0,
        "upvote_count": 0,
        "is_public": False,
    }


def _metadata(wish: _Wish) -> dict[str, JsonValue]:
    return {
        "tags": wish.tags,
        "prompt": wish.lyrics,
        "gpt_description_prompt": wish.description,
        "audio_prompt_id": None,
        "history": None,
        "concat_history": None,
        "type": "gen",
        "duration": float(SECONDS),
        "refund_credits": False,
        "stream": False,
        "error_type": None,
        "error_message": None,
    }
