"""Where a call begins: admitted, priced, held for. What comes back answers it (`serving`).

with await calls.opened(lane, question) as call:
    body = await call.answer(lambda whole: whole.answer.body)
"""

from dataclasses import replace

from apps.byoa.selectors import require_seat
from apps.catalog.llm.model import LlmModel
from apps.catalog.llm.pricing import LlmPrice
from apps.core.threads import in_thread
from apps.llm.policies import Bounds
from apps.llm.services import admission, holding, moderation
from apps.llm.services.lane import Lane
from apps.llm.services.questions import Question, bounds
from apps.llm.services.recorder import Priced
from apps.llm.services.serving import Serving


async def opened(
    lane: Lane,
    question: Question,
    *,
    told: dict[str, str] | None = None,
    price: LlmPrice | None = None,
    family: str = "",
) -> Serving:
    """A call that may be made, for a `with`: until its end what it may cost is held.

    `told` gets headers about the caller's allowance. Raises a DomainError when it may not be made; then nothing was
    held or charged.

    `price` is in place of the model's, and of a whole answer: one that breaks off costs nothing. `family` is whose
    seats and accounts a private call uses in place of the model's.
    """
    admitted = admission.admit(question)
    if family and admitted.is_private:
        admitted = replace(admitted, model=replace(admitted.model, family=family))
    model = admitted.model
    limits = bounds(
        question, context_tokens=model.context_tokens, output_tokens=admitted.output_tokens
    )
    if admitted.is_private:
        await in_thread(
            require_seat, workspace_id=question.identity.workspace_id, family=model.family
        )
    if price is not None and not admitted.is_private:
        limits = replace(limits, is_flat=True)
    price = None if admitted.is_private else await _price(lane, question, model, price)
    await moderation.check(question)
    tokens = await lane.limits.count_tokens(
        question.identity,
        tokens=_tokens_ahead(question, limits),
        told=told if told is not None else {},
    )
    held = None
    try:
        if price is not None:
            held = await holding.hold(lane, question, price, limits)
    except BaseException:
        lane.limits.correct_tokens(tokens, used=0)
        raise
    return Serving(lane, question, admitted, bounds=limits, held=held, tokens=tokens)


async def _price(
    lane: Lane, question: Question, model: LlmModel, given: LlmPrice | None
) -> LlmPrice:
    if given is None:
        return await lane.price(model, question.identity)
    kept_as = given.as_json()
    lane.recorder.know_price(
        Priced(given.version, model.name, kept_as["rates"], given.minimum_points)
    )
    return given


def _tokens_ahead(question: Question, limits: Bounds) -> int:
    """What a call counts for in its key's minute before it is made: what it asks, and what it allows to be written.

    Where it sets no limit, what was written is counted when it is known: counting a model's longest answer for each
    call would leave nothing of most minutes.
    """
    written = 0 if question.output_tokens is None else limits.most.output_tokens
    return limits.counted_input + written
