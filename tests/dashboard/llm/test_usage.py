"""Usage of language models by model and by key, from the hourly sums."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Workspace
from apps.llm.services import roll_up
from tests.factories import WorkspaceFactory, owner_of
from tests.llm.rows import attempt, happened, key_of

NOW = datetime.now(UTC)


def rows_of(client: Client, workspace: Workspace, query: str = "") -> list[tuple[Any, ...]]:
    answer = client.get(f"/w/{workspace.slug}/llm/usage?{query}")
    assert answer.status_code == 200
    return [
        (row.name, row.used.calls, row.used.failed, row.used.points, row.share)
        for row in answer.context["rows"]
    ]


@pytest.fixture
def busy(workspace: Workspace) -> Workspace:
    key = key_of(workspace)
    attempt(workspace, key=key)
    attempt(workspace, key=key, model="gpt-4o", points=100)
    attempt(workspace, user=owner_of(workspace), end="failed", points=0, first_ms=None)
    happened(attempt(workspace, key=key, points=7), NOW - timedelta(days=20))
    attempt(WorkspaceFactory.create())
    roll_up.sum_up()
    return workspace


def test_by_model_the_dearest_first(busy: Workspace, owner: Client) -> None:
    assert rows_of(owner, busy, "days=7") == [
        ("gpt-4o", 1, 0, 100, "75.1 %"),
        ("gpt-4o-mini", 2, 1, 33, "24.8 %"),
    ]


def test_by_key_with_what_people_called(busy: Workspace, owner: Client) -> None:
    by_key, by_person = rows_of(owner, busy, "days=7&by=key")

    assert by_key[0].startswith("bot (")
    assert by_key[1:] == (2, 0, 133, "100 %")
    assert by_person == ("chat in the dashboard", 1, 1, 0, "0.0 %")


def test_a_longer_span_has_more(busy: Workspace, owner: Client) -> None:
    answer = owner.get(f"/w/{busy.slug}/llm/usage?days=30")

    total = answer.context["total"]
    assert (total.calls, total.failed, total.points) == (4, 1, 140)
    assert (total.mean_ms, total.mean_first_ms) == (800, 120)
    assert answer.context["spend"].total == 140


def test_each_line_leads_to_its_calls(busy: Workspace, owner: Client) -> None:
    for split in ("model", "key"):
        answer = owner.get(f"/w/{busy.slug}/llm/usage?days=7&by={split}")
        for row in answer.context["rows"]:
            found = owner.get(f"/w/{busy.slug}/llm/calls?{row.calls}")
            assert len(found.context["lines"]) == row.used.calls


def test_nothing_yet(workspace: Workspace, owner: Client) -> None:
    page = owner.get(f"/w/{workspace.slug}/llm/usage?days=x&by=y").content.decode()

    assert "Numbers appear within a minute after the first call." in page


def test_the_page_takes_few_queries(
    busy: Workspace, owner: Client, django_assert_max_num_queries: Any
) -> None:
    owner.get(f"/w/{busy.slug}/llm/usage")

    with django_assert_max_num_queries(12):
        owner.get(f"/w/{busy.slug}/llm/usage?by=key")
