"""Bytes on their way at once.

uvloop hands what is written to the kernel at the end of the loop's round, after everything else that is ready: good for
many small pieces, but the one piece that somebody waits for would wait with the work that follows it.
"""

import asyncio
import os


class Writer:
    """The way into one transport, around its queue while that is empty. Encrypted ones go the usual way."""

    __slots__ = ("_fd", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        sock = transport.get_extra_info("socket")
        is_plain = transport.get_extra_info("sslcontext") is None
        self._fd: int = sock.fileno() if is_plain and sock is not None else -1

    def write(self, data: bytes) -> None:
        """As the transport's own, in order with what it still has to write."""
        transport = self._transport
        # A closing transport's number may soon be another's.
        if self._fd < 0 or transport.is_closing() or transport.get_write_buffer_size():
            transport.write(data)
            return
        try:
            sent = os.write(self._fd, data)
        except OSError:
            # There is no room, or nobody at the other end: the transport knows what to do.
            sent = 0
        if sent < len(data):
            transport.write(data[sent:])
