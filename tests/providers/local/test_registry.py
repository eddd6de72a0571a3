import subprocess
import sys

import pytest

from apps.providers.local import registry
from apps.providers.local.base import BadMedia, EngineFailed, EngineUnavailable
from apps.providers.local.registry import Job
from tests.providers.local.pictures import ball, file


def test_registry_offers_every_job_of_this_machine() -> None:
    assert {job: registry.available(job) for job in registry.JOBS} == dict.fromkeys(
        [
            "background_removal",
            "upscale",
            "ocr",
            "speech",
            "image_to_3d",
            "parallax_video",
            "illustration",
            "music",
            "midjourney",
            "song",
        ],
        True,
    )


def test_registry_knows_no_job_of_another_name() -> None:
    assert registry.available("teleport") is False
    with pytest.raises(EngineUnavailable, match=r"^The local engine has no job teleport\.$"):
        registry.run("teleport", input={}, media={})


def test_registry_import_loads_no_engine() -> None:
    heavy = "{'numpy', 'cv2', 'onnxruntime', 'ncnn', 'av', 'rapidocr', 'hibari', 'PIL', 'django'}"
    code = (
        "import sys; from apps.providers.local import registry;"
        "registry.available('music');"
        f"print(sorted({heavy} & set(sys.modules)))"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "[]"


def test_job_names_the_packages_and_weights_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = Job("music", ("numpy", "no_such_package"), ("u2netp.onnx", "no_such_weights.onnx"))
    assert broken.missing() == ["no_such_package", "no_such_weights.onnx"]
    monkeypatch.setitem(registry.JOBS, "music", broken)
    registry.available.cache_clear()
    assert registry.available("music") is False
    registry.available.cache_clear()
    with pytest.raises(EngineUnavailable, match=r"lacks no_such_package, no_such_weights\.onnx"):
        registry.run("music", input={"prompt": "calm"}, media={})


def test_run_reports_rising_progress_up_to_the_end() -> None:
    heard: list[int] = []

    def hear(percent: int, preview: bytes | None = None) -> None:
        heard.append(percent)

    registry.run("music", input={"prompt": "calm", "duration": 5}, media={}, progress=hear)
    assert heard == sorted(set(heard))
    assert heard[-1] == 100
    assert len(heard) > 3


def test_run_stops_with_what_the_listener_raised() -> None:
    class Cancelled(Exception):
        pass

    def cancel(percent: int, preview: bytes | None = None) -> None:
        if percent >= 20:
            raise Cancelled

    with pytest.raises(Cancelled):
        registry.run("music", input={"prompt": "calm", "duration": 5}, media={}, progress=cancel)


def test_run_turns_an_unforeseen_error_into_a_plain_sentence() -> None:
    with pytest.raises(EngineFailed, match=r"^The local engine could not finish music\.$"):
        registry.run("music", input={"prompt": "calm", "duration": "long"}, media={})


@pytest.mark.parametrize(
    "job", ["background_removal", "upscale", "ocr", "image_to_3d", "parallax_video"]
)
def test_image_jobs_refuse_what_is_no_image(job: str) -> None:
    with pytest.raises(BadMedia, match="not a PNG, JPEG, WebP, GIF or BMP"):
        registry.run(job, input={}, media={"image": b"<svg xmlns='http://www.w3.org/2000/svg'/>"})
    with pytest.raises(BadMedia, match="has no image"):
        registry.run(job, input={}, media={"other": file(ball())})
