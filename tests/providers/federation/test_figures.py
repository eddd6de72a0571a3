from typing import Any

import pytest

from apps.core.wire import Response
from apps.providers.base import Figures, TellsFigures
from tests.providers.federation.samples import ACCESS, ELSEWHERE, PAGE, adapter
from tests.providers.wire import answer, run, success, told


def test_federation_tells_figures():
    assert isinstance(adapter, TellsFigures)


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        (
            {
                "wallet": {"balance": 9_980_000, "frozen": 10_000, "currency": "point"},
                "credit_pack_info": {"used_credits": 0.7},
                "equivalent_in_usd": 0.99,
            },
            Figures(balance=9_980_000, held=10_000, used=10_000),
        ),
        # An older server knows only dollars and credits.
        (
            {"equivalent_in_usd": 12.5, "credit_pack_info": {"used_credits": 0.01}},
            Figures(balance=125_000_000, used=143),
        ),
        ({"plan": "premium"}, Figures()),
        (
            {"wallet": [], "credit_pack_info": "none", "equivalent_in_usd": True},
            Figures(),
        ),
        (
            {"wallet": {"balance": -5}, "credit_pack_info": {"used_credits": 1e300}},
            Figures(),
        ),
        ({"equivalent_in_usd": -3, "credit_pack_info": {"used_credits": "7"}}, Figures()),
    ],
)
def test_figures_are_what_the_account_says(account: dict[str, Any], expected: Figures):
    assert run(adapter.figures(ACCESS), success(account)) == expected


@pytest.mark.parametrize("answered", [answer(PAGE, 200), answer(PAGE, 404), success([])])
def test_what_cannot_be_read_is_an_error(answered: Response):
    assert told(run(adapter.figures(ACCESS), answered)) == ELSEWHERE
