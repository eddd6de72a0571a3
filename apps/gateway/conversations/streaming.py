"""A round as it streams: what is sent to the client, and what is kept of it while it goes on and when it ends."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import cast

from apps.core.errors import DomainError
from apps.core.threads import in_thread
from apps.gateway.conversations.events import RoundEncoder
from apps.gateway.llm.answering import Exchange
from apps.gateway.llm.talking import Streaming, bill_of
from apps.gateway.surfaces.base import Encoder
from apps.llm.services.conversations import rounds
from apps.llm.services.conversations.rounds import Ending, Round, State
from apps.llm.services.serving import Serving
from apps.providers.llm.base import Piece


class RoundStream(Streaming):
    """Like every stream, and kept: the answer is written down before the client gets its last event."""

    def __init__(self, exchange: Exchange, call: Serving, round: Round) -> None:
        self._round = round
        self._writing = RoundEncoder(round)
        # An encoder's comment is an attribute; this one makes it when it is asked for.
        super().__init__(exchange, call, lambda is_native: cast(Encoder, self._writing))
        self._is_kept = False

    async def __call__(self) -> None:
        with self._beating():
            try:
                await super().__call__()
            finally:
                # Nobody reads on, or this process stops: what there is of the answer stays.
                if not self._is_kept:
                    await asyncio.shield(self._keep(self._stopped()))

    async def _run(self) -> None:
        try:
            pieces: list[Piece] | None = await self._call.start()
            while pieces is not None:
                if data := b"".join([self._writing.piece(piece) for piece in pieces]):
                    await self._write(data)
                pieces = await self._call.more()
            charged = await self._call.finish()
            _require(self._writing.text, points=charged.points)
        except DomainError as error:
            await self._keep(Ending.failed(error, text=self._text, points=self._points))
            if not self._exchange.has_begun:
                raise
            await self._fail(error)
            return
        await self._keep(Ending(State.FINISHED, self._text, charged.points))
        end = self._writing.end(charged.usage, bill_of(self._call, charged))
        await self._write(end)
        await self._exchange.close()

    @property
    def _points(self) -> int:
        return self._call.charged.points if self._call.charged else 0

    @property
    def _text(self) -> str:
        return self._writing.text.encode("utf-8", "replace").decode("utf-8")

    def _stopped(self) -> Ending:
        return Ending(State.STOPPED, self._text, self._points)

    async def _keep(self, ending: Ending) -> None:
        self._is_kept = True
        await in_thread(rounds.finish, self._round, ending)

    @contextlib.contextmanager
    def _beating(self) -> Iterator[None]:
        task = asyncio.create_task(self._beat())
        try:
            yield
        finally:
            task.cancel()

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(rounds.BEAT_SECONDS)
            with contextlib.suppress(Exception):  # the next beat tells as well
                await in_thread(rounds.beat, self._round, text=self._text)


class EmptyAnswer(DomainError):
    """The model said nothing at all."""

    type = "no_route"


def _require(text: str, *, points: int) -> None:
    if not text.strip():
        cost = "" if points else " Nothing was charged;"
        raise EmptyAnswer(f"The model gave an empty answer.{cost} Ask again.")
