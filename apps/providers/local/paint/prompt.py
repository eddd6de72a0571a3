"""Reads a prompt: which scene, which hour, which things, how many, what colour, how they relate."""

import re
from dataclasses import dataclass

from apps.providers.local.arrays import Floats
from apps.providers.local.meaning import vectors
from apps.providers.local.paint.light import DAY, LIGHTS, Light
from apps.providers.local.paint.scenes import SCENES
from apps.providers.local.paint.sprites import Sprite, library
from apps.providers.local.sessions import Once

MOST_THINGS = 5
LONGEST_PROMPT = 400  # characters that are read
GOOD_MATCH = 0.62
GOOD_SCENE = 0.3

COLOURS: dict[str, tuple[float, float]] = {  # hue in degrees, strength
    "red": (0, 1.1), "orange": (26, 1.1), "golden": (44, 1.1), "yellow": (52, 1.1),
    "green": (125, 1), "turquoise": (176, 1), "blue": (215, 1.1), "purple": (275, 1),
    "violet": (275, 1), "pink": (330, 0.85), "brown": (24, 0.7), "white": (0, 0.06),
    "grey": (0, 0.05), "gray": (0, 0.05), "silver": (0, 0.05),
}  # fmt: skip
NUMBERS = {
    "two": 2, "2": 2, "couple": 2, "pair": 2, "three": 3, "3": 3, "four": 4, "4": 4, "five": 5,
    "5": 5, "six": 6, "6": 6, "several": 4, "some": 3, "many": 7, "group": 5, "flock": 7, "herd": 6,
}  # fmt: skip
STYLES = {
    "pixel art": "pixel", "pixel": "pixel", "8-bit": "pixel", "watercolor": "watercolour",
    "watercolour": "watercolour", "sketch": "sketch", "pencil drawing": "sketch",
    "oil painting": "oil", "oil on canvas": "oil", "impressionist": "oil",
}  # fmt: skip
_CARRYING = re.compile(r"\b(riding|sitting on|standing on|on top of|driving|rides|sits on)\b")
_HOLDING = re.compile(r"\b(playing|holding|reading|eating|drinking|carrying|with|wearing)\b")
_IDLE_WORDS = """
a an the of in on at with and over under by near next to into from is are for its it their his her
my your our some very this that photo photograph picture image painting illustration drawing style
art render realistic beautiful highly detailed cute little big small large tiny giant old young
happy sad funny lovely bright colorful colourful sky sun light background foreground view scene
portrait close up top front behind between through around oil water 4k 8k hd ultra sharp focus
cinematic lighting soft warm cold hour day watercolor watercolour pixel sketch pencil cartoon
moonlight stars wearing full wide
"""
_SKIPPED = frozenset(_IDLE_WORDS.split())


@dataclass(frozen=True)
class Thing:
    """Something the prompt asks for. `onto` is the thing before it that this one carries."""

    words: str
    sprite: Sprite
    count: int
    colour: tuple[float, float] | None
    held: bool = False  # the thing before holds, plays or eats it
    carries: bool = False  # the thing before rides or sits on it


@dataclass(frozen=True)
class Plan:
    scene: str
    light: Light
    style: str
    things: tuple[Thing, ...]
    flying: bool


def plan(prompt: str) -> Plan:
    """The same prompt always gives the same plan."""
    text = " ".join(prompt.lower()[:LONGEST_PROMPT].split())
    things = _things(text)
    return Plan(
        scene=_scene(text, things),
        light=next((light for light in LIGHTS if _has(text, light.words)), DAY),
        style=next((style for word, style in STYLES.items() if word in text), ""),
        things=things,
        flying=_has(text, ("flying", "flies", "floating", "soaring")),
    )


def _has(text: str, words: tuple[str, ...]) -> bool:
    return any(re.search(rf"\b{re.escape(word)}\b", text) for word in words)


_scene_vectors = Once(lambda: vectors([scene.meaning for scene in SCENES.values()]))


def _scene(text: str, things: tuple[Thing, ...]) -> str:
    """By word, else by what lives where, else by meaning."""
    for name, scene in SCENES.items():
        if _has(text, scene.words):
            return name
    if things and things[0].sprite.habitat == "water":
        return "ocean" if things[0].sprite.size > 1 else "underwater"
    if things and all(thing.sprite.habitat == "table" for thing in things):
        return "room"
    likeness = _scene_vectors() @ vectors([text or "nothing"])[0]
    best = int(likeness.argmax())
    return list(SCENES)[best] if likeness[best] > GOOD_SCENE else "meadow"


@dataclass(frozen=True)
class _Span:
    start: int
    stop: int
    words: str


def _things(text: str) -> tuple[Thing, ...]:
    words = re.findall(r"[a-z0-9'-]+|[^\sa-z0-9]", text)  # a comma keeps its neighbours apart
    spans = _spans(words)
    if not spans:
        return ()
    rows = vectors([span.words for span in spans])
    matches = sorted(
        (_match(span, row) for span, row in zip(spans, rows, strict=True)),
        key=lambda match: (-match[2], match[0].start),
    )
    taken: set[int] = set()
    chosen: list[tuple[_Span, Sprite]] = []
    for span, sprite, score in matches:
        room = not taken.intersection(range(span.start, span.stop))
        if score >= GOOD_MATCH and room and len(chosen) < MOST_THINGS:
            taken.update(range(span.start, span.stop))
            chosen.append((span, sprite))
    chosen.sort(key=lambda pair: pair[0].start)
    starts = {span.start for span, _ in chosen}
    # In "sports car" the first word only says what kind of car.
    nouns = [pair for pair in chosen if pair[0].stop not in starts]
    return tuple(_thing(words, nouns, index) for index in range(len(nouns)))


def _spans(words: list[str]) -> list[_Span]:
    """Runs of one to three words that could name a thing."""
    return [
        _Span(start, start + length, " ".join(map(_singular, words[start : start + length])))
        for length in (3, 2, 1)
        for start in range(len(words) - length + 1)
        if _could_name(words[start : start + length])
    ]


_PLACES = frozenset(
    word for scene in SCENES.values() for words in scene.words for word in words.split()
)


def _could_name(run: list[str]) -> bool:
    """Whether these words may be a thing: not a colour, a place, a verb or half a sentence."""
    if any(word in COLOURS or word in NUMBERS or not word[0].isalnum() for word in run):
        return False
    if len(run) == 1:
        verb = run[0].endswith("ing") and len(run[0]) > 5
        return not (verb or run[0] in _PLACES or run[0] in _SKIPPED)
    ends = {run[0], run[-1]}
    return not ends & _SKIPPED and all(word not in _SKIPPED or word == "of" for word in run[1:-1])


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("shes", "ches", "xes", "ses")):
        return word[:-2]
    if word.endswith("s") and len(word) > 3 and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _match(span: _Span, vector: Floats) -> tuple[_Span, Sprite, float]:
    sprite, score = library().best(span.words, vector)
    # A longer run that fits says more; one that only drags neighbours along fits worse anyway.
    return span, sprite, score + 0.1 * (span.stop - span.start - 1) * (score >= GOOD_MATCH)


def _thing(words: list[str], chosen: list[tuple[_Span, Sprite]], index: int) -> Thing:
    span, sprite = chosen[index]
    earliest = chosen[index - 1][0].stop if index else 0
    before = words[max(earliest, span.start - 4) : span.start]
    said = words[span.start : span.stop]
    link = " ".join(words[earliest : span.start]) if index else ""
    return Thing(
        words=" ".join(said),
        sprite=sprite,
        count=_count(before, said[-1]),
        colour=next((COLOURS[word] for word in reversed(before) if word in COLOURS), None),
        held=bool(_HOLDING.search(link)) and not _CARRYING.search(link),
        carries=bool(_CARRYING.search(link)),
    )


def _count(before: list[str], noun: str) -> int:
    for word in before:
        if word in NUMBERS:
            return NUMBERS[word]
    return 3 if _singular(noun) != noun and not {"a", "an"} & set(before) else 1
