"""What a gateway process was about to deliver, kept where a kill -9 cannot take it: a file mapped into memory.

A stream's text is noted here before it goes to the customer, for the price of a store into memory; the kernel keeps the
page when the process dies. Whoever finds the journal of a dead process (its lock is free) writes down its open attempts
as they stood, and settles its blocks. So a stream that dies with its gateway is charged for what was sent, and no more.

A machine that is lost takes its journals along: then the lease of the blocks ends, and what was open costs nothing.
"""

import fcntl
import logging
import mmap
import os
import struct
import uuid
from collections.abc import Iterator
from pathlib import Path

import orjson

from apps.llm.services.attempts import Attempt

log = logging.getLogger(__name__)

_SLOT_BYTES = 1024
_SLOTS = 8192
# In front of a slot: bytes delivered, points, length of the facts (0: the slot is free).
_HEAD = struct.Struct("<QQI")
_COUNTS = struct.Struct("<QQ")
_LENGTH = struct.Struct("<I")
_LENGTH_AT = _COUNTS.size
_SUFFIX = ".journal"


class Journal:
    """The journal of this process. Created with its file, which is locked as long as the process lives."""

    def __init__(self, folder: Path, *, gateway: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path = folder / f"{gateway}{_SUFFIX}"
        # Made under another name: nobody must find it before it is locked.
        fresh = folder / f"{gateway}.new"
        self._file = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX)
        os.ftruncate(self._file, _SLOT_BYTES * _SLOTS)
        self._map = mmap.mmap(self._file, _SLOT_BYTES * _SLOTS)
        fresh.rename(self._path)
        self._free = list(range(_SLOTS - 1, -1, -1))

    def open(self, attempt: Attempt, *, block_id: uuid.UUID | None, input_tokens: int) -> "Slot":
        """Note that an attempt is under way, and the block that what it delivers is charged to.

        With all slots in use it gets one that keeps nothing.
        """
        facts = orjson.dumps(
            {
                "attempt": attempt.attempt,
                "call": attempt.call,
                "number": attempt.number,
                "workspace_id": attempt.workspace_id,
                "key_id": attempt.key_id,
                "user_id": attempt.user_id,
                "account_id": attempt.account_id,
                "block_id": block_id,
                "price_version": attempt.price_version,
                "model": attempt.model,
                "operation": attempt.operation,
                "provider": attempt.provider,
                "request_id": attempt.request_id,
                "is_stream": attempt.is_stream,
                "is_private": attempt.is_private,
                "input_tokens": input_tokens,
            }
        )
        if not self._free or len(facts) > _SLOT_BYTES - _HEAD.size:
            log.warning("journal has no room", extra={"open": _SLOTS - len(self._free)})
            return self.nothing()
        number = self._free.pop()
        at = number * _SLOT_BYTES
        self._map[at + _HEAD.size : at + _HEAD.size + len(facts)] = facts
        _COUNTS.pack_into(self._map, at, 0, 0)
        _LENGTH.pack_into(self._map, at + _LENGTH_AT, len(facts))
        return Slot(self._map, at, self)

    def nothing(self) -> "Slot":
        """The slot of an attempt that has not been sent: there is nothing to keep."""
        return Slot(None, 0, self)

    def free(self, at: int) -> None:
        self._free.append(at // _SLOT_BYTES)

    def close(self) -> None:
        """Everything in it has been recorded."""
        self._path.unlink(missing_ok=True)
        self._map.close()
        os.close(self._file)


class Slot:
    """One attempt that is under way."""

    __slots__ = ("_at", "_journal", "_map")

    def __init__(self, memory: mmap.mmap | None, at: int, journal: Journal) -> None:
        self._map = memory
        self._at = at
        self._journal = journal

    def delivering(self, *, text_bytes: int, points: int) -> None:
        """So much text in all is with the customer once the bytes that come next have left, and costs so much."""
        if self._map is not None:
            _COUNTS.pack_into(self._map, self._at, text_bytes, points)

    def close(self) -> None:
        """The attempt has its row, or needs none."""
        if self._map is not None:
            _LENGTH.pack_into(self._map, self._at + _LENGTH_AT, 0)
            self._journal.free(self._at)
            self._map = None


def read_dead(folder: Path, *, but: str) -> Iterator[tuple[str, list[dict[str, object]], Path]]:
    """Journals of processes that are gone: the gateway's name, its open attempts, and the file to remove afterwards.

    Each is locked while it is looked at, so two who look at once do not both find it.
    """
    for path in sorted(folder.glob(f"*{_SUFFIX}")):
        if path.stem == but:
            continue
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Removed by whoever had it before us?
            if path.exists():
                yield path.stem, list(_open_slots(file)), path
        except BlockingIOError:
            continue
        finally:
            os.close(file)


def _open_slots(file: int) -> Iterator[dict[str, object]]:
    size = os.fstat(file).st_size
    if not size:
        return
    with mmap.mmap(file, size, prot=mmap.PROT_READ) as memory:
        for at in range(0, size - _SLOT_BYTES + 1, _SLOT_BYTES):
            text_bytes, points, length = _HEAD.unpack_from(memory, at)
            if not 0 < length <= _SLOT_BYTES - _HEAD.size:
                continue
            try:
                facts = orjson.loads(memory[at + _HEAD.size : at + _HEAD.size + length])
            except orjson.JSONDecodeError:
                log.exception("journal slot cannot be read")
                continue
            yield {**facts, "text_bytes": text_bytes, "points": points}


def new_name() -> str:
    """A name for a gateway process, never used before."""
    return str(uuid.uuid4())
