import numpy as np
import pytest

from apps.providers.local import registry
from apps.providers.local.base import LocalResult
from apps.providers.local.synth.instruments import INSTRUMENTS, RATE
from apps.providers.local.synth.mood import MOODS, NOTES
from apps.providers.local.synth.score import GROOVES, MINOR
from tests.providers.local.pictures import artefact, samples


def played(prompt: str, duration: float = 8, seed: int = 1, form: str = "wav") -> LocalResult:
    options = {"prompt": prompt, "duration": duration, "seed": seed, "format": form}
    return registry.run("music", input=options, media={})


@pytest.mark.parametrize("mood", MOODS, ids=lambda mood: mood.name)
def test_music_of_every_mood_is_as_long_as_asked_and_neither_silent_nor_clipped(
    mood: object,
) -> None:
    result = played(mood.words[0], duration=7.5)  # type: ignore[attr-defined]
    sound, rate = samples(artefact(result, "audio_url"))
    assert result.engine == "procedural"
    assert result.values["mood"] == mood.name  # type: ignore[attr-defined]
    assert (rate, sound.shape) == (44_100, (2, round(7.5 * 44_100)))
    loudness = [
        np.sqrt((part**2).mean()) for part in np.array_split(sound[:, : 5 * rate], 5, axis=1)
    ]
    assert min(loudness) > 0.03
    assert np.abs(sound).max() < 0.9
    assert np.abs(sound[:, -200:]).max() < 0.01  # faded out
    assert not np.array_equal(sound[0], sound[1])  # stereo


def test_music_plays_in_the_key_it_names() -> None:
    """Most of the energy lies on the notes of the scale."""
    result = played("calm piano in E minor", duration=20)
    assert result.values["key"] == "E minor"
    sound, rate = samples(artefact(result, "audio_url"))
    power = np.abs(np.fft.rfft(sound.mean(0))) ** 2
    hertz = np.fft.rfftfreq(sound.shape[1], 1 / rate)
    heard = (hertz > 70) & (hertz < 1200)
    classes = np.round(12 * np.log2(hertz[heard] / 440) + 69).astype(int) % 12
    chroma = np.bincount(classes, power[heard], minlength=12)
    tonic = NOTES.index("E")
    fits = [chroma[[(tonic + shift + step) % 12 for step in MINOR]].sum() for shift in range(12)]
    assert np.argmax(fits) == 0
    assert fits[0] / chroma.sum() > 0.9


def test_music_obeys_words_about_tempo_and_mode() -> None:
    values = {
        prompt: played(prompt, duration=5).values
        for prompt in ("happy", "happy fast", "happy slow", "jazz 90 bpm", "sad in C major")
    }
    slow, usual, fast = (int(str(values[f"happy{word}"]["bpm"])) for word in (" slow", "", " fast"))
    assert slow < 98
    assert 108 <= usual <= 122
    assert fast > 130
    assert values["jazz 90 bpm"]["bpm"] == 90
    assert values["sad in C major"]["key"] == "C major"


def test_music_of_the_same_seed_is_the_same_file() -> None:
    assert played("epic battle", 5) == played("epic battle", 5)
    assert played("epic battle", 5).artefacts != played("epic battle", 5, seed=2).artefacts


def test_music_comes_as_mp3_of_the_same_length() -> None:
    result = played("lofi beats", duration=6, form="mp3")
    made = artefact(result, "audio_url")
    assert (made.content_type, made.extension) == ("audio/mpeg", "mp3")
    sound, rate = samples(made)
    assert abs(sound.shape[1] / rate - 6) < 0.1
    assert result.values["duration"] == 6.0


@pytest.mark.parametrize("name", INSTRUMENTS)
def test_instrument_sounds_at_the_pitch_it_is_given(name: str) -> None:
    sound = INSTRUMENTS[name](220.0, 0.8)
    assert sound.dtype == np.float32
    assert 0.05 < np.abs(sound).max() < 2
    assert abs(sound[-1]) < 0.01  # no click at the end
    power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)), 1 << 18)) ** 2
    hertz = np.fft.rfftfreq(1 << 18, 1 / RATE)
    harmonic = np.abs(hertz / 220 - np.round(hertz / 220)) * 220 < 6 + hertz * 0.006
    audible = (hertz > 100) & (hertz < 2500)
    assert power[audible & harmonic].sum() / power[audible].sum() > 0.8


def test_grooves_serve_every_mood() -> None:
    assert {mood.drums for mood in MOODS} - {""} == set(GROOVES)
