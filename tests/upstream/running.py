"""One of these servers on a thread of a test, and how the test talks to it."""

import asyncio
import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from tests.upstream.command import Runnable

_SECONDS = 10


class Remote:
    """The controls of a running server, here or in a process of its own."""

    def __init__(self, url: str) -> None:
        self.url = url

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request; the answer's JSON. Raises ValueError for any answer but 200."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=_SECONDS)
        try:
            sent = None if body is None else orjson.dumps(body)
            connection.request(method, path, sent)
            response = connection.getresponse()
            data = response.read()
        finally:
            connection.close()
        if response.status != 200:
            raise ValueError(data.decode("utf-8", "replace"))
        return orjson.loads(data)

    def reset(self) -> None:
        """As new: nothing seen, no knob turned."""
        self.ask("POST", "/_reset")


class Upstream(Remote):
    """A provider that speaks the contract. Any key but "bad" is right."""

    def knobs(self, **values: Any) -> None:
        """Turn some (tests/upstream/behaviour.py names them); `refuse=2` closes the port for two seconds."""
        self.ask("POST", "/_knobs", values)

    def seen(self, reference: str) -> dict[str, Any]:
        """submits, polls, cancels, look_ups and task_ids of one reference."""
        found: dict[str, Any] = self.ask("GET", f"/_seen?reference={quote(reference)}")
        return found

    def references(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = self.ask("GET", "/_seen")["references"]
        return found

    def billed(self) -> dict[str, int]:
        """What each reference costs whoever ordered it, in points."""
        found: dict[str, int] = self.ask("GET", "/_billed")
        return found

    def totals(self) -> dict[str, int]:
        """references, tasks, submits, polls, cancels, look_ups, callbacks and duplicates (work done twice)."""
        found: dict[str, int] = self.ask("GET", "/_seen?totals=1")["totals"]
        return found


class Receiver(Remote):
    """A receiver of webhooks; every path is there."""

    def answer(self, words: str, *, path: str = "") -> None:
        """How to answer (tests/upstream/receiver.py says the words), every path or this one."""
        self.ask("POST", "/_knobs", {"path": path, "answer": words})

    def counts(self) -> dict[str, Any]:
        """total, by_path, by_answer, by_id (webhook-id) and by_task."""
        found: dict[str, Any] = self.ask("GET", "/_received")
        return found

    def requests(self, path: str | None = None) -> list[dict[str, Any]]:
        """What came, in order: at, path, headers, body, json, sha256 and the answer given."""
        query = "all=1" if path is None else f"path={quote(path)}"
        found: list[dict[str, Any]] = self.ask("GET", f"/_received?{query}")["requests"]
        return found


@contextmanager
def on_a_thread(app: Runnable) -> Iterator[str]:
    """The server's address; it is gone when the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    def run(call: Any) -> None:
        asyncio.run_coroutine_threadsafe(call, loop).result(timeout=_SECONDS)

    try:
        run(app.start())
        yield app.server.url
    finally:
        run(_ended(app))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=_SECONDS)
        loop.close()


async def _ended(app: Runnable) -> None:
    await app.stop()
    # The transports that were aborted close on the next turns of the loop.
    for _ in range(3):
        await asyncio.sleep(0)
