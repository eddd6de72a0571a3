"""What a call may cost at most, set aside; and how far it gets where there is less."""

from dataclasses import dataclass, replace

from apps.catalog.llm.pricing import LlmPrice
from apps.llm.policies import Bounds
from apps.llm.services.lane import Lane
from apps.llm.services.purse import Reservation
from apps.llm.services.questions import Question
from apps.providers.llm.base import Operation

# With less than this much to write a stream is not worth beginning.
_LEAST_STREAM = 16
_LEAST_WHOLE = 256
# Whose whole answers can be told to be shorter.
_LIMITABLE = (Operation.CHAT, Operation.COMPLETIONS, Operation.RESPONSES, Operation.MESSAGES)


@dataclass(slots=True)
class Held:
    """Points for one call. `output_tokens`: how much may be written for them; None: as much as it wants."""

    reservation: Reservation
    price: LlmPrice
    bounds: Bounds
    output_tokens: int | None

    @property
    def points(self) -> int:
        return self.reservation.points


async def hold(lane: Lane, question: Question, price: LlmPrice, bounds: Bounds) -> Held | None:
    """Set the worst case aside, or where that is not there, what there is, and then the answer ends when it is used up.

    None for what is free: it needs no block, and no credits either. Raises InsufficientCredits or SpendLimitReached:
    there is too little even for the beginning of an answer, or the caller asked for a whole one of a certain length.
    """
    worst = price.worst(bounds.most)
    if not worst:
        return None
    reservation = lane.purse.at_once(question.identity, wanted=worst)
    if reservation is None:
        least = _least(question, price, bounds, worst)
        reservation = await lane.purse.reserve(question.identity, wanted=worst, least=least)
    output = None if reservation.points >= worst else affordable(price, bounds, reservation.points)
    return Held(reservation, price, bounds, output)


def _least(question: Question, price: LlmPrice, bounds: Bounds, worst: int) -> int:
    most = bounds.most.output_tokens
    if question.is_stream:
        few = min(_LEAST_STREAM, most)
    elif question.output_tokens is None and most and question.operation in _LIMITABLE:
        few = min(_LEAST_WHOLE, most)
    else:
        return worst
    return min(worst, price.worst(replace(bounds.most, output_tokens=few)))


def affordable(price: LlmPrice, bounds: Bounds, points: int) -> int:
    """The most output tokens that cost no more than `points`, whatever was read."""
    low, high = 0, bounds.most.output_tokens
    while low < high:
        middle = (low + high + 1) // 2
        if price.worst(replace(bounds.most, output_tokens=middle)) <= points:
            low = middle
        else:
            high = middle - 1
    return low


def _few_more(held: Held) -> int:
    """What is worth going on for: a little more text."""
    few = replace(held.bounds.most, output_tokens=_LEAST_STREAM)
    return max(1, held.price.worst(few) - held.price.worst(replace(few, output_tokens=0)))


async def hold_more(lane: Lane, question: Question, held: Held) -> bool:
    """Try to set more aside for a stream that has used up what it had; says whether there was more.

    Credits that came in meanwhile are in the wallet, not in the block: a larger reservation takes the place of the old.
    """
    worst = held.price.worst(held.bounds.most)
    more = max(1, (worst - held.points + 3) // 4)
    if not lane.purse.extend(held.reservation, more=more):
        old = held.reservation
        least = min(more, _few_more(held))
        new = await lane.purse.reserve(
            question.identity, wanted=old.points + more, least=old.points + least
        )
        lane.purse.settle(old, cost=0)
        held.reservation = new
    held.output_tokens = (
        None if held.points >= worst else affordable(held.price, held.bounds, held.points)
    )
    return True
