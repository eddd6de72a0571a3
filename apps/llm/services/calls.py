"""Where a call begins: admitted, priced, held for. What comes back answers it (`serving`).

async with calls.opened(lane, question) as call:
    whole = await call.answer()
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from apps.byoa.selectors import require_seat
from apps.core.threads import in_thread
from apps.llm.services import admission, holding, moderation
from apps.llm.services.lane import Lane
from apps.llm.services.questions import Question, bounds
from apps.llm.services.serving import Serving


@asynccontextmanager
async def opened(
    lane: Lane, question: Question, *, told: dict[str, str] | None = None
) -> AsyncIterator[Serving]:
    """A call that may be made, with what it may cost held until the end of the block.

    `told` gets headers about the caller's allowance. Raises a DomainError when it may not be made; then nothing was
    held or charged.
    """
    admitted = admission.admit(question)
    model = admitted.model
    limits = bounds(
        question, context_tokens=model.context_tokens, output_tokens=admitted.output_tokens
    )
    if admitted.is_private:
        await in_thread(
            require_seat, workspace_id=question.identity.workspace_id, family=model.family
        )
    price = None if admitted.is_private else await lane.price(model, question.identity)
    await moderation.check(question)
    tokens = await lane.limits.count_tokens(
        question.identity,
        tokens=limits.most.input_tokens + limits.most.output_tokens,
        told=told if told is not None else {},
    )
    held = None
    try:
        if price is not None:
            held = await holding.hold(lane, question, price, limits)
    except BaseException:
        lane.limits.correct_tokens(tokens, used=0)
        raise
    call = Serving(lane, question, admitted, bounds=limits, held=held, tokens=tokens)
    try:
        yield call
    finally:
        call.release()
