import numpy as np
import pytest

from apps.providers.local import registry
from apps.providers.local.base import BadMedia, LocalResult
from apps.providers.local.jobs.speech import LONGEST_PIECE, _pieces
from tests.providers.local.pictures import artefact, samples

SENTENCE = "The quick brown fox jumps over the lazy dog."


def say(text: str, **options: object) -> LocalResult:
    return registry.run("speech", input={"text": text, "seed": 7, **options}, media={})


def test_speech_is_a_wav_with_energy_and_no_clipping() -> None:
    result = say(SENTENCE)
    made = artefact(result, "audio_url")
    sound, rate = samples(made)
    assert result.engine == "neural"
    assert (made.content_type, made.extension, rate) == ("audio/wav", "wav", 24_000)
    assert sound.shape[0] == 1
    assert result.values == {"duration": round(sound.shape[1] / 24_000, 3), "seed": 7}
    assert 1.8 < sound.shape[1] / rate < 5
    assert 0.02 < np.sqrt((sound**2).mean()) < 0.4
    assert np.abs(sound).max() < 1


def test_speech_has_the_pitch_of_a_voice() -> None:
    sound, rate = samples(artefact(say("Aaaah. Oh, no, no, no."), "audio_url"))
    power = np.abs(np.fft.rfft(sound[0])) ** 2
    hertz = np.fft.rfftfreq(sound.shape[1], 1 / rate)
    low = power[(hertz > 80) & (hertz < 4000)].sum()
    assert low / power.sum() > 0.8


def test_speech_grows_with_the_text() -> None:
    once, thrice = say(SENTENCE), say(" ".join([SENTENCE] * 3))
    factor = float(str(thrice.values["duration"])) / float(str(once.values["duration"]))
    assert 2.7 < factor < 3.3


def test_speech_is_slower_at_half_speed() -> None:
    usual, slow = say(SENTENCE), say(SENTENCE, speed=0.5)
    factor = float(str(slow.values["duration"])) / float(str(usual.values["duration"]))
    assert 1.5 < factor < 2.3


def test_speech_of_the_same_seed_is_the_same() -> None:
    assert say(SENTENCE) == say(SENTENCE)
    assert say(SENTENCE) != registry.run("speech", input={"text": SENTENCE, "seed": 8}, media={})


def test_speech_comes_as_mp3_too() -> None:
    result = say(SENTENCE, format="mp3")
    made = artefact(result, "audio_url")
    sound, rate = samples(made)
    assert (made.content_type, made.extension, rate) == ("audio/mpeg", "mp3", 24_000)
    assert abs(sound.shape[1] / rate - float(str(result.values["duration"]))) < 0.15


def test_speech_reads_a_long_text_to_its_end() -> None:
    once = float(str(say(SENTENCE).values["duration"]))
    result = say("Now listen. " * 6 + (SENTENCE + " ") * 30)
    assert float(str(result.values["duration"])) > 27 * once


@pytest.mark.parametrize("text", ["word " * 300, "a, b; " * 200, "x" * 1200, "Tiny. " * 50])
def test_speech_cuts_any_text_into_pieces_without_losing_a_letter(text: str) -> None:
    pieces = _pieces(text)
    assert max(map(len, pieces)) <= LONGEST_PIECE
    assert "".join("".join(pieces).split()) == "".join(text.split())


@pytest.mark.parametrize("text", ["…", "你好", "   ", "🙂🙂"])
def test_speech_refuses_what_cannot_be_said(text: str) -> None:
    with pytest.raises(BadMedia, match="nothing in it that the English voice can say"):
        say(text)
