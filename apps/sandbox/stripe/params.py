"""Which parameters a call may have and of which type, read from the SDK's own declarations.

Stripe refuses what it does not know, so a misspelt parameter must not pass here and fail there. The declarations are
the TypedDicts of `stripe.params`, nested ones included.
"""

import types
import typing
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, NotRequired, Required, Union

from stripe._request_options import RequestOptions
from typing_extensions import get_type_hints, is_typeddict

from apps.sandbox.stripe.errors import StripeError, Thing, invalid

# Names that the SDK imports for type checkers only, or in the module of a parent class.
_NAMES = {"StripeContext": object, "Mapping": Mapping}
_OPTIONS = frozenset(RequestOptions.__annotations__)
_MAX_INTEGER = 2**53
_MAX_METADATA = (50, 40, 500)  # pairs, characters of a name, characters of a value


def check(given: Thing, declared: Any, *, at: str = "") -> Thing:
    """`given` with every value of its declared type. Raises StripeError as Stripe does, naming the parameter."""
    fields = fields_of(declared)
    unknown = [name for name in given if name not in fields]
    if unknown:
        raise _unknown(_path(at, unknown[0]))
    for name, (_, is_required) in fields.items():
        if is_required and given.get(name, "") == "":
            path = _path(at, name)
            raise invalid(f"Missing required param: {path}.", param=path, code="parameter_missing")
    return {name: _value(value, fields[name][0], _path(at, name)) for name, value in given.items()}


@cache
def fields_of(declared: Any) -> dict[str, tuple[Any, bool]]:
    """Name -> (type, is required)."""
    hints = get_type_hints(declared, localns=_NAMES, include_extras=True)
    return {name: _declared(hint) for name, hint in hints.items() if name not in _OPTIONS}


def _declared(hint: Any) -> tuple[Any, bool]:
    origin: Any = typing.get_origin(hint)
    if origin in (NotRequired, Required):
        return typing.get_args(hint)[0], origin is Required
    return hint, True


def _path(at: str, name: str) -> str:
    return f"{at}[{name}]" if at else name


def _unknown(path: str) -> StripeError:
    return invalid(f"Received unknown parameter: {path}", param=path, code="parameter_unknown")


def _value(value: Any, hint: Any, path: str) -> Any:
    origin = typing.get_origin(hint)
    if origin is Union or origin is types.UnionType:
        return _first_that_fits(value, typing.get_args(hint), path)
    if origin is Literal:
        return _one_of(value, typing.get_args(hint), path)
    if origin is list:
        return _items(value, typing.get_args(hint)[0], path)
    if is_typeddict(hint):
        if not isinstance(value, dict):
            raise invalid(f"Invalid object: {path} must be a hash.", param=path)
        return check(value, hint, at=path)
    return _plain(value, hint, path)


def _first_that_fits(value: Any, hints: tuple[Any, ...], path: str) -> Any:
    """Of `Literal['a', 'b'] | str` only the literals count: the SDK leaves the rest open for later versions."""
    literals = [hint for hint in hints if typing.get_origin(hint) is Literal]
    closed = (
        [hint for hint in hints if hint is not str]
        if len(literals) == 1 and "" not in typing.get_args(literals[0])
        else list(hints)
    )
    problem: StripeError | None = None
    for hint in _by_shape(value, closed):
        try:
            return _value(value, hint, path)
        except StripeError as error:
            problem = problem or error
    raise problem or invalid(f"Invalid value for {path}.", param=path)


def _by_shape(value: Any, hints: list[Any]) -> list[Any]:
    """Those a nested value, or a plain one, could be meant for; the most telling refusal first."""
    nested = isinstance(value, dict | list)

    def is_nested(hint: Any) -> bool:
        return is_typeddict(hint) or typing.get_origin(hint) not in (None, Literal, Union)

    return [hint for hint in hints if is_nested(hint) == nested] or hints


def _one_of(value: Any, allowed: tuple[Any, ...], path: str) -> Any:
    if isinstance(value, str) and value in allowed:
        return value
    words = " or ".join(repr(word) for word in allowed if word != "")
    raise invalid(f"Invalid {path}: must be one of {words}", param=path)


def _items(value: Any, hint: Any, path: str) -> list[Any]:
    if not isinstance(value, list):
        raise invalid(f"Invalid array: {path}", param=path)
    return [_value(item, hint, f"{path}[{place}]") for place, item in enumerate(value)]


def _plain(value: Any, hint: Any, path: str) -> Any:
    if hint in (int, float, bool, str) or not isinstance(value, dict):
        if not isinstance(value, str):
            raise invalid(f"Invalid string: {path}", param=path)
        return _scalar(value, hint, path)
    return _metadata(value, path)


def _scalar(value: str, hint: Any, path: str) -> Any:
    if hint is bool:
        if value not in ("true", "false"):
            raise invalid(f"Invalid boolean: {value}", param=path)
        return value == "true"
    if hint is int:
        return _integer(value, path)
    if len(value) > 5000:
        raise invalid(f"Invalid string: {path} may be at most 5000 characters.", param=path)
    return value


def _integer(value: str, path: str) -> int:
    try:
        number = int(value) if value.isascii() and "_" not in value else None
    except ValueError:
        number = None
    if number is None or abs(number) > _MAX_INTEGER:
        raise invalid(f"Invalid integer: {value}", param=path, code="parameter_invalid_integer")
    return number


def _metadata(value: Thing, path: str) -> Thing:
    pairs, name_length, value_length = _MAX_METADATA
    if len(value) > pairs:
        raise invalid(f"You can have at most {pairs} keys in {path}.", param=path)
    for name, text in value.items():
        if not isinstance(text, str) or len(name) > name_length or len(text) > value_length:
            raise invalid(f"Invalid metadata: {path}[{name}]", param=f"{path}[{name}]")
    return value
