"""A drum kit of falling sines and filtered noise."""

from collections.abc import Callable

import numpy as np

from apps.providers.local.arrays import Samples
from apps.providers.local.synth.instruments import RATE, time


def _noise(seconds: float, seed: int) -> Samples:
    size = int(seconds * RATE)
    return np.random.default_rng(seed).uniform(-1, 1, size).astype(np.float32)


def _band(sound: Samples, low: float, high: float) -> Samples:
    """Only what lies between two frequencies, with soft edges."""
    spectrum = np.fft.rfft(sound)
    hertz = np.fft.rfftfreq(len(sound), 1 / RATE)
    gain = 1 / (1 + (low / np.maximum(hertz, 1)) ** 4) / (1 + (hertz / high) ** 4)
    return np.fft.irfft(spectrum * gain, len(sound)).astype(np.float32)


def kick() -> Samples:
    t = time(0.32)
    pitch = 46 * t + 110 / 28 * (1 - np.exp(-28 * t))  # falls from 156 Hz to 46 Hz
    click = np.exp(-t * 400) * np.float32(0.4)
    return np.asarray((np.sin(2 * np.pi * pitch) * np.exp(-t * 9) + click).astype(np.float32))


def snare() -> Samples:
    t = time(0.24)
    skin = np.sin(2 * np.pi * 186 * t) * np.exp(-t * 26)
    wires = _band(_noise(0.24, 1), 1400, 9000)[: len(t)] * np.exp(-t * 17) * 1.5
    return np.asarray((0.55 * skin + wires).astype(np.float32) * np.float32(0.75), np.float32)


def clap() -> Samples:
    t = time(0.22)
    bursts = sum(np.exp(-np.maximum(t - late, 0) * 90) * (t >= late) for late in (0, 0.011, 0.022))
    tail = np.exp(-t * 18) * 0.5
    body = _band(_noise(0.22, 2), 900, 5000)[: len(t)]
    return np.asarray(
        (body * (bursts * 0.5 + tail)).astype(np.float32) * np.float32(1.3), np.float32
    )


def hat() -> Samples:
    t = time(0.07)
    return np.asarray(
        _band(_noise(0.07, 3), 7000, 15000)[: len(t)] * np.exp(-t * 70) * np.float32(0.5),
        np.float32,
    )


def open_hat() -> Samples:
    t = time(0.3)
    return np.asarray(
        _band(_noise(0.3, 4), 6500, 15000)[: len(t)] * np.exp(-t * 12) * np.float32(0.4), np.float32
    )


def ride() -> Samples:
    t = time(0.6)
    wash = _band(_noise(0.6, 5), 5000, 12000)[: len(t)] * np.exp(-t * 7) * 0.25
    ping = sum(np.sin(2 * np.pi * hertz * t) for hertz in (3150, 4630, 5870)) * np.exp(-t * 11)
    return np.asarray((wash + 0.05 * ping).astype(np.float32))


def crash() -> Samples:
    t = time(1.8)
    return _band(_noise(1.8, 6), 3000, 14000)[: len(t)] * np.exp(-t * 2.6) * np.float32(0.5)


def tom() -> Samples:
    t = time(0.6)
    pitch = 72 * t + 40 / 14 * (1 - np.exp(-14 * t))
    skin = _band(_noise(0.6, 7), 80, 900)[: len(t)] * np.exp(-t * 30) * 0.5
    return np.asarray((np.sin(2 * np.pi * pitch) * np.exp(-t * 6.5) + skin).astype(np.float32))


KIT: dict[str, Callable[[], Samples]] = {
    "kick": kick,
    "snare": snare,
    "clap": clap,
    "hat": hat,
    "open hat": open_hat,
    "ride": ride,
    "crash": crash,
    "tom": tom,
}
"""Drum by name; every hit of one drum is the same sound at another loudness."""

PAN = {"hat": 0.3, "open hat": 0.3, "ride": -0.35, "crash": -0.25, "tom": 0.1}
