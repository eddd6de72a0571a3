"""Plays a song: notes to stereo, a hall around them, an even loudness, a fade at the end."""

from collections.abc import Callable

import numpy as np

from apps.providers.local.arrays import Samples
from apps.providers.local.synth.drums import KIT, PAN
from apps.providers.local.synth.instruments import INSTRUMENTS, RATE
from apps.providers.local.synth.score import Part, Song

DRUM_LEVEL = 0.55
HALL_SECONDS = 1.6
HALL_LEVEL = 0.2
BLOCK = 1 << 17
PEAK = 0.89  # one decibel below full scale: MP3 may overshoot a little
LOUDNESS = 0.17  # root mean square that pieces are brought to where peaks allow


def play(song: Song, seconds: float, tell: Callable[[int], None]) -> Samples:
    """Exactly `seconds` long, never beyond PEAK. `tell` hears percents from 0 to 100."""
    length = round(seconds * RATE)
    dry = np.zeros((2, length), np.float32)
    for index, part in enumerate(song.parts):
        _add_part(dry, part, 60 / song.bpm)
        tell(20 + 20 * index)
    room = dry.copy()
    _add_drums(dry, song)
    room += dry * 0.25  # drums send less to the hall than the players do
    tell(70)
    wet = np.stack([_convolved(room[side], _hall(side)) for side in (0, 1)])
    mixed = dry + HALL_LEVEL * wet
    tell(95)
    return _mastered(mixed)


def _add_part(out: Samples, part: Part, beat: float) -> None:
    """Notes that come again are rendered once: a song repeats itself a great deal."""
    instrument = INSTRUMENTS[part.instrument]
    rendered: dict[tuple[int, int], Samples] = {}
    for note in part.notes:
        seconds = max(0.08, note.length * beat)
        key = (note.pitch, round(seconds * 50))
        if key not in rendered:
            rendered[key] = instrument(440 * 2 ** ((note.pitch - 69) / 12), key[1] / 50)
        level = part.level * note.loudness**1.5
        _add(out, rendered[key], note.start * beat, level, part.pan)


def _add_drums(out: Samples, song: Song) -> None:
    kit = {name: KIT[name]() for name in sorted({hit.drum for hit in song.hits})}
    for hit in song.hits:
        level = DRUM_LEVEL * hit.loudness
        _add(out, kit[hit.drum], hit.start * 60 / song.bpm, level, PAN.get(hit.drum, 0.0))


def _add(out: Samples, sound: Samples, start: float, level: float, pan: float) -> None:
    first = int(start * RATE)
    part = sound[: max(0, out.shape[1] - first)]
    angle = (pan + 1) * np.pi / 4  # constant power: as loud at the side as in the middle
    out[0, first : first + len(part)] += part * np.float32(level * np.cos(angle))
    out[1, first : first + len(part)] += part * np.float32(level * np.sin(angle))


def _hall(side: int) -> Samples:
    """What a hall answers to a click: noise that dies away and loses its treble."""
    size = int(HALL_SECONDS * RATE)
    t = np.arange(size) / RATE
    noise = np.random.default_rng(100 + side).normal(0, 1, size)
    dull = np.convolve(noise, np.ones(12) / 12, "same")
    mixed = noise * np.exp(-t * 9) * 0.4 + dull * np.exp(-t * 3.6)
    mixed[: int(0.012 * RATE)] = 0  # the first wall is four metres away
    return np.asarray((mixed / np.sqrt((mixed**2).sum())).astype(np.float32))


def _convolved(sound: Samples, answer: Samples) -> Samples:
    """By overlapping blocks, so that memory does not grow with the length of the piece."""
    size = BLOCK + len(answer)
    spectrum = np.fft.rfft(answer, size)
    out = np.zeros(len(sound) + size, np.float32)
    for first in range(0, len(sound), BLOCK):
        block = np.fft.rfft(sound[first : first + BLOCK], size)
        out[first : first + size] += np.fft.irfft(block * spectrum, size).astype(np.float32)
    return out[: len(sound)]


def _mastered(mixed: Samples) -> Samples:
    """Faded at both ends, brought to an even loudness, peaks bent softly below the limit."""
    length = mixed.shape[1]
    rise, fall = min(length, RATE // 50), min(length, int(2.2 * RATE))
    mixed[:, :rise] *= np.linspace(0, 1, rise, dtype=np.float32)
    mixed[:, length - fall :] *= np.linspace(1, 0, fall, dtype=np.float32) ** 1.5
    power = float(np.sqrt((mixed**2).mean()))
    louder = mixed * np.float32(LOUDNESS / max(power, 1e-6))
    return np.asarray(np.tanh(louder / np.float32(PEAK)) * np.float32(PEAK), np.float32)
