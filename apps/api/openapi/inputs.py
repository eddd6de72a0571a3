"""One schema for each (model, task_type), made from its spec: what the docs show is what the code checks."""

import re
from typing import Any

from apps.api.openapi.shapes import Schema, obj, reference
from apps.catalog import registry
from apps.catalog.spec import TaskSpec


def create_task_schemas() -> dict[str, Schema]:
    """`CreateTask` (one of all) and what it refers to."""
    found: dict[str, Schema] = {}
    names = []
    for spec in registry.all_specs().values():
        name = component_name(spec)
        names.append(name)
        found |= _input_schemas(spec, name)
        found[name] = _request(spec, name)
    found["CreateTask"] = {"oneOf": [reference(name) for name in names]}
    return found


def component_name(spec: TaskSpec) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "_", f"{spec.model}.{spec.task_type}")


def _request(spec: TaskSpec, name: str) -> Schema:
    return obj(
        {
            "model": {"const": spec.model},
            "task_type": {"const": spec.task_type},
            "input": reference(f"{name}.input"),
            "config": reference("TaskConfig"),
        },
        required=("model", "task_type", "input"),
        title=spec.title,
        description=f"{spec.summary} {_price(spec)}",
        **_example(spec),
    )


def _input_schemas(spec: TaskSpec, name: str) -> dict[str, Schema]:
    """The input's schema and the definitions inside it, under names that no other spec uses."""
    schema = spec.input.model_json_schema(ref_template=f"#/components/schemas/{name}.{{model}}")
    definitions: dict[str, Any] = schema.pop("$defs", {})
    return {f"{name}.input": schema} | {f"{name}.{key}": part for key, part in definitions.items()}


def _price(spec: TaskSpec) -> str:
    rates = ", ".join(f"US${rate.usd} per {rate.unit} ({rate.name})" for rate in spec.rates)
    return f"List price: {rates}."


def _example(spec: TaskSpec) -> Schema:
    if not spec.example:
        return {}
    example = {"model": spec.model, "task_type": spec.task_type, "input": spec.example}
    return {"examples": [example]}
