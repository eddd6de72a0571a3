"""Usage: cards, charts with tables, splits, comparison, links, export, old addresses, and nothing of a neighbour's."""

import csv
import io
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import ApiKey, Workspace
from apps.dashboard import usage_query
from apps.llm.services import roll_up
from apps.tasks.services import slices
from tests.factories import WorkspaceFactory, owner_of
from tests.factories.usage import slice_of, took
from tests.llm.rows import attempt, key_of

pytestmark = pytest.mark.django_db
TODAY = datetime.now(UTC).date()
USD = 10_000_000


def used(
    workspace: Workspace, *, days_ago: int = 0, hours_ago: int | None = None, **values: Any
) -> None:
    """A slice of a day; with `hours_ago` one of a quarter of an hour."""
    if hours_ago is None:
        starts_at = datetime.combine(TODAY - timedelta(days=days_ago), time(), UTC)
    else:
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        starts_at = hour - timedelta(hours=hours_ago)
    slice_of(workspace, starts_at=starts_at, is_day=hours_ago is None, **values)


@pytest.fixture
def page(workspace: Workspace, owner: Client) -> Callable[[str], Any]:
    def get(query: str = "") -> Any:
        answer = owner.get(f"/w/{workspace.slug}/usage?{query}")
        assert answer.status_code == 200
        return answer

    return get


def rows_of(answer: Any) -> list[tuple[Any, ...]]:
    return [
        (row.name, row.sums.requests, row.sums.net_points, row.success, row.share, row.change)
        for row in answer.context["rows"]
    ]


def chart(answer: Any, name: str) -> Any:
    return next(one for one in answer.context["charts"] if one.id == name)


def drawn(answer: Any, name: str) -> dict[str, list[Any]]:
    data = orjson.loads(chart(answer, name).data)
    return {series["label"]: series["data"] for series in data["series"]}


def table(answer: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(b"".join(answer.streaming_content).decode())))


def test_models_are_compared_with_the_days_before(workspace: Workspace, page: Any) -> None:
    used(workspace, completed=3, charged_points=300)
    used(workspace, days_ago=6, completed=1, refused=1, charged_points=100)
    used(workspace, days_ago=7, completed=1, charged_points=200)
    used(workspace, model="kling", cancelled=1, charged_points=600, refunded_points=500)
    used(workspace, model="luma", days_ago=9, completed=1, charged_points=50)
    used(workspace, model="old", days_ago=14, charged_points=9_999)

    answer = page("range=7d")

    assert rows_of(answer) == [
        ("flux", 5, 400, "80.0 %", "80.0 %", "+100 %"),
        ("kling", 1, 100, "", "20.0 %", "new"),
        ("luma", 0, 0, "", "0.0 %", "−100 %"),
    ]
    found = answer.context["found"]
    assert (found.total.net_points, found.total_before.net_points) == (500, 250)


def test_charts_and_their_tables_agree(workspace: Workspace, page: Any) -> None:
    used(workspace, charged_points=3 * USD, completed=3, refused=1)
    used(workspace, model="kling", days_ago=1, charged_points=USD, completed=1)
    used(workspace, days_ago=8, charged_points=2 * USD, completed=2)

    answer = page("range=7d")

    assert drawn(answer, "spend") == {
        "flux": [0, 0, 0, 0, 0, 0, 3],
        "kling": [0, 0, 0, 0, 0, 1, 0],
        "the 7 days before": [0, 0, 0, 0, 0, 2, 0],
    }
    assert chart(answer, "spend").columns == ["flux", "kling", "Sum", "the 7 days before"]
    assert chart(answer, "spend").rows[-1][2] == ["$3.00", "$0.00", "$3.00", "$0.00"]
    assert chart(answer, "spend").rows[-2][2] == ["$0.00", "$1.00", "$1.00", "$2.00"]
    assert drawn(answer, "success")["success"] == [None] * 5 + [100, 75]
    assert chart(answer, "success").rows[-1][2] == ["75.0 %", "3", "1", "0"]
    assert chart(answer, "requests").summary == (
        f"Total 5, most on {TODAY:%-d %B} with 4; 2 in the 7 days before."
    )


def test_what_is_beyond_the_four_with_most_is_other(workspace: Workspace, page: Any) -> None:
    for number in range(1, 7):
        used(workspace, model=f"m{number}", charged_points=number * USD, completed=1)

    answer = page("range=7d")

    assert {name: line[-1] for name, line in drawn(answer, "spend").items()} == {
        "m6": 6, "m5": 5, "m4": 4, "m3": 3, "other": 3,
    }  # fmt: skip


def test_times_are_percentiles_of_what_completed(workspace: Workspace, page: Any) -> None:
    used(workspace, completed=90, **took(1_000, 90))
    used(workspace, model="kling", completed=10, **took(60_000, 10))
    used(workspace, days_ago=7, completed=1, **took(300))

    answer = page("range=7d")

    cards = answer.context["cards"]
    assert 800 < cards["p50"] < 1_450
    assert 41_000 < cards["p95"] < 87_000
    assert 200 < cards["p50_before"] < 450
    by_name = {row.name: (row.p50, row.p95) for row in answer.context["rows"]}
    assert by_name["flux"][1] < 1_450
    assert by_name["kling"][0] > 41_000
    assert drawn(answer, "times")["p50"][:6] == [None] * 6


def test_hours_of_the_last_day_come_from_quarters(workspace: Workspace, page: Any) -> None:
    used(workspace, completed=99, charged_points=99)
    used(workspace, hours_ago=0, completed=2, charged_points=2 * USD)
    used(workspace, hours_ago=24, completed=1, charged_points=USD)

    answer = page("range=24h")

    assert drawn(answer, "spend")["flux"] == [0.0] * 23 + [2]
    assert drawn(answer, "spend")["the 24 hours before"] == [0.0] * 23 + [1]
    assert answer.context["found"].total.completed == 2


def test_keys_and_people_are_named(workspace: Workspace, page: Any) -> None:
    key, person = key_of(workspace, "ci"), owner_of(workspace)
    used(workspace, key=key.pk, member=person.pk, completed=1, charged_points=10)
    used(workspace, completed=1, charged_points=5)
    used(workspace, member=999_999, completed=1, charged_points=1)

    by_key, by_person, by_pool = page("by=key"), page("by=member"), page("by=pool")

    assert [row[0] for row in rows_of(by_key)] == [f"ci ({key.masked})", "without a key"]
    assert [row[0] for row in rows_of(by_person)] == [person.email, "without a person", "#999999"]
    assert [row[0] for row in rows_of(by_pool)] == ["pay-per-use"]


def test_errors_are_told_apart(workspace: Workspace, page: Any) -> None:
    used(workspace, completed=6, refused=3, timed_out=1)
    used(workspace, is_call=True, refused=1, cancelled=5)
    used(workspace, days_ago=31, our_fault=2)

    answer = page("by=error")

    assert [(row.name, row.count, row.before, row.share) for row in answer.context["errors"]] == [
        ("Refused by the provider’s rules", 4, 0, "36.3 %"),
        ("Out of time", 1, 0, "9.0 %"),
        ("Failed on our side", 0, 2, "0.0 %"),
    ]
    refused = answer.context["errors"][0]
    assert parse_qs(refused.tasks.query)["error"] == ["11002"]
    assert parse_qs(refused.calls.query)["end"] == ["refused"]
    assert drawn(answer, "requests")["Refused by the provider’s rules"][-1] == 4


def test_filters_narrow_everything_and_can_be_taken_off(workspace: Workspace, page: Any) -> None:
    key = key_of(workspace, "ci")
    used(workspace, key=key.pk, completed=1, charged_points=10, **took(1_000))
    used(workspace, model="kling", pool="private", completed=2, charged_points=5, **took(9_000))

    answer = page(f"range=7d&by=model&key={key.pk}&pool=public")

    assert [row[:3] for row in rows_of(answer)] == [("flux", 1, 10)]
    assert answer.context["cards"]["p95"] < 2_000
    chips = answer.context["chips"]
    assert [chip.text for chip in chips] == [f"Key: ci ({key.masked})", "Pool: pay-per-use"]
    assert parse_qs(chips[0].without) == {"range": ["7d"], "by": ["model"], "pool": ["public"]}


def test_cells_lead_to_the_calls_they_count(workspace: Workspace, owner: Client, page: Any) -> None:
    key = key_of(workspace)
    for _ in range(2):
        attempt(workspace, key=key)
    attempt(workspace, model="gpt-4o")
    roll_up.sum_up()
    slices.count_all_new()

    for split in ("model", "key"):
        found = page(f"range=7d&by={split}").context["rows"]
        assert sorted(row.calls.count for row in found) == [1, 2]
        for row in found:
            lines = owner.get(f"/w/{workspace.slug}/llm/calls?{row.calls.query}").context["lines"]
            assert len(lines) == row.calls.count


def test_cells_lead_to_tasks_with_the_same_filters(workspace: Workspace, page: Any) -> None:
    used(workspace, completed=1, refused=1, member=7)

    (row,) = page("range=7d&by=model&member=7&pool=public").context["rows"]

    first = (TODAY - timedelta(days=6)).isoformat()
    wanted = {
        "model": ["flux"],
        "member": ["7"],
        "pool": ["public"],
        "from": [first],
        "to": [TODAY.isoformat()],
    }
    assert parse_qs(row.tasks.query) == wanted
    assert parse_qs(row.failed_tasks.query) == {**wanted, "status": ["failed"]}
    assert row.calls.query == ""


def test_export_has_exact_decimals_and_no_formulas(workspace: Workspace, owner: Client) -> None:
    used(workspace, model="=cmd()", completed=1, charged_points=1, tokens_in=5)

    answer = owner.get(f"/w/{workspace.slug}/usage.csv?range=7d")

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    header, line = table(answer)
    assert dict(zip(header, line, strict=True)) == {
        "starts_at": f"{TODAY}T00:00:00+00:00", "model": "'=cmd()", "model_id": "'=cmd()", "kind": "task",
        "requests": "1", "completed": "1", "cancelled": "0", "refused": "0", "timed_out": "0", "provider_failed": "0",
        "no_account": "0", "out_of_credits": "0", "our_fault": "0", "charged_usd": "0.0000001", "refunded_usd": "0",
        "net_usd": "0.0000001", "tokens_in": "5", "tokens_out": "0", "p50_seconds": "", "p95_seconds": "",
    }  # fmt: skip


def test_export_of_every_split(workspace: Workspace, owner: Client) -> None:
    key = key_of(workspace, "ci")
    used(workspace, key=key.pk, member=owner_of(workspace).pk, completed=1, **took(1_000))
    names = {}

    for split in ("model", "key", "member", "pool", "error"):
        _, line = table(owner.get(f"/w/{workspace.slug}/usage.csv?by={split}"))
        names[split] = line[1]
        assert 0.8 < float(line[-1]) < 1.45

    assert names == {
        "model": "flux", "key": f"ci ({key.masked})", "member": owner_of(workspace).email, "pool": "pay-per-use",
        "error": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    "query",
    [
        "range=8d&by=api_key_id", "range=own", "range=own&from=x&to=y", "from=2026-13-45", "range=own&from=0001-01-01",
        "range=own&from=2001-01-01&to=2026-01-01", "key=x&member=-1&pool=own", "key=99999999999999999999", "by=%00",
        "range=own&from=9999-12-31&to=9999-12-31", "range=%F0%9F%98%80",
    ],
)  # fmt: skip
def test_unknown_query_is_the_default(workspace: Workspace, page: Any, query: str) -> None:
    used(workspace, completed=1)

    asked = page(query).context["asked"]

    assert (asked.range, asked.split, asked.days, asked.filters) == ("30d", "model", 30, {})


@pytest.mark.parametrize("query", ["model=%00", "key=0&member=0", "model=" + "x" * 300])
def test_filter_that_fits_nothing_says_so(page: Any, workspace: Workspace, query: str) -> None:
    used(workspace, completed=1, key=1, member=1)

    answer = page(query)

    if answer.context["asked"].is_filtered:
        assert "Nothing matches in this time." in answer.content.decode()


def test_own_dates_may_be_a_day_by_the_hour_or_long_ago(workspace: Workspace, page: Any) -> None:
    day = TODAY - timedelta(days=1)
    used(workspace, hours_ago=24, completed=1)
    used(workspace, days_ago=200, completed=5)
    long_ago = TODAY - timedelta(days=200)

    by_hour = page(f"range=own&from={day}&to={day}")
    by_day = page(f"range=own&from={long_ago}&to={long_ago}")

    assert by_hour.context["asked"].span.step == "hour"
    assert len(by_hour.context["found"].steps) == 24
    assert by_day.context["found"].total.completed == 5


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("billing/usage?days=7&by=key", {"range": ["7d"], "by": ["key"]}),
        ("llm/usage?days=1&by=model", {"range": ["24h"], "by": ["model"]}),
        ("billing/usage?days=x&by=y", {}),
        ("billing/usage.csv?days=90", {"range": ["90d"]}),
    ],
)
def test_old_addresses_lead_to_the_same_here(
    workspace: Workspace, owner: Client, old: str, new: dict[str, list[str]]
) -> None:
    answer = owner.get(f"/w/{workspace.slug}/{old}")

    found = urlsplit(answer["Location"])
    assert answer.status_code == 302
    assert found.path == f"/w/{workspace.slug}/usage" + (".csv" if ".csv" in old else "")
    assert parse_qs(found.query) == new


def test_neighbours_usage_does_not_show(workspace: Workspace, owner: Client, page: Any) -> None:
    neighbour = WorkspaceFactory.create()
    key, person = key_of(neighbour, "theirs"), owner_of(neighbour)
    used(neighbour, model="secret-model", key=key.pk, member=person.pk, completed=7, **took(9))

    answers = [page(f"by={by}&key={key.pk}&member={person.pk}") for by in usage_query.SPLIT_WORDS]

    for answer in answers:
        text = answer.content.decode()
        assert "Nothing matches in this time." in text
        assert not re.search(f"theirs|secret-model|{re.escape(person.email)}", text)
    assert len(table(owner.get(f"/w/{workspace.slug}/usage.csv"))) == 1
    assert ApiKey.objects.of(workspace.pk).count() == 0


def test_nothing_yet_says_what_to_do(page: Any) -> None:
    text = page().content.decode()

    assert "Numbers appear within a minute after the first task or call." in text
    assert "Open the playground" in text
    assert "<canvas" not in text


@pytest.mark.parametrize("count", [1, 12])
def test_queries_do_not_grow(
    workspace: Workspace, page: Any, django_assert_max_num_queries: Any, count: int
) -> None:
    for number in range(count):
        key = key_of(workspace, f"k{number}")
        used(workspace, key=key.pk, days_ago=number, completed=1, **took(1_000))
    page()

    with django_assert_max_num_queries(12):
        page("by=key&range=90d")


def test_days_are_those_of_the_persons_time_zone(workspace: Workspace) -> None:
    """Half past ten at night in UTC is the next day in Berlin; of long ago only UTC days are known."""
    with timezone.override("Europe/Berlin"):
        recent = usage_query.asked(
            _query("range=7d"), now=datetime(2026, 6, 30, 22, 30, tzinfo=UTC)
        )
        long = usage_query.asked(_query("range=90d"), now=datetime(2026, 6, 30, 22, 30, tzinfo=UTC))

    with timezone.override("Europe/Berlin"):
        assert recent.last == date(2026, 7, 1)
        assert recent.span.end == datetime(2026, 7, 1, 22, tzinfo=UTC)
        assert not recent.span.is_of_days
        assert long.span.is_of_days


def _query(text: str) -> Any:
    from django.http import QueryDict

    return QueryDict(text)
