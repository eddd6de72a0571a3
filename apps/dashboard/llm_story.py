"""A call in words: how it ended and what that means for the money, who was tried, and why it cost what it did."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

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
    End.COMPLETED: gettext_noop("Answered."),
    End.EMPTY: gettext_noop("The model answered with nothing."),
    End.CLIENT_LEFT: gettext_noop("The caller left before the end."),
    End.OUT_OF_CREDITS: gettext_noop("The answer was cut when the credits were used up."),
    End.UPSTREAM_CUT: gettext_noop("The provider broke the answer off."),
    End.TIMED_OUT: gettext_noop("The provider took too long."),
    End.REFUSED: gettext_noop("The provider refused the request."),
    End.FAILED: gettext_noop("No provider could answer."),
    End.GATEWAY_LOST: gettext_noop("Our own process was lost in the middle of the answer."),
}
_PRIVATE = "private"


def tone(end: str) -> str:
    """The colour word of an end."""
    return _TONES.get(End(end), "bad")


def headline(last: Usage, attempts: Sequence[Usage]) -> str:
    """How it ended, and whether it was charged."""
    ended, money = _(_ENDED[End(last.end)]), _money(last)
    if len(attempts) > 1:
        words = _("{ended} It took {count} attempts. {money}")
        return words.format(ended=ended, count=len(attempts), money=money)
    return _("{ended} {money}").format(ended=ended, money=money)


def _money(last: Usage) -> str:
    if last.service_mode == _PRIVATE:
        return _("It ran on your own account and cost no credits.")
    if not last.points:
        return _("Nothing was charged.")
    if last.end == End.COMPLETED:
        return _("It cost {price}.").format(price=format_usd(last.points))
    return _("What had arrived was charged: {price}.").format(price=format_usd(last.points))


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
    first = attempt.first_ms
    return Shown(
        attempt=attempt,
        tone=tone(attempt.end),
        whose=_whose(attempt, is_own=is_own, sees_all=sees_all),
        error=_error(attempt, sees_all=sees_all),
        total=timedelta(milliseconds=attempt.total_ms),
        first=None if first is None else timedelta(milliseconds=first),
    )


def _whose(attempt: Usage, *, is_own: bool, sees_all: bool) -> str:
    account = attempt.account
    if account is None:
        return (
            _("our own server") if attempt.account_id is None else _("an account that is deleted")
        )
    if not sees_all:
        return _("our account")
    words = _("your account “{label}”") if is_own else _("our account “{label}”")
    return words.format(label=account.label)


def _error(attempt: Usage, *, sees_all: bool) -> str:
    if not attempt.error or sees_all or attempt.end == End.REFUSED:
        return attempt.error
    if attempt.end != End.FAILED:
        return _(_ENDED[End.FAILED])
    return _("The provider did not answer.")


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
        CostLine(_plain(part.quantity), _(part.word), _dollars(part.rate), _dollars(part.points))
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
