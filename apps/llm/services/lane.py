"""What a gateway process has for its calls: money, accounts, limits, connections. One for each event loop."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.accounts.selectors import Identity
from apps.catalog.llm.model import LlmModel
from apps.catalog.llm.pricing import LlmPrice, price_of
from apps.core import egress
from apps.core.threads import in_thread
from apps.llm.services import journal, recovery
from apps.llm.services.limits import Limits
from apps.llm.services.peers import Peers
from apps.llm.services.purse import Purse
from apps.llm.services.recorder import Priced, Recorder
from apps.llm.services.roster import Roster, Share

log = logging.getLogger(__name__)

_PRICE_SECONDS = 1.5
_CONNECTIONS = 4096
_LOOK_AFTER_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds a provider has: for the first piece of an answer, between two pieces, for all of it; and how long a
    stream that ran out of credits waits for more."""

    first: float
    idle: float
    total: float
    grace: float

    @classmethod
    def of_settings(cls) -> "Timing":
        return cls(
            first=settings.LLM_FIRST_BYTE_SECONDS,
            idle=settings.LLM_IDLE_SECONDS,
            total=settings.LLM_TOTAL_SECONDS,
            grace=settings.LLM_GRACE_SECONDS,
        )


class Lane:
    """Started by the first call of a process, closed at its end."""

    def __init__(self) -> None:
        self.gateway = journal.new_name()
        self.timing = Timing.of_settings()
        self.purse = Purse(gateway=self.gateway)
        self.recorder = Recorder()
        self.limits = Limits()
        self._share = Share()
        self._peers = Peers(gateway=self.gateway, share=self._share)
        self.roster = Roster(share=self._share)
        self._folder = Path(settings.LLM_JOURNAL_DIR)
        self.journal = journal.Journal(self._folder, gateway=self.gateway)
        self._prices: dict[tuple[str, int, str], tuple[float, LlmPrice]] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._beside: set[asyncio.Task[None]] = set()
        self._sessions = contextlib.AsyncExitStack()

    async def start(self) -> None:
        """Open connections, write down what dead processes left, and begin to look after what is held."""
        self._outside = await self._sessions.enter_async_context(
            egress.Session(connections=_CONNECTIONS, per_host=0)
        )
        self._own = self._outside
        if settings.LOCAL_MODELS_SOCKET:
            self._own = await self._sessions.enter_async_context(
                egress.OwnSession(settings.LOCAL_MODELS_SOCKET)
            )
        await self._recover()
        self._tasks = [
            asyncio.create_task(self.purse.tend()),
            asyncio.create_task(self._look_after()),
            asyncio.create_task(self._peers.tend()),
        ]

    def session(self, provider: str) -> egress.Session:
        """What reaches a provider: the guarded way out, or the way to our own model server."""
        return self._own if provider == "local" else self._outside

    async def price(self, model: LlmModel, identity: Identity) -> LlmPrice:
        """The model's price for the caller, at most two seconds old. Raises NotPriced."""
        name = (model.name, identity.workspace_id, identity.plan)
        kept = self._prices.get(name)
        now = time.monotonic()
        if kept is not None and kept[0] > now:
            return kept[1]
        price = await in_thread(
            price_of, model, workspace_id=identity.workspace_id, plan=identity.plan
        )
        if len(self._prices) > _MOST_PRICES:
            self._prices.clear()
        self._prices[name] = (now + _PRICE_SECONDS, price)
        kept_as = price.as_json()
        self.recorder.know_price(
            Priced(price.version, model.name, kept_as["rates"], price.minimum_points)
        )
        return price

    def beside(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something that no call waits for, and that sees to its errors itself."""
        task = asyncio.create_task(work)
        self._beside.add(task)
        task.add_done_callback(self._beside.discard)

    async def _look_after(self) -> None:
        while True:
            await asyncio.sleep(_LOOK_AFTER_SECONDS)
            try:
                await self._recover()
                await self.roster.note_calls()
            except Exception as error:
                log.warning("lane not looked after", extra={"error": type(error).__name__})

    async def _recover(self) -> None:
        await in_thread(recovery.recover, self._folder, but=self.gateway)

    async def close(self) -> None:
        """Write, settle and give back everything. Calls must have ended."""
        await _ended(self._tasks)
        await asyncio.gather(*self._beside, return_exceptions=True)
        await self.roster.close()
        await self.recorder.close()
        await self.purse.close()
        await self.limits.close()
        await self._peers.close()
        await self._sessions.aclose()
        self.journal.close()


async def _ended(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel, and again where a client library took the cancelling for an error of its connection."""
    while pending := [task for task in tasks if not task.done()]:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending, timeout=0.5)


_MOST_PRICES = 10_000
