from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.catalog import registry
from apps.catalog.models import BannedWord, PriceOverride

pytestmark = pytest.mark.django_db


def load() -> str:
    out = StringIO()
    call_command("load_catalog", stdout=out)
    return out.getvalue()


def override(**fields: Any) -> None:
    values = {"model": "modelyard/ocr", "task_type": "ocr", "rate": "task", "points_per_unit": 1}
    PriceOverride.objects.create(**{**values, "valid_from": timezone.now(), **fields})


def test_load_catalog_says_what_there_is(settings: Any):
    override()
    settings.LOCAL_ENGINE = False
    specs, models = len(registry.all_specs()), len(registry.models())

    assert load() == (
        "LLM models: 50, 23 of them only with a price of yours.\n"
        f"Catalog: {specs} task types of {models} models, 0 available now.\n"
    )


def test_load_catalog_counts_what_is_available():
    local = sum(
        any(route.provider == "local" for route in spec.routes)
        for spec in registry.all_specs().values()
    )

    assert load().endswith(f" {local} available now.\n")


@pytest.mark.parametrize("fields", [{"model": "gone"}, {"task_type": "gone"}, {"rate": "gone"}])
def test_price_for_what_no_spec_has_stops_the_deployment(fields: dict[str, str]):
    override(**fields)

    with pytest.raises(CommandError, match=r"Prices for rates that no spec has: .*gone"):
        load()


def test_price_of_a_language_model_is_one_of_ours():
    override(model="gpt-5", task_type="chat", rate="output")

    assert "LLM models: " in load()


def test_a_bad_list_of_language_models_stops_the_deployment(settings: Any, tmp_path: Path):
    settings.LLM_MODELS_FILE = str(tmp_path / "none.toml")

    with pytest.raises(CommandError, match=r"none\.toml: No such file or directory\."):
        load()


def test_load_catalog_adds_the_banned_words_of_a_new_version():
    BannedWord.objects.filter(word__in=["nude", "gore"]).delete()

    first, second = load(), load()

    assert first == f"Banned words: 2 new ones.\n{second}"
    assert BannedWord.objects.filter(word__in=["nude", "gore"], is_default=True).count() == 2
