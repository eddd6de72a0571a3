"""Reads a prompt as Midjourney writes it: words first, then `--parameters`."""

import re
from dataclasses import dataclass

SEEDS = 2**32
WIDEST = 4.0
_FIRST_PARAMETER = re.compile(r"(?:^|\s)--")
_URL = re.compile(r"https?://\S+")
_WEIGHT = re.compile(r"::-?[0-9.]*")
_SEED = re.compile(r"--seed\s+([0-9]{1,10})(?=\s|$)")
_RATIO = re.compile(r"--(?:ar|aspect)\s+([0-9]{1,4}:[0-9]{1,4})(?=\s|$)")


@dataclass(frozen=True)
class Prompt:
    """`words` are what can be painted: no picture addresses, weights or parameters."""

    words: str
    seed: int | None = None
    ratio: float | None = None


def read(text: str) -> Prompt:
    """Never refuses: what it does not know it passes over, for prompts are checked elsewhere."""
    plain = text.replace("—", "--")
    start = _FIRST_PARAMETER.search(plain)
    words, parameters = (plain[: start.start()], plain[start.start() :]) if start else (plain, "")
    seed, ratio = _SEED.search(parameters), _RATIO.search(parameters)
    return Prompt(
        words=" ".join(_WEIGHT.sub(" ", _URL.sub(" ", words)).split()),
        seed=int(seed[1]) % SEEDS if seed else None,
        ratio=ratio_of(ratio[1]) if ratio else None,
    )


def ratio_of(text: str | None) -> float | None:
    """Width by height of "16:9", kept between 1:4 and 4:1; None where there is no such ratio."""
    width, _, height = (text or "").partition(":")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        return None
    return clamped(int(width) / int(height))


def clamped(ratio: float) -> float:
    """No stranger shape than 1:4 or 4:1: a thinner strip shows nothing."""
    return min(WIDEST, max(1 / WIDEST, ratio))
