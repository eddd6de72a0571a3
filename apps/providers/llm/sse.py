"""Server-sent events out of bytes, however these were cut on the way.

This is on the hot path: a gateway reads tens of thousands of small events a second, and nearly all of them arrive
whole, several in one piece. Those take the short way in `feed`; whatever else the format allows goes line by line.
"""

from apps.providers.base import ProviderUnavailable

# What one event may be long: a picture in base64 is one.
_MOST_BYTES = 32 * 1024 * 1024
_LONGEST_NAME = 100
_BOM = b"\xef\xbb\xbf"

# Name (empty: none was given) and data.
Event = tuple[str, bytes]


class Events:
    """Reads one stream. Comments, ids, retry times and events without data are left out."""

    __slots__ = (
        "_data",
        "_is_between",
        "_is_first",
        "_line",
        "_line_size",
        "_most",
        "_name",
        "_size",
        "_skips_lf",
    )

    def __init__(self, *, most: int = _MOST_BYTES) -> None:
        self._most = most
        # Of a line whose end has not come.
        self._line: list[bytes] = []
        self._line_size = 0
        # Of an event whose end has not come.
        self._data: list[bytes] = []
        self._size = 0
        self._name = ""
        self._is_first = True
        self._skips_lf = False
        # Nothing is left of what came before.
        self._is_between = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete. Raises ProviderUnavailable for an event of absurd size."""
        events: list[Event] = []
        if not self._is_between or data[-2:] != b"\n\n" or b"\r" in data:
            self._cut(data, events)
            self._is_between = not self._is_begun()
        else:
            self._whole(data, events)
        return events

    def close(self) -> list[Event]:
        """What is left when the connection has ended: some servers leave out the last empty line."""
        events: list[Event] = []
        self._read(self._rest(), events)
        self._dispatch(events)
        return events

    def _is_begun(self) -> bool:
        kept = self._line or self._data or self._name
        return bool(kept) or self._skips_lf or self._is_first

    def _whole(self, data: bytes, events: list[Event]) -> None:
        for block in data[:-2].split(b"\n\n"):
            if block[:6] == b"data: " and b"\n" not in block and 6 < len(block) <= self._most:
                events.append(("", block[6:]))
            else:
                for line in block.split(b"\n"):
                    self._read(line, events)
                self._dispatch(events)

    def _cut(self, data: bytes, events: list[Event]) -> None:
        if self._skips_lf and data:
            data = data.removeprefix(b"\n")
            self._skips_lf = False
        if not data:
            return
        self._keep(data)
        if b"\n" not in data and b"\r" not in data:
            return
        text = self._rest()
        lines = text.splitlines()
        if text[-1:] not in (b"\n", b"\r"):
            self._keep(lines.pop())
        self._skips_lf = text[-1:] == b"\r"
        for line in lines:
            self._read(line, events)

    def _rest(self) -> bytes:
        text = b"".join(self._line)
        self._line.clear()
        self._line_size = 0
        if self._is_first:
            self._is_first = False
            text = text.removeprefix(_BOM)
        return text

    def _read(self, line: bytes, events: list[Event]) -> None:
        if not line:
            self._dispatch(events)
        elif line[:5] == b"data:":
            self._add(line[6:] if line[5:6] == b" " else line[5:])
        elif line[:6] == b"event:":
            name = line[6 : _LONGEST_NAME + 6].removeprefix(b" ")
            self._name = name.decode("utf-8", "replace")
        elif line == b"data":
            self._add(b"")

    def _keep(self, data: bytes) -> None:
        # One piece may hold the end of one event and much of the next.
        self._line_size += len(data)
        if self._line_size > 2 * self._most:
            raise _too_large()
        self._line.append(data)

    def _add(self, value: bytes) -> None:
        # An empty line takes its place as well.
        self._size += len(value) + 1
        if self._size > self._most + 1:
            raise _too_large()
        self._data.append(value)

    def _dispatch(self, events: list[Event]) -> None:
        data = b"\n".join(self._data)
        if data:
            events.append((self._name, data))
        self._data.clear()
        self._size = 0
        self._name = ""


def _too_large() -> ProviderUnavailable:
    return ProviderUnavailable("An event of the provider's stream is too large.", is_unknown=True)
