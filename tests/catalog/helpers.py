"""What the tests of specs ask: the price of an input, and why one is refused."""

from decimal import Decimal
from typing import Any

import pytest

from apps.catalog.inputs import Continuing
from apps.catalog.registry import spec_of
from apps.catalog.spec import Parent
from apps.core.errors import InvalidRequest
from apps.core.money import POINTS_PER_USD, points_rounded_up

URL = "https://files.example.com/a.png"
TASK_ID = "0f647527-8a2e-4c9b-9d3e-6a1f0b7c2d11"


def charged(model: str, task_type: str, values: dict[str, Any]) -> list[tuple[str, Decimal]]:
    """Rate and quantity of each charge."""
    spec = spec_of(model, task_type)
    return [(charge.rate, charge.quantity) for charge in spec.charges(spec.parse(values))]


def price(
    model: str, task_type: str, values: dict[str, Any], *, after: Parent | None = None
) -> int:
    """Points at the declared rates, rounded up once; of a follow-up `after` its parent."""
    spec = spec_of(model, task_type)
    parsed = spec.parse(values)
    if after is not None:
        assert isinstance(parsed, Continuing)
        parsed.of(after)
    charges = spec.charges(parsed)
    usd = sum((Decimal(spec.rate(c.rate).usd) * c.quantity for c in charges), Decimal(0))
    return points_rounded_up(usd * POINTS_PER_USD)


def dollars(usd: str) -> int:
    return int(Decimal(usd) * POINTS_PER_USD)


def refusal(model: str, task_type: str, values: dict[str, Any]) -> tuple[str, str]:
    """The field and the sentence of the first problem."""
    with pytest.raises(InvalidRequest) as caught:
        spec_of(model, task_type).parse(values)
    first = caught.value.detail["errors"][0]
    assert caught.value.detail["field"] == first["field"]
    assert caught.value.message == f"{first['field']}: {first['message']}"
    return first["field"], first["message"]


def parsed(model: str, task_type: str, values: dict[str, Any]) -> dict[str, Any]:
    """The whole validated input, as plain values."""
    return spec_of(model, task_type).parse(values).model_dump()
