"""Customers of the LLM lane while it is being shot at: what each asked, and how much of an answer it got."""

import asyncio
import json
import random
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import aiohttp

MODEL = "gpt-4o-mini"
# A token by every rule.
WORD = " ABC"
_MOST_WORDS = 40
# Between two words; with none of it all of them would be one piece.
_DELAY_SECONDS = (0.003, 0.02)
_PATIENCE_SECONDS = 90


class Outcome(StrEnum):
    """How a call ended for its client."""

    FINISHED = "finished"  # it got the last byte
    LEFT = "left"  # it closed the connection itself
    BROKEN = "broken"  # an error, or the end of the connection, in the middle of an answer
    REFUSED = "refused"  # an error instead of an answer
    UNANSWERED = "unanswered"  # the connection ended before any answer


@dataclass(frozen=True)
class Wish:
    """One call. The provider writes `words` words; after `cut_after` of them it breaks off, after `leave_after` the
    client leaves."""

    number: int
    words: int
    is_stream: bool
    delay: float
    is_counted: bool = False
    cut_after: int | None = None
    leave_after: int | None = None

    @property
    def name(self) -> str:
        return f"call-{self.number:06d}"

    @property
    def prompt(self) -> str:
        script: dict[str, Any] = {"words": [WORD], "times": self.words, "delay": self.delay}
        if not self.is_stream:
            script["before"] = self.delay * self.words
        if self.is_counted:
            script["usage"] = "none"
        if self.cut_after is not None:
            script |= {"fault": "cut", "after": self.cut_after}
        return json.dumps(script)


@dataclass(frozen=True)
class Seen:
    wish: Wish
    outcome: Outcome
    words: int
    status: int = 0


def wishes(count: int, chance: random.Random) -> list[Wish]:
    return [_wish(number, chance) for number in range(count)]


def _wish(number: int, chance: random.Random) -> Wish:
    words = chance.randint(1, _MOST_WORDS)
    delay = round(chance.uniform(*_DELAY_SECONDS), 4)
    if chance.random() < 0.25:
        return Wish(number, words, False, delay, is_counted=chance.random() < 0.3)
    what = chance.random()
    return Wish(
        number,
        words,
        True,
        delay,
        is_counted=chance.random() < 0.2,
        cut_after=chance.randrange(words) if what < 0.05 else None,
        leave_after=chance.randint(1, words) if 0.05 <= what < 0.15 else None,
    )


class Callers:
    """So many clients at once work through the wishes; `seen` grows meanwhile."""

    def __init__(self, *, url: str, key: str, wanted: list[Wish], at_once: int) -> None:
        self._url = f"{url}/v1/chat/completions"
        self._key = key
        self._left = deque(wanted)
        self._at_once = at_once
        self.seen: list[Seen] = []

    async def run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=_PATIENCE_SECONDS)
        connector = aiohttp.TCPConnector(limit=self._at_once)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout) as client:
            await asyncio.gather(*(self._work(client) for _ in range(self._at_once)))

    async def _work(self, client: aiohttp.ClientSession) -> None:
        while self._left:
            wish = self._left.popleft()
            self.seen.append(await self._ask(client, wish))

    async def _ask(self, client: aiohttp.ClientSession, wish: Wish) -> Seen:
        got = bytearray()
        status = 0
        try:
            async with client.post(
                self._url, json=_body(wish), headers=self._headers(wish)
            ) as answer:
                status = answer.status
                async for piece, _ in answer.content.iter_chunks():
                    got += piece
                    if wish.leave_after is not None and _words(got) >= wish.leave_after:
                        answer.close()
                        return Seen(wish, Outcome.LEFT, _words(got), status)
        except (aiohttp.ClientError, OSError, TimeoutError):
            outcome = Outcome.BROKEN if status == 200 and wish.is_stream else Outcome.UNANSWERED
            return Seen(wish, outcome, _words(got), status)
        return Seen(wish, _outcome(wish, status, got), _words(got), status)

    def _headers(self, wish: Wish) -> dict[str, str]:
        return {"authorization": f"Bearer {self._key}", "x-request-id": wish.name}


def _body(wish: Wish) -> dict[str, Any]:
    messages = [{"role": "user", "content": wish.prompt}]
    return {"model": MODEL, "messages": messages, "stream": wish.is_stream, "max_tokens": 100}


def _words(got: bytearray) -> int:
    return got.count(WORD.encode())


def _outcome(wish: Wish, status: int, got: bytearray) -> Outcome:
    if status != 200:
        return Outcome.REFUSED
    if not wish.is_stream:
        return Outcome.FINISHED
    if b'"error"' in got or not got.endswith(b"data: [DONE]\n\n"):
        return Outcome.BROKEN
    return Outcome.FINISHED
