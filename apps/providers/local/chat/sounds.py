"""Speech in the formats of OpenAI's API, and the speech itself."""

import io
import wave
from dataclasses import dataclass
from typing import Any

import av
import numpy as np

from apps.providers.local import registry
from apps.providers.local.arrays import Samples


@dataclass(frozen=True)
class Format:
    """How FFmpeg calls a file and its codec; `rate` where the codec takes no 24 kHz."""

    content_type: str
    container: str
    codec: str
    rate: int = 24_000
    bits_per_second: int = 0


FORMATS = {
    "mp3": Format("audio/mpeg", "mp3", "libmp3lame", bits_per_second=96_000),
    "opus": Format("audio/ogg", "ogg", "libopus", 48_000, 48_000),
    "aac": Format("audio/aac", "adts", "aac", bits_per_second=96_000),
    "flac": Format("audio/flac", "flac", "flac"),
    "wav": Format("audio/wav", "wav", "pcm_s16le"),
    "pcm": Format("audio/pcm", "s16le", "pcm_s16le"),
}


def spoken(text: str, *, speed: float, form: str) -> bytes:
    """A file of somebody reading the text, the same each time. Raises `LocalEngineError`."""
    asked = {"text": text, "speed": speed, "seed": 1, "format": "wav"}
    made = registry.run("speech", input=asked, media={})
    with wave.open(io.BytesIO(made.artefacts[0].data)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return encoded(samples, file.getframerate(), FORMATS[form])


def encoded(samples: Samples, rate: int, form: Format) -> bytes:
    """A file of one channel of 16-bit numbers."""
    file = io.BytesIO()
    with av.open(file, "w", format=form.container) as container:
        # FFmpeg knows at run time only that this is a stream of sound.
        stream: Any = container.add_stream(form.codec, rate=form.rate, layout="mono")
        if form.bits_per_second:
            stream.bit_rate = form.bits_per_second
        stream.codec_context.open()
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", "mono")
        frame.sample_rate = rate
        frame.pts = 0
        size = stream.codec_context.frame_size or 4096
        cutter = av.AudioResampler(stream.codec_context.format, "mono", form.rate, frame_size=size)
        for part in [*cutter.resample(frame), *cutter.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return file.getvalue()
