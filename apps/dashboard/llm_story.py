"""A call in words: how it ended and what that means for the money, who was tried, and why it cost what it did."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from apps.core.money import format_rate, format_usd
from apps.llm.models import End, Usage
from apps.llm.selectors.breakdown import Breakdown

_TONES = {
    End.COMPLETED: "ok",
    End.EMPTY: "idle",
    End.CLIENT_LEFT: "idle",
    End.OUT_OF_CREDITS: "warn",
}
_ENDED = {
    End.COMPLETED: "Answered.",
    End.EMPTY: "The model answered with nothing.",
    End.CLIENT_LEFT: "The caller left before the end.",
    End.OUT_OF_CREDITS: "The answer was cut when the credits were used up.",
    End.UPSTREAM_CUT: "The provider broke the answer off.",
    End.TIMED_OUT: "The provider took too long.",
    End.REFUSED: "The provider refused the request.",
    End.FAILED: "No provider could answer.",
    End.GATEWAY_LOST: "Our own process was lost in the middle of the answer.",
}
_PRIVATE = "private"


def tone(end: str) -> str:
    """The colour word of an end."""
    return _TONES.get(End(end), "bad")


def headline(last: Usage, attempts: Sequence[Usage]) -> str:
    """How it ended, and whether it was charged."""
    tries = f" It took {len(attempts)} attempts." if len(attempts) > 1 else ""
    return f"{_ENDED[End(last.end)]}{tries} {_money(last)}"


def _money(last: Usage) -> str:
    if last.service_mode == _PRIVATE:
        return "It ran on your own account and cost no credits."
    if not last.points:
        return "Nothing was charged."
    if last.end == End.COMPLETED:
        return f"It cost {format_usd(last.points)}."
    return f"What had arrived was charged: {format_usd(last.points)}."


@dataclass(frozen=True)
class Shown:
    """An attempt as somebody may see it. `whose`: the account, in words; `error`: what the provider said, or less."""

    attempt: Usage
    tone: str
    whose: str
    error: str
    total: timedelta
    first: timedelta | None


def shown(attempt: Usage, *, workspace_id: int, is_staff: bool) -> Shown:
    """The operator's accounts have names and troubles that are not the customer's to see."""
    account = attempt.account
    is_own = account is not None and account.workspace_id == workspace_id
    sees_all = is_own or is_staff
    whose = "your account" if is_own else "our account"
    if account is None:
        whose = "our own server" if attempt.account_id is None else "an account that is deleted"
    elif sees_all:
        whose = f"{whose} “{account.label}”"
    first = attempt.first_ms
    return Shown(
        attempt=attempt,
        tone=tone(attempt.end),
        whose=whose,
        error=_error(attempt, sees_all=sees_all),
        total=timedelta(milliseconds=attempt.total_ms),
        first=None if first is None else timedelta(milliseconds=first),
    )


def _error(attempt: Usage, *, sees_all: bool) -> str:
    if not attempt.error or sees_all or attempt.end == End.REFUSED:
        return attempt.error
    return _ENDED[End.FAILED] if attempt.end != End.FAILED else "The provider did not answer."


@dataclass(frozen=True)
class CostLine:
    """One summand, written out."""

    quantity: str
    word: str
    rate: str
    amount: str


@dataclass(frozen=True)
class Cost:
    """The sum as the page shows it: exact parts, then one rounding."""

    lines: list[CostLine]
    exact: str
    minimum: str
    total: str


def cost(found: Breakdown | None) -> Cost | None:
    """None where nothing was charged, or nobody kept the price."""
    if found is None:
        return None
    lines = [
        CostLine(_plain(part.quantity), part.word, _dollars(part.rate), _dollars(part.points))
        for part in found.parts
    ]
    minimum = format_usd(found.minimum_points) if found.is_minimum else ""
    return Cost(lines, _dollars(found.exact), minimum, format_usd(found.total))


def _plain(number: Fraction) -> str:
    if number.denominator == 1:
        return f"{number.numerator:,}"
    return f"{_decimal(number):f}"


def _dollars(points: Fraction) -> str:
    return format_rate(_decimal(points))


def _decimal(number: Fraction) -> Decimal:
    return Decimal(number.numerator) / Decimal(number.denominator)
