from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.providers.base import ProviderRefused
from apps.providers.llm.google_schema import translated
from tests.providers.llm.samples import outcome

INVALID = (ProviderRefused, ProviderRefused.Why.INVALID)
STRING = {"type": "string"}


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({}, {}),
        (
            {
                "$schema": "https://json-schema.org/draft/2020-12/schema",
                "type": "object",
                "title": "T",
                "additionalProperties": False,
                "properties": {"a": STRING, "b": {"type": "array", "items": {"type": "integer"}}},
                "required": ["a", "gone", "a"],
                "x-order": 1,
            },
            {
                "title": "T",
                "type": "OBJECT",
                "properties": {
                    "a": {"type": "STRING"},
                    "b": {"type": "ARRAY", "items": {"type": "INTEGER"}},
                },
                "required": ["a"],
            },
        ),
        (
            {"properties": {"a": STRING}},
            {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}},
        ),
        ({"type": ["string", "null"]}, {"type": "STRING", "nullable": True}),
        (
            {"type": ["string", "integer"]},
            {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]},
        ),
        ({"anyOf": [STRING, {"type": "null"}]}, {"type": "STRING", "nullable": True}),
        (
            {"oneOf": [STRING, {"type": "integer"}], "description": "d"},
            {"description": "d", "anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]},
        ),
        ({"type": "string", "enum": ["a", "b"]}, {"type": "STRING", "enum": ["a", "b"]}),
        ({"enum": ["a", None]}, {"type": "STRING", "enum": ["a"], "nullable": True}),
        ({"const": "a"}, {"type": "STRING", "enum": ["a"]}),
        ({"type": "integer", "enum": [1, 2]}, {"type": "INTEGER"}),
        ({"type": "string", "format": "email"}, {"type": "STRING"}),
        ({"type": "string", "format": "date-time"}, {"type": "STRING", "format": "date-time"}),
        (
            {"type": "number", "minimum": 0, "exclusiveMaximum": 5, "multipleOf": 2},
            {"type": "NUMBER", "minimum": 0},
        ),
        ({"type": "array"}, {"type": "ARRAY", "items": {}}),
        (
            {
                "$defs": {"A": {"type": "string", "description": "old"}},
                "$ref": "#/$defs/A",
                "description": "new",
            },
            {"type": "STRING", "description": "new"},
        ),
        (
            {
                "allOf": [
                    {"properties": {"a": STRING}, "required": ["a"]},
                    {"properties": {"b": STRING}, "required": ["b"]},
                ]
            },
            {
                "type": "OBJECT",
                "properties": {"a": {"type": "STRING"}, "b": {"type": "STRING"}},
                "required": ["a", "b"],
            },
        ),
    ],
)
def test_a_schema_in_geminis_words(schema: Any, expected: Any):
    assert translated(schema) == expected


LIST = {
    "$defs": {"Node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/Node"}}}},
    "$ref": "#/$defs/Node",
}


def nested(depth: int) -> Any:
    schema: Any = STRING
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


def wide(width: int, depth: int, word: str = "anyOf") -> Any:
    """Small to write and large to read: each name stands for several of the one below."""
    names = {f"L{n}": {word: [{"$ref": f"#/$defs/L{n + 1}"}] * width} for n in range(depth)}
    return {"$defs": {**names, f"L{depth}": STRING}, "$ref": "#/$defs/L0"}


@pytest.mark.parametrize(
    "schema",
    [
        LIST,
        {"$ref": "#"},
        {"$ref": "#/$defs/gone"},
        {"$ref": "https://schemas.example/a"},
        {"allOf": [{"$ref": "#"}]},
        nested(40),
        wide(10, 10),
        wide(10, 10, "allOf"),
        {"allOf": [{"allOf": [{"$ref": "#"}] * 9}] * 9},
    ],
)
def test_a_schema_without_an_end_is_refused(schema: Any):
    assert outcome(translated, schema) == INVALID


_WORDS = st.sampled_from(
    ["type", "properties", "items", "anyOf", "allOf", "$ref", "enum", "const", "required", "object", "array", "null",
     "#/properties/a", "#", "a"]
)  # fmt: skip
_SCHEMAS = st.recursive(
    st.none() | st.booleans() | st.integers() | _WORDS,
    lambda part: st.lists(part, max_size=3) | st.dictionaries(_WORDS, part, max_size=4),
    max_leaves=25,
)


@given(st.dictionaries(_WORDS, _SCHEMAS, max_size=5))
def test_any_schema_comes_to_something(schema: Any):
    found = outcome(translated, schema)

    assert found == INVALID or isinstance(found, dict)
