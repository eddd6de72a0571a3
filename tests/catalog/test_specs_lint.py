"""What holds for every spec, present and future."""

import json
from decimal import Decimal
from typing import Any

import pytest

from apps.catalog.registry import all_specs
from apps.catalog.spec import TaskSpec
from apps.core.errors import InvalidRequest
from apps.providers.local.registry import JOBS
from tests.catalog.samples import fields, inheriting, models_in, sample, schema_of, variants

SPECS = [pytest.param(spec, id="/".join(spec.name)) for spec in all_specs().values()]
every_spec = pytest.mark.parametrize("spec", SPECS)


def is_bounded(field: dict[str, Any]) -> bool:
    kind = field.get("type")
    if "enum" in field or "const" in field or kind == "boolean":
        return True
    if kind in ("integer", "number"):
        return has_one(field, "minimum", "exclusiveMinimum") and has_one(
            field, "maximum", "exclusiveMaximum"
        )
    needs = {"string": "maxLength", "array": "maxItems", "object": "properties"}
    return needs[kind] in field if kind in needs else False


def has_one(field: dict[str, Any], *names: str) -> bool:
    return any(name in field for name in names)


@pytest.mark.parametrize(
    "field",
    [
        {"type": "string"},
        {"type": "integer", "minimum": 1},
        {"type": "number", "exclusiveMaximum": 1},
        {"type": "array", "items": {}},
        {"type": "object", "additionalProperties": True},
        {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        {},
    ],
)
def test_lint_finds_unbounded_fields(field: dict[str, Any]):
    assert not is_bounded(field)


@every_spec
def test_every_field_is_bounded(spec: TaskSpec):
    unbounded = [path for path, field in fields(schema_of(spec)) if not is_bounded(field)]

    assert unbounded == []


@every_spec
def test_every_field_has_a_title(spec: TaskSpec):
    untitled = [
        f"{model.__name__}.{name}"
        for model in models_in(spec.input)
        for name, field in model.model_fields.items()
        if not field.title
    ]

    assert untitled == []


@every_spec
def test_spec_describes_itself(spec: TaskSpec):
    assert spec.title
    assert spec.title == spec.title.strip()
    assert spec.summary.endswith(".")
    assert 60 <= spec.timeout_seconds <= 7200


@every_spec
def test_rates_have_one_name_and_a_price(spec: TaskSpec):
    names = [rate.name for rate in spec.rates]

    assert len(names) == len(set(names))
    assert all(Decimal(rate.usd) >= 0 and rate.unit for rate in spec.rates)


@every_spec
def test_every_rate_is_used_and_no_other(spec: TaskSpec):
    used = set()
    for values in variants(spec):
        try:
            parsed = spec.parse(values)
        except InvalidRequest:
            continue
        for after in inheriting(spec, parsed):
            used |= {charge.rate for charge in spec.charges(after)}

    assert used == {rate.name for rate in spec.rates}


@every_spec
def test_least_input_is_taken_and_priced(spec: TaskSpec):
    values = spec.parse(sample(spec))

    charges = spec.charges(values)

    assert charges
    assert all(charge.quantity > 0 for charge in charges)
    assert spec.process_mode is None or spec.process_mode(values) == "relax"
    json.dumps(spec.pending(values))


@every_spec
def test_unknown_fields_and_nulls_are_ignored(spec: TaskSpec):
    values = sample(spec)
    nulls = {name: None for name in spec.input.model_fields if name not in values}

    found = spec.parse({**values, **nulls, "no_such_field": {"deep": [1]}})

    assert found == spec.parse(values)


@every_spec
def test_example_fills_fields_of_the_input(spec: TaskSpec):
    assert set(spec.example) <= set(spec.input.model_fields)
    assert spec.echo_defaults.keys() <= {"width", "height", "steps"}


@every_spec
def test_schema_is_json(spec: TaskSpec):
    schema = spec.input.model_json_schema()

    assert json.loads(json.dumps(schema, allow_nan=False)) == schema


@every_spec
def test_modes_are_values_of_a_field(spec: TaskSpec):
    choices = [
        field["enum"]
        for name, field in schema_of(spec)["properties"].items()
        if name in ("mode", "process_mode")
    ]

    # What follows something runs at the speed of that.
    inherited = list(spec.modes) if spec.follows else []
    assert [list(spec.modes)] == (choices or [inherited])


@every_spec
def test_local_routes_name_jobs_of_the_local_engine(spec: TaskSpec):
    local = [route for route in spec.routes if route.provider == "local"]

    assert {route.job for route in local} <= set(JOBS)
    assert {route.queue for route in local} <= {"local"}
