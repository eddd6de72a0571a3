from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import Error, run_checks

from apps.accounts.policies import Feature
from apps.catalog.llm import registry
from apps.catalog.llm.model import KINDS, LlmKind, LlmModel, LlmRoute, Takes
from apps.catalog.llm.registry import BadCatalog, llm_model, llm_models
from apps.catalog.registry import InvalidModel
from apps.providers.llm.base import Operation
from tests.catalog.llm.samples import ENTRY, model, write

Listing = Callable[[str], None]


@pytest.fixture
def operators_list(settings: Any, tmp_path: Path) -> Listing:
    def use(text: str) -> None:
        settings.LLM_MODELS_FILE = write(tmp_path, text)

    return use


def refusal(name: object) -> tuple[str, Any]:
    with pytest.raises(InvalidModel) as refused:
        llm_model(name)
    return refused.value.message, refused.value.detail


def entry_with(line: str) -> str:
    """The entry, with one of its lines replaced or one more."""
    field = line.partition(" ")[0]
    lines = [one for one in ENTRY.strip().splitlines() if one.partition(" ")[0] != field]
    return "\n".join([*lines, line])


def test_an_entry_is_read_whole():
    assert llm_model("claude-3-7-sonnet-20250219") == LlmModel(
        id="claude-3-7-sonnet-20250219",
        kind=LlmKind.CHAT,
        title="Claude Sonnet 3.7",
        owned_by="anthropic",
        feature=Feature.PREMIUM_LLM,
        context_tokens=200_000,
        max_output_tokens=64_000,
        image_tokens=1_600,
        takes=frozenset({Takes.IMAGE, Takes.FILE, Takes.TOOLS, Takes.REASONING}),
        released_on=date(2025, 2, 19),
        deprecated_on=date(2026, 2, 19),
        replaced_by="claude-sonnet-4-6",
        aliases=("claude-3-7-sonnet-latest",),
        rates={
            "input": Decimal("2.25"),
            "cached_input": Decimal("0.225"),
            "cache_write": Decimal("2.8125"),
            "output": Decimal("11.25"),
        },
        routes=(LlmRoute("anthropic", "claude-3-7-sonnet-20250219"),),
    )


@pytest.mark.parametrize(
    ("alias", "id"),
    [
        ("gpt-3.5-turbo-0125", "gpt-3.5-turbo"),
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("claude-sonnet-4-0", "claude-sonnet-4-20250514"),
        ("gpt-image-2", "gpt-image-2-preview"),
    ],
)
def test_an_alias_is_the_model(alias: str, id: str):
    assert llm_model(alias) is llm_models()[id]


@pytest.mark.parametrize("name", ["gpt-4O", "", " gpt-4o", None, 4, ["gpt-4o"], {"a": 1}])
def test_other_names_are_refused(name: object):
    assert refusal(name) == ("invalid model", {"field": "model"})


def test_a_gpt_is_called_by_its_id():
    found = llm_model("gpt-4-gizmo-g-gFt1ghYJl")

    assert found == replace(llm_models()["gpt-4-gizmo-*"], gizmo_id="g-gFt1ghYJl")
    assert (found.id, found.name, found.family, found.feature) == (
        "gpt-4-gizmo-*",
        "gpt-4-gizmo-g-gFt1ghYJl",
        "gpts",
        Feature.PUBLIC_GPTS,
    )
    assert found.every_route == (LlmRoute("federation", "gpt-4-gizmo-g-gFt1ghYJl"),)
    assert llm_model("gpt-4-gizmo-g-gFt1ghYJl") is found


@pytest.mark.parametrize(
    "name",
    [
        "gpt-4-gizmo-*",
        "gpt-4-gizmo-",
        "gpt-4-gizmo-g-",
        "gpt-4-gizmo-gFt1ghYJl",
        "gpt-4-gizmo-g-gFt1ghYJl-logo-creator",
        "gpt-4-gizmo-g-gFt1ghYJl\n",
        "gpt-4-gizmo-g-" + "a" * 65,
    ],
)
def test_what_is_no_gpts_id_is_refused(name: str):
    assert refusal(name) == ("invalid model", {"field": "model"})


def test_a_gpts_id_goes_into_the_routes(operators_list: Listing):
    operators_list(
        entry_with('id = "gpt-4-gizmo-*"').replace("acme-large-v2", "gpt-4-gizmo-*")
        + '\nfamily = "gpts"'
    )

    assert llm_model("gpt-4-gizmo-g-1").every_route == (
        LlmRoute("openai", "gpt-4-gizmo-g-1"),
        LlmRoute("federation", "gpt-4-gizmo-g-1"),
    )


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("gpt-image-1", "The model gpt-image-1 was retired on 2026-10-23"),
        ("dall-e-3", "The model dall-e-3 was retired on 2026-05-12"),
        ("dall-e-2", "The model dall-e-2 was retired on 2026-05-12"),
    ],
)
def test_a_retired_model_names_its_replacement(name: str, sentence: str):
    assert refusal(name) == (
        f"{sentence}; use gpt-image-2-preview instead.",
        {"field": "model"},
    )


@pytest.mark.parametrize(
    ("now", "is_gone"),
    [
        (datetime(2027, 3, 31, 23, 59, 59, tzinfo=UTC), False),
        (datetime(2027, 4, 1, tzinfo=UTC), True),
    ],
)
def test_a_model_retires_at_midnight_utc(
    operators_list: Listing, monkeypatch: pytest.MonkeyPatch, now: datetime, is_gone: bool
):
    class Then(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return now

    monkeypatch.setattr(registry, "datetime", Then)
    operators_list(entry_with("retired_on = 2027-04-01"))

    if is_gone:
        assert refusal("acme-large")[0] == "The model acme-large was retired on 2027-04-01."
    else:
        assert llm_model("acme-large").retired_on == date(2027, 4, 1)


def test_federation_is_the_last_way_to_everything():
    named = {one.id: one.every_route for one in llm_models().values()}

    assert named["gpt-4o"] == (LlmRoute("openai", "gpt-4o"), LlmRoute("federation", "gpt-4o"))
    assert {routes[-1] for routes in named.values()} == {LlmRoute("federation", id) for id in named}
    own = (LlmRoute("federation", "theirs"), LlmRoute("openai", "x"))
    assert model(routes=own).every_route == own


def test_no_vendors_model_falls_back_to_the_local_engine():
    local = {one.id for one in llm_models().values() if "local" in dict(one.routes)}

    assert local == {
        f"local-{kind}"
        for kind in ("chat", "embedding", "speech", "transcription", "image", "moderation")
    }
    assert local == {one.id for one in llm_models().values() if one.owned_by == "modelyard"}


def test_every_operation_has_a_kind():
    assert set(KINDS) == set(Operation)
    assert {
        kind: {o.value for o in Operation if model(kind=kind).serves(o)} for kind in LlmKind
    } == {
        LlmKind.CHAT: {"chat", "completions", "responses", "messages"},
        LlmKind.EMBEDDING: {"embeddings"},
        LlmKind.IMAGE: {"images", "image_edits"},
        LlmKind.SPEECH: {"speech"},
        LlmKind.TRANSCRIPTION: {"transcription", "translation"},
        LlmKind.MODERATION: {"moderation"},
    }


def test_an_operators_list_adds_and_replaces_whole_entries(operators_list: Listing):
    before = llm_models()["gpt-4o"]
    operators_list(ENTRY + entry_with('id = "gpt-4o"'))

    assert llm_model("acme-large") == model(routes=(LlmRoute("openai", "acme-large-v2"),))
    assert llm_model("gpt-4o") == replace(llm_model("acme-large"), id="gpt-4o")
    # What the replaced entry had besides is gone with it.
    assert before.aliases == ("gpt-4o-2024-08-06",)
    assert refusal("gpt-4o-2024-08-06")[0] == "invalid model"
    assert llm_model("gpt-4o-mini").id == "gpt-4o-mini"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("model = 1", "A list holds [[model]] entries and nothing else."),
        ("[model]", "A list holds [[model]] entries and nothing else."),
        ("[[models]]", "A list holds [[model]] entries and nothing else."),
        ("model = [1]", "entry 1: entry: It must be a table, [[model]]."),
        ("[[model]]", "entry 1: id: Field required."),
        ("[[model]", "Expected"),
        (ENTRY + ENTRY, "acme-large: id: There are two entries with it."),
        (entry_with('kind = "chatter"'), "acme-large: kind: Input should be 'chat', 'embedding'"),
        (entry_with("colour = 1"), "acme-large: colour: There is no such field."),
        (entry_with('gizmo_id = "g-1"'), "acme-large: gizmo_id: String should have at most 0"),
        (entry_with("released_on = 2026"), "acme-large: released_on: "),
        (entry_with('feature = "gold"'), "acme-large: feature: Input should be 'file_upload'"),
        (entry_with('takes = ["smell"]'), "acme-large: takes.0: Input should be 'image'"),
        (entry_with("rates = { input = -1, output = 1 }"), "acme-large: rates.input: "),
        (entry_with("rates = { input = inf, output = 1 }"), "acme-large: rates.input: "),
        (entry_with("rates = { input = nan, output = 1 }"), "acme-large: rates.input: "),
        (entry_with("rates = { input = true, output = 1 }"), "acme-large: rates.input: "),
        (
            entry_with("rates = { input = 1, outptu = 1 }"),
            "acme-large: rates: there is no rate 'outptu', only input,",
        ),
        (
            entry_with("rates = { input = 1 }"),
            "acme-large: rates: A chat model is priced by input with output or request.",
        ),
        (entry_with('routes = [["acme", "x"]]'), "acme-large: routes.0: there is no"),
        (entry_with('routes = [["openai"]]'), "acme-large: routes.0.1: Field required."),
        (
            entry_with("max_output_tokens = 40_000"),
            "acme-large: max_output_tokens: A chat model needs it, and context_tokens that are",
        ),
        (entry_with('id = "acme-*"'), "acme-*: id: Only a GPT's entry may end with '*'"),
        (entry_with('aliases = ["a-*"]'), "acme-large: aliases: No alias may end with '*'."),
        (
            entry_with('replaced_by = "acme-large"'),
            "acme-large: replaced_by: It cannot replace itself.",
        ),
    ],
)
def test_a_bad_list_names_file_entry_and_field(tmp_path: Path, text: str, problem: str):
    path = write(tmp_path, text)

    with pytest.raises(BadCatalog) as refused:
        registry.read(Path(path))

    assert str(refused.value).startswith(f"{path}: {problem}")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('aliases = ["gpt-4o"]', "acme-large: aliases: Another model is called 'gpt-4o', too."),
        (
            'aliases = ["gpt-image-2"]',
            "gpt-image-2-preview: aliases: Another model is called 'gpt-image-2', too.",
        ),
        ('replaced_by = "acme-xl"', "acme-large: replaced_by: There is no model 'acme-xl'."),
    ],
)
def test_a_list_must_fit_the_built_in_one(operators_list: Listing, line: str, problem: str):
    operators_list(entry_with(line))

    with pytest.raises(BadCatalog) as refused:
        llm_models()

    assert str(refused.value) == problem


def test_a_list_that_is_not_there_fails_the_check(settings: Any, tmp_path: Path):
    assert [one for one in run_checks() if one.id == "catalog.E001"] == []

    settings.LLM_MODELS_FILE = str(tmp_path / "none.toml")

    assert [one for one in run_checks() if one.id == "catalog.E001"] == [
        Error(
            f"{tmp_path}/none.toml: No such file or directory.",
            hint="See docs/models-llm.md.",
            id="catalog.E001",
        )
    ]
