"""The load generator, as a process of its own: `python -m bench.llm.client` with a `Load` as JSON on its input.

A closed loop: so many keep-alive connections, each with one request at a time. Every answer is checked to the last
token. It prints `{"open": n}` when every connection has received its first token, and at the end what it saw (`Seen`).
"""

import asyncio
import json
import statistics
import sys
import time
from dataclasses import asdict, dataclass, field
from typing import cast

import httptools
import uvloop

from bench.llm.mock import CHUNKS, TOKEN

_GRACE_SECONDS = 60  # for answers under way when the time is over
_RETRY_SECONDS = 0.05
# A refusal costs little; without a pause a client that is refused would ask for nothing else.
_REFUSED_SECONDS = 0.1


@dataclass(frozen=True, kw_only=True)
class Load:
    """What to do. A run ends after `seconds`, or after `limit` requests if there is one."""

    port: int
    headers: dict[str, str] = field(default_factory=dict)
    prompt: str = "Tell me about foxes."
    is_stream: bool = False
    max_tokens: int = 0
    # What a whole answer has.
    chunks: int = CHUNKS
    connections: int = 1
    seconds: float = 1.0
    limit: int = 0
    # How long to go on trying to connect: until a server has started.
    patience_seconds: float = 5.0
    # Each request gets an id that begins so, and `Seen` says what each received.
    name: str = ""

    def request(self, number: int) -> bytes:
        content = {"role": "user", "content": self.prompt}
        body: dict[str, object] = {"model": "gpt-4o-mini", "messages": [content]}
        if self.is_stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        if self.max_tokens:
            body["max_tokens"] = self.max_tokens
        data = json.dumps(body).encode()
        lines = ["POST /v1/chat/completions HTTP/1.1", f"Host: 127.0.0.1:{self.port}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        if self.name:
            lines.append(f"X-Request-Id: {self.name}-{number:06}")
        lines += ["Content-Type: application/json", f"Content-Length: {len(data)}"]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + data


@dataclass(kw_only=True)
class Seen:
    """What came of it. `tokens` counts all that arrived, also in answers that were cut short."""

    complete: int = 0  # answers of status 200 with every token
    per_second: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    ttft_p50_ms: float = 0.0
    ttft_p99_ms: float = 0.0
    tokens: int = 0
    cut: int = 0  # answers of status 200 without their end, or with fewer tokens
    lost: int = 0  # connections that ended before an answer began, or never came about
    refused: dict[str, int] = field(default_factory=dict)
    refusal: str = ""  # one of them
    received: dict[str, int] = field(default_factory=dict)  # tokens by request, if they have a name


class Run:
    """One load and its tally."""

    def __init__(self, load: Load) -> None:
        self.load = load
        self.seen = Seen()
        self._request = load.request(0)
        self._latencies: list[float] = []
        self._firsts: list[float] = []
        self._taken = 0
        self._open = 0
        self.begin()

    def begin(self) -> None:
        self._began = time.perf_counter()
        self._end = self._began + self.load.seconds

    def is_over(self) -> bool:
        """Whether there is nothing more to ask."""
        if self.load.limit:
            return self._taken >= self.load.limit
        return time.perf_counter() >= self._end

    def take(self) -> tuple[int, bytes]:
        """The next request and its number."""
        self._taken += 1
        if self.load.name:
            return self._taken, self.load.request(self._taken)
        return self._taken, self._request

    def first_token(self) -> None:
        self._open += 1
        if self._open == self.load.connections:
            print(json.dumps({"open": self._open}), flush=True)

    def received(self, number: int, body: bytes) -> int:
        tokens = body.count(TOKEN)
        self.seen.tokens += tokens
        if self.load.name:
            self.seen.received[f"{self.load.name}-{number:06}"] = tokens
        return tokens

    def answered(self, status: int, body: bytes, tokens: int, *, first: float, all_: float) -> None:
        seen = self.seen
        if status != 200:
            seen.refused[str(status)] = seen.refused.get(str(status), 0) + 1
            seen.refusal = body[:300].decode(errors="replace")
        elif tokens == self.load.chunks and self._has_its_end(body):
            seen.complete += 1
            self._latencies.append(all_)
            self._firsts.append(first)
        else:
            seen.cut += 1

    def _has_its_end(self, body: bytes) -> bool:
        return body.rstrip().endswith(b"data: [DONE]" if self.load.is_stream else b"}")

    def result(self) -> Seen:
        elapsed = time.perf_counter() - self._began
        self.seen.per_second = round(self.seen.complete / elapsed, 1)
        self.seen.p50_ms, self.seen.p99_ms = _percentiles(self._latencies)
        self.seen.ttft_p50_ms, self.seen.ttft_p99_ms = _percentiles(self._firsts)
        return self.seen


class Connection(asyncio.Protocol):
    """Asks, reads, asks again; `done` when there is nothing more to ask or the connection is gone."""

    transport: asyncio.Transport

    def __init__(self, run: Run) -> None:
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self._loop.create_future()
        self._run = run
        self._parser = httptools.HttpResponseParser(self)
        self._parts: list[bytes] = []
        self._began = self._first = 0.0
        self._number = 0
        self._is_asking = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's derives from nothing

    def ask(self) -> None:
        if self._run.is_over():
            self.transport.close()
        if self.transport.is_closing():
            return
        self._is_asking = True
        self._parts.clear()
        self._first = 0.0
        self._number, request = self._run.take()
        self._began = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        if not self._first and TOKEN in data:
            self._first = time.perf_counter()
            self._run.first_token()
        self._parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        self._parts.append(data)

    def on_message_complete(self) -> None:
        ended, body = time.perf_counter(), b"".join(self._parts)
        self._is_asking = False
        tokens = self._run.received(self._number, body)
        status = self._parser.get_status_code()
        first, all_ = self._first - self._began, ended - self._began
        self._run.answered(status, body, tokens, first=first, all_=all_)
        if not self._parser.should_keep_alive():
            self.transport.close()
        elif status == 200:
            self.ask()
        else:
            self._loop.call_later(_REFUSED_SECONDS, self.ask)

    def connection_lost(self, error: Exception | None) -> None:
        if self._is_asking:
            self._run.received(self._number, b"".join(self._parts))
            if self._parts:
                self._run.seen.cut += 1
            else:
                self._run.seen.lost += 1
        self.done.set_result(None)


def _percentiles(values: list[float]) -> tuple[float, float]:
    """The 50th and the 99th, in milliseconds."""
    if len(values) < 2:
        return (round(1000 * values[0], 3),) * 2 if values else (0.0, 0.0)
    found = statistics.quantiles(values, n=100)
    return round(1000 * found[49], 3), round(1000 * found[98], 3)


async def drive(load: Load) -> Seen:
    """Do it: connect, then start the clock."""
    run = Run(load)
    connections = [await _connect(run) for _ in range(load.connections)]
    run.begin()
    tasks = [asyncio.ensure_future(_follow(run, connection)) for connection in connections]
    await asyncio.wait(tasks, timeout=load.seconds + _GRACE_SECONDS)
    return run.result()


async def _follow(run: Run, connection: Connection | None) -> None:
    """Ask on this connection, and on another one when the server has closed it."""
    while connection is not None:
        connection.ask()
        await connection.done
        connection = None if run.is_over() else await _connect(run)


async def _connect(run: Run) -> Connection | None:
    until = time.monotonic() + run.load.patience_seconds
    loop = asyncio.get_running_loop()
    while True:
        try:
            made = await loop.create_connection(lambda: Connection(run), "127.0.0.1", run.load.port)
        except OSError as error:
            if time.monotonic() > until:
                run.seen.lost += 1
                run.seen.refusal = str(error)
                return None
            await asyncio.sleep(_RETRY_SECONDS)
        else:
            return made[1]


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(drive(Load(**json.load(sys.stdin)))))))
