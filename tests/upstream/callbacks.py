"""The provider's own webhooks: once, twice, late, in the wrong order, or with the wrong secret."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import aiohttp
import orjson

from tests.upstream.store import Task

Shown = Callable[[Task], dict[str, Any]]

_AT_ONCE = 64
_SECONDS = 10
# The clock that decides whether a task is ready and the loop's own are not the same one.
_MARGIN_SECONDS = 0.01


class Callbacks:
    """`sent` counts those that were answered at all. One that fails is not sent again: callbacks are hints."""

    def __init__(self) -> None:
        self.sent = 0
        self._session: aiohttp.ClientSession | None = None
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._jobs: set[asyncio.Task[None]] = set()

    def plan(self, task: Task, shown: Shown) -> None:
        """Tell the task's endpoint, when it has one, as its behaviour says."""
        endpoint, _ = task.webhook
        how = task.behaviour.callbacks
        if not endpoint or how == "none":
            return
        job = asyncio.get_running_loop().create_task(self._run(task, shown, how))
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def _run(self, task: Task, shown: Shown, how: str) -> None:
        begun = shown(task)
        if how == "all":
            await self._send(task, begun)
        wait = task.behaviour.delay + (task.behaviour.late if how == "late" else 0)
        await asyncio.sleep(wait + _MARGIN_SECONDS)
        ended = shown(task)
        for _ in range(task.behaviour.repeat):
            await self._send(task, ended)
        if how == "reordered":
            await self._send(task, begun)

    async def _send(self, task: Task, data: dict[str, Any]) -> None:
        endpoint, secret = task.webhook
        if task.behaviour.callbacks == "forged":
            secret = "forged-secret"
        async with self._slots:
            try:
                async with self._client().post(
                    endpoint,
                    data=orjson.dumps({"timestamp": int(time.time()), "data": data}),
                    headers={"content-type": "application/json", "x-webhook-secret": secret},
                ) as response:
                    await response.read()
            except (aiohttp.ClientError, TimeoutError):
                return
        self.sent += 1

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=_SECONDS)
            self._session = aiohttp.ClientSession(timeout=timeout)
        return self._session

    async def close(self) -> None:
        for job in tuple(self._jobs):
            job.cancel()
        await asyncio.gather(*self._jobs, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
