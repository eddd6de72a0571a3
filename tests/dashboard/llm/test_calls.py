"""The log of calls: filters, paging, one call with its attempts, its cost to the last digit, and who sees what."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from apps.accounts.models import Workspace
from apps.dashboard import llm_story
from apps.dashboard.views.llm import calls
from apps.llm.models import CallContent, Usage
from apps.llm.services import contents
from tests.dashboard.conftest import browser
from tests.factories import UserFactory, WorkspaceFactory, member, owner_of
from tests.factories.byoa import account, own_account
from tests.llm.rows import attempt, happened, key_of

ASKED = {"messages": [{"role": "user", "content": "Is it warm?"}]}


def listed(client: Client, workspace: Workspace, query: str = "") -> list[Usage]:
    answer = client.get(f"/w/{workspace.slug}/llm/calls?{query}")
    assert answer.status_code == 200
    return [one for one, _ in answer.context["lines"]]


def page_of(client: Client, row: Usage) -> str:
    answer = client.get(f"/w/{row.workspace.slug}/llm/calls/{row.call}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_calls_are_listed_newest_first_without_the_neighbours(
    workspace: Workspace, owner: Client
) -> None:
    first, second = attempt(workspace), attempt(workspace)
    attempt(WorkspaceFactory.create())

    assert listed(owner, workspace) == [second, first]


def test_a_call_stands_there_once_with_its_last_attempt(
    workspace: Workspace, owner: Client
) -> None:
    call = uuid.uuid4()
    attempt(workspace, call=call, end="failed", points=0)
    last = attempt(workspace, call=call, number=2)

    assert listed(owner, workspace) == [last]
    assert listed(owner, workspace, "end=failed") == []


def test_each_filter_keeps_what_it_names(workspace: Workspace, owner: Client) -> None:
    key, other = key_of(workspace, "ci"), key_of(workspace, "app")
    by_key = attempt(workspace, key=key)
    by_other = attempt(workspace, key=other, model="gpt-4o")
    failed = attempt(workspace, user=owner_of(workspace), end="failed", points=0)
    happened(by_other, datetime(2026, 11, 3, 23, 59, tzinfo=UTC))

    found = {
        query: listed(owner, workspace, query)
        for query in (
            "model=gpt-4o",
            f"key={key.pk}",
            "key=dashboard",
            "end=failed",
            "from=2026-11-03&to=2026-11-03",
            "to=2026-11-02",
            "model=nothing",
        )
    }

    assert found == {
        "model=gpt-4o": [by_other],
        f"key={key.pk}": [by_key],
        "key=dashboard": [failed],
        "end=failed": [failed],
        "from=2026-11-03&to=2026-11-03": [by_other],
        "to=2026-11-02": [],
        "model=nothing": [],
    }


@pytest.mark.parametrize(
    "query",
    [
        "model=%00", "key=abc", "key=-1", "key=99999999999999999999", "end=nonsense", "from=2026-13-45",
        "to=0001-01-01", "from=9999-12-31", "before=x", "before=0", "before=99999999999999999999999",
    ],
)  # fmt: skip
def test_a_strange_filter_counts_as_none(workspace: Workspace, owner: Client, query: str) -> None:
    row = attempt(workspace)

    assert listed(owner, workspace, query) in ([row], [])


def test_key_of_a_neighbour_finds_nothing(workspace: Workspace, owner: Client) -> None:
    theirs = WorkspaceFactory.create()
    key = key_of(theirs)
    attempt(theirs, key=key)

    assert listed(owner, workspace, f"key={key.pk}") == []


def test_pages_follow_each_other_without_gaps(
    workspace: Workspace, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "_PAGE", 2)
    rows = [attempt(workspace) for _ in range(5)]
    attempt(workspace, model="gpt-4o")

    seen: list[Usage] = []
    query = "model=gpt-4o-mini"
    while query:
        answer = owner.get(f"/w/{workspace.slug}/llm/calls?{query}")
        seen += [one for one, _ in answer.context["lines"]]
        query = answer.context["older"]

    assert seen == rows[::-1]


def test_nothing_yet_and_nothing_found_say_what_to_do(workspace: Workspace, owner: Client) -> None:
    empty = owner.get(f"/w/{workspace.slug}/llm/calls").content.decode()
    filtered = owner.get(f"/w/{workspace.slug}/llm/calls?end=failed").content.decode()

    assert "No calls yet." in empty
    assert "No calls match." in filtered


def test_the_list_takes_as_many_queries_for_three_as_for_one(
    workspace: Workspace, owner: Client, django_assert_max_num_queries: Any
) -> None:
    owner.get(f"/w/{workspace.slug}/llm/calls")
    attempt(workspace, key=key_of(workspace))
    with django_assert_max_num_queries(12) as few:
        owner.get(f"/w/{workspace.slug}/llm/calls")

    attempt(workspace, key=key_of(workspace))
    attempt(workspace, user=owner_of(workspace))

    with django_assert_max_num_queries(len(few)):
        owner.get(f"/w/{workspace.slug}/llm/calls")


# ------------------------------------------------------------------------------- one
def test_cost_is_explained_to_the_last_digit(workspace: Workspace, owner: Client) -> None:
    row = attempt(workspace, input_tokens=11, cached_tokens=3, output_tokens=5, points=45)

    page = page_of(owner, row)

    assert "Answered. It cost $0.0000045." in page
    cost = owner.get(f"/w/{workspace.slug}/llm/calls/{row.call}").context["cost"]
    lines = [(one.quantity, one.word, one.rate, one.amount) for one in cost.lines]
    assert lines == [
        ("8", "input tokens", "$0.00000015", "$0.0000012"),
        ("3", "input tokens from the cache", "$0.000000075", "$0.000000225"),
        ("5", "output tokens", "$0.0000006", "$0.000003"),
    ]
    assert (cost.exact, cost.total, cost.minimum) == ("$0.000004425", "$0.0000045", "")


def test_what_was_not_charged_is_told(workspace: Workspace, owner: Client) -> None:
    row = attempt(workspace, points=20, written_off=13)

    page = page_of(owner, row)

    assert "Not charged: beyond what was held" in page
    assert "−$0.0000013" in page


def test_an_own_account_costs_nothing_here(workspace: Workspace, owner: Client) -> None:
    row = attempt(workspace, points=0, service_mode="private")

    assert "It ran on your own account and cost no credits." in page_of(owner, row)


def test_all_attempts_are_shown_in_their_order(workspace: Workspace, owner: Client) -> None:
    call = uuid.uuid4()
    row = attempt(workspace, call=call, end="failed", points=0, error="Overloaded: org-ours")
    attempt(workspace, call=call, number=2, provider="federation")

    page = page_of(owner, row)

    assert "It took 2 attempts. It cost $0.0000033." in page
    assert page.index("openai") < page.index("federation")


def test_what_the_operators_account_is_called_and_suffers_is_not_shown(
    workspace: Workspace, owner: Client
) -> None:
    ours = account(provider="openai", label="Ours in Ohio")
    row = attempt(workspace, account=ours, end="failed", points=0, error="key sk-secret is wrong")

    page = page_of(owner, row)

    assert "our account" in page
    assert "The provider did not answer." in page
    assert ("Ohio" in page, "sk-secret" in page) == (False, False)


def test_staff_sees_the_operators_account(workspace: Workspace) -> None:
    person = UserFactory.create(is_staff=True)
    workspace.memberships.create(user=person, role="viewer")
    ours = account(provider="openai", label="Ours in Ohio")
    row = attempt(workspace, account=ours, end="failed", points=0, error="Overloaded.")

    page = page_of(browser(person), row)

    assert "Ours in Ohio" in page
    assert "Overloaded." in page


def test_an_own_account_is_named_with_its_error(workspace: Workspace, owner: Client) -> None:
    own = own_account(workspace, "llm", provider="openai", label="Team key")
    row = attempt(
        workspace, account=own, service_mode="private", points=0, end="failed", error="Overloaded."
    )

    page = page_of(owner, row)

    assert "your account “Team key”" in page
    assert "Overloaded." in page


def test_a_refusal_is_quoted_to_everybody(workspace: Workspace, owner: Client) -> None:
    ours = account(provider="openai")
    row = attempt(workspace, account=ours, points=0, end="refused", error="n is too large")

    assert "n is too large" in page_of(owner, row)


def test_what_was_said_is_shown_to_who_may_see_prompts(
    workspace: Workspace, viewer: Client, billing: Client
) -> None:
    row = attempt(workspace)
    contents.keep(row.call, workspace.pk, ASKED, "<b>Yes</b>", 7)

    seen, unseen = page_of(viewer, row), page_of(billing, row)

    assert "Is it warm?" in seen
    assert "&lt;b&gt;Yes&lt;/b&gt;" in seen
    assert "Is it warm?" not in unseen
    assert "Your role does not include prompts and answers." in unseen


def test_what_had_its_days_is_not_shown_even_before_it_is_deleted(
    workspace: Workspace, owner: Client
) -> None:
    row = attempt(workspace)
    contents.keep(row.call, workspace.pk, ASKED, "Yes", 7)
    gone = datetime.now(UTC) - timedelta(seconds=1)
    CallContent.objects.of(workspace.pk).update(expires_at=gone)

    assert "Is it warm?" not in page_of(owner, row)


def test_content_of_a_neighbours_call_of_the_same_id_is_not_shown(
    workspace: Workspace, owner: Client
) -> None:
    row = attempt(workspace)
    contents.keep(row.call, WorkspaceFactory.create().pk, ASKED, "Yes", 7)

    page = page_of(owner, row)

    assert "Is it warm?" not in page
    assert "content logging is off" in page


@pytest.mark.parametrize("path", ["", "/cost"])
def test_call_of_a_neighbour_does_not_exist(workspace: Workspace, owner: Client, path: str) -> None:
    row = attempt(WorkspaceFactory.create())

    assert owner.get(f"/w/{workspace.slug}/llm/calls/{row.call}{path}").status_code == 404


def test_cost_for_the_playground(workspace: Workspace, owner: Client) -> None:
    row = attempt(workspace, end="client_left")

    answer = owner.get(f"/w/{workspace.slug}/llm/calls/{row.call}/cost")

    assert answer.json() == {
        "end": "client_left",
        "cost_points": 33,
        "cost_usd": "0.0000033",
        "cost": "$0.0000033",
        "prompt_tokens": 10,
        "completion_tokens": 3,
        "total_ms": 800,
    }


def test_one_call_takes_few_queries(
    workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    client = browser(member(workspace, "admin"))
    row = attempt(workspace, key=key_of(workspace))
    contents.keep(row.call, workspace.pk, ASKED, "Yes", 7)
    page_of(client, row)

    with django_assert_max_num_queries(12):
        page_of(client, row)


@pytest.mark.parametrize("end", Usage._meta.get_field("end").choices or [])
def test_every_end_has_a_sentence_and_a_colour(end: tuple[str, str]) -> None:
    row = Usage(end=end[0], points=0)

    assert llm_story.headline(row, [row]).endswith("Nothing was charged.")
    assert llm_story.tone(end[0]) in {"ok", "warn", "bad", "idle"}
