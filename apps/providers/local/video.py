"""MP4 files that every browser plays: H.264, 4:2:0, index in front."""

import tempfile
from collections.abc import Iterable
from pathlib import Path

import av

from apps.providers.local.arrays import Bytes2D
from apps.providers.local.base import Artefact
from apps.providers.local.sessions import threads


def mp4(key: str, frames: Iterable[Bytes2D], *, width: int, height: int, rate: int) -> Artefact:
    """Encode frames of exactly width x height (both even), taken one at a time."""
    with tempfile.TemporaryDirectory(prefix="local-engine-") as folder:
        # A real file: moving the index to the front means reading the output again.
        path = Path(folder) / "video.mp4"
        _write(path, frames, width, height, rate)
        return Artefact(key, path.read_bytes(), "video/mp4", "mp4")


def _write(path: Path, frames: Iterable[Bytes2D], width: int, height: int, rate: int) -> None:
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": "20", "preset": "veryfast"}
        stream.codec_context.thread_count = threads()
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
