"""Customers who want their tasks made: each request is repeated under its key until it is answered."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

_SECONDS = 10
_SLOWEST_RETRY_SECONDS = 2.0
_AT_ONCE = 64
_MODELS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("Qubico/flux1-schnell", "txt2img", {}),
    ("Qubico/flux1-dev", "txt2img", {}),
    ("midjourney", "imagine", {"process_mode": "fast"}),
    ("modelyard/illustration", "text-to-image", {"width": 256, "height": 256}),
)
# What a prompt tells the provider to do, and how often. The rest simply works.
_TROUBLES = (
    (8, "[fail=11000]"),
    (4, "[fail=11002]"),
    (4, "[fail=11000][bills]"),
    (6, "[create=lost][times=1]"),
    (3, "[create=lost][created=no][times=1]"),
    (3, "[create=500][times=1]"),
    (3, "[create=truncated][times=1]"),
    (3, "[poll=html][poll_times=2]"),
    (3, "[poll=503][poll_times=1]"),
    (6, "[callbacks=all]"),
    (6, "[callbacks=reordered][repeat=2]"),
    (6, "[repeat=3]"),
    (3, "[callbacks=forged]"),
)
# Receivers that are not well at first; the last word is how they answer from then on.
_BAD_RECEIVERS_SHARE = 0.06
_BAD_RECEIVERS = ("500 200", "drop 200", "429=1 200", "302=http://127.0.0.1:1/ 200", "slow=3 200")
_LATE = "[delay=9]"  # of a task whose customer waits four seconds only


@dataclass(frozen=True)
class Wish:
    """One request: who makes it, its key, its body and headers."""

    api_key: str = field(repr=False)
    idempotency_key: str
    body: dict[str, Any]
    headers: dict[str, str]
    # Path of its webhook, and how the receiver answers there; "": as everywhere.
    path: str
    receiver_answers: str


def wishes(
    *,
    count: int,
    late: int,
    customers: Sequence[tuple[str, float]],
    receiver_url: str,
    chance: random.Random,
) -> list[Wish]:
    """Requests of several customers (key and share of the requests), mixed; so many of them end too late."""
    keys, shares = zip(*customers, strict=True)
    too_late = set(chance.sample(range(count), late))
    return [
        _wish(
            number,
            chance.choices(keys, shares)[0],
            receiver_url,
            chance,
            is_late=number in too_late,
        )
        for number in range(count)
    ]


def _wish(
    number: int, api_key: str, receiver_url: str, chance: random.Random, *, is_late: bool
) -> Wish:
    model, task_type, values = chance.choice(_MODELS)
    words = _LATE if is_late else f"[delay={chance.uniform(0, 3):.2f}]{_trouble(chance)}"
    prompt = f"a fox, number {number} [price={chance.randrange(100, 9_000)}]{words}"
    answers = chance.choice(_BAD_RECEIVERS) if chance.random() < _BAD_RECEIVERS_SHARE else ""
    path = f"/hook/{number}" if answers else "/hook"
    webhook = {"endpoint": f"{receiver_url}{path}", "secret": f"secret-{number}"}
    config = {"webhook_config": webhook}
    return Wish(
        api_key,
        f"faults-{number}",
        {
            "model": model,
            "task_type": task_type,
            "input": {**values, "prompt": prompt},
            "config": config | {"client_reference": f"wish-{number}"},
        },
        {"X-Deadline-Seconds": "4"} if is_late else {},
        path,
        answers,
    )


def _trouble(chance: random.Random) -> str:
    drawn = chance.randrange(100)
    for share, words in _TROUBLES:
        if drawn < share:
            return words
        drawn -= share
    return ""


class Senders:
    """Sends wishes as they are released. `answered` maps a wish's key to the task that answered it."""

    def __init__(self, *, url: str, wishes: Sequence[Wish]) -> None:
        self._url = f"{url}/api/v1/task"
        self._left = iter(wishes)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._sending: set[asyncio.Task[None]] = set()
        self.answered: dict[str, str] = {}
        self.refused: list[str] = []
        # How often a request had to be repeated, by why.
        self.repeats: Counter[str] = Counter()

    async def __aenter__(self) -> "Senders":
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        self._session = aiohttp.ClientSession(timeout=timeout)
        return self

    async def __aexit__(self, *_: object) -> None:
        for one in self._sending:
            one.cancel()
        await asyncio.gather(*self._sending, return_exceptions=True)
        await self._session.close()

    def release(self, count: int) -> None:
        """Begin to send so many more."""
        for _, wish in zip(range(count), self._left, strict=False):
            job = asyncio.get_running_loop().create_task(self._send(wish))
            self._sending.add(job)
            job.add_done_callback(self._sending.discard)

    async def all_answered(self, *, seconds: float) -> bool:
        """Wait for the answers to all that was released; False when the time is over."""
        if self._sending:
            await asyncio.wait(tuple(self._sending), timeout=seconds)
        return not self._sending

    async def _send(self, wish: Wish) -> None:
        wait = 0.1
        while not await self._is_answered(wish):
            await asyncio.sleep(wait)
            wait = min(wait * 1.7, _SLOWEST_RETRY_SECONDS)

    async def _is_answered(self, wish: Wish) -> bool:
        headers = {"x-api-key": wish.api_key, "idempotency-key": wish.idempotency_key}
        try:
            async with (
                self._slots,
                self._session.post(
                    self._url, json=wish.body, headers=headers | wish.headers
                ) as response,
            ):
                data = await response.json(content_type=None)
                return self._take(wish, response.status, data)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            self.repeats[type(error).__name__] += 1
            return False

    def _take(self, wish: Wish, status: int, data: Any) -> bool:
        if status == 200:
            self.answered[wish.idempotency_key] = data["data"]["task_id"]
            return True
        if status == 429 or status >= 500:
            self.repeats[str(status)] += 1
            return False
        self.refused.append(f"{wish.idempotency_key}: {status} {data}")
        return True
