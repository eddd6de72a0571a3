"""HTTP to a server on a unix socket, for the one conversation that stays inside this machine.

Closing the connection is what tells the other end to stop, so it is closed however the caller leaves.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import h11

_CHUNK = 64 * 1024


@dataclass
class Reply:
    """An answer whose head is there."""

    status: int
    _connection: h11.Connection
    _reader: asyncio.StreamReader

    async def parts(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises `ConnectionError` when it breaks off."""
        while not isinstance(
            event := await _next(self._connection, self._reader), h11.EndOfMessage
        ):
            if not isinstance(event, h11.Data):
                raise ConnectionError("The model server ended in the middle of an answer.")
            yield bytes(event.data)

    async def body(self) -> bytes:
        return b"".join([part async for part in self.parts()])


@asynccontextmanager
async def ask(socket: Path, method: str, path: str, body: bytes = b"") -> AsyncIterator[Reply]:
    """Send one request. Raises `OSError` when nobody listens."""
    reader, writer = await asyncio.open_unix_connection(socket)
    try:
        connection = h11.Connection(h11.CLIENT)
        headers = [
            ("Host", "local"),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
        ]
        for sent in (
            h11.Request(method=method, target=path, headers=headers),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            writer.write(connection.send(sent) or b"")
        await writer.drain()
        event = await _next(connection, reader)
        if not isinstance(event, h11.Response):
            raise ConnectionError("The model server ended without an answer.")
        yield Reply(event.status_code, connection, reader)
    finally:
        writer.close()


async def _next(connection: h11.Connection, reader: asyncio.StreamReader) -> object:
    while (event := connection.next_event()) is h11.NEED_DATA:
        try:
            connection.receive_data(await reader.read(_CHUNK))
        except h11.RemoteProtocolError as error:
            raise ConnectionError("The model server ended in the middle of an answer.") from error
    return event
