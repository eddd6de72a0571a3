"""Inputs for any spec, made from its JSON Schema: so a new family is tested without a new test."""

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

from apps.catalog.inputs import Continuing, TaskInput
from apps.catalog.spec import Parent, TaskSpec
from apps.core.errors import InvalidRequest
from tests.catalog.helpers import TASK_ID, URL

# What no schema says: for rules over several fields.
EXTRA: dict[tuple[str, str], dict[str, Any]] = {
    ("Qubico/flux1-dev-advanced", "fill-outpaint"): {"custom_settings": [{"outpaint_top": 8}]},
    ("kling", "omni_video_generation"): {"prompt": "a boat"},
    ("kling", "motion_control"): {"preset_motion": "Nezha"},
    ("kling", "lip_sync"): {"tts_text": "Good morning."},
    ("kling", "ai_try_on"): {"upper_input": URL},
    ("kling", "sound"): {"prompt": "rain"},
}
# Texts with a shape of their own.
SHAPED = {
    "origin_task_id": TASK_ID,
    "task_id": TASK_ID,
    "aspect_ratio": "16:9",
    "swap_faces_index": "0",
    "target_faces_index": "0",
    "continue_clip_id": "clip-1",
}


def schema_of(spec: TaskSpec) -> dict[str, Any]:
    return resolved(spec.input.model_json_schema())


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without references; optional fields without their null."""
    definitions = schema.pop("$defs", {})

    def walk(node: Any) -> Any:
        if isinstance(node, list):
            return [walk(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            name = node["$ref"].rpartition("/")[2]
            return walk({**definitions[name], **{k: v for k, v in node.items() if k != "$ref"}})
        choices = [choice for choice in node.get("anyOf", []) if choice != {"type": "null"}]
        if len(choices) == 1:
            return walk({**choices[0], **{k: v for k, v in node.items() if k != "anyOf"}})
        return {key: walk(value) for key, value in node.items()}

    found: dict[str, Any] = walk(schema)
    return found


def fields(schema: dict[str, Any], path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, Any]]:
    """Every field of a resolved schema with its path; 0 stands for an item of a list."""
    for name, field in schema.get("properties", {}).items():
        yield from _field((*path, name), field)


def _field(path: tuple[Any, ...], field: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    yield path, field
    if field.get("type") == "array":
        yield from _field((*path, 0), field["items"])
    yield from fields(field, path)


def value_for(name: str, field: dict[str, Any]) -> Any:
    """A value the schema accepts."""
    if "enum" in field or "const" in field:
        return field.get("const", field.get("enum", [None])[0])
    kinds = {
        "string": lambda: URL if "x-media" in field else SHAPED.get(name, "a fox"),
        "integer": lambda: field.get("minimum", 1),
        "number": lambda: field.get("minimum", 0.5),
        "boolean": lambda: True,
        "array": lambda: [value_for(name, field["items"])] * field.get("minItems", 1),
        "object": lambda: required_values(field),
    }
    return kinds[field["type"]]()


def required_values(schema: dict[str, Any]) -> dict[str, Any]:
    properties = schema.get("properties", {})
    return {name: value_for(name, properties[name]) for name in schema.get("required", [])}


def sample(spec: TaskSpec) -> dict[str, Any]:
    """The least that spec takes, with its example."""
    return {**required_values(schema_of(spec)), **spec.example, **EXTRA.get(spec.name, {})}


def variants(spec: TaskSpec) -> Iterator[dict[str, Any]]:
    """The sample with every choice of its enumerations and switches, some of which do not fit."""
    base, schema = sample(spec), schema_of(spec)
    choices = {
        name: [*field.get("enum", [False, True]), None]
        for name, field in schema["properties"].items()
        if "enum" in field or field.get("type") == "boolean"
    }
    if "prompt" in schema["properties"]:
        choices["prompt"] = [base.get("prompt", ""), "a fox --v 5", ""]
    if "continue_clip_id" in schema["properties"]:
        choices["continue_clip_id"] = [base.get("continue_clip_id"), SHAPED["continue_clip_id"]]
    for combination in itertools.product(*choices.values()):
        yield {**base, **dict(zip(choices, combination, strict=True))}


def inheriting(spec: TaskSpec, values: TaskInput) -> Iterator[TaskInput]:
    """The input after every parent that it can follow; as it is where it follows none."""
    if not isinstance(values, Continuing):
        yield values
        return
    for mode, version in itertools.product(spec.modes, ("v4", "v5", "v6")):
        made = values.model_copy()
        with contextlib.suppress(InvalidRequest):
            made.of(Parent("imagine", mode, version))
            yield made


def with_value(values: dict[str, Any], path: tuple[Any, ...], value: Any) -> dict[str, Any]:
    """A copy with the value at that path; objects and lists on the way are made."""
    head, *rest = path
    if not rest:
        return {**values, head: value}
    if rest[0] == 0:
        item = value if len(rest) == 1 else with_value(_first(values.get(head)), rest[1:], value)
        return {**values, head: [item]}
    inner = values.get(head)
    return {**values, head: with_value(inner if isinstance(inner, dict) else {}, rest, value)}


def _first(items: Any) -> dict[str, Any]:
    return items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}


def models_in(model: type[TaskInput]) -> Iterator[Any]:
    """The input model and the parts inside it."""
    seen, waiting = set(), [model]
    while waiting:
        found = waiting.pop()
        if found in seen:
            continue
        seen.add(found)
        yield found
        for field in found.model_fields.values():
            waiting.extend(_parts(field.annotation))


def _parts(annotation: Any) -> list[Any]:
    if isinstance(annotation, type) and hasattr(annotation, "model_fields"):
        return [annotation]
    return [part for inner in getattr(annotation, "__args__", ()) for part in _parts(inner)]
