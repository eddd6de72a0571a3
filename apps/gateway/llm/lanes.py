"""The lane of an event loop: made when it is first needed, closed when the server stops."""

import asyncio
import logging

from apps.llm.services.lane import Lane

log = logging.getLogger(__name__)


class Lanes:
    """Holds the one lane of this application. For one event loop at a time."""

    def __init__(self) -> None:
        self._lane: Lane | None = None
        self._starting: asyncio.Task[Lane] | None = None

    async def get(self) -> Lane:
        """The lane, started. Raises what starting raises, and then the next call tries again."""
        if self._lane is not None:
            return self._lane
        if self._starting is None:
            self._starting = asyncio.create_task(self._start())
        return await asyncio.shield(self._starting)

    async def _start(self) -> Lane:
        try:
            lane = Lane()
            try:
                await lane.start()
            except BaseException:
                await lane.close()
                raise
            self._lane = lane
            return lane
        finally:
            self._starting = None

    async def open(self) -> None:
        """Start at once, so that what a dead process left is seen to before the first call comes."""
        try:
            await self.get()
        except Exception as error:
            log.warning("LLM lane not started yet", extra={"error": type(error).__name__})

    async def close(self) -> None:
        """Write and settle everything. Calls have ended by now."""
        if self._starting is not None:
            await asyncio.gather(self._starting, return_exceptions=True)
        lane, self._lane = self._lane, None
        if lane is not None:
            await lane.close()
