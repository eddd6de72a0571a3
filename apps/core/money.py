"""Money is whole points: 10,000,000 points are one US dollar.

Customers see dollars first and credits second (700 credits are one dollar). Nothing here uses floats; the only rounding
that can charge anybody happens once per price, upwards, in `points_rounded_up`.
"""

from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_HALF_UP, Decimal

POINTS_PER_USD = 10_000_000
CREDITS_PER_USD = 700


def points_from_usd(usd: str | Decimal) -> int:
    """Exact points of a dollar amount, half a point up."""
    return int((Decimal(usd) * POINTS_PER_USD).to_integral_value(ROUND_HALF_UP))


def points_rounded_up(points: Decimal) -> int:
    """The one rounding of a price: never in the customer's disfavour by more than one point."""
    return int(points.to_integral_value(ROUND_CEILING))


def points_from_credits(credits: int | Decimal) -> int:
    """Points of a credit amount, half a point up: 100 credits are 1,428,571 points."""
    exact = Decimal(credits) * POINTS_PER_USD / CREDITS_PER_USD
    return int(exact.to_integral_value(ROUND_HALF_UP))


def usd(points: int) -> Decimal:
    """Dollars of a point amount, exactly."""
    return Decimal(points) / POINTS_PER_USD


def display_credits(points: int) -> Decimal:
    """Credits to show: rounded down to two decimals, so that a balance never looks larger than it is."""
    exact = Decimal(points) * CREDITS_PER_USD / POINTS_PER_USD
    return exact.quantize(Decimal("0.01"), ROUND_DOWN)


def nearest_credits(points: int) -> Decimal:
    """Credits of an amount that was promised in credits: 1,428,571 points are 100, not 99.99."""
    exact = Decimal(points) * CREDITS_PER_USD / POINTS_PER_USD
    return exact.quantize(Decimal("0.01"), ROUND_HALF_UP)


def format_gift(points: int) -> str:
    """The same as a sentence says it: "100"."""
    return _trimmed(nearest_credits(points), least_decimals=0)


def format_credits(points: int) -> str:
    """ "98" or "0.07": credits as a sentence says them."""
    return _signed(points, _trimmed(display_credits(abs(points)), least_decimals=0))


def format_usd(points: int) -> str:
    """ "$0.07", "$0.0045", "−$3.00": exact, at least two decimals, at most seven."""
    return _signed(points, f"${_trimmed(usd(abs(points)), least_decimals=2)}")


def format_balance(points: int) -> str:
    """A balance to the cent, rounded down: what can be spent is never overstated."""
    cents = usd(abs(points)).quantize(Decimal("0.01"), ROUND_DOWN)
    return _signed(points, f"${cents:,}")


def format_rate(points: Decimal) -> str:
    """A price per unit as exact dollars, at least two decimals; rates may be fractions of a point."""
    text = f"{(Decimal(points) / POINTS_PER_USD).normalize():,f}"
    whole, _, fraction = text.partition(".")
    return f"${whole}.{fraction.ljust(2, '0')}"


def _signed(points: int, amount: str) -> str:
    # What rounds to nothing has no sign.
    return f"−{amount}" if points < 0 and amount.strip("$0.,") else amount


def _trimmed(amount: Decimal, *, least_decimals: int) -> str:
    whole, _, fraction = f"{amount:,.7f}".partition(".")
    fraction = fraction.rstrip("0").ljust(least_decimals, "0")
    return f"{whole}.{fraction}" if fraction else whole
