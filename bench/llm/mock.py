"""An OpenAI that answers at once, as a process of its own: `python -m bench.llm.mock`.

It shares two cores with what is measured, so it is as cheap as Python can be: every answer is made up beforehand. Each
event of a stream is a write and an HTTP chunk of its own, as tokens come. A prompt may ask for other streams than the
usual: `[chunks=50]`, `[chunks=50 delay=0.1]` (seconds between two chunks), `[chunks=50 hold]` (one half, and the other
when the line `release` comes on the standard input). It prints its port, and ends with its standard input.
"""

import asyncio
import functools
import json
import re
import sys
from typing import cast

import httptools
import orjson
import uvloop

# Clients count it in what they receive; one token to every tokenizer of OpenAI's.
TOKEN = b" fox"
CHUNKS = 20
PROMPT_TOKENS = 12

_KNOBS = re.compile(rb"\[chunks=(\d+)(?: delay=([\d.]+)| (hold))?\]")
_COMMON = {"id": "chatcmpl-bench", "created": 1_760_000_000, "model": "gpt-4o-mini"}
_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Transfer-Encoding: chunked\r\nx-request-id: req_bench\r\n\r\n"
)


class Hub:
    """What all connections share: the streams that wait for `release`."""

    def __init__(self) -> None:
        self.held: list[Connection] = []

    def release(self) -> None:
        waiting, self.held = self.held, []
        for connection in waiting:
            connection.write_next()


class Connection(asyncio.Protocol):
    """One client's connection: one request after the other."""

    transport: asyncio.Transport

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._loop = asyncio.get_running_loop()
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""
        self._events: tuple[bytes, ...] = ()
        self._next = 0
        self._hold_at = 0
        self._delay = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's derives from nothing

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, data: bytes) -> None:
        self._body += data

    def on_message_complete(self) -> None:
        body, self._body = self._body, b""
        asked = orjson.loads(body or b"{}")  # a GET: is anybody there?
        knobs = _KNOBS.search(body)
        chunks = int(knobs[1]) if knobs else CHUNKS
        if not asked.get("stream"):
            self.transport.write(_answer(chunks))
            return
        with_usage = bool((asked.get("stream_options") or {}).get("include_usage"))
        self._events = _events(chunks, with_usage)
        self._next = 0
        self._delay = float(knobs[2] or 0) if knobs else 0.0
        self._hold_at = chunks // 2 if knobs and knobs[3] else 0
        self.write_next()

    def write_next(self) -> None:
        """One event now, the next in the loop's next round or later."""
        if self.transport.is_closing():
            return
        self.transport.write(self._events[self._next])
        self._next += 1
        if self._next == len(self._events):
            return
        if self._next == self._hold_at:
            self._hub.held.append(self)
        elif self._delay:
            self._loop.call_later(self._delay, self.write_next)
        else:
            self._loop.call_soon(self.write_next)


@functools.cache
def _answer(chunks: int) -> bytes:
    message = {"role": "assistant", "content": TOKEN.decode() * chunks, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    body = json.dumps(
        {**_COMMON, "object": "chat.completion", "choices": [choice], "usage": _usage(chunks)}
    ).encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
    return head.encode() + b"x-request-id: req_bench\r\n\r\n" + body


@functools.cache
def _events(chunks: int, with_usage: bool) -> tuple[bytes, ...]:
    """What is written, one element at a time; the first brings the head, the last the end."""
    deltas = [{"role": "assistant", "content": ""}, *[{"content": TOKEN.decode()}] * chunks]
    events = [_event([{"index": 0, "delta": delta, "finish_reason": None}]) for delta in deltas]
    events.append(_event([{"index": 0, "delta": {}, "finish_reason": "stop"}]))
    if with_usage:
        events.append(_event([], usage=_usage(chunks)))
    events.append(_chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")
    return (_STREAM_HEAD + events[0], *events[1:])


def _event(choices: list[dict[str, object]], **more: object) -> bytes:
    event = {**_COMMON, "object": "chat.completion.chunk", "choices": choices, **more}
    return _chunk(b"data: " + orjson.dumps(event) + b"\n\n")


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _usage(chunks: int) -> dict[str, int]:
    return {
        "prompt_tokens": PROMPT_TOKENS,
        "completion_tokens": chunks,
        "total_tokens": PROMPT_TOKENS + chunks,
    }


async def _main() -> None:
    hub = Hub()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(hub), "127.0.0.1", 0, backlog=2048)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    orders = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    while order := await orders.readline():
        if order.strip() == b"release":
            hub.release()


if __name__ == "__main__":
    uvloop.run(_main())
