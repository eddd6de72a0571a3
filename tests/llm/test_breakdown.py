"""The parts of a cost sum to what was charged, for every price and every usage that a price can be of."""

import itertools
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from apps.catalog.llm.pricing import LlmPrice, list_price
from apps.catalog.llm.registry import llm_models
from apps.llm.models import PriceVersion
from apps.llm.models import Usage as Row
from apps.llm.selectors.breakdown import Part, breakdown
from apps.llm.services.attempts import Attempt
from apps.providers.llm.base import Usage

PRICES = [price for model in llm_models().values() if (price := list_price(model)) is not None]
_COUNT = st.integers(0, 5000)


def row_of(price: LlmPrice, usage: Usage, *, written_off: int = 0) -> Row:
    """The row that a call at this price becomes."""
    kept = price.as_json()
    attempt = Attempt(
        call=None, number=1, workspace_id=1, key_id=1, user_id=None, model="m", operation="chat",
        provider="openai", request_id="r", is_stream=False, usage=usage,
        points=price.cost(usage) - written_off, written_off=written_off,
    )  # type: ignore[arg-type]  # fmt: skip
    columns = {
        name: value
        for name, value in attempt.as_json().items()
        if name not in {"price_id", "block_id", "account_id", "api_key_id", "user_id"}
    }
    version = PriceVersion(
        version=price.version, rates=kept["rates"], minimum_points=price.minimum_points
    )
    return Row(**columns, price=version)


@given(
    price=st.sampled_from(PRICES),
    usage=st.builds(
        Usage,
        input_tokens=_COUNT,
        cached_tokens=_COUNT,
        cache_write_tokens=_COUNT,
        output_tokens=_COUNT,
        reasoning_tokens=_COUNT,
        audio_input_tokens=_COUNT,
        audio_output_tokens=_COUNT,
        images=st.integers(0, 3),
        characters=_COUNT,
        audio_ms=_COUNT,
    ),
)
def test_parts_sum_to_what_was_charged(price: LlmPrice, usage: Usage) -> None:
    charged = price.cost(usage)

    found = breakdown(row_of(price, usage))

    if charged:
        assert found is not None
        assert found.total == charged
        assert found.is_minimum == (charged > -(-found.exact // 1))
    else:
        assert found is None


def test_what_was_written_off_belongs_to_the_sum() -> None:
    price = next(price for price in PRICES if set(price.rates) >= {"input", "output"})
    usage = Usage(input_tokens=100_000, output_tokens=100_000)

    found = breakdown(row_of(price, usage, written_off=10))

    assert found is not None
    assert found.total == price.cost(usage)


def test_parts_name_what_they_count() -> None:
    version = PriceVersion(version="v", rates={"input": "1.5", "output": "6"}, minimum_points=0)
    row = Row(input_tokens=4, cached_tokens=1, output_tokens=2, points=18, price=version)

    found = breakdown(row)

    assert found is not None
    assert found.parts == [
        Part("input tokens", Fraction(3), Fraction(3, 2)),
        Part("input tokens from the cache", Fraction(1), Fraction(3, 2)),
        Part("output tokens", Fraction(2), Fraction(6)),
    ]
    assert (found.exact, found.total) == (18, 18)


def test_without_a_price_or_a_cost_there_is_nothing_to_explain() -> None:
    version = PriceVersion(version="v", rates={"input": "1"}, minimum_points=0)

    for price, points in itertools.product((None, version), (0, 5)):
        found = breakdown(Row(input_tokens=5, points=points, price=price))
        assert (found is None) == (price is None or points == 0)
