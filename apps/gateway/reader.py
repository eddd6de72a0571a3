"""Reading tasks for many streams with few queries."""

import asyncio
import logging
import uuid
from dataclasses import dataclass

import orjson

from apps.core.threads import in_thread
from apps.tasks import presentation, selectors
from apps.tasks.selectors import TaskState

log = logging.getLogger(__name__)

_MOST_AT_ONCE = 200


@dataclass(frozen=True)
class Frame:
    """A task as a stream sends it. Equal ids mean that nothing changed."""

    id: str
    data: bytes
    is_final: bool


class Reader:
    """All who ask while a read is under way share the next one, so a thousand streams take one connection.

    Each gets what the database said after it asked. For one event loop.
    """

    def __init__(self) -> None:
        self._asked: dict[uuid.UUID, asyncio.Future[Frame | None]] = {}
        self._reading: asyncio.Task[None] | None = None

    async def read(self, task_id: uuid.UUID) -> Frame | None:
        """The task now, or None when there is no such task. Raises what the database raises."""
        future = self._asked.get(task_id)
        if future is None:
            future = self._asked[task_id] = asyncio.get_running_loop().create_future()
            # Nobody may be left to take an error when it comes.
            future.add_done_callback(lambda done: done.cancelled() or done.exception())
        if self._reading is None:
            self._reading = asyncio.create_task(self._run())
        return await asyncio.shield(future)

    async def _run(self) -> None:
        try:
            while self._asked:
                batch = [(one, self._asked.pop(one)) for one in list(self._asked)[:_MOST_AT_ONCE]]
                await self._answer(dict(batch))
        finally:
            self._reading = None

    async def _answer(self, batch: dict[uuid.UUID, asyncio.Future[Frame | None]]) -> None:
        try:
            frames = await in_thread(_frames, list(batch))
        except Exception as error:
            for future in batch.values():
                future.set_exception(error)
            return
        for task_id, future in batch.items():
            future.set_result(frames.get(task_id))


def _frames(task_ids: list[uuid.UUID]) -> dict[uuid.UUID, Frame]:
    found: dict[uuid.UUID, Frame] = {}
    for state in selectors.states(task_ids=task_ids):
        try:
            found[state.task.id] = frame_of(state)
        except Exception:
            # A fault in showing one task must not end the streams of others that happened to be read with it.
            log.exception("task not shown", extra={"task_id": str(state.task.id)})
    return found


def frame_of(state: TaskState) -> Frame:
    """The event's id is the task's newest event and its progress: both only change when the task does."""
    return Frame(
        id=f"{state.event_id}.{state.task.progress}",
        data=orjson.dumps(presentation.task_data(state.task)),
        is_final=state.task.is_finished,
    )
