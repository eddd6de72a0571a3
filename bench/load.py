"""A load generator that costs little itself: keep-alive connections, raw HTTP/1.1, one asyncio loop."""

import asyncio
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Round:
    """What one round saw. Latencies in seconds."""

    per_second: float
    latencies: list[float]
    statuses: dict[int, int]

    def percentile(self, percent: int) -> float:
        return statistics.quantiles(self.latencies, n=100)[percent - 1]


def drive(
    *,
    port: int,
    request: Callable[[int], bytes],
    seconds: float,
    connections: int = 12,
    limit: int = 0,
) -> Round:
    """Send `request(n)` for n = 0, 1, … over keep-alive connections, for so long or so many."""
    return asyncio.run(_drive(port, request, seconds, connections, limit))


async def _drive(
    port: int, request: Callable[[int], bytes], seconds: float, connections: int, limit: int
) -> Round:
    latencies: list[float] = []
    statuses: dict[int, int] = {}
    numbers = iter(range(limit or 10**9))
    started = time.perf_counter()
    end = started + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in numbers:
            before = time.perf_counter()
            if before >= end:
                break
            writer.write(request(number))
            status = await _answer(reader)
            latencies.append(time.perf_counter() - before)
            statuses[status] = statuses.get(status, 0) + 1
        writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return Round(len(latencies) / (time.perf_counter() - started), latencies, statuses)


async def _answer(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0]
    if length.strip():
        await reader.readexactly(int(length))
    return int(head[9:12])


def http(method: str, path: str, *, headers: dict[str, str], body: bytes = b"") -> bytes:
    """One request as bytes."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: 127.0.0.1",
        *(f"{k}: {v}" for k, v in headers.items()),
    ]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body
