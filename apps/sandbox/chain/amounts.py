"""What people type into the wallet, in a token's smallest units."""

from decimal import Decimal, InvalidOperation

_MOST = 1_000_000


class NotAnAmount(Exception):
    """It cannot be sent; the message says why."""


def units(text: str, *, decimals: int) -> int:
    """ "12.5" of a token with six decimals is 12,500,000. Raises NotAnAmount."""
    try:
        amount = Decimal(text.strip())
    except InvalidOperation:
        raise NotAnAmount("The amount is not a number.") from None
    if not amount.is_finite() or not 0 < amount <= _MOST:
        raise NotAnAmount(f"The amount is not between 0 and {_MOST:,}.")
    scaled = amount.scaleb(decimals)
    if scaled != scaled.to_integral_value():
        raise NotAnAmount(f"The token has {decimals} decimals.")
    return int(scaled)
