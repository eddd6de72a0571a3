"""Instruments from sums of sines and plucked delay lines; one note at a time, as float32."""

from collections.abc import Callable

import numpy as np

from apps.providers.local.arrays import Samples

RATE = 44_100

Instrument = Callable[[float, float], Samples]
"""Given a frequency in Hz and a length in seconds, the sound of one note, its tail included."""


def time(seconds: float) -> Samples:
    return np.arange(max(64, int(seconds * RATE)), dtype=np.float32) / np.float32(RATE)


def envelope(length: int, attack: float, release: float) -> Samples:
    """Up within `attack` seconds, down over the last `release`."""
    shape = np.ones(length, np.float32)
    rise, fall = min(length, max(1, int(attack * RATE))), min(length, max(1, int(release * RATE)))
    shape[:rise] *= np.sin(np.linspace(0, np.pi / 2, rise, dtype=np.float32))
    shape[length - fall :] *= np.cos(np.linspace(0, np.pi / 2, fall, dtype=np.float32)) ** 2
    return shape


def partials(
    frequency: float,
    t: Samples,
    amplitudes: list[float],
    *,
    stretch: float = 0.0,
    decay: float = 0.0,
    damping: float = 0.0,
    vibrato: float = 0.0,
) -> Samples:
    """A sum of harmonics below hearing's limit; the n-th dies by `decay + damping * n` a second.

    `stretch` makes them sharp as stiff strings do; `vibrato` is a swing in parts of the pitch.
    """
    total = np.zeros_like(t)
    turn = np.float32(2 * np.pi * 5.3)  # a player's hand rocks some five times a second
    wobble = np.float32(vibrato) / turn * np.sin(turn * t)
    wobble *= np.clip(t * 3 - 0.6, 0, 1)  # players add it once the note stands
    for number, amplitude in enumerate(amplitudes, 1):
        pitch = frequency * number * np.sqrt(1 + stretch * number**2)
        if pitch > 16_000:
            break
        phase = np.float32(2 * np.pi * pitch) * (t + wobble) + np.float32(number * 1.7)
        fade = np.exp(np.float32(-(decay + damping * number)) * t)
        total += np.float32(amplitude) * np.sin(phase) * fade
    return total


def _noise(length: int, seed: float) -> Samples:
    """Always the same for the same note, so that a piece can be made again."""
    return np.random.default_rng(int(seed * 100)).uniform(-1, 1, length).astype(np.float32)


def _smooth(sound: Samples, width: int) -> Samples:
    return np.convolve(sound, np.ones(width, np.float32) / np.float32(width), "same")


def piano(frequency: float, seconds: float) -> Samples:
    t = time(seconds + 0.9)
    amplitudes = [1 / number**1.25 for number in range(1, 14)]
    slow = 0.5 + frequency / 500
    body = partials(frequency, t, amplitudes, stretch=0.0004, decay=slow, damping=0.35)
    twin = partials(frequency * 1.0012, t, amplitudes[:6], stretch=0.0004, decay=slow, damping=0.5)
    thump = _smooth(_noise(len(t), frequency), 40) * np.exp(-t * 60)
    return np.asarray(
        (body + 0.6 * twin + 0.5 * thump) * envelope(len(t), 0.002, 0.8) * np.float32(0.4),
        np.float32,
    )


def electric_piano(frequency: float, seconds: float) -> Samples:
    """Frequency modulation: a tine that rings over a mellow bar."""
    t = time(seconds + 0.5)
    turn = np.float32(2 * np.pi * frequency)
    tine = np.sin(turn * 14 * t) * np.exp(-t * 9) * np.float32(0.22)
    body = np.sin(turn * t + np.sin(turn * t) * np.exp(-t * 2.2) * np.float32(1.3) + tine)
    tremolo = 1 + np.float32(0.12) * np.sin(np.float32(2 * np.pi * 4.6) * t)
    return np.asarray(
        body * np.exp(-t * 1.1) * tremolo * envelope(len(t), 0.004, 0.4) * np.float32(0.5),
        np.float32,
    )


def strings(frequency: float, seconds: float) -> Samples:
    """Three players a little apart, soft bows."""
    t = time(seconds + 0.7)
    amplitudes = [1 / number**1.15 * np.exp(-number / 9) for number in range(1, 17)]
    section = sum(
        (partials(frequency * tuned, t, amplitudes, vibrato=0.007) for tuned in (0.997, 1, 1.0035)),
        start=np.zeros_like(t),
    )
    return section * envelope(len(t), 0.22, 0.65) * np.float32(0.17)


def brass(frequency: float, seconds: float) -> Samples:
    """Brighter while it is blown harder, as horns are."""
    t = time(seconds + 0.25)
    mellow = partials(frequency, t, [1, 0.6, 0.35, 0.15], vibrato=0.004)
    bright = partials(frequency, t, [0.1, 0.4, 0.6, 0.6, 0.5, 0.35, 0.25, 0.15], vibrato=0.004)
    push = envelope(len(t), 0.09, 0.2) * (0.65 + 0.35 * np.exp(-t * 3))
    return np.asarray(
        (mellow + bright * push) * envelope(len(t), 0.05, 0.22) * np.float32(0.24), np.float32
    )


def flute(frequency: float, seconds: float) -> Samples:
    t = time(seconds + 0.2)
    tone = partials(frequency, t, [1, 0.28, 0.12, 0.04], vibrato=0.009)
    breath = _smooth(_noise(len(t), frequency), 6) * np.float32(0.05)
    return (tone + breath) * envelope(len(t), 0.07, 0.18) * np.float32(0.5)


def organ(frequency: float, seconds: float) -> Samples:
    t = time(seconds + 0.12)
    tone = partials(frequency, t, [1, 0.8, 0.5, 0.4, 0, 0.25, 0, 0.2])
    return tone * envelope(len(t), 0.01, 0.1) * np.float32(0.25)


def bell(frequency: float, seconds: float) -> Samples:
    t = time(seconds + 1.1)
    turn = np.float32(2 * np.pi * frequency)
    ring = np.sin(turn * t + np.sin(turn * np.float32(3.5) * t) * np.exp(-t * 3))
    shimmer = np.sin(turn * np.float32(4.01) * t) * np.exp(-t * 5) * np.float32(0.3)
    return np.asarray(
        (ring * np.exp(-t * 2) + shimmer) * envelope(len(t), 0.002, 0.9) * np.float32(0.42),
        np.float32,
    )


def plucked(frequency: float, seconds: float, *, bright: float, sustain: float) -> Samples:
    """Karplus and Strong (1983): noise goes round in a delay line and loses its edge each time."""
    length = int((seconds + 0.7) * RATE)
    period = max(2, round(RATE / frequency))
    line = _noise(period, frequency)
    line = bright * line + (1 - bright) * _smooth(line, max(2, period // 8))
    line -= line.mean()
    keep = np.float32(sustain ** (1 / max(1.0, frequency)))
    rounds = length // period + 1
    out = np.empty((rounds, period), np.float32)
    for number in range(rounds):
        out[number] = line
        line = keep * (np.float32(0.5) * (line + np.roll(line, 1)))
    sound = out.reshape(-1)[:length]
    sound /= max(float(np.abs(sound).max()), 1e-6)
    return sound * envelope(length, 0.001, 0.6) * np.float32(0.55)


def guitar(frequency: float, seconds: float) -> Samples:
    return plucked(frequency, seconds, bright=0.55, sustain=0.35)


def harp(frequency: float, seconds: float) -> Samples:
    return plucked(frequency, seconds + 0.5, bright=0.25, sustain=0.5)


def upright_bass(frequency: float, seconds: float) -> Samples:
    low = plucked(frequency, seconds, bright=0.12, sustain=0.25)
    t = time(len(low) / RATE)[: len(low)]
    return np.asarray(
        low
        + partials(frequency, t, [0.4, 0.1], decay=2.5)[: len(low)] * envelope(len(low), 0.01, 0.5),
        np.float32,
    )


def bass(frequency: float, seconds: float) -> Samples:
    t = time(seconds + 0.12)
    tone = partials(frequency, t, [1, 0.5, 0.22, 0.1, 0.05], decay=0.5, damping=0.8)
    return tone * envelope(len(t), 0.008, 0.11) * np.float32(0.55)


def saw(frequency: float, seconds: float) -> Samples:
    t = time(seconds + 0.25)
    amplitudes = [1 / number * np.exp(-number / 14) for number in range(1, 25)]
    wide = partials(frequency * 0.996, t, amplitudes) + partials(frequency * 1.004, t, amplitudes)
    return wide * envelope(len(t), 0.012, 0.22) * np.float32(0.24)


def saw_bass(frequency: float, seconds: float) -> Samples:
    t = time(seconds + 0.06)
    amplitudes = [1 / number for number in range(1, 22)]
    tone = partials(frequency, t, amplitudes, decay=0.6, damping=1.6)
    return tone * envelope(len(t), 0.004, 0.06) * np.float32(0.42)


def square(frequency: float, seconds: float) -> Samples:
    t = time(seconds)
    odd = [1 / number if number % 2 else 0 for number in range(1, 32)]
    return (
        partials(frequency, t, odd, vibrato=0.004) * envelope(len(t), 0.003, 0.04) * np.float32(0.3)
    )


def triangle(frequency: float, seconds: float) -> Samples:
    t = time(seconds)
    odd = [((-1) ** (number // 2)) / number**2 if number % 2 else 0 for number in range(1, 16)]
    return partials(frequency, t, odd) * envelope(len(t), 0.003, 0.03) * np.float32(0.75)


INSTRUMENTS: dict[str, Instrument] = {
    "piano": piano,
    "electric piano": electric_piano,
    "strings": strings,
    "brass": brass,
    "flute": flute,
    "organ": organ,
    "bell": bell,
    "guitar": guitar,
    "harp": harp,
    "upright bass": upright_bass,
    "bass": bass,
    "saw": saw,
    "saw bass": saw_bass,
    "square": square,
    "triangle": triangle,
}
