from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.core import money

POINTS = st.integers(min_value=0, max_value=10**17)


def test_a_dollar_is_ten_million_points_and_seven_hundred_credits():
    assert money.points_from_usd("1") == 10_000_000
    assert money.points_from_credits(700) == 10_000_000
    assert money.display_credits(10_000_000) == Decimal("700.00")


@pytest.mark.parametrize(
    ("usd", "points"),
    [("0", 0), ("0.0045", 45_000), ("0.00000005", 1), ("0.00000004", 0), ("14285.714285", 142_857_142_850)],
)  # fmt: skip
def test_points_from_usd_rounds_half_a_point_up(usd: str, points: int):
    assert money.points_from_usd(usd) == points


@pytest.mark.parametrize(
    ("credits", "points"), [(100, 1_428_571), (Decimal("0.01"), 143), (0, 0), (1, 14_286)]
)
def test_points_from_credits_rounds_half_a_point_up(credits: int | Decimal, points: int):
    assert money.points_from_credits(credits) == points


@pytest.mark.parametrize(("exact", "points"), [("0", 0), ("1", 1), ("1.000001", 2), ("0.2", 1)])
def test_price_is_rounded_up_to_whole_points(exact: str, points: int):
    assert money.points_rounded_up(Decimal(exact)) == points


@pytest.mark.parametrize(
    ("points", "usd", "balance", "credits"),
    [
        (0, "$0.00", "$0.00", "0"),
        (1, "$0.0000001", "$0.00", "0"),
        (45_000, "$0.0045", "$0.00", "3.15"),
        (1_400_000, "$0.14", "$0.14", "98"),
        (9_999_999, "$0.9999999", "$0.99", "699.99"),
        (10_000_000, "$1.00", "$1.00", "700"),
        (12_345_678_900_000, "$1,234,567.89", "$1,234,567.89", "864,197,523"),
        (-30_000_000, "−$3.00", "−$3.00", "−2,100"),
        (-1, "−$0.0000001", "$0.00", "0"),
    ],
)
def test_amounts_are_written_for_people(points: int, usd: str, balance: str, credits: str):
    shown = (
        money.format_usd(points),
        money.format_balance(points),
        money.format_credits(points),
    )

    assert shown == (usd, balance, credits)


@given(POINTS)
def test_what_is_shown_is_never_above_the_exact_amount_and_never_far_below(points: int):
    credits = money.display_credits(points)
    cents = Decimal(money.format_balance(points)[1:].replace(",", ""))

    assert 0 <= Decimal(points) * 700 / 10_000_000 - credits < Decimal("0.01")
    assert 0 <= money.usd(points) - cents < Decimal("0.01")


@given(POINTS)
def test_dollars_are_written_exactly(points: int):
    assert money.points_from_usd(money.format_usd(points)[1:].replace(",", "")) == points


@given(st.decimals(min_value=0, max_value=10**12, allow_nan=False, places=6))
def test_rounding_up_adds_less_than_a_point(exact: Decimal):
    assert 0 <= money.points_rounded_up(exact) - exact < 1
