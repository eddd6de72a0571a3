"""Composes and plays instrumental music from a prompt: by rules and chance, without a network."""

from collections.abc import Mapping
from typing import Any

from apps.providers.local.audio import encoded
from apps.providers.local.base import LocalResult, Progress
from apps.providers.local.seeds import random_for, seed_from
from apps.providers.local.synth.instruments import RATE
from apps.providers.local.synth.mix import play
from apps.providers.local.synth.mood import understood
from apps.providers.local.synth.score import BEATS, Composer


def run(*, input: Mapping[str, Any], media: Mapping[str, bytes], progress: Progress) -> LocalResult:
    """Stereo at 44.1 kHz, exactly `duration` seconds. The same prompt, duration and seed give
    the same piece."""
    prompt, seconds = str(input["prompt"]), float(input.get("duration", 30))
    seed = seed_from(input.get("seed"))
    rng = random_for(prompt, seed)
    wish = understood(prompt, rng)
    # The final chord starts in the last whole bar, and rings on into what is left.
    bars = max(2, int(seconds * wish.bpm / 60 / BEATS))
    song = Composer(wish, rng).song(bars)
    progress(10)
    samples = play(song, seconds, lambda percent: progress(10 + percent * 75 // 100))
    sound = encoded("audio_url", samples, RATE, str(input.get("format", "mp3")))
    progress(100)
    return LocalResult(
        "procedural",
        (sound,),
        {
            "duration": round(samples.shape[1] / RATE, 3),
            "bpm": wish.bpm,
            "key": wish.key,
            "mood": wish.mood.name,
            "seed": seed,
        },
    )
