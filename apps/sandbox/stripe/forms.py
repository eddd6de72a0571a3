"""Bodies and queries as Stripe's clients write them: `items[0][price]=price_1&expand[]=customer`."""

import re
from typing import Any
from urllib.parse import parse_qsl

from apps.sandbox.stripe.errors import Thing, invalid

_NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_PART = re.compile(r"\[([^\[\]]*)\]")
_MAX_FIELDS = 2000


def decode(text: str) -> Thing:
    """Nested mappings of strings; a mapping with the keys 0, 1, 2 … is a list. Raises StripeError for no form."""
    try:
        pairs = parse_qsl(
            text, keep_blank_values=True, max_num_fields=_MAX_FIELDS, strict_parsing=bool(text)
        )
    except ValueError:
        raise invalid("The request body is not a valid form.") from None
    tree: Thing = {}
    for name, value in pairs:
        _plant(tree, name, value)
    return {name: _listed(value) for name, value in tree.items()}


def _plant(tree: Thing, name: str, value: str) -> None:
    found = _NAME.match(name)
    if found is None:
        raise invalid(f"Invalid parameter name: {name}", param=name)
    path = [found[1], *_PART.findall(found[2])]
    for step in path[:-1]:
        tree = tree.setdefault(step if step else str(len(tree)), {})
        if not isinstance(tree, dict):
            raise invalid(f"Invalid object: {name}", param=name)
    tree[path[-1] if path[-1] else str(len(tree))] = value


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inside = {name: _listed(part) for name, part in value.items()}
    if inside and all(name.isdigit() for name in inside):
        return [inside[name] for name in sorted(inside, key=int)]
    return inside
