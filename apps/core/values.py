"""Values that nobody changes, cheap to make: for what every call of the LLM lane makes dozens of.

A frozen dataclass sets each field by a call of its own and takes four times as long to make as a plain one. Here the
type checker sees to it that nobody assigns to a field; at run time it is a plain dataclass with slots.
"""

from dataclasses import dataclass, field
from typing import TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """As `@dataclass(frozen=True, slots=True)`, compared and hashed by its fields."""
    return dataclass(slots=True, unsafe_hash=True)(cls)
