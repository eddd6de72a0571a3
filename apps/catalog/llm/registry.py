"""Every model of the LLM lane: those that come with the platform, and the operator's own list over them."""

import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from django.conf import settings
from pydantic import TypeAdapter, ValidationError

from apps.catalog.llm.model import WILDCARD, LlmKind, LlmModel
from apps.catalog.llm.rates import strange_rates
from apps.catalog.registry import InvalidModel
from apps.core.sentences import sentence

BUILT_IN = Path(__file__).parent / "models.toml"
_GIZMO = re.compile(r"g-[A-Za-z0-9]{1,64}")
_ENTRY = TypeAdapter(LlmModel)


class BadCatalog(Exception):
    """A list of models that cannot be used; the message names file, entry and field."""


class _Catalog(NamedTuple):
    by_id: Mapping[str, LlmModel]
    by_any_name: dict[str, LlmModel]
    # (the name up to the GPT's id, the model)
    patterns: tuple[tuple[str, LlmModel], ...]


def llm_models() -> Mapping[str, LlmModel]:
    """By id, in the order of the lists, retired ones included. Raises BadCatalog."""
    return _catalog(settings.LLM_MODELS_FILE).by_id


def llm_model(name: object) -> LlmModel:
    """The model by its id, an alias, or the name of a GPT. Raises InvalidModel, also for one that is retired."""
    catalog = _catalog(settings.LLM_MODELS_FILE)
    if not isinstance(name, str):
        raise _unknown()
    found = catalog.by_any_name.get(name) or _gizmo(catalog, name)
    if found is None:
        raise _unknown()
    if found.retired_on is not None and found.is_retired(datetime.now(UTC).date()):
        raise InvalidModel(retirement(found), detail={"field": "model"})
    return found


def retirement(model: LlmModel) -> str:
    """The sentence for customers."""
    if not model.replaced_by:
        return sentence(
            "The model {model} was retired on {date}.", model=model.name, date=model.retired_on
        )
    return sentence(
        "The model {model} was retired on {date}; use {other} instead.",
        model=model.name,
        date=model.retired_on,
        other=model.replaced_by,
    )


def _unknown() -> InvalidModel:
    return InvalidModel(sentence("invalid model"), detail={"field": "model"})


def _gizmo(catalog: _Catalog, name: str) -> LlmModel | None:
    for prefix, model in catalog.patterns:
        if name.startswith(prefix) and _GIZMO.fullmatch(name, len(prefix)):
            return _named_gizmo(settings.LLM_MODELS_FILE, model.id, name[len(prefix) :])
    return None


# Customers choose these names, so only the latest are kept.
@lru_cache(maxsize=1024)
def _named_gizmo(operators_file: str, pattern: str, gizmo_id: str) -> LlmModel:
    return _catalog(operators_file).by_id[pattern].of_gizmo(gizmo_id)


@cache
def _catalog(operators_file: str) -> _Catalog:
    found = read(BUILT_IN)
    if operators_file:
        found |= read(Path(operators_file))
    names = {name: model for model in found.values() for name in _names(found, model)}
    for model in found.values():
        if model.replaced_by and model.replaced_by not in names:
            raise BadCatalog(f"{model.id}: replaced_by: There is no model {model.replaced_by!r}.")
    patterns = tuple(
        (model.id.removesuffix(WILDCARD), model)
        for model in found.values()
        if model.id.endswith(WILDCARD)
    )
    called = {name: model for name, model in names.items() if not name.endswith(WILDCARD)}
    return _Catalog(MappingProxyType(found), called, patterns)


def _names(models: Mapping[str, LlmModel], model: LlmModel) -> tuple[str, ...]:
    for alias in model.aliases:
        others = [one for one in models.values() if one is not model]
        if any(alias == one.id or alias in one.aliases for one in others):
            raise BadCatalog(f"{model.id}: aliases: Another model is called {alias!r}, too.")
    return (model.id, *model.aliases)


def read(path: Path) -> dict[str, LlmModel]:
    """The entries of one list, by id. Raises BadCatalog."""
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
    except OSError as error:
        raise BadCatalog(f"{path}: {error.strerror or 'cannot be read'}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadCatalog(f"{path}: {error}.") from None
    entries = document.get("model")
    if set(document) - {"model"} or not isinstance(entries, list):
        raise BadCatalog(f"{path}: A list holds [[model]] entries and nothing else.")
    found: dict[str, LlmModel] = {}
    for number, entry in enumerate(entries, start=1):
        model = _read_entry(path, number, entry)
        if model.id in found:
            raise BadCatalog(f"{path}: {model.id}: id: There are two entries with it.")
        found[model.id] = model
    return found


def _read_entry(path: Path, number: int, entry: Any) -> LlmModel:
    named = entry.get("id") if isinstance(entry, dict) else None
    where = f"{path}: {named if isinstance(named, str) else f'entry {number}'}"
    try:
        model = _ENTRY.validate_python(entry)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(step) for step in first["loc"]) or "entry"
        raise BadCatalog(f"{where}: {field}: {_words(first['type'], first['msg'])}") from None
    if problem := _problem(model):
        raise BadCatalog(f"{where}: {problem}")
    return model


def _words(kind: str, message: str) -> str:
    if kind == "unexpected_keyword_argument":
        return "There is no such field."
    if kind == "dataclass_type":
        return "It must be a table, [[model]]."
    return f"{message.removeprefix('Value error, ')}."


def _problem(model: LlmModel) -> str:
    """What is wrong between the fields, field first."""
    if model.id.endswith(WILDCARD) and (model.family != "gpts" or model.aliases):
        return f"id: Only a GPT's entry may end with {WILDCARD!r}, and without aliases."
    if any(alias.endswith(WILDCARD) for alias in model.aliases):
        return f"aliases: No alias may end with {WILDCARD!r}."
    if model.replaced_by in (model.id, *model.aliases):
        return "replaced_by: It cannot replace itself."
    if model.kind is LlmKind.CHAT and not 0 < model.max_output_tokens <= model.context_tokens:
        return "max_output_tokens: A chat model needs it, and context_tokens that are not less."
    if strange := strange_rates(model.kind, model.rates):
        return f"rates: {strange}"
    return ""
