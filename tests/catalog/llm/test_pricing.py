import json
from dataclasses import fields, replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts.models import Workspace
from apps.catalog import pricing as overrides
from apps.catalog.llm.model import UNITS_PRICED, LlmKind
from apps.catalog.llm.pricing import LlmPrice, NotPriced, list_price, price_of
from apps.catalog.llm.registry import llm_model
from apps.catalog.models import PriceOverride
from apps.providers.llm.base import Usage
from tests.catalog.llm.samples import model
from tests.factories import WorkspaceFactory


def price(*, minimum: int = 0, needs_output: bool = True, **rates: str) -> LlmPrice:
    return LlmPrice.of(
        rates={name: Decimal(points) for name, points in rates.items()},
        minimum_points=minimum,
        needs_output=needs_output,
    )


def of_list(name: str) -> LlmPrice:
    found = list_price(llm_model(name))
    assert found is not None
    return found


def override(points: str, **named: Any) -> PriceOverride:
    values = {"model": "gpt-4o", "task_type": "chat", "rate": "input"}
    row = PriceOverride.objects.create(
        **{
            **values,
            "points_per_unit": Decimal(points),
            "valid_from": timezone.now() - timedelta(hours=1),
            **named,
        }
    )
    overrides.forget_overrides()
    return row


def rates_of(workspace: Workspace, name: str = "gpt-4o") -> dict[str, str]:
    found = price_of(llm_model(name), workspace_id=workspace.pk, plan=workspace.plan)
    return {rate: f"{points.normalize():f}" for rate, points in found.rates.items()}


@pytest.mark.parametrize(
    ("name", "usage", "points"),
    [
        # 1234 × 18.75 + 333 × 75 = 48112.5
        ("gpt-4o", Usage(input_tokens=1_234, output_tokens=333), 48_113),
        ("gpt-4o", Usage(input_tokens=1_234, cached_tokens=1_000, output_tokens=333), 38_738),
        ("gpt-4o-mini", Usage(input_tokens=1_000_000, output_tokens=1_000_000), 5_625_000),
        ("gpt-4o-mini", Usage(input_tokens=1, output_tokens=1), 6),
        # 10 × 22.5 + 20 × 2.25 + 30 × 28.125 + 40 × 112.5
        (
            "claude-sonnet-4-0",
            Usage(input_tokens=60, cached_tokens=20, cache_write_tokens=30, output_tokens=40),
            5_614,
        ),
        ("gpt-4o-image", Usage(input_tokens=9, output_tokens=9, images=1), 200_000),
        ("gpt-4o-image", Usage(input_tokens=9, output_tokens=0, images=2), 200_000),
        ("gpt-4o-image", Usage(input_tokens=9, output_tokens=9), 6_600),
        ("gpt-4o-image", Usage(input_tokens=9), 0),
        ("gpt-image-2", Usage(input_tokens=100, output_tokens=6_208, images=1), 1_867_400),
        ("text-embedding-ada-002", Usage(input_tokens=7), 7),
        ("tts-1", Usage(characters=11), 1_650),
        ("whisper-1", Usage(audio_ms=60_000), 60_000),
        ("whisper-1", Usage(audio_ms=1), 1),
        ("omni-moderation-latest", Usage(input_tokens=5), 0),
        ("local-chat", Usage(input_tokens=1, output_tokens=1), 1),
        ("local-embedding", Usage(input_tokens=1), 1),
    ],
)
def test_an_answer_costs_what_the_list_says(name: str, usage: Usage, points: int):
    assert of_list(name).cost(usage) == points


def test_a_gpt_has_a_minimum(db: None, workspace: Workspace):
    for rate, points in (("input", "100"), ("output", "300"), ("minimum", "100000")):
        override(points, model="gpt-4-gizmo-*", rate=rate)

    found = price_of(
        llm_model("gpt-4-gizmo-g-gFt1ghYJl"), workspace_id=workspace.pk, plan=workspace.plan
    )

    assert found.cost(Usage(input_tokens=10, output_tokens=10)) == 100_000
    assert found.cost(Usage(input_tokens=1_000, output_tokens=10)) == 103_000
    assert found.cost(Usage(input_tokens=10)) == 0


def test_special_parts_without_a_rate_cost_what_the_whole_does():
    usage = Usage(
        input_tokens=40,
        cached_tokens=10,
        cache_write_tokens=10,
        audio_input_tokens=10,
        output_tokens=30,
        reasoning_tokens=10,
        audio_output_tokens=10,
    )

    assert price(input="1", output="100").cost(usage) == 3_040
    assert (
        price(
            input="1",
            cached_input="2",
            cache_write="3",
            audio_input="4",
            output="100",
            reasoning="200",
            audio_output="300",
        ).cost(usage)
        == 10 + 20 + 30 + 40 + 1_000 + 2_000 + 3_000
    )


def test_parts_never_count_for_more_than_the_whole():
    usage = Usage(
        input_tokens=10,
        cached_tokens=8,
        cache_write_tokens=8,
        audio_input_tokens=8,
        output_tokens=10,
        reasoning_tokens=99,
        audio_output_tokens=4,
    )

    found = price(
        input="1",
        cached_input="10",
        cache_write="100",
        audio_input="1000",
        output="1",
        reasoning="2",
    ).cost(usage)

    assert found == 8 * 10 + 2 * 100 + 6 * 2 + 4 * 1


@pytest.mark.parametrize("field", [one.name for one in fields(Usage)])
def test_negative_numbers_count_for_nothing(field: str):
    usage = Usage(input_tokens=10, output_tokens=10)
    rates = {name: "7" for name in UNITS_PRICED if not name.startswith("request")}
    found = price(**rates).cost(replace(usage, **{field: -5}), charge_empty=True)

    assert found == (70 if field in {"input_tokens", "output_tokens"} else 140)


def test_a_chat_that_wrote_nothing_costs_nothing():
    chat, other = price(input="1", output="1", minimum=50), price(input="1", needs_output=False)
    read = Usage(input_tokens=1_000)

    assert (chat.cost(read), chat.cost(read, charge_empty=True)) == (0, 1_000)
    assert chat.cost(Usage(), charge_empty=True) == 0
    assert (other.cost(read), other.cost(Usage())) == (1_000, 0)


_COUNTS = st.integers(0, 2_000_000)
_USAGES = st.builds(Usage, **{one.name: _COUNTS for one in fields(Usage)})
_POINTS = st.decimals(0, 10_000, places=9)
_RATES = st.dictionaries(st.sampled_from(sorted(UNITS_PRICED)), _POINTS)
_MINIMA = st.integers(0, 10_000)


def _exact(rates: dict[str, Decimal], usage: Usage) -> Fraction:
    """The formula, with nothing prepared."""

    def rate(name: str, *fallback: str) -> Fraction:
        return Fraction(next((rates[one] for one in (name, *fallback) if one in rates), Decimal(0)))

    cached = min(usage.cached_tokens, usage.input_tokens)
    stored = min(usage.cache_write_tokens, usage.input_tokens - cached)
    heard = min(usage.audio_input_tokens, usage.input_tokens - cached - stored)
    spoken = min(usage.audio_output_tokens, usage.output_tokens)
    thought = min(usage.reasoning_tokens, usage.output_tokens - spoken)
    parts = [
        (usage.input_tokens - cached - stored - heard, rate("input")),
        (cached, rate("cached_input", "input")),
        (stored, rate("cache_write", "input")),
        (heard, rate("audio_input", "input")),
        (usage.output_tokens - spoken - thought, rate("output")),
        (spoken, rate("audio_output", "output")),
        (thought, rate("reasoning", "output")),
        (usage.images, rate("image")),
        (usage.characters, rate("character")),
        (Fraction(usage.audio_ms, 60_000), rate("minute")),
        (1, rate("request") if usage.images else rate("request_without_image", "request")),
    ]
    return sum((count * points for count, points in parts), Fraction(0))


@given(rates=_RATES, usage=_USAGES, minimum=_MINIMA)
def test_a_cost_is_the_formula_rounded_up_once(
    rates: dict[str, Decimal], usage: Usage, minimum: int
):
    found = LlmPrice.of(rates=rates, minimum_points=minimum, needs_output=False).cost(usage)

    is_used = usage.input_tokens or usage.output_tokens or usage.images
    is_used = is_used or usage.characters or usage.audio_ms
    assert type(found) is int
    assert found == (max(ceil(_exact(rates, usage)), minimum) if is_used else 0)


@given(rates=_RATES, upper=_USAGES, minimum=_MINIMA, data=st.data())
def test_no_answer_within_bounds_costs_more_than_the_worst(
    rates: dict[str, Decimal], upper: Usage, minimum: int, data: st.DataObject
):
    # Whether it is cached, written to a cache, or thought, nobody knows beforehand.
    unknown = {"cached_tokens", "cache_write_tokens", "reasoning_tokens"}
    counts = {
        one.name: data.draw(
            _COUNTS if one.name in unknown else st.integers(0, getattr(upper, one.name))
        )
        for one in fields(Usage)
    }
    found = LlmPrice.of(rates=rates, minimum_points=minimum, needs_output=True)

    assert found.cost(Usage(**counts), charge_empty=True) <= found.worst(upper)
    assert found.worst(upper) == found.worst(replace(upper, **dict.fromkeys(unknown, 0)))


@given(rates=_RATES, minimum=_MINIMA, needs_output=st.booleans(), usage=_USAGES)
def test_a_price_survives_being_kept(
    rates: dict[str, Decimal], minimum: int, needs_output: bool, usage: Usage
):
    before = LlmPrice.of(rates=rates, minimum_points=minimum, needs_output=needs_output)
    after = LlmPrice.from_json(json.loads(json.dumps(before.as_json())))

    assert after == before
    assert after.cost(usage) == before.cost(usage)


def test_a_version_stands_for_rates_and_minimum():
    one = price(input="1.50", output="2")
    versions = {
        price(input="1.5", output="2").version,
        price(output="2.0", input="1.5").version,
        one.version,
    }
    others = {
        price(input="1.5", output="2", minimum=1).version,
        price(input="1.5", output="2.1").version,
        price(input="1.5", output="2", reasoning="2").version,
    }

    assert versions == {one.version}
    assert len(others | versions) == 4
    assert one.as_json() == {
        "version": "32efe2a16b7c",
        "rates": {"input": "1.5", "output": "2"},
        "minimum_points": 0,
        "needs_output": True,
    }


@pytest.mark.parametrize(
    ("kind", "rates", "is_price"),
    [
        (LlmKind.CHAT, ["input"], False),
        (LlmKind.CHAT, ["output", "image"], False),
        (LlmKind.CHAT, ["request_without_image"], False),
        (LlmKind.CHAT, ["request"], True),
        (LlmKind.EMBEDDING, ["output"], False),
        (LlmKind.EMBEDDING, ["input"], True),
        (LlmKind.IMAGE, ["input"], False),
        (LlmKind.IMAGE, ["image"], True),
        (LlmKind.SPEECH, ["input"], False),
        (LlmKind.SPEECH, ["character"], True),
        (LlmKind.TRANSCRIPTION, ["character"], False),
        (LlmKind.TRANSCRIPTION, ["minute"], True),
        (LlmKind.MODERATION, ["image"], False),
        (LlmKind.MODERATION, ["input"], True),
        *((kind, [], False) for kind in LlmKind),
    ],
)
def test_a_price_that_misses_what_is_measured_is_none(
    kind: LlmKind, rates: list[str], is_price: bool
):
    found = list_price(model(kind=kind, rates=dict.fromkeys(rates, Decimal(1))))

    assert (found is not None) is is_price


def test_without_a_price_it_is_not_callable(db: None, workspace: Workspace):
    override("300", model="gpt-5", rate="input")

    for name in ("gpt-5", "sora-2-preview", "gpt-4-gizmo-g-gFt1ghYJl"):
        with pytest.raises(NotPriced) as refused:
            price_of(llm_model(name), workspace_id=workspace.pk, plan=workspace.plan)
        assert (refused.value.type, refused.value.message) == (
            "no_route",
            f"No price is set for {name}, so it cannot be called. Nothing was charged.",
        )


def test_an_operator_prices_what_the_list_does_not(db: None, workspace: Workspace):
    override("12.5", model="gpt-5", rate="input")
    override("100", model="gpt-5", rate="output")
    override("400.2", model="gpt-5", rate="minimum")

    found = price_of(llm_model("gpt-5-2025-08-07"), workspace_id=workspace.pk, plan="hobbyist")

    assert found == price(input="12.5", output="100", minimum=401)
    assert found.cost(Usage(input_tokens=10, output_tokens=10)) == 1_125


def test_the_most_specific_override_wins(db: None, workspace: Workspace):
    listed = {"input": "18.75", "cached_input": "9.375", "output": "75"}
    other = WorkspaceFactory.create()
    assert rates_of(workspace) == listed

    override("3")
    assert rates_of(workspace) == rates_of(other) == {**listed, "input": "3"}
    override("2", plan=workspace.plan)
    assert rates_of(workspace) == {**listed, "input": "2"}
    override("1", workspace=workspace)
    assert (rates_of(workspace)["input"], rates_of(other)["input"]) == ("1", "2")
    override("0.5", workspace=workspace, valid_to=timezone.now() - timedelta(minutes=1))
    assert rates_of(workspace)["input"] == "1"
    # Of another kind, or of a name that is only an alias: nobody's price.
    override("9", workspace=workspace, task_type="embedding")
    override("9", workspace=workspace, model="gpt-4o-2024-08-06")
    assert rates_of(workspace, "gpt-4o-2024-08-06")["input"] == "1"


def test_a_change_shows_at_the_next_reading(
    db: None, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    now = 1_000.0
    monkeypatch.setattr(overrides.time, "monotonic", lambda: now)
    chat = llm_model("gpt-4o")
    first = price_of(chat, workspace_id=workspace.pk, plan=workspace.plan)
    PriceOverride.objects.create(
        model="gpt-4o",
        task_type="chat",
        rate="input",
        points_per_unit=1,
        valid_from=timezone.now(),
    )

    now += 1.9
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert price_of(chat, workspace_id=workspace.pk, plan=workspace.plan) is first
    assert len(asked) == 0
    now += 0.2
    second = price_of(chat, workspace_id=workspace.pk, plan=workspace.plan)

    assert second.rates == {**first.rates, "input": Decimal(1)}
    assert second.version != first.version
