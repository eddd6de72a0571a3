import numpy as np
import pytest

from apps.providers.local import registry
from apps.providers.local.base import LocalResult
from apps.providers.local.jobs import song
from tests.providers.local.pictures import artefact, pixels, samples

CUSTOM = {
    "title": "Harbour",
    "tags": "jazz  piano",
    "prompt": "[Verse]\nThe boats come home",
    "make_instrumental": False,
    "seed": 4,
}
CLIP_FIELDS = """
id video_url audio_url image_url image_large_url is_video_pending major_model_version model_name
metadata is_liked user_id display_name handle is_handle_updated is_trashed reaction created_at
status title play_count upvote_count is_public
"""


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(song, "SECONDS", 2)


def sung(**input: object) -> LocalResult:
    return registry.run("song", input=input, media={})


def clips_of(result: LocalResult) -> dict[str, dict[str, object]]:
    clips = result.values["clips"]
    assert isinstance(clips, dict)
    return clips  # type: ignore[return-value]


def test_song_gives_two_clips_with_music_and_covers() -> None:
    heard: list[int] = []

    def hear(percent: int, preview: bytes | None = None) -> None:
        heard.append(percent)

    result = registry.run("song", input=CUSTOM, media={}, progress=hear)

    clips = clips_of(result)
    assert (result.engine, len(clips), set(result.values)) == ("procedural", 2, {"clips"})
    assert [each.key for each in result.artefacts] == [
        f"clips.{clip_id}.{field}"
        for clip_id in clips
        for field in ("audio_url", "image_url", "image_large_url")
    ]
    for clip_id in clips:
        sound, rate = samples(artefact(result, f"clips.{clip_id}.audio_url"))
        assert (rate, sound.shape[0]) == (44_100, 2)
        assert abs(sound.shape[1] / rate - 16) < 0.1
        assert np.sqrt((sound**2).mean()) > 0.05
        assert pixels(artefact(result, f"clips.{clip_id}.image_url")).shape == (256, 256, 3)
        assert pixels(artefact(result, f"clips.{clip_id}.image_large_url")).shape == (512, 512, 3)
    first, second = (artefact(result, f"clips.{clip_id}.audio_url").data for clip_id in clips)
    assert first != second
    assert heard == sorted(set(heard))
    assert heard[-1] == 100


def test_song_says_nothing_that_is_not_true(short: None) -> None:
    clips = clips_of(sung(**CUSTOM))
    for clip_id, clip in clips.items():
        created_at = str(clip.pop("created_at"))
        assert created_at.endswith("Z")
        assert " ".join(CLIP_FIELDS.split()).replace("created_at ", "").split() == list(clip)
        assert clip == {
            "id": clip_id,
            "video_url": "",
            "audio_url": "",
            "image_url": "",
            "image_large_url": "",
            "is_video_pending": False,
            "major_model_version": "",
            "model_name": "",
            "metadata": {
                "tags": "jazz piano",
                "prompt": "[Verse]\nThe boats come home",
                "gpt_description_prompt": "",
                "audio_prompt_id": None,
                "history": None,
                "concat_history": None,
                "type": "gen",
                "duration": 2.0,
                "refund_credits": False,
                "stream": False,
                "error_type": None,
                "error_message": None,
            },
            "is_liked": False,
            "user_id": "",
            "display_name": "instrumental sandbox",
            "handle": "",
            "is_handle_updated": False,
            "is_trashed": False,
            "reaction": None,
            "status": "complete",
            "title": "Harbour",
            "play_count": 0,
            "upvote_count": 0,
            "is_public": False,
        }


def test_song_of_the_same_seed_is_the_same(short: None) -> None:
    one = sung(gpt_description_prompt="calm piano", seed=5)
    again = sung(gpt_description_prompt="calm piano", seed=5)
    assert one.artefacts == again.artefacts
    assert set(clips_of(one)) == set(clips_of(again))


def test_song_of_no_seed_differs_each_time_and_tells_it(short: None) -> None:
    first, second = (sung(prompt="sad rain") for _ in range(2))
    assert not set(clips_of(first)) & set(clips_of(second))
    told = sung(prompt="sad rain", seed=first.facts["seed"])
    assert told.artefacts == first.artefacts
