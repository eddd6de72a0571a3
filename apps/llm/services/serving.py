"""An admitted call, answered: whole, or piece by piece while its provider writes.

Whatever happens (the customer leaves, the provider breaks off, credits run out, this process is told to stop) it ends
once, with a row that says how, and with what was held given back.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Self, TypeVar

from apps.billing.services.caps import SpendLimitReached
from apps.billing.services.credits import InsufficientCredits
from apps.catalog.llm.model import LlmKind
from apps.core.errors import DomainError
from apps.core.sentences import sentence
from apps.core.values import frozen
from apps.core.wire import NoAnswer
from apps.llm import policies
from apps.llm.models import End
from apps.llm.services import charging, holding
from apps.llm.services.admission import Admitted
from apps.llm.services.charging import Charged, Try
from apps.llm.services.holding import Held
from apps.llm.services.keeping import Said
from apps.llm.services.lane import Lane
from apps.llm.services.limits import Tokens
from apps.llm.services.pictures import Pictures
from apps.llm.services.questions import Question
from apps.llm.services.reading import written_bytes
from apps.llm.services.trying import Sent, Tries, refusal
from apps.providers.base import ProviderError, ProviderRefused, ProviderUnavailable
from apps.providers.llm.base import Answer, Piece, Usage

T = TypeVar("T")

_GRACE_STEP_SECONDS = 0.5
# For the end of a body whose provider has said that this was all.
_LAST_SECONDS = 1.0
_LEFT = sentence("Nobody waited for an answer.")
_USED_UP = sentence(
    "The credits are used up in the middle of the answer: it ends here, and what you have of it"
    " was charged. Add credits and ask again."
)
_BROKEN_OFF = sentence(
    "The model's provider broke the answer off. What you have of it was charged."
)


@frozen
class Whole:
    """A whole answer and what it cost. `is_native`: it has the shape of the question's own operation."""

    answer: Answer
    is_native: bool
    charged: Charged


class Serving:
    """One call, to be used in a `with`. Either `answer`, or `start`, `more` until None and `finish`."""

    def __init__(
        self,
        lane: Lane,
        question: Question,
        admitted: Admitted,
        *,
        bounds: policies.Bounds,
        held: Held | None,
        tokens: Tokens | None,
    ) -> None:
        self._lane = lane
        self.question = question
        self.admitted = admitted
        self._bounds = bounds
        self._held = held
        self._tokens = tokens
        self._tries = Tries(lane, question, admitted, held)
        self._sent: Sent | None = None
        # Came with what was sent last, and had to be paid for first.
        self._waiting: list[Piece] = []
        self._is_ending = False
        self._said = Said(question)
        # The attempt whose whole answer is on its way out.
        self._whole: Try | None = None
        self._pictures = Pictures(held)
        self.charged: Charged | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Give back what is held where nothing was charged."""
        if self._held is not None and not self._is_ending:
            self._lane.purse.settle(self._held.reservation, cost=0)
        if self._whole is not None:
            self._whole.slot.close()
        used = self.charged.usage if self.charged else Usage()
        self._lane.limits.correct_tokens(self._tokens, used=used.input_tokens + used.output_tokens)

    # -------------------------------------------------------------------------- whole
    async def answer(self, shown: Callable[[Whole], T]) -> T:
        """The whole answer as `shown` makes it, paid for. Raises a DomainError; then nothing was charged.

        It is made while the row is written, and given out afterwards.
        """
        while True:
            sent = await self._tries.begin()
            try:
                answer = await self._read(sent)
            except (ProviderError, NoAnswer) as error:
                sent.opened.close()
                self._tries.failed(sent.one, error)
                continue
            except BaseException:
                sent.opened.close()
                charging.give_up(self._lane, sent.one, end=End.CLIENT_LEFT, error=_LEFT)
                raise
            self._said.add_whole(answer)
            self._whole = sent.one
            self._pictures.add_whole(answer)
            return await self._shown(sent, answer, shown)

    async def _shown(self, sent: Sent, answer: Answer, shown: Callable[[Whole], T]) -> T:
        how = _how_whole(answer, sent, self.admitted)
        try:
            self.charged, written = self._record(sent, how)
        finally:
            # Not before: the answer waits for its row, so that is to be on its way first.
            sent.opened.close()
        try:
            self._lane.roster.worked(sent.one.line)
            made = shown(Whole(answer, sent.is_native, self.charged))
        finally:
            await charging.recorded(sent.one, written)
        return made

    async def _read(self, sent: Sent) -> Answer:
        left = max(0.1, self._tries.deadline - time.monotonic())
        response = await sent.opened.whole(seconds=left)
        answer = sent.provider.answer(sent.call, response, sent.one.line.access)
        one = sent.one
        one.attempt.first_ms = round((time.monotonic() - one.started_at) * 1000)
        one.reported = answer.usage
        # Also where usage is reported: whether that can be is judged by it.
        one.text_bytes = written_bytes(answer.body)
        return answer

    @property
    def is_sandbox(self) -> bool:
        """Whether our own small model stands in for one that nobody has an account for."""
        return self._tries.is_sandbox

    # ------------------------------------------------------------------------- stream
    @property
    def is_native(self) -> bool:
        """Whether pieces have the shape of the question's own operation. After `start`."""
        return self._sent is not None and self._sent.is_native

    async def start(self) -> list[Piece]:
        """The first pieces. Raises a DomainError; then nothing was charged."""
        while True:
            sent = await self._tries.begin()
            self._decoder = sent.provider.decoder(sent.call, sent.one.line.access)
            try:
                pieces = await self._first(sent)
            except (ProviderError, NoAnswer) as error:
                sent.opened.close()
                self._tries.failed(sent.one, error)
                continue
            except BaseException:
                sent.opened.close()
                charging.give_up(self._lane, sent.one, end=End.CLIENT_LEFT, error=_LEFT)
                raise
            one = sent.one
            one.attempt.first_ms = round((time.monotonic() - one.started_at) * 1000)
            self._sent = sent
            if pieces is None:
                return []
            return await self._delivered(sent, pieces)

    async def _first(self, sent: Sent) -> list[Piece] | None:
        """The pieces up to the first that says something: until then another account may still answer instead."""
        found: list[Piece] = []
        while (pieces := await self._pieces(sent)) is not None:
            found += pieces
            if any(piece.text or piece.raw for piece in pieces):
                break
        return found or None

    async def more(self) -> list[Piece] | None:
        """The next pieces, None at the end. Raises a DomainError where the stream broke off; what came is charged."""
        sent = self._required()
        try:
            pieces = await self._pieces(sent)
        except (ProviderError, NoAnswer) as error:
            await self._broken(sent, error)
            raise refusal_midway(error) from None
        return None if pieces is None else await self._delivered(sent, pieces)

    async def finish(self) -> Charged:
        """All has come and was sent: write down what it cost, before the last bytes go."""
        sent = self._required()
        if sent.opened.has_ended:
            sent.opened.close()
        else:
            self._lane.beside(sent.opened.ended(seconds=_LAST_SECONDS))
        self._lane.roster.worked(sent.one.line)
        is_empty = not sent.one.text_bytes and not _has_output(sent.one.reported)
        return await self._end(sent, End.EMPTY if is_empty else End.COMPLETED)

    async def leave(self, end: End = End.CLIENT_LEFT) -> None:
        """Nobody reads any more: the provider is cut off, and what it had written is charged. Safe to repeat."""
        sent = self._sent
        if sent is not None and not self._is_ending:
            sent.opened.close()
            await self._end(sent, end)

    async def _pieces(self, sent: Sent) -> list[Piece] | None:
        """The next pieces that say anything; None when the provider has said all."""
        if self._waiting:
            pieces, self._waiting = self._waiting, []
            return pieces
        while not self._decoder.is_complete:
            if time.monotonic() > self._tries.deadline:
                raise NoAnswer(sentence("The answer took too long."), sent=True)
            data = await sent.opened.read(idle_seconds=self._lane.timing.idle)
            pieces = self._decoder.feed(data) if data else self._decoder.close()
            if pieces:
                return pieces
            if not data:
                return None
        return None

    async def _delivered(self, sent: Sent, pieces: list[Piece]) -> list[Piece]:
        """Count what is about to be sent. Raises InsufficientCredits where all of it goes beyond what is held."""
        one = sent.one
        written = sum(map(_size, pieces))
        if written and not self._is_affordable(one.text_bytes + written):
            pieces = await self._affordable(sent, pieces)
            written = sum(map(_size, pieces))
        for piece in pieces:
            if piece.usage is not None:
                one.reported = piece.usage
        one.text_bytes += written
        self._said.add(pieces)
        self._pictures.add(pieces)
        if written:
            charging.note_delivery(one, self._held)
        return pieces

    async def _affordable(self, sent: Sent, pieces: list[Piece]) -> list[Piece]:
        """As many of the pieces as what is held pays for, at least one; the others wait for the next time."""
        written = sent.one.text_bytes + _size(pieces[0])
        if not self._is_affordable(written):
            await self._wait_for_credits(sent, written)
        count = 1
        for piece in pieces[1:]:
            written += _size(piece)
            if not self._is_affordable(written):
                break
            count += 1
        self._waiting = pieces[count:]
        return pieces[:count]

    def _is_affordable(self, text_bytes: int) -> bool:
        held = self._held
        if held is None or held.output_tokens is None:
            return True
        return policies.tokens_of(text_bytes) <= held.output_tokens

    async def _wait_for_credits(self, sent: Sent, text_bytes: int) -> None:
        """The stated grace: for so long a stream stands still, in case that credits come in; then it ends."""
        held = self._held
        until = time.monotonic() + self._lane.timing.grace
        while held is not None:
            try:
                await holding.hold_more(self._lane, self.question, held)
            except (InsufficientCredits, SpendLimitReached) as error:
                if time.monotonic() >= until:
                    sent.opened.close()
                    await self._end(sent, End.OUT_OF_CREDITS)
                    raise type(error)(
                        _USED_UP,
                        detail=error.detail,
                    ) from None
                await asyncio.sleep(_GRACE_STEP_SECONDS)
            else:
                charging.move(self._lane, sent.one, held, input_tokens=self._bounds.counted_input)
                if self._is_affordable(text_bytes):
                    return

    async def _broken(self, sent: Sent, error: ProviderError | NoAnswer) -> None:
        sent.opened.close()
        if isinstance(error, NoAnswer):
            is_late = str(error) != "The answer broke off."
            self._lane.roster.failed(sent.one.line, ProviderUnavailable(str(error)))
            end = End.TIMED_OUT if is_late else End.UPSTREAM_CUT
        else:
            if not isinstance(error, ProviderRefused):
                self._lane.roster.failed(sent.one.line, error)
            end = End.UPSTREAM_CUT
        await self._end(sent, end, error=str(error))

    async def _end(self, sent: Sent, how: End, *, error: str = "") -> Charged:
        self.charged, written = self._record(sent, how, error=error)
        await charging.recorded(sent.one, written)
        return self.charged

    def _record(
        self, sent: Sent, how: End, *, error: str = ""
    ) -> tuple[Charged, "asyncio.Future[bool]"]:
        # From here on the row decides what is given back, even if nobody waits for it.
        self._is_ending = True
        sent.one.pictures = self._pictures.count
        if self._said.is_kept:
            self._lane.beside(self._said.write())
        return charging.record(self._lane, sent.one, self._held, self._bounds, how=how, error=error)

    def _required(self) -> Sent:
        if self._sent is None:
            raise RuntimeError("a stream goes on before it has started")
        return self._sent


def refusal_midway(error: ProviderError | NoAnswer) -> DomainError:
    """The same as before an answer, but something was charged already."""
    found = refusal(error)
    if found.type == "no_route":
        found.message = found.words = _BROKEN_OFF
    return found


def _size(piece: Piece) -> int:
    """Bytes of what was written in it."""
    text = piece.text
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def _how_whole(answer: Answer, sent: Sent, admitted: Admitted) -> End:
    is_text = admitted.model.kind is LlmKind.CHAT
    is_empty = is_text and not sent.one.text_bytes and not _has_output(answer.usage)
    return End.EMPTY if is_empty else End.COMPLETED


def _has_output(usage: Usage | None) -> bool:
    return usage is not None and (usage.output_tokens > 0 or usage.images > 0)
