import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.catalog import registry, selectors, specs
from apps.catalog.registry import DuplicateSpec, InvalidModel, InvalidTaskType
from apps.catalog.spec import TaskSpec
from apps.core.errors import PlanRequired

LOCAL = ("modelyard/illustration", "text-to-image")
SPEC = registry.all_specs()[LOCAL]


@pytest.fixture
def extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose modules count as specs too."""
    monkeypatch.setattr(specs, "__path__", [*specs.__path__, str(tmp_path)])
    _forget()
    yield tmp_path
    monkeypatch.undo()
    _forget()
    for name in ("family_one", "family_two"):
        sys.modules.pop(f"{specs.__name__}.{name}", None)


def _forget() -> None:
    for cached in (
        registry.all_specs,
        registry.models,
        registry.families,
        registry._by_any_name,
        registry._any_models,
    ):
        cached.cache_clear()


def family(model: str, task_type: str = "make", aliases: str = "()") -> str:
    return f"""
from apps.catalog.inputs import TaskInput
from apps.catalog.spec import OutputKind, Rate, TaskSpec

SPECS = [
    TaskSpec("{model}", "{task_type}", "new", "New", "New.", OutputKind.TEXT, TaskInput, (Rate("task", "1"),),
             aliases={aliases})
]
"""


def test_adding_a_file_adds_a_family(extra: Path):
    (extra / "family_one.py").write_text(family("new/one"))

    assert registry.spec_of("new/one", "make").family == "new"
    assert {"new", "local"} <= registry.families()
    assert "new/one" in registry.models()


def test_spec_declared_twice_is_refused(extra: Path):
    (extra / "family_one.py").write_text(family("new/one"))
    (extra / "family_two.py").write_text(family("new/one"))

    with pytest.raises(DuplicateSpec, match="new/one make is declared twice"):
        registry.all_specs()


def test_one_model_may_have_several_task_types(extra: Path):
    (extra / "family_one.py").write_text(family("new/one"))
    (extra / "family_two.py").write_text(family("new/one", "unmake"))

    assert registry.spec_of("new/one", "unmake").task_type == "unmake"


def test_alias_leads_to_its_spec(extra: Path):
    (extra / "family_one.py").write_text(family("new/one", aliases='(("old", "create"),)'))

    assert registry.spec_of("old", "create").name == ("new/one", "make")
    assert "old" not in registry.models()
    with pytest.raises(InvalidTaskType):
        registry.spec_of("old", "make")


def test_alias_that_is_a_spec_is_refused(extra: Path):
    (extra / "family_one.py").write_text(family("new/one", aliases=f"({LOCAL!r},)"))

    with pytest.raises(DuplicateSpec, match="alias"):
        registry.spec_of(*LOCAL)


@pytest.mark.parametrize(
    "model", ["", "unknown", "MODELYARD/ILLUSTRATION", None, 5, [], {}, "x" * 9999]
)
def test_unknown_model_is_refused(model: Any):
    with pytest.raises(InvalidModel) as refused:
        registry.spec_of(model, "text-to-image")

    assert (refused.value.type, refused.value.message, refused.value.detail) == (
        "invalid_model",
        "invalid model",
        {"field": "model"},
    )


@pytest.mark.parametrize("task_type", ["", "unknown", None, 5, [], {}, "text-to-image "])
def test_unknown_task_type_is_refused(task_type: Any):
    with pytest.raises(InvalidTaskType) as refused:
        registry.spec_of(LOCAL[0], task_type)

    assert (refused.value.type, refused.value.message, refused.value.detail) == (
        "invalid_task_type",
        "invalid task type",
        {"field": "task_type"},
    )


@pytest.mark.parametrize(
    ("plan", "needed", "is_enough"),
    [
        ("hobbyist", "hobbyist", True),
        ("hobbyist", "developer", False),
        ("developer", "developer", True),
        ("developer", "premium", False),
        ("premium", "developer", True),
    ],
)
def test_plan_decides_what_can_be_called(plan: str, needed: str, is_enough: bool):
    spec = TaskSpec(**{**vars(SPEC), "plan": type(SPEC.plan)(needed)})

    if is_enough:
        selectors.check_plan(spec=spec, plan=plan)
        return
    with pytest.raises(PlanRequired) as refused:
        selectors.check_plan(spec=spec, plan=plan)
    assert refused.value.detail == {"plan": plan, "needed_plan": needed}
