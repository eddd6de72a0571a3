"""The sandbox of Midjourney: every task type, with painted pictures instead of generated ones."""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from apps.providers.local.arrays import Bytes2D
from apps.providers.local.base import BadMedia, EngineFailed, JsonValue, LocalResult, Progress
from apps.providers.local.grids import describe, fill, frames, sheet, variants
from apps.providers.local.grids.prompt import SEEDS, Prompt, ratio_of, read
from apps.providers.local.paint.prompt import Plan, plan
from apps.providers.local.pictures import on_white, picture, png, resized, shrunk
from apps.providers.local.seeds import random_for

LOW, MIDDLE, HIGH = 0.3, 0.6, 1.0  # how far variations go
_DIMENSIONS = {"square": 1.0, "portrait": 2 / 3, "landscape": 3 / 2}
_TELLING = ("task_type", "index", "direction", "zoom_ratio", "aspect_ratio")
_NUMBERS = ("1", "2", "3", "4")


@dataclass(frozen=True)
class Ask:
    """One task: its values, and the picture and the facts of the task it continues."""

    task_type: str
    values: Mapping[str, Any]
    media: Mapping[str, bytes]
    progress: Progress

    @cached_property
    def parent(self) -> Mapping[str, Any]:
        return self.values.get("parent") or {}

    @cached_property
    def picture(self) -> Bytes2D:
        """The parent's, as a viewer shows it."""
        if "parent" not in self.media:
            raise BadMedia("The picture of the task to continue is not there.")
        return self.seen("parent")

    @cached_property
    def single(self) -> Bytes2D:
        """The parent's picture; of a grid, which real Midjourney would have upscaled first, its first one."""
        if self.parent.get("kind") == "grid":
            return sheet.quarter(self.picture, 1)
        return self.picture

    @cached_property
    def bare(self) -> Bytes2D:
        """The single picture without its mark, for work that moves its corner."""
        return sheet.unmarked(self.single)

    @property
    def own_text(self) -> str:
        return str(self.values.get("prompt") or "").strip()

    @property
    def text(self) -> str:
        """The prompt in force: this task's, else the parent's."""
        return self.own_text or str(self.parent.get("prompt") or "")

    @cached_property
    def prompt(self) -> Prompt:
        return read(self.text)

    @cached_property
    def plan(self) -> Plan | None:
        """What to paint; None where nobody ever said it, as after a blend."""
        return plan(self.prompt.words) if self.prompt.words else None

    @cached_property
    def seed(self) -> int:
        """The prompt's; one that follows from an inherited one; else a fresh one. An upscale
        makes nothing new, so it keeps its parent's."""
        inherited = self.parent.get("seed")
        if self.task_type == "upscale" and inherited is not None:
            return int(inherited)
        if self.prompt.seed is None:
            return secrets.randbelow(SEEDS)
        if self.own_text:
            return self.prompt.seed
        told = [str(self.values.get(name)) for name in _TELLING]
        digest = hashlib.sha256(" ".join([str(inherited), *told]).encode())
        return int.from_bytes(digest.digest()[:4], "big")

    def seen(self, field: str) -> Bytes2D:
        return shrunk(on_white(*picture(self.media, field)), variants.LARGEST)

    def random(self, number: int) -> np.random.Generator:
        """For each picture of a grid its own; a reroll is nothing else than an imagine."""
        kind = "imagine" if self.task_type == "reroll" else self.task_type
        return random_for(f"{kind} {number} {self.prompt.words}", self.seed)


def run(*, input: Mapping[str, Any], media: Mapping[str, bytes], progress: Progress) -> LocalResult:
    """One task of `input["task_type"]`. The same prompt and `--seed` give the same picture.

    `input["parent"]` holds the facts of the task that is continued, `media["parent"]` its picture;
    without the facts the picture alone decides.
    """
    task_type = str(input["task_type"])
    if task_type not in _TASKS:
        raise EngineFailed(f"The sandbox has no task {task_type}.")
    progress(5)
    result = _TASKS[task_type](Ask(task_type, input, media, progress))
    progress(100)
    return result


# ---------------------------------------------------------------------------------------- results


def _grid(ask: Ask, pictures: Iterable[Bytes2D], size: tuple[int, int]) -> LocalResult:
    return _result(ask, "grid", sheet.grid_of(pictures, size, ask.progress))


def _result(ask: Ask, kind: str, made: Bytes2D) -> LocalResult:
    height, width = made.shape[:2]
    facts: dict[str, JsonValue] = {
        "seed": ask.seed,
        "prompt": ask.text,
        "kind": kind,
        "width": width,
        "height": height,
        "task_type": ask.task_type,
        "engine": "procedural",
    }
    return LocalResult("procedural", (png("image_url", made),), facts=facts)


# ------------------------------------------------------------------------------------ new pictures


def _imagine(ask: Ask) -> LocalResult:
    ratio = ratio_of(ask.values.get("aspect_ratio")) or ask.prompt.ratio or 1.0
    return _painted(ask, ask.plan or plan(""), ratio)


def _reroll(ask: Ask) -> LocalResult:
    own = read(ask.own_text).ratio if ask.own_text else None
    asked = ratio_of(ask.values.get("aspect_ratio")) or own
    if ask.plan is None:
        return _rearranged(ask)
    return _painted(ask, ask.plan, asked or _ratio_of_parent(ask))


def _ratio_of_parent(ask: Ask) -> float:
    width, height = ask.parent.get("width"), ask.parent.get("height")
    return float(width / height) if width and height else sheet.ratio_in(ask.picture)


def _painted(ask: Ask, wanted: Plan, ratio: float) -> LocalResult:
    size = sheet.size_of(ratio)
    return _grid(ask, (fill.painted(wanted, size, ask.random(n)) for n in (1, 2, 3, 4)), size)


def _rearranged(ask: Ask) -> LocalResult:
    """Again from pictures alone, where no words are known."""
    parent = ask.picture
    is_grid = ask.parent.get("kind") != "single"
    size = sheet.size_of(sheet.ratio_in(parent))
    parts = [sheet.quarter(parent, n) if is_grid else parent for n in (1, 2, 3, 4)]
    sources = [resized(sheet.unmarked(part), *size) for part in parts]
    made = (variants.varied(part, ask.random(n), HIGH) for n, part in enumerate(sources, start=1))
    return _grid(ask, made, size)


def _blend(ask: Ask) -> LocalResult:
    fields = sorted(
        (name for name in ask.media if name.startswith("image_urls.")),
        key=lambda name: int(name.rpartition(".")[2]),
    )
    if len(fields) < 2:
        raise BadMedia("Blending takes two pictures or more.")
    size = sheet.size_of(_DIMENSIONS[str(ask.values.get("dimension") or "square")])
    pictures = sheet.sides([sheet.unmarked(ask.seen(field)) for field in fields], size)
    made = (variants.mixture(pictures, n, ask.random(n)) for n in (1, 2, 3, 4))
    return _grid(ask, made, size)


# ------------------------------------------------------------------------------------- follow-ups


def _upscale(ask: Ask) -> LocalResult:
    index = str(ask.values["index"])
    source = _quarter(ask, index) if index in _NUMBERS else ask.single
    return _result(ask, "single", sheet.marked(variants.enlarged(source, index)))


def _quarter(ask: Ask, index: str) -> Bytes2D:
    if ask.parent.get("kind") == "single":
        raise BadMedia("The parent is one picture, not a grid of four.")
    return sheet.quarter(ask.picture, int(index))


def _variation(ask: Ask) -> LocalResult:
    index = str(ask.values["index"])
    source = sheet.unmarked(_quarter(ask, index)) if index in _NUMBERS else ask.bare
    size = sheet.size_of(sheet.ratio_in(source))
    source = resized(source, *size)
    return _grid(ask, (_varied(ask, source, index, n) for n in (1, 2, 3, 4)), size)


def _varied(ask: Ask, source: Bytes2D, index: str, number: int) -> Bytes2D:
    """New words are painted in the picture's shades; without them its own pixels move."""
    rng = ask.random(number)
    if ask.plan and (ask.own_text or index == "high_variation"):
        return fill.painted_like(source, ask.plan, rng)
    strength = {"low_variation": LOW, "high_variation": HIGH}.get(index, MIDDLE)
    return variants.varied(source, rng, strength)


def _inpaint(ask: Ask) -> LocalResult:
    size = sheet.size_of(sheet.ratio_in(ask.single))
    source = resized(ask.single, *size)
    hole = _mask(ask, size)
    return _grid(
        ask, (fill.mended(source, hole, ask.plan, ask.random(n)) for n in (1, 2, 3, 4)), size
    )


def _mask(ask: Ask, size: tuple[int, int]) -> Bytes2D:
    """0 to 1; what is transparent is not white."""
    colours, alpha = picture(ask.media, "mask")
    light = colours.mean(-1) / 255 * (1 if alpha is None else alpha / 255)
    mask = resized((light * 255).astype(np.uint8), *size) / 255
    if not (mask > 0.5).any():
        raise BadMedia("The mask has no white area, so nothing would change.")
    return mask


def _outpaint(ask: Ask) -> LocalResult:
    zoom, asked = float(ask.values["zoom_ratio"]), ratio_of(ask.values.get("aspect_ratio"))
    own = sheet.ratio_in(ask.single)
    ratio = asked or (1.0 if zoom == 1 else own)
    if zoom == 1 and abs(ratio / own - 1) < 0.01:
        # It has this shape already: nothing to add.
        return _same_shape(ask)
    return _extended(ask, frames.zoomed_out(own, ratio, zoom))


def _same_shape(ask: Ask) -> LocalResult:
    size = sheet.size_of(sheet.ratio_in(ask.bare))
    source = resized(ask.bare, *size)
    return _grid(ask, (variants.varied(source, ask.random(n), LOW) for n in (1, 2, 3, 4)), size)


def _pan(ask: Ask) -> LocalResult:
    return _extended(ask, frames.panned(sheet.ratio_in(ask.single), str(ask.values["direction"])))


def _extended(ask: Ask, frame: frames.Frame) -> LocalResult:
    def made(number: int) -> Bytes2D:
        return fill.extended(
            ask.bare,
            frame.box,
            frame.size,
            ask.plan,
            ask.random(number),
            with_things=bool(ask.own_text),
        )

    return _grid(ask, map(made, (1, 2, 3, 4)), frame.size)


# ----------------------------------------------------------------------------------------- answers


def _describe(ask: Ask) -> LocalResult:
    prompts = describe.described(ask.seen("image_url"))
    shown: list[JsonValue] = [*prompts]
    values: dict[str, JsonValue] = {"description": describe.numbered(prompts), "prompts": shown}
    return LocalResult("procedural", values=values)


def _seed(ask: Ask) -> LocalResult:
    if ask.parent.get("seed") is None:
        raise BadMedia("The seed of this task is not known.")
    return LocalResult("procedural", values={"seed": str(ask.parent["seed"])})


_TASKS: dict[str, Callable[[Ask], LocalResult]] = {
    "imagine": _imagine,
    "upscale": _upscale,
    "variation": _variation,
    "reroll": _reroll,
    "describe": _describe,
    "seed": _seed,
    "blend": _blend,
    "inpaint": _inpaint,
    "outpaint": _outpaint,
    "pan": _pan,
}
