"""Tasks to take away: a table of them, and an archive of what they made."""

import logging
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from io import RawIOBase
from pathlib import PurePosixPath

from django.core.files.storage import default_storage
from django.http import StreamingHttpResponse

from apps.core.money import usd
from apps.files.models import StoredFile
from apps.tasks.models import FINAL, Task

log = logging.getLogger(__name__)

# Bytes of one archive: some minutes of somebody's line, and of a place in our server.
MOST_BYTES = 2 * 1024**3
_CHUNK = 256 * 1024

CSV_HEADER = (
    "task_id", "model", "task_type", "status", "pool", "client_reference", "api_key", "created_by", "created_at",
    "started_at", "ended_at", "quoted_usd", "cost_usd", "error_code", "error", "prompt",
)  # fmt: skip


def csv_rows(tasks: Iterable[Task], *, sees_content: bool) -> Iterator[tuple[object, ...]]:
    """Amounts are exact decimals of US dollars, times UTC. A task that has not ended has no cost yet.

    Whoever does not see content gets the prompts as empty cells.
    """
    for task in tasks:
        yield (
            str(task.id),
            task.model,
            task.task_type,
            str(task.status),
            task.service_mode,
            task.client_reference,
            task.api_key.masked if task.api_key else "",
            task.created_by.email if task.created_by else "",
            *map(_time, (task.created_at, task.started_at, task.ended_at)),
            usd(task.price_points),
            usd(task.cost_points) if task.status in FINAL else None,
            task.error_code or None,
            task.error_message,
            getattr(task, "said", "") if sees_content else "",
        )


def _time(moment: datetime | None) -> str:
    return moment.astimezone(UTC).isoformat() if moment else ""


def zip_file(*, name: str, files: Sequence[StoredFile]) -> StreamingHttpResponse:
    """The files as an archive called `name`, read while it is sent: no more than a piece of it is ever in memory."""
    response = StreamingHttpResponse(zip_pieces(files), content_type="application/zip")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    response["Cache-Control"] = "no-store"
    return response


class _Pieces(RawIOBase):
    """What was written since it was last asked. It cannot be sought in, so the archive is written front to back."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        piece = bytes(data)  # type: ignore[call-overload]
        self._held += piece
        return len(piece)

    def drained(self) -> bytes:
        held, self._held = bytes(self._held), bytearray()
        return held


def zip_pieces(files: Sequence[StoredFile]) -> Iterator[bytes]:
    """An archive in pieces. A file that the storage lost is left out: the others are worth having.

    Stored, not packed: pictures, sound and films are packed already.
    """
    pieces = _Pieces()
    with zipfile.ZipFile(pieces, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for name, file in _names(files):
            try:
                source = default_storage.open(file.key, "rb")
            except OSError:
                log.warning("file not in the storage", extra={"file_id": str(file.pk)})
                continue
            with source, archive.open(_member(name, file), "w", force_zip64=True) as target:
                while data := source.read(_CHUNK):
                    target.write(data)
                    yield pieces.drained()
    yield pieces.drained()


def _member(name: str, file: StoredFile) -> zipfile.ZipInfo:
    return zipfile.ZipInfo(name, file.created_at.astimezone(UTC).timetuple()[:6])


def _names(files: Sequence[StoredFile]) -> Iterator[tuple[str, StoredFile]]:
    """A folder per task, files numbered in it. Keys of the storage open a file, so they are not told."""
    counts: dict[uuid.UUID | None, int] = {}
    for file in files:
        counts[file.task_id] = number = counts.get(file.task_id, 0) + 1
        yield f"{file.task_id}/{number}{PurePosixPath(file.key).suffix}", file
