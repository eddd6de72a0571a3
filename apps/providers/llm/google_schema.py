"""JSON schemas in the part of OpenAPI's that Gemini understands; it refuses a request for a single word more.

References are put in where they are used, several types become a choice of types, and what only narrows what is allowed
(formats, constants of other types than text) is left out: the answer is checked by whoever asked.
"""

from collections.abc import Mapping
from typing import Any

from apps.providers.llm import reading

_KEPT = frozenset(
    {"title", "description", "nullable", "minItems", "maxItems", "minProperties", "maxProperties", "minLength",
     "maxLength", "pattern", "minimum", "maximum", "propertyOrdering"}
)  # fmt: skip
_TYPES = frozenset({"string", "number", "integer", "boolean", "array", "object"})
_FORMATS = frozenset({"enum", "date-time", "int32", "int64", "float", "double"})
# References may go round in a circle, which Gemini has no words for.
_DEEPEST = 24
_MOST_NODES = 5000

Schema = dict[str, Any]


def translated(schema: Mapping[str, Any]) -> Schema:
    """Raises ProviderRefused for a schema that goes round in a circle, or whose references lead nowhere."""
    return _Translation(schema).of(schema, 0)


class _Translation:
    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._nodes = 0

    def of(self, schema: Any, depth: int) -> Schema:
        self._count(depth)
        found = self._joined(reading.mapping(schema), depth)
        made = {name: value for name, value in found.items() if name in _KEPT}
        self._type(found, made)
        self._values(found, made)
        self._inside(found, made, depth)
        return made

    def _count(self, depth: int) -> None:
        """References make a small schema large."""
        self._nodes += 1
        if depth > _DEEPEST or self._nodes > _MOST_NODES:
            raise reading.refused(
                "A JSON schema for Gemini must not be nested deeply or refer to itself."
            )

    def _joined(self, schema: Schema, depth: int) -> Schema:
        """With what it refers to, and all that it must be at once."""
        self._count(depth)
        found = dict(schema)
        if isinstance(reference := found.pop("$ref", None), str):
            found = {**self._joined(self._referred(reference), depth + 1), **found}
        for one in reading.objects(found.pop("allOf", None)):
            more = self._joined(one, depth + 1)
            both = {
                **reading.mapping(found.get("properties")),
                **reading.mapping(more.get("properties")),
            }
            required = _texts(found.get("required")) | _texts(more.get("required"))
            found = {**found, **more}
            found |= {"properties": both} if both else {}
            found |= {"required": list(required)} if required else {}
        return found

    def _referred(self, reference: str) -> Schema:
        found: Any = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            name = step.replace("~1", "/").replace("~0", "~")
            found = reading.mapping(found).get(name) if name else found
        if not isinstance(found, dict) or not reference.startswith("#"):
            raise reading.refused(f"The JSON schema's reference {reference[:60]!r} leads nowhere.")
        return found

    def _type(self, found: Schema, made: Schema) -> None:
        said = found.get("type")
        named = _texts(said if isinstance(said, list) else [said])
        types = [one for one in named if one in _TYPES]
        if "null" in named and types:
            made["nullable"] = True
        if len(types) == 1:
            made["type"] = types[0].upper()
        elif types:
            made["anyOf"] = [{"type": one.upper()} for one in types]
        elif "properties" in found:
            made["type"] = "OBJECT"
        if str(found.get("format")) in _FORMATS:
            made["format"] = found["format"]

    def _values(self, found: Schema, made: Schema) -> None:
        values = [found["const"]] if "const" in found else _list(found.get("enum"))
        if None in values:
            made["nullable"] = True
        texts = [one for one in values if isinstance(one, str)]
        if texts and len(texts) == len([one for one in values if one is not None]):
            made |= {"type": "STRING", "enum": texts}

    def _inside(self, found: Schema, made: Schema, depth: int) -> None:
        if properties := reading.mapping(found.get("properties")):
            made["properties"] = {
                name: self.of(part, depth + 1) for name, part in properties.items()
            }
            required = [one for one in _texts(found.get("required")) if one in properties]
            made |= {"required": required} if required else {}
        if made.get("type") == "ARRAY" or "items" in found:
            made["items"] = self.of(found.get("items"), depth + 1)
        if kinds := reading.objects(found.get("anyOf") or found.get("oneOf")):
            self._choice(kinds, made, depth)

    def _choice(self, kinds: list[Schema], made: Schema, depth: int) -> None:
        """Null is no type there but a quality, and a choice of one is none."""
        some = [self.of(one, depth + 1) for one in kinds if one.get("type") != "null"]
        if len(some) < len(kinds):
            made["nullable"] = True
        if len(some) == 1:
            made |= {**some[0], **made}
        elif some:
            made["anyOf"] = some


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _texts(value: Any) -> dict[str, None]:
    """The texts of a list, each once and in their order."""
    return {one: None for one in _list(value) if isinstance(one, str)}
