from datetime import date, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts import selectors
from apps.accounts.models import Workspace
from apps.dashboard import charts
from apps.tasks.models import UsageBucket
from apps.tasks.selectors import DaySpend
from apps.tasks.services import cancel
from tests.factories import WorkspaceFactory, completed, owner_of, task


def test_spend_by_day_folds_small_families_and_fills_days_without_work() -> None:
    day = date(2026, 11, 21)
    points = {"a": 57, "b": 40, "c": 30, "d": 20, "e": 10, "f": 5, "g": 0}
    spends = [DaySpend(day, name, value) for name, value in points.items()]
    spends.append(DaySpend(day - timedelta(days=1), "a", 1))

    spend = charts.spend_by_day(spends, until=day, days=3)

    assert spend.families == ["a", "b", "c", "d", "other"]
    assert spend.rows == [
        (date(2026, 11, 19), [0, 0, 0, 0, 0], 0),
        (date(2026, 11, 20), [1, 0, 0, 0, 0], 1),
        (date(2026, 11, 21), [57, 40, 30, 20, 15], 162),
    ]


def test_spend_by_day_says_what_the_chart_shows() -> None:
    day = date(2026, 11, 21)
    spends = [DaySpend(day, "a", 35_000_000), DaySpend(day, "b", 60_000)]

    spend = charts.spend_by_day(spends, until=day, days=2)

    assert spend.summary == "Total $3.51, highest on 21 November with $3.51."
    assert charts.spend_by_day([], until=day, days=2).summary == (
        "Nothing was spent in these days."
    )


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(0, 0, ""), (0, 3, "0.0 %"), (2, 3, "66.6 %"), (9_999, 10_000, "99.9 %"), (5, 5, "100 %")],
)
def test_percentage_is_never_whole_when_one_is_missing(
    part: int, whole: int, expected: str
) -> None:
    assert charts.percentage(part, whole) == expected


def test_overview_shows_this_workspaces_numbers_only(workspace: Workspace, owner: Client) -> None:
    completed(workspace)
    task(workspace)
    neighbour = WorkspaceFactory.create()
    completed(neighbour)

    context = owner.get(f"/w/{workspace.slug}/").context

    assert (context["wallet"].available, context["wallet"].held) == (9_980_000, 10_000)
    assert context["running"] == {"staged": 0, "pending": 1, "processing": 0}
    assert context["today"].cost_points == context["month"].cost_points == 10_000
    assert (context["success"], context["spend"].total) == ("100 %", 10_000)
    assert {found.workspace_id for found in context["tasks"]} == {workspace.pk}


def test_overview_renews_itself_only_while_something_runs(
    workspace: Workspace, owner: Client
) -> None:
    found = task(workspace)
    running = owner.get(f"/w/{workspace.slug}/", headers={"HX-Request": "true"})
    identity = selectors.identity_of_member(workspace=workspace, user=owner_of(workspace))
    cancel.cancel_task(identity=identity, task_id=found.id)
    ended = owner.get(f"/w/{workspace.slug}/", headers={"HX-Request": "true"})

    assert b"tick from:body" in running.content
    assert b"tick from:body" not in ended.content
    assert b"<html" not in ended.content


def test_overview_asks_as_much_for_three_tasks_as_for_one(
    workspace: Workspace, owner: Client, django_assert_num_queries: object
) -> None:
    owner.get(f"/w/{workspace.slug}/")
    task(workspace)
    with django_assert_num_queries(12, exact=False) as one:  # type: ignore[operator]
        owner.get(f"/w/{workspace.slug}/")
    task(workspace)
    task(workspace)
    with django_assert_num_queries(len(one)):  # type: ignore[operator]
        owner.get(f"/w/{workspace.slug}/")


def test_home_leads_to_the_workspace_of_last_time(workspace: Workspace, owner: Client) -> None:
    other = WorkspaceFactory.create(owner=owner_of(workspace), name="Another")
    owner.get(f"/w/{workspace.slug}/")
    first = owner.get("/w/").headers["Location"]
    owner.get(f"/w/{other.slug}/")
    second = owner.get("/w/").headers["Location"]

    assert (first, second) == (f"/w/{workspace.slug}/", f"/w/{other.slug}/")


def test_home_lets_who_has_no_workspace_open_one_without_a_second_grant(homeless: Client) -> None:
    page = homeless.get("/w/")
    refused = homeless.post("/w/", {"name": "  "})
    opened = homeless.post("/w/", {"name": "My yard"})

    workspace = Workspace.objects.get()
    assert (page.status_code, refused.status_code) == (200, 422)
    assert opened.headers["Location"] == "/w/my-yard/"
    assert workspace.wallet.available == 0  # type: ignore[attr-defined]


def test_me_shows_the_persons_workspaces_only(workspace: Workspace, owner: Client) -> None:
    WorkspaceFactory.create()

    page = owner.get("/me")

    assert [one.workspace for one in page.context["memberships"]] == [workspace]


@pytest.mark.parametrize(
    ("choice", "rendered"), [("dark", 'data-bs-theme="dark"'), ("light", 'data-bs-theme="light"')]
)
@pytest.mark.django_db
def test_theme_is_kept_in_a_cookie_and_rendered(choice: str, rendered: str, client: Client) -> None:
    answer = client.post("/me/theme", {"theme": choice, "next": "/robots.txt"})
    page = client.get("/")

    assert answer.headers["Location"] == "/robots.txt"
    assert rendered in page.content.decode()


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:x", ""])
def test_theme_never_redirects_to_another_site(target: str, client: Client) -> None:
    answer = client.post("/me/theme", {"theme": "neon", "next": target})

    assert (answer.headers["Location"], answer.cookies.get("theme")) == ("/", None)


def test_suspended_workspace_says_so(workspace: Workspace, owner: Client) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(is_enabled=False)

    page = owner.get(f"/w/{workspace.slug}/")

    assert b"This workspace is suspended." in page.content


def test_spend_of_thirteen_days_ago_is_in_the_chart_and_older_is_not(
    workspace: Workspace, owner: Client
) -> None:
    today = charts.day_start(timezone.now())
    for before, points in ((timedelta(days=13), 3), (timedelta(days=13, minutes=15), 5)):
        UsageBucket.objects.create(
            workspace=workspace,
            starts_at=today - before,
            family="a",
            completed=1,
            cost_points=points,
        )

    spend = owner.get(f"/w/{workspace.slug}/").context["spend"]

    assert (spend.total, len(spend.days)) == (3, 14)
