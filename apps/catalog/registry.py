"""Every spec the platform has, read once from the modules in `apps/catalog/specs`."""

import importlib
import pkgutil
from functools import cache
from types import MappingProxyType

from apps.catalog import specs as package
from apps.catalog.spec import TaskSpec
from apps.core.errors import DomainError


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
def models() -> frozenset[str]:
    return frozenset(model for model, _ in all_specs())


@cache
def families() -> frozenset[str]:
    return frozenset(spec.family for spec in all_specs().values())


def spec_of(model: object, task_type: object) -> TaskSpec:
    """The spec. Raises InvalidModel or InvalidTaskType, in the words clients know."""
    if not isinstance(model, str) or model not in models():
        raise InvalidModel("invalid model", detail={"field": "model"})
    spec = all_specs().get((model, task_type)) if isinstance(task_type, str) else None
    if spec is None:
        raise InvalidTaskType("invalid task type", detail={"field": "task_type"})
    return spec
