"""Says English text aloud (hibari, distilled from Kokoro-82M; one American female voice)."""

import re
from collections.abc import Mapping
from typing import Any

import hibari.tts
import numpy as np

from apps.providers.local.arrays import Samples
from apps.providers.local.audio import encoded
from apps.providers.local.base import BadMedia, LocalResult, Progress
from apps.providers.local.seeds import seed_from
from apps.providers.local.sessions import Once, threads

LONGEST_PIECE = 240  # characters: the network loses its breath beyond some 400 phonemes
_BREAK = re.compile(r"(?<=[,;:—])\s+|\s+")


def run(*, input: Mapping[str, Any], media: Mapping[str, bytes], progress: Progress) -> LocalResult:
    """Speech at 24 kHz. The same text, speed and seed give the same samples."""
    seed = seed_from(input.get("seed"))
    speed = float(input.get("speed", 1.0))
    samples = _spoken(_pieces(str(input["text"])), speed, seed, progress)
    rate = hibari.tts.SAMPLE_RATE
    sound = encoded("audio_url", samples, rate, str(input.get("format", "wav")))
    progress(100)
    return LocalResult(
        "neural", (sound,), {"duration": round(samples.size / rate, 3), "seed": seed}
    )


def _pieces(text: str) -> list[str]:
    """Sentences, and parts of those that are too long to say in one go."""
    return [
        piece
        for sentence in hibari.tts.Hibari.split_sentences(text)
        for piece in _cut(" ".join(sentence.split()))
    ]


def _cut(sentence: str) -> list[str]:
    """Cuts at a clause where there is one, else between words, else (no spaces at all) anywhere."""
    pieces: list[str] = []
    while len(sentence) > LONGEST_PIECE:
        breaks = [gap for gap in _BREAK.finditer(sentence, 1) if gap.end() <= LONGEST_PIECE]
        clauses = [gap for gap in breaks if sentence[gap.start() - 1] in ",;:—"]
        found = clauses or breaks
        at = found[-1].end() if found else LONGEST_PIECE
        pieces.append(sentence[:at].strip())
        sentence = sentence[at:]
    return [*pieces, sentence]


def _spoken(pieces: list[str], speed: float, seed: int, progress: Progress) -> Samples:
    voice = _voice()
    noise = np.random.default_rng(seed)
    parts: list[Samples] = []
    for index, piece in enumerate(pieces):
        for phonemes in voice.phonemize(piece):
            if any(sound.isalpha() for sound in phonemes):
                parts.append(voice.from_ids(voice.ids(phonemes), speed, noise))
        progress(round(90 * (index + 1) / len(pieces)))
    if not parts:
        raise BadMedia("The text has nothing in it that the English voice can say.")
    return np.concatenate(parts)


def _load() -> hibari.tts.Hibari:
    voice = hibari.tts.Hibari(threads=threads())
    # Makes the pronunciation tables now, under the lock, and not in two threads at once later.
    voice.phonemize("Ready.")
    return voice


_voice = Once(_load)
