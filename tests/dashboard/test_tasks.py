import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.dashboard.views.tasks import listing as view
from apps.files.models import StoredFile
from apps.tasks.models import FailureCode, Task
from apps.tasks.services import claims, finish, operator
from apps.tasks.services.finish import Failure
from tests.factories import WorkspaceFactory, claimed, completed, task

HTMX = {"HX-Request": "true"}


def _list(client: Client, workspace: Workspace, query: str = "", **more: Any) -> Any:
    return client.get(f"/w/{workspace.slug}/tasks{query}", **more)


def _failed(workspace: Workspace) -> Task:
    claim = claimed(workspace)
    failure = Failure(FailureCode.PROVIDER_FAILED, "It broke.", "<b>tile 4</b>")
    finish.fail(task_id=claim.task.id, attempt=claim.attempt, failure=failure)
    return Task.objects.of(workspace.pk).get(id=claim.task.id)


def test_list_shows_this_workspaces_tasks_newest_first(workspace: Workspace, owner: Client) -> None:
    first, second = task(workspace), task(workspace)
    task(WorkspaceFactory.create())

    page = _list(owner, workspace).context["page"]

    assert [found.id for found in page.items] == [second.id, first.id]


def test_list_filters_by_status_and_model(workspace: Workspace, owner: Client) -> None:
    done, waiting = completed(workspace), task(workspace)

    answers = [
        [found.id for found in _list(owner, workspace, query).context["page"].items]
        for query in (
            "?status=completed",
            "?status=pending",
            "?status=failed",
            "?model=modelyard/illustration",
            "?model=kling",
            "?status=nonsense&model=nonsense",
        )
    ]

    both = [waiting.id, done.id]
    assert answers == [[done.id], [waiting.id], [], both, [], both]


def test_list_pages_without_gap_or_repetition(
    workspace: Workspace, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "_PAGE", 2)
    made = [task(workspace).id for _ in range(5)]
    Task.objects.of(workspace.pk).update(created_at=timezone.now())  # the id alone decides

    seen, query = [], "?status=pending"
    for _ in range(3):
        context = _list(owner, workspace, query).context
        seen.append([found.id for found in context["page"].items])
        query = f"?{context['older']}"

    assert [len(page) for page in seen] == [2, 2, 1]
    assert [one for page in seen for one in page] == sorted(made, reverse=True)
    assert context["older"] == ""


@pytest.mark.parametrize(
    "query",
    [
        "?after=garbage",
        "?after=2026-01-01T00:00:00Z~not-a-uuid",
        "?after=2026-99-99T00:00:00Z~00000000-0000-4000-8000-000000000000",
        "?after=%00~%00",
        "?upto=yesterday",
        "?upto=2026-01-01T00:00:00",
        "?status=%00&model=%00",
        "?q=%00&key=x&member=-1&pool=moon&error=0&from=yesterday&to=2026-02-31&cost_from=NaN&cost_to=-1",
        "?key=99999999999999999999&from=0001-01-01&to=9999-12-31&cost_from=1e999&error=11004&reference=%00",
        "?from=0h&cost_from=$&q=1+2+3+4+5+6+7+8+9",
        "?upto=0001-01-01T00:00:00Z&after=9999-12-31T23:59:59-14:00~00000000-0000-4000-8000-000000000000",
    ],
)
def test_list_takes_a_broken_query_as_the_first_page(
    query: str, workspace: Workspace, owner: Client
) -> None:
    found = task(workspace)

    page = _list(owner, workspace, query)

    assert (page.status_code, [one.id for one in page.context["page"].items]) == (200, [found.id])


def test_list_renews_the_same_rows_and_tells_of_newer_ones(
    workspace: Workspace, owner: Client
) -> None:
    first = task(workspace)
    refresh = _list(owner, workspace).context["refresh"]
    quiet = _list(owner, workspace, f"?{refresh}", headers=HTMX).context
    task(workspace)
    told = _list(owner, workspace, f"?{refresh}", headers=HTMX).context

    assert (quiet["newer"], told["newer"]) == (False, True)
    assert [found.id for found in told["page"].items] == [first.id]


def test_list_part_is_only_the_table(workspace: Workspace, owner: Client) -> None:
    completed(workspace)

    part = _list(owner, workspace, headers=HTMX).content.strip()

    assert part.startswith(b'<section id="tasks"')
    assert b"hx-trigger" not in part


def test_list_asks_as_much_for_three_tasks_as_for_one(
    workspace: Workspace, owner: Client, django_assert_num_queries: Any
) -> None:
    task(workspace)
    _list(owner, workspace)
    with django_assert_num_queries(10, exact=False) as one:
        _list(owner, workspace)
    completed(workspace)
    _failed(workspace)
    with django_assert_num_queries(len(one)):
        _list(owner, workspace)


def _detail(client: Client, workspace: Workspace, found: Task, **headers: str) -> Any:
    return client.get(f"/w/{workspace.slug}/tasks/{found.id}", headers=headers)


def test_detail_says_state_and_money_first(workspace: Workspace, owner: Client) -> None:
    waiting = task(workspace)
    running = claimed(workspace)
    claims.report_progress(running, 42)
    done, failed = completed(workspace), _failed(workspace)

    headlines = [
        _detail(owner, workspace, found).context["headline"]
        for found in (waiting, running.task, failed)
    ]

    assert headlines == [
        "Waiting to start. $0.001 is held.",
        "Running, 42 %. $0.001 is held.",
        "Failed, not charged; $0.001 is back in your balance.",
    ]
    sentence = _detail(owner, workspace, done).context["headline"]
    assert sentence.startswith("Completed in ")
    assert sentence.endswith(", charged $0.001.")


def test_detail_quotes_the_provider_escaped_and_names_the_next_step(
    workspace: Workspace, owner: Client
) -> None:
    page = _detail(owner, workspace, _failed(workspace)).content.decode()

    assert "It broke. The provider said: “&lt;b&gt;tile 4&lt;/b&gt;”" in page
    assert "Change the input, or run it again." in page
    assert "Edit and run again" in page


def test_detail_tells_the_story_in_order(workspace: Workspace, owner: Client) -> None:
    steps = _detail(owner, workspace, _failed(workspace)).context["steps"]

    assert [step.title for step in steps] == [
        "Created",
        "Started",
        "Attempt 1 ended without a result",
        "Failed",
    ]
    assert all(step.after >= timedelta() for step in steps[1:])


def test_detail_shows_a_picture_of_ours_and_only_links_others(
    workspace: Workspace, owner: Client
) -> None:
    mine = "http://testserver/files/mj/a.png"
    done = completed(workspace, {"image_url": mine, "other_url": "https://cdn.example/b.png"})

    page = " ".join(_detail(owner, workspace, done).content.decode().split())

    assert f'<img src="{mine}" alt="a fox in a forest"' in page
    assert '<img src="https://cdn.example' not in page
    assert '<a href="https://cdn.example/b.png" rel="noreferrer noopener">' in page


def test_detail_says_when_the_files_are_gone(workspace: Workspace, owner: Client) -> None:
    done = completed(workspace)
    StoredFile.objects.create(
        workspace=workspace,
        kind=StoredFile.Kind.OUTPUT,
        key=f"mj/{uuid.uuid4()}.png",
        content_type="image/png",
        size=1,
        task_id=done.id,
        expires_at=timezone.now(),
        deleted_at=timezone.now(),
    )

    page = _detail(owner, workspace, done).content.decode()

    assert "Files were deleted on" in page
    assert "<img src=" not in page.partition("<main")[2]


def test_billing_sees_costs_but_neither_prompt_nor_output(
    workspace: Workspace, billing: Client
) -> None:
    done = completed(workspace)

    page = _detail(billing, workspace, done).content.decode()

    assert "charged $0.001" in page
    assert "a fox in a forest" not in page
    assert done.output["image_url"] not in page


def test_detail_renews_itself_until_the_end(workspace: Workspace, owner: Client) -> None:
    waiting, done = task(workspace), completed(workspace)

    parts = [
        f'data-events="/w/{workspace.slug}/tasks/{found.id}/events"'.encode()
        in _detail(owner, workspace, found, **HTMX).content
        for found in (waiting, done)
    ]

    assert parts == [True, False]


def test_detail_gives_the_playground_the_result_alone(workspace: Workspace, owner: Client) -> None:
    done = completed(workspace)

    part = _detail(owner, workspace, done, **HTMX, **{"HX-Target": "preview"}).content

    assert part.strip().startswith(b'<section id="preview"')
    assert b"Timeline" not in part


def test_detail_asks_as_much_whatever_has_happened(
    workspace: Workspace, owner: Client, django_assert_num_queries: Any
) -> None:
    waiting, failed = task(workspace), _failed(workspace)
    _detail(owner, workspace, waiting)
    with django_assert_num_queries(12, exact=False) as one:
        _detail(owner, workspace, waiting)
    with django_assert_num_queries(len(one)):
        _detail(owner, workspace, failed)


def test_cancel_gives_the_hold_back_and_returns_to_the_task(
    workspace: Workspace, owner: Client, held: Any
) -> None:
    found = task(workspace)
    path = f"/w/{workspace.slug}/tasks/{found.id}"

    answer = owner.post(f"{path}/cancel")

    found.refresh_from_db()
    assert (answer.headers["Location"], found.status, held(workspace)) == (path, "cancelled", 0)


def test_cancel_of_a_running_task_says_why_not(
    workspace: Workspace, owner: Client, held: Any
) -> None:
    found = claimed(workspace).task

    page = owner.post(f"/w/{workspace.slug}/tasks/{found.id}/cancel", follow=True)

    assert b"only tasks that have not started can be cancelled" in page.content
    assert held(workspace) == 10_000


def test_unknown_task_is_not_found(workspace: Workspace, owner: Client) -> None:
    assert owner.get(f"/w/{workspace.slug}/tasks/{uuid.uuid4()}").status_code == 404


def test_page_shows_what_was_refunded(workspace: Workspace, owner: Client) -> None:
    done = completed(workspace)
    operator.refund(task_id=done.id, actor=None, reason="The picture was black.", points=4_000)

    html = owner.get(f"/w/{workspace.slug}/tasks/{done.id}").content.decode()

    money = " ".join(html.split("Money</h2>")[1].split("</section>")[0].split())
    assert "Refunded <small" in money
    assert "+$0.0004" in money
