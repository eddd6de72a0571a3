"""Hostile values in every field of every spec: taken or refused, never anything else."""

import math
from decimal import Decimal
from typing import Any

import pytest

from apps.catalog.inputs import media_in
from apps.catalog.registry import all_specs
from apps.catalog.spec import TaskSpec
from apps.core.errors import InvalidRequest
from tests.catalog.samples import fields, sample, schema_of, with_value


def nested(depth: int, inner: Any) -> Any:
    for _ in range(depth):
        inner = [inner]
    return inner


CORPUS: list[Any] = [
    2**31,
    2**53,
    2**63,
    2**70,
    10**400,
    10**5000,
    -1,
    -(2**63) - 1,
    0,
    -0.0,
    1e308,
    -1e308,
    5e-324,
    math.nan,
    math.inf,
    "NaN",
    "Infinity",
    "1e308",
    "9" * 5000,
    "٣",
    "",
    " ",
    "\u0000",
    "a\u0000b",
    "\ud800",
    "😀" * 3000,
    "a" * 1_000_000,
    "data:image/png;base64,",
    "data:image/png;base64,%%%",
    "https://",
    "https://[::1",
    "http://a:b@c/",
    "javascript:alert(1)",
    "{sentence}",
    "%s%n",
    True,
    None,
    [],
    {},
    [None],
    ["a"] * 1000,
    [{}] * 1000,
    {"a": 1},
    {"": {"": {}}},
    {1: 2},
    nested(1000, {}),
    nested(1000, "a"),
    Decimal("NaN"),
    b"bytes",
]
# No price may be more than this, whatever is sent.
MOST_USD = 10
FREE = {("music-s", "lyrics")}


def outcome(spec: TaskSpec, values: Any) -> str:
    """ "taken" or the refused field."""
    try:
        parsed = spec.parse(values)
    except InvalidRequest as error:
        return refused_field(error)
    usd = sum(
        (Decimal(spec.rate(c.rate).usd) * c.quantity for c in spec.charges(parsed)), Decimal(0)
    )
    assert 0 <= usd <= MOST_USD
    assert usd > 0 or spec.name in FREE
    spec.pending(parsed)
    assert spec.process_mode is None or spec.process_mode(parsed) in ("relax", *spec.modes)
    assert all(found.value for found in media_in(parsed))
    return "taken"


def refused_field(error: InvalidRequest) -> str:
    assert error.detail
    assert len(error.message.encode("utf-8", "strict")) < 2000
    return str(error.detail["field"])


@pytest.mark.parametrize(
    "spec", [pytest.param(spec, id="/".join(spec.name)) for spec in all_specs().values()]
)
def test_hostile_values_are_taken_or_refused(spec: TaskSpec):
    values = sample(spec)
    places = [path for path, _ in fields(schema_of(spec))]

    outcomes = [
        outcome(spec, with_value(values, path, hostile)) for path in places for hostile in CORPUS
    ]

    assert len(outcomes) == len(places) * len(CORPUS)
    assert len(outcomes) - outcomes.count("taken") > len(places)


@pytest.mark.parametrize("raw", [None, [], "text", 1, True, nested(1000, {})])
def test_input_that_is_no_object_is_refused(raw: Any):
    assert {outcome(spec, raw) for spec in all_specs().values()} == {"input"}


def test_input_of_many_unknown_fields_is_taken():
    raw = {f"field_{n}": n for n in range(10_000)}

    outcomes = {outcome(spec, {**sample(spec), **raw}) for spec in all_specs().values()}

    assert outcomes == {"taken"}
