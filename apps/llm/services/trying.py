"""Attempts to have a call answered: an account, a request to it, and the next account when that fails."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from apps.byoa.selectors import NoRoute
from apps.catalog.llm.model import LlmRoute
from apps.core.egress import Opened
from apps.core.errors import DomainError, InvalidRequest
from apps.core.sentences import sentence
from apps.core.wire import NoAnswer
from apps.llm.models import End
from apps.llm.services import charging
from apps.llm.services.admission import Admitted
from apps.llm.services.attempts import Attempt
from apps.llm.services.charging import Try
from apps.llm.services.holding import Held
from apps.llm.services.lane import Lane
from apps.llm.services.questions import Question
from apps.llm.services.roster import Full, Line, NobodyServes
from apps.providers.base import ProviderError, ProviderRefused, ProviderUnavailable
from apps.providers.llm.base import Call, LlmProvider, Operation
from apps.providers.llm.registry import llm_provider

_MOST_TRIES = 4
# For an account with a free slot.
_QUEUE_SECONDS = 60.0
_LOOK_SECONDS = 1.0
_RETRY_AFTER_SECONDS = 10
Why = ProviderRefused.Why


class PromptRejected(DomainError):
    """The provider, or what watches over prompts here, would not."""

    type = "prompt_rejected"


class Tries:
    """All attempts of one call. `begin` opens the next; whoever has it ends it with `charging` or `failed`."""

    def __init__(
        self, lane: Lane, question: Question, admitted: Admitted, held: Held | None
    ) -> None:
        self._lane = lane
        self._question = question
        self._admitted = admitted
        self.held = held
        self._avoid: list[Line] = []
        self._number = 0
        # The answer comes from what stands in for the model.
        self.is_sandbox = False
        self._last: DomainError | None = None
        self.deadline = time.monotonic() + lane.timing.total

    async def begin(self) -> "Sent":
        """The next account's attempt, with the head of its answer. Raises the DomainError that ends the call."""
        while True:
            one, route = await self._next()
            provider = llm_provider(route.provider)
            try:
                call = self._call(provider, route, one.line)
                opened = await self._open(one, provider, call)
            except (ProviderError, NoAnswer) as error:
                self.failed(one, error)
            except DomainError as error:
                charging.give_up(self._lane, one, end=End.REFUSED, error=error.message)
                raise
            except BaseException:
                charging.give_up(
                    self._lane,
                    one,
                    end=End.CLIENT_LEFT,
                    error=sentence("Nobody waited for an answer."),
                )
                raise
            else:
                is_native = call.operation is self._question.operation
                return Sent(one, provider, call, opened, is_native)

    def failed(self, one: Try, error: ProviderError | NoAnswer) -> None:
        """Nothing of it went to the customer: the next account may do better. Raises where none can."""
        self._tell(one.line, error)
        is_refusal = isinstance(error, ProviderRefused)
        end = End.REFUSED if is_refusal else End.FAILED
        if isinstance(error, NoAnswer) and error.sent and self._is_late(one):
            end = End.TIMED_OUT
        charging.give_up(self._lane, one, end=end, error=str(error))
        self._last = refusal(error)
        if is_refusal or self._number >= _MOST_TRIES or time.monotonic() >= self.deadline:
            raise self._last from None
        self._avoid.append(one.line)

    def _tell(self, line: Line, error: ProviderError | NoAnswer) -> None:
        if isinstance(error, NoAnswer):
            line_error: ProviderError = unavailable(error)
        else:
            line_error = error
        if not isinstance(line_error, ProviderRefused):
            self._lane.roster.failed(line, line_error)

    def _is_late(self, one: Try) -> bool:
        return time.monotonic() - one.started_at >= self._lane.timing.first

    async def _next(self) -> tuple[Try, LlmRoute]:
        line, route = await self._line()
        self._number += 1
        question, admitted, held = self._question, self._admitted, self.held
        attempt = Attempt(
            call=question.call_id,
            number=self._number,
            workspace_id=question.identity.workspace_id,
            key_id=question.identity.key_id,
            user_id=question.identity.user_id,
            model=admitted.model.name,
            operation=question.operation.value,
            provider=route.provider,
            request_id=question.request_id,
            is_stream=question.is_stream,
            is_private=admitted.is_private,
            account_id=line.account_id,
            price_version=held.price.version if held else None,
        )
        return Try(attempt, line, self._lane.journal.nothing(), time.monotonic()), route

    async def _line(self) -> tuple[Line, LlmRoute]:
        owner = self._question.identity.workspace_id if self._admitted.is_private else None
        until = min(self.deadline, time.monotonic() + _QUEUE_SECONDS)
        while True:
            try:
                line, route = await self._lane.roster.take(
                    workspace_id=owner,
                    family=self._admitted.model.family,
                    routes=self._routes(),
                    avoid=self._avoid,
                )
            except Full:
                if time.monotonic() >= until:
                    raise self._nobody(is_busy=True) from None
                await self._lane.roster.freed(seconds=_LOOK_SECONDS)
                continue
            except NobodyServes:
                if self._last is not None or not self._may_stand_in():
                    raise self._last or self._nobody() from None
                self.is_sandbox = True
                continue
            try:
                if await self._may_use(line):
                    return line, route
            except BaseException:
                self._lane.roster.free(line)
                raise
            self._lane.roster.free(line)
            self._avoid.append(line)

    def _routes(self) -> Sequence[LlmRoute]:
        sandbox = self._admitted.sandbox if self.is_sandbox else None
        return self._admitted.routes if sandbox is None else (sandbox,)

    def _may_stand_in(self) -> bool:
        """Only where the operator has no account at all for the model: a stand-in is never taken for it."""
        admitted = self._admitted
        if admitted.sandbox is None or self.is_sandbox or self._avoid:
            return False
        return not self._lane.roster.has_account(
            family=admitted.model.family, routes=admitted.routes
        )

    async def _may_use(self, line: Line) -> bool:
        """Whether the account's own limit of requests a minute has room; counts this one."""
        per_minute = line.account.requests_per_minute if line.account else None
        if per_minute is None or line.account is None:
            return True
        return await self._lane.limits.has_room(account_id=line.account.id, per_minute=per_minute)

    def _nobody(self, *, is_busy: bool = False) -> DomainError:
        name = self._admitted.model.name
        words = sentence("No account can serve {model} now.", model=name)
        if self._admitted.is_private:
            words = sentence("No own account can serve {model} now.", model=name)
        if is_busy:
            busy = sentence("All accounts are busy.")
            words = sentence("{problem} {reason}", problem=words, reason=busy)
        return NoRoute(
            sentence("{problem} Nothing was charged.", problem=words),
            retry_after=_RETRY_AFTER_SECONDS,
        )

    # ------------------------------------------------------------------------ asking
    def _call(self, provider: LlmProvider, route: LlmRoute, line: Line) -> Call:
        question = self._question
        operation = question.operation
        body: Mapping[str, Any] = question.body
        if not provider.speaks(operation, line.access):
            if question.as_chat is None or not provider.speaks(Operation.CHAT):
                raise ProviderError(f"{route.provider} does not serve {operation}.")
            operation, body = Operation.CHAT, question.as_chat()
        sets = self._admitted.model.sets
        body = {**body, **sets} if sets else body
        return Call(
            operation=operation,
            model=route.model or self._admitted.model.name,
            body=self._limited(operation, body),
            is_stream=question.is_stream,
            files=question.files,
            timeout_seconds=self._lane.timing.total,
        )

    def _limited(self, operation: Operation, body: Mapping[str, Any]) -> Mapping[str, Any]:
        """A whole answer cannot be cut when credits run out, so the model is told to keep within them."""
        held = self.held
        if held is None or held.output_tokens is None or self._question.is_stream:
            return body
        return {**body, _limit_name(operation, body): held.output_tokens}

    async def _open(self, one: Try, provider: LlmProvider, call: Call) -> Opened:
        """The head of a good answer. Raises what a bad one means."""
        request = provider.request(call, one.line.access)
        session = self._lane.session(one.line.provider)
        left = max(0.1, self.deadline - time.monotonic())
        opened = await session.open(
            request,
            seconds=min(self._lane.timing.first, left),
            on_sent=lambda: self._note_sent(one),
        )
        if 200 <= opened.status < 300:
            return opened
        try:
            response = await opened.whole(seconds=self._lane.timing.idle)
        finally:
            opened.close()
        raise provider.failure(response, one.line.access)

    def _note_sent(self, one: Try) -> None:
        held = self.held
        one.slot = self._lane.journal.open(
            one.attempt,
            block_id=held.reservation.block_id if held else None,
            input_tokens=self._question.counted_input,
        )


class Sent:
    """An attempt whose answer has begun."""

    __slots__ = ("call", "is_native", "one", "opened", "provider")

    def __init__(
        self, one: Try, provider: LlmProvider, call: Call, opened: Opened, is_native: bool
    ) -> None:
        self.one = one
        self.provider = provider
        self.call = call
        self.opened = opened
        self.is_native = is_native


def _limit_name(operation: Operation, body: Mapping[str, Any]) -> str:
    if operation is Operation.RESPONSES:
        return "max_output_tokens"
    return "max_completion_tokens" if "max_completion_tokens" in body else "max_tokens"


def unavailable(error: NoAnswer) -> ProviderError:
    """The same in the words of the accounts' health."""
    return ProviderUnavailable(str(error), is_unknown=error.sent)


def refusal(error: ProviderError | NoAnswer) -> DomainError:
    """What the customer is told of a provider's error, when no other account is to be tried."""
    if isinstance(error, ProviderRefused):
        if error.why is Why.MODERATED:
            return PromptRejected(
                sentence("The provider rejected the prompt: {said}", said=str(error))
            )
        if error.why is Why.INVALID:
            return InvalidRequest(
                sentence("The provider refused the request: {said}", said=str(error))
            )
    retry_after = getattr(error, "retry_after_seconds", None)
    return NoRoute(
        sentence("The model's provider could not answer. Nothing was charged; try again."),
        retry_after=max(1, round(retry_after)) if retry_after else _RETRY_AFTER_SECONDS,
    )
