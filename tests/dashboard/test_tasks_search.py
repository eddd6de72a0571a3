"""The list's search, filters, table to take away and saved views, as pages."""

import csv
import io
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Workspace
from apps.tasks.models import SavedView, Task
from apps.tasks.services import views
from tests.factories import (
    ILLUSTRATION,
    WorkspaceFactory,
    completed,
    identity,
    member,
    owner_of,
    task,
)
from tests.tasks import rows


def _list(client: Client, workspace: Workspace, query: str = "", **more: Any) -> Any:
    return client.get(f"/w/{workspace.slug}/tasks{query}", **more)


def _ids(answer: Any) -> list[Any]:
    return [found.id for found in answer.context["page"].items]


def test_id_in_the_search_field_leads_to_its_task(workspace: Workspace, owner: Client) -> None:
    found = task(workspace, client_reference="order-7")
    foreign = task(WorkspaceFactory.create(), client_reference="theirs")
    page = f"/w/{workspace.slug}/tasks/{found.id}"

    answers = [
        _list(owner, workspace, f"?q={text}") for text in (found.id, f" {found.id.hex} ", "order-7")
    ]
    missed = [_list(owner, workspace, f"?q={text}") for text in (foreign.id, "theirs")]

    assert [answer.headers["Location"] for answer in answers] == [page] * 3
    assert [(answer.status_code, _ids(answer)) for answer in missed] == [(200, []), (200, [])]


def test_reference_of_several_tasks_becomes_a_filter(workspace: Workspace, owner: Client) -> None:
    made = [task(workspace, client_reference="batch 1") for _ in range(2)]
    task(workspace)

    answer = _list(owner, workspace, "?q=batch+1", follow=True)

    assert answer.redirect_chain == [(f"/w/{workspace.slug}/tasks?reference=batch+1", 302)]
    assert _ids(answer) == rows.ids(made)[::-1]


def test_text_searches_prompts_for_those_who_see_them(
    workspace: Workspace, owner: Client, billing: Client
) -> None:
    lake = task(workspace, input={**ILLUSTRATION["input"], "prompt": "a lake"})
    fox = task(workspace)

    seen, blind = (_list(one, workspace, "?q=lake") for one in (owner, billing))

    assert _ids(seen) == [lake.id]
    # Whoever may not read prompts must not find out what is in them either.
    assert _ids(blind) == [fox.id, lake.id]
    assert b"the text was not searched" in blind.content
    assert b"a lake" not in blind.content


def test_filters_that_are_on_are_chips_to_take_off(workspace: Workspace, owner: Client) -> None:
    key_id = identity(workspace).key_id
    person = owner_of(workspace)

    chips = _list(
        owner,
        workspace,
        f"?status=open&key={key_id}&member={person.pk}&from=24h&cost_from=0.10&error=11002&pool=private",
    ).context["chips"]

    assert [chip.text for chip in chips] == [
        "Waiting or running",
        "Key: test",
        f"By {person.email}",
        "Own accounts",
        "From the last 24 hours",
        "Cost from $0.10",
        "Error: Provider moderated",
    ]
    assert chips[0].without.startswith(f"key={key_id}&member=")
    assert "error=" not in chips[-1].without


def test_page_says_what_it_could_not_read(workspace: Workspace, owner: Client) -> None:
    page = _list(owner, workspace, "?from=<b>&cost_to=much&status=odd").content.decode()

    assert "“&lt;b&gt;” was left out: give a day, such as 2026-01-21." in page
    assert "“much” was left out: give an amount in US dollars, such as 0.10." in page
    assert "“odd” was left out: there is no such status." in page


def test_search_that_stopped_offers_to_go_on(
    workspace: Workspace, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.tasks.selectors.searching.MOST_LOOKED_AT", 1)
    rare = task(workspace)
    rows.change(rare, service_mode="private", price_points=0)
    task(workspace)

    page = _list(owner, workspace, "?pool=private")
    rest = _list(owner, workspace, f"?{page.context['older']}")

    assert (_ids(page), _ids(rest)) == ([], [rare.id])
    assert b"Search older tasks" in page.content


@pytest.mark.parametrize("query", ["", "?q=fox&from=7d&cost_from=0.0001", "?status=open"])
def test_list_asks_at_most_twelve_queries(
    query: str, workspace: Workspace, owner: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(3):
        task(workspace)
    views.save_view(
        workspace_id=workspace.pk, user_id=owner_of(workspace).pk, name="a", query="status=open"
    )
    _list(owner, workspace)

    with django_assert_max_num_queries(12):
        assert _list(owner, workspace, query).status_code == 200


def _table(client: Client, workspace: Workspace, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"/w/{workspace.slug}/tasks.csv{query}")
    text = b"".join(answer.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_exact_amounts_times_and_no_formulas(workspace: Workspace, owner: Client) -> None:
    done = completed(workspace)
    task(workspace, client_reference="=1+1", input={**ILLUSTRATION["input"], "prompt": "@fox"})
    task(WorkspaceFactory.create())

    waiting, ended = _table(owner, workspace)

    assert (waiting["client_reference"], waiting["prompt"], waiting["cost_usd"]) == (
        "'=1+1",
        "'@fox",
        "",
    )
    assert (ended["task_id"], ended["quoted_usd"], ended["cost_usd"]) == (
        str(done.id),
        "0.001",
        "0.001",
    )
    assert ended["created_at"] == done.created_at.isoformat()
    assert ended["prompt"] == "a fox in a forest"


def test_csv_takes_the_filters_and_leaves_prompts_out_for_billing(
    workspace: Workspace, owner: Client, billing: Client
) -> None:
    done = completed(workspace)
    task(workspace)

    assert [row["task_id"] for row in _table(owner, workspace, "?status=completed")] == [
        str(done.id)
    ]
    assert {row["prompt"] for row in _table(billing, workspace)} == {""}


def test_csv_of_a_filter_that_cannot_be_read_is_not_made(
    workspace: Workspace, owner: Client
) -> None:
    answer = owner.get(f"/w/{workspace.slug}/tasks.csv?status=odd&model=modelyard/illustration")

    assert answer.headers["Location"] == f"/w/{workspace.slug}/tasks?model=modelyard%2Fillustration"


def test_view_is_saved_shown_renamed_and_deleted(workspace: Workspace, owner: Client) -> None:
    base = f"/w/{workspace.slug}/tasks/views"

    owner.post(base, {"name": "Night", "query": "status=failed&from=24h&after=x&evil=1"})
    view = SavedView.objects.of(workspace.pk).get()
    listed = _list(owner, workspace).context["views"]
    owner.post(f"{base}/{view.pk}/rename", {"name": "Day"})
    renamed = owner.get(base).content.decode()
    owner.post(f"{base}/{view.pk}/delete")

    assert view.query == "status=failed&from=24h"
    assert listed == [
        ("All", ""),
        ("Running", "status=open"),
        ("Failed 24 h", "status=failed&from=24h"),
        ("Expensive", "from=30d&cost_from=0.10"),
        ("Night", "status=failed&from=24h"),
    ]
    assert 'value="Day"' in renamed
    assert not SavedView.objects.of(workspace.pk).exists()


def test_views_of_others_are_not_shown(workspace: Workspace, owner: Client) -> None:
    other = member(workspace)
    view = views.save_view(workspace_id=workspace.pk, user_id=other.pk, name="Theirs", query="")
    base = f"/w/{workspace.slug}/tasks/views"

    pages = [owner.get(path).content for path in (base, f"/w/{workspace.slug}/tasks")]
    statuses = [
        owner.post(f"{base}/{view.pk}/{action}", {"name": "x"}).status_code
        for action in ("rename", "delete")
    ]

    assert [b"Theirs" in page for page in pages] == [False, False]
    assert statuses == [404, 302]
    assert SavedView.objects.of(workspace.pk).get().name == "Theirs"


def test_view_with_a_bad_name_is_not_saved_and_says_why(
    workspace: Workspace, owner: Client
) -> None:
    answer = owner.post(
        f"/w/{workspace.slug}/tasks/views", {"name": " ", "query": "status=failed"}, follow=True
    )

    assert b"Give the view a name. Nothing was saved." in answer.content
    assert answer.request["QUERY_STRING"] == "status=failed"
    assert not SavedView.objects.of(workspace.pk).exists()


def test_ticks_have_ids_that_stay_when_the_table_renews_itself(
    workspace: Workspace, owner: Client
) -> None:
    found = task(workspace)

    part = _list(owner, workspace, headers={"HX-Request": "true"}).content.decode()

    assert f'id="pick-{found.id}"' in part
    assert "hx-preserve" in part
    assert Task.objects.of(workspace.pk).get().id == found.id
