"""How deep Python may call itself is a guard of ours: the C parser of JSON turns a body nested a thousand times into an
error instead of a crash only while the limit is low. Libraries for the EVM raise it for the whole process when they are
imported.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType


@contextmanager
def kept_limit() -> Iterator[None]:
    """Within, imports may do what they like; afterwards the limit is what it was."""
    before = sys.getrecursionlimit()
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def import_with_kept_limit(name: str) -> ModuleType:
    """A module that is loaded only when it is needed, without what it does to the limit."""
    with kept_limit():
        return import_module(name)
