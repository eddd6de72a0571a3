"""Texts that keep the pattern they were made from. `sentences` says them; here is nothing of Django."""

from typing import Any


class Sentence(str):
    """English text, to be translated by `said` as long as it is not stored or put into another string."""

    pattern: str
    values: dict[str, Any]


def sentence(pattern: str, **values: Any) -> Sentence:
    """`pattern` with `{names}` filled in: sentence("At most {count} keys.", count=3). Values may be sentences."""
    made = Sentence(pattern.format(**values) if values else pattern)
    made.pattern, made.values = pattern, values
    return made
