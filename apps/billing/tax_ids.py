"""Whether a tax number can be one: form and check digits, as its country publishes them (python-stdnum).

Nobody is asked whether it is registered; that is between the customer and their tax office.
"""

import re
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

# Countries we know no rules of: anything that looks like a number on paper.
_ANY = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ./\-]{2,48}[A-Za-z0-9]")


def is_plausible(text: str, *, country: str) -> bool:
    """Whether it fits any kind of number that `country` (two letters, or none) gives; spaces and dots do not matter."""
    if not _ANY.fullmatch(text) or not any(letter.isdigit() for letter in text):
        return False
    kinds = _kinds(country.lower())
    return not kinds or any(kind.is_valid(text) for kind in kinds)


@cache
def _kinds(country: str) -> tuple[ModuleType, ...]:
    if not country:
        return ()
    # "is", "in" and "do" are words of Python, so the library's packages of those countries end in "_".
    name = f"stdnum.{country}_" if country in {"is", "in", "do", "as"} else f"stdnum.{country}"
    try:
        package = import_module(name)
    except ModuleNotFoundError:
        return ()
    found = (import_module(f"{name}.{module.name}") for module in iter_modules(package.__path__))
    return tuple(module for module in found if hasattr(module, "is_valid"))
