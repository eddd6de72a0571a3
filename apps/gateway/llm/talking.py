"""Text answers, whole and streamed: chat completions, completions, responses and messages, by their surfaces."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from functools import lru_cache

from django.conf import settings

from apps.catalog.llm.registry import llm_model
from apps.core import refusals
from apps.core.errors import DomainError
from apps.core.money import POINTS_PER_USD
from apps.gateway.conversations import gizmos
from apps.gateway.llm import requests
from apps.gateway.llm.answering import Exchange, Ready
from apps.gateway.llm.requests import Asked
from apps.gateway.surfaces import counting
from apps.gateway.surfaces.base import Bill, Encoder, Parsed, Surface, dumps
from apps.llm.models import End
from apps.llm.services import calls
from apps.llm.services.charging import Charged
from apps.llm.services.lane import Lane
from apps.llm.services.questions import Question
from apps.llm.services.serving import Serving, Whole
from apps.providers.llm.base import Operation, Piece, Usage

_STREAM = "text/event-stream; charset=utf-8"
_STREAM_HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}
# A client that takes nothing for so long has left.
_SEND_SECONDS = 60
_OUTPUT_FIELDS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


class Talk:
    """The work of an endpoint that speaks one surface."""

    def __init__(self, surface: Surface) -> None:
        self._surface = surface

    async def __call__(self, lane: Lane, exchange: Exchange, asked: Asked) -> None:
        parsed = self._surface.parse(requests.parsed(await exchange.body()))
        answered_as = await gizmos.resolved(
            parsed, operation=self._surface.operation, identity=asked.identity
        )
        question = question_of(self._surface, answered_as, asked=asked, request_id=exchange.name)
        with await calls.opened(lane, question, told=exchange.told) as call:
            exchange.told["x-call-id"] = str(question.call_id)
            if parsed.is_stream:
                encode = self._surface.encoder
                await Streaming(exchange, call, lambda native: encode(parsed, is_native=native))()
            else:
                await self._whole(exchange, call, parsed)

    async def _whole(self, exchange: Exchange, call: Serving, parsed: Parsed) -> None:
        def shown(whole: Whole) -> Ready:
            bill = bill_of(call, whole.charged)
            body = whole.answer.body
            assert isinstance(body, dict)  # noqa: S101 - text answers are JSON, see Answer
            answer = self._surface.answer(
                body, parsed, is_native=whole.is_native, usage=whole.charged.usage, bill=bill
            )
            note_sandbox(exchange, call)
            return exchange.ready(dumps(answer), headers=cost_headers(bill))

        await exchange.give(await call.answer(shown))


def question_of(surface: Surface, parsed: Parsed, *, asked: Asked, request_id: str) -> Question:
    """The request in the domain's words, with what can be told of its size."""
    operation, body = surface.operation, parsed.body
    pictures = llm_model(parsed.model).image_tokens
    size = counting.measured(operation, body, image_tokens=pictures)
    output = next((body[name] for name in _OUTPUT_FIELDS if body.get(name) is not None), None)
    is_chat = operation is Operation.CHAT
    return Question(
        identity=asked.identity,
        operation=operation,
        model=parsed.model,
        body=body,
        request_id=request_id,
        least_input=size.least,
        most=Usage(input_tokens=size.most, audio_input_tokens=_audio(body, size.most)),
        counted_input=size.counted,
        as_chat=None if is_chat else lambda: surface.to_chat(body),
        is_stream=parsed.is_stream,
        output_tokens=output,
        choices=body.get("n") or body.get("best_of") or 1,
        service_mode=asked.service_mode,
    )


def _audio(body: object, most: int) -> int:
    # Which of the bytes are sound only the provider knows; dearer sound is held for where there is any.
    return most if b"input_audio" in dumps(body) else 0


class Streaming:
    """One stream to a client: starts with the first piece or the first long wait, ends with usage and cost."""

    def __init__(
        self, exchange: Exchange, call: Serving, encoder: Callable[[bool], Encoder]
    ) -> None:
        self._exchange = exchange
        self._call = call
        self._make = encoder
        self._encoder: Encoder | None = None
        self._loop = asyncio.get_running_loop()
        self._sent_at = self._loop.time()
        self._sending = 0
        self._is_stuck = False

    async def __call__(self) -> None:
        me = asyncio.current_task()
        assert me is not None  # noqa: S101 - a coroutine runs in a task
        watching = asyncio.create_task(self._watch(me))
        self._timer = self._loop.call_later(settings.LLM_KEEP_ALIVE_SECONDS, self._look, me)
        try:
            await self._run()
        except (asyncio.CancelledError, OSError):
            # The client left, or takes nothing any more, or the server stops: in each case nobody reads on.
            await self._call.leave(End.CLIENT_LEFT)
            if watching.done():
                return
            if self._is_stuck:
                raise TimeoutError from None
            raise
        finally:
            self._timer.cancel()
            watching.cancel()

    async def _watch(self, streaming: "asyncio.Task[None]") -> None:
        await self._exchange.gone()
        streaming.cancel()

    def _look(self, streaming: "asyncio.Task[None]") -> None:
        """Something now and then while the provider is silent, so that nothing in between cuts the connection.

        One timer for a stream, which also sees when the client takes nothing: writes are too many for one each.
        """
        now = self._loop.time()
        every = settings.LLM_KEEP_ALIVE_SECONDS
        if self._sending and now >= self._sent_at + _SEND_SECONDS:
            self._is_stuck = True
            streaming.cancel()
            return
        due = now + every
        if not self._sending:
            if now >= self._sent_at + every:
                encoder = self._encoder or self._make(False)
                self._keeping = self._loop.create_task(self._write(encoder.keep_alive))
            else:
                due = self._sent_at + every
        self._timer = self._loop.call_at(due, self._look, streaming)

    async def _run(self) -> None:
        try:
            pieces: list[Piece] | None = await self._call.start()
            note_sandbox(self._exchange, self._call)
            encoder = self._encoder = self._make(self._call.is_native)
            while pieces is not None:
                if data := b"".join([encoder.piece(piece) for piece in pieces]):
                    await self._write(data)
                pieces = await self._call.more()
            charged = await self._call.finish()
        except DomainError as error:
            if not self._exchange.has_begun:
                raise
            await self._fail(error)
            return
        bill = bill_of(self._call, charged)
        await self._write(encoder.end(charged.usage, bill), is_last=True)

    async def _fail(self, error: DomainError) -> None:
        encoder = self._encoder or self._make(False)
        refusal = refusals.of_error(error, request_id=self._exchange.name)
        await self._write(encoder.failed(refusal), is_last=True)

    async def _write(self, data: bytes, *, is_last: bool = False) -> None:
        self._sent_at = self._loop.time()
        self._sending += 1
        try:
            if not self._exchange.has_begun:
                await self._exchange.begin(content_type=_STREAM, headers=_STREAM_HEADERS)
            await self._exchange.write(data, is_last=is_last)
        finally:
            self._sending -= 1


def note_sandbox(exchange: Exchange, call: Serving) -> None:
    """An answer of what stands in for a model says so."""
    if call.is_sandbox:
        exchange.told["x-served-by"] = "sandbox"


def bill_of(call: Serving, charged: Charged) -> Bill:
    return Bill(
        points=charged.points,
        usd=usd(charged.points),
        usage_source=charged.usage_source.value,
        call_id=str(call.question.call_id),
    )


@lru_cache(maxsize=4096)
def usd(points: int) -> str:
    """Exact dollars of points: "0.0001234"."""
    return f"{(Decimal(points) / POINTS_PER_USD).normalize():f}"


def cost_headers(bill: Bill) -> dict[str, str]:
    """What a call cost, for programs that read no bodies."""
    return {
        "x-cost-points": str(bill.points),
        "x-cost-usd": bill.usd,
        "x-usage-source": bill.usage_source,
    }
