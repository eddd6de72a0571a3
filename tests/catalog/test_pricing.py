from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from apps.accounts.models import Workspace
from apps.catalog import pricing
from apps.catalog.inputs import TaskInput
from apps.catalog.models import PriceOverride
from apps.catalog.pricing import Line, Quote
from apps.catalog.spec import Charge, OutputKind, Rate, TaskSpec
from apps.tasks.models import Task
from tests.factories import WorkspaceFactory, task

pytestmark = pytest.mark.django_db

NOW = timezone.now()
PAST, FUTURE = NOW - timedelta(hours=12), NOW + timedelta(hours=12)


class Film(TaskInput):
    seconds: int = Field(5, ge=0, le=10_000_000)
    is_sharp: bool = False


def _charges(film: Film) -> Sequence[Charge]:
    charges = [Charge("start"), Charge("second", Decimal(film.seconds))]
    return [*charges, Charge("sharp", Decimal("0.5"))] if film.is_sharp else charges


FILM = TaskSpec(
    model="test/film",
    task_type="film",
    family="test",
    title="Film",
    summary="A film.",
    kind=OutputKind.VIDEO,
    input=Film,
    rates=(
        Rate("start", "0.01"),
        Rate("second", "0.00000012", unit="s"),
        Rate("sharp", "0.00000003"),
    ),
    charges=_charges,
)


def override(points: str, rate: str = "start", **fields: Any) -> PriceOverride:
    return PriceOverride.objects.create(
        **{
            "model": "test/film",
            "task_type": "film",
            "rate": rate,
            "points_per_unit": Decimal(points),
            "valid_from": PAST,
            **fields,
        }
    )


def start_price(workspace_id: int | None = None, plan: str = "") -> Decimal:
    pricing.forget_overrides()
    return pricing.rates_for(spec=FILM, workspace_id=workspace_id, plan=plan)["start"]


def quote(values: Film, workspace: Workspace) -> Quote:
    return pricing.quote(spec=FILM, values=values, workspace_id=workspace.pk, plan=workspace.plan)


def test_quote_adds_its_lines_and_rounds_once_upwards(workspace: Workspace):
    found = quote(Film(seconds=3, is_sharp=True), workspace)

    # 100000 + 3 × 1.2 + 0.5 × 0.3 = 100003.75; rounded line by line it would be 100005.
    assert found == Quote(
        100_004,
        (
            Line("start", "task", Decimal(1), Decimal(100_000)),
            Line("second", "s", Decimal(3), Decimal("1.2")),
            Line("sharp", "task", Decimal("0.5"), Decimal("0.3")),
        ),
    )
    assert found.as_json() == [
        {"rate": "start", "unit": "task", "quantity": "1", "points_per_unit": "100000"},
        {"rate": "second", "unit": "s", "quantity": "3", "points_per_unit": "1.2"},
        {"rate": "sharp", "unit": "task", "quantity": "0.5", "points_per_unit": "0.3"},
    ]


@pytest.mark.django_db(transaction=False)
@given(seconds=st.integers(0, 10_000_000), is_sharp=st.booleans())
def test_quote_is_less_than_a_point_above_the_exact_sum(seconds: int, is_sharp: bool):
    found = pricing.quote(
        spec=FILM, values=Film(seconds=seconds, is_sharp=is_sharp), workspace_id=1, plan=""
    )

    exact = 100_000 + seconds * Decimal("1.2") + (Decimal("0.15") if is_sharp else 0)
    assert 0 <= found.points - exact < 1
    assert exact == sum(
        Decimal(line["quantity"]) * Decimal(line["points_per_unit"]) for line in found.as_json()
    )


def test_override_replaces_one_rate(workspace: Workspace):
    override("7.5", rate="second")

    assert quote(Film(seconds=3), workspace).points == 100_023


@pytest.mark.parametrize(
    ("valid_from", "valid_to", "counts"),
    [
        (PAST, None, True),
        (PAST, FUTURE, True),
        (FUTURE, None, False),
        (PAST - timedelta(hours=1), PAST, False),
    ],
)
def test_override_counts_within_its_dates(
    valid_from: datetime, valid_to: datetime | None, counts: bool
):
    override("1", valid_from=valid_from, valid_to=valid_to)

    assert start_price() == (Decimal(1) if counts else Decimal(100_000))


@pytest.mark.parametrize(
    ("moment", "points"), [(-1, 100_000), (0, 1), (59, 1), (60, 100_000)]
)  # seconds after its start; the end is exclusive
def test_override_starts_and_ends_on_the_second(
    monkeypatch: pytest.MonkeyPatch, moment: int, points: int
):
    override("1", valid_from=NOW, valid_to=NOW + timedelta(seconds=60))

    class Then(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return NOW + timedelta(seconds=moment)

    monkeypatch.setattr(pricing, "datetime", Then)

    assert start_price() == points


def test_the_most_specific_override_wins(workspace: Workspace):
    neighbour = WorkspaceFactory.create()
    override("4")
    override("3", plan="developer")
    override("2", workspace=workspace)

    prices = {
        "the workspace": start_price(workspace.pk, "developer"),
        "its plan": start_price(neighbour.pk, "developer"),
        "everybody": start_price(neighbour.pk, "premium"),
        "the public list": start_price(),
    }

    assert prices == {"the workspace": 2, "its plan": 3, "everybody": 4, "the public list": 4}


def test_the_order_of_writing_does_not_matter(workspace: Workspace):
    override("2", workspace=workspace)
    override("3", plan="developer", valid_from=NOW)
    override("4", valid_from=NOW)

    assert start_price(workspace.pk, "developer") == 2


def test_among_equals_the_newest_start_wins():
    override("1", valid_from=NOW - timedelta(minutes=1))
    override("2", valid_from=NOW - timedelta(minutes=2))

    assert start_price() == 1


def test_override_of_another_spec_or_rate_changes_nothing():
    override("1", model="test/other")
    override("1", task_type="other")
    override("1", rate="sharp")

    assert start_price() == 100_000


@pytest.mark.parametrize(
    "fields",
    [
        {"points": "-1"},
        {"points": "1", "valid_to": PAST},
        {"points": "1", "plan": "developer", "is_for_workspace": True},
    ],
)
def test_override_that_makes_no_sense_cannot_be_stored(
    workspace: Workspace, fields: dict[str, Any]
):
    if fields.pop("is_for_workspace", False):
        fields["workspace"] = workspace

    with pytest.raises(IntegrityError), transaction.atomic():
        override(**fields)


def test_overrides_are_read_again_within_two_seconds(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
):
    now = 1000.0
    monkeypatch.setattr(pricing.time, "monotonic", lambda: now)
    assert pricing.rates_for(spec=FILM)["start"] == 100_000
    override("1")

    now += 1.9
    with django_assert_num_queries(0):
        assert pricing.rates_for(spec=FILM)["start"] == 100_000
    now += 0.2
    assert pricing.rates_for(spec=FILM)["start"] == 1


def test_task_keeps_the_price_it_was_quoted(workspace: Workspace):
    before = task(workspace)
    override("9999.5", rate="task", model=before.model, task_type=before.task_type)
    pricing.forget_overrides()
    after = task(workspace)

    prices = dict(Task.objects.of(workspace.pk).values_list("id", "price_points"))

    assert prices == {before.id: 10_000, after.id: 10_000}
    assert [line["points_per_unit"] for line in before.price_lines + after.price_lines] == [
        "10000",
        "9999.5",
    ]
