"""Sound files from arrays of samples between -1 and 1."""

import io
import wave

import av
import numpy as np

from apps.providers.local.arrays import Samples
from apps.providers.local.base import Artefact


def wav(key: str, samples: Samples, rate: int) -> Artefact:
    """16-bit PCM."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(samples.ndim)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(_pcm(samples).tobytes())
    return Artefact(key, file.getvalue(), "audio/wav", "wav")


def mp3(key: str, samples: Samples, rate: int, *, bits_per_second: int = 192_000) -> Artefact:
    file = io.BytesIO()
    layout = "stereo" if samples.ndim == 2 else "mono"
    with av.open(file, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=rate, layout=layout)
        stream.bit_rate = bits_per_second
        frame = av.AudioFrame.from_ndarray(_pcm(samples).reshape(1, -1), "s16", layout)
        frame.sample_rate = rate
        frame.pts = 0
        fifo = av.AudioResampler("s16p", layout, rate, frame_size=1152)
        for part in [*fifo.resample(frame), *fifo.resample(None)]:
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    return Artefact(key, file.getvalue(), "audio/mpeg", "mp3")


def encoded(key: str, samples: Samples, rate: int, form: str) -> Artefact:
    """The format a customer asked for: "mp3", else WAV."""
    return mp3(key, samples, rate) if form == "mp3" else wav(key, samples, rate)


def _pcm(samples: Samples) -> Samples:
    """Interleaved 16-bit numbers, as files want it."""
    return (np.clip(samples, -1, 1).T * 32767).round().astype("<i2")
