"""Every spec the platform has, read once from the modules in `apps/catalog/specs`."""

import importlib
import pkgutil
from functools import cache
from types import MappingProxyType

from apps.catalog import specs as package
from apps.catalog.spec import TaskSpec
from apps.core.errors import DomainError
from apps.core.sentences import sentence


class InvalidModel(DomainError):
    type = "invalid_model"


class InvalidTaskType(DomainError):
    type = "invalid_task_type"


class DuplicateSpec(Exception):
    """Two modules declare the same (model, task_type)."""


@cache
def all_specs() -> MappingProxyType[tuple[str, str], TaskSpec]:
    """By (model, task_type), in the order of module names and of declaration."""
    found: dict[tuple[str, str], TaskSpec] = {}
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda m: m.name):
        for spec in importlib.import_module(f"{package.__name__}.{module.name}").SPECS:
            if spec.name in found:
                raise DuplicateSpec(f"{spec.model} {spec.task_type} is declared twice.")
            found[spec.name] = spec
    return MappingProxyType(found)


@cache
def _by_any_name() -> MappingProxyType[tuple[str, str], TaskSpec]:
    specs = all_specs()
    aliases = {name: spec for spec in specs.values() for name in spec.aliases}
    if aliases.keys() & specs.keys():
        raise DuplicateSpec("An alias is the name of a spec.")
    return MappingProxyType({**specs, **aliases})


@cache
def _any_models() -> frozenset[str]:
    return frozenset(model for model, _ in _by_any_name())


@cache
def models() -> frozenset[str]:
    return frozenset(model for model, _ in all_specs())


@cache
def families() -> frozenset[str]:
    return frozenset(spec.family for spec in all_specs().values())


def spec_of(model: object, task_type: object) -> TaskSpec:
    """The spec, by one of its names. Raises InvalidModel or InvalidTaskType, in the words clients know."""
    if not isinstance(model, str) or model not in _any_models():
        raise InvalidModel(sentence("invalid model"), detail={"field": "model"})
    spec = _by_any_name().get((model, task_type)) if isinstance(task_type, str) else None
    if spec is None:
        raise InvalidTaskType(sentence("invalid task type"), detail={"field": "task_type"})
    return spec
