"""One task's page: all that happened in order, the money, where it came from, its relatives, and who sees what."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.files.models import StoredFile
from apps.notifications.models import Delivery
from apps.notifications.services import outbox
from apps.tasks import selectors
from apps.tasks.models import FailureCode, Task
from apps.tasks.services import finish
from apps.tasks.services.finish import Failure
from tests.factories import WorkspaceFactory, claimed, completed, task
from tests.tasks import rows

HOOK = "https://hooks.example.org/in?token=abc123"


def _detail(client: Client, workspace: Workspace, found: Task) -> Any:
    return client.get(f"/w/{workspace.slug}/tasks/{found.id}")


def _failed(workspace: Workspace) -> Task:
    claim = claimed(workspace)
    failure = Failure(FailureCode.PROVIDER_MODERATED, "It was refused.", "said: a fox")
    finish.fail(task_id=claim.task.id, attempt=claim.attempt, failure=failure)
    return rows.again(claim.task)


def _told(found: Task, *log: dict[str, Any]) -> None:
    rows.change(found, webhook_endpoint=HOOK)
    outbox.add([outbox.Event(found.workspace_id, found.reference, "task.completed", HOOK, "{}")])
    Delivery.objects.of(found.workspace_id).update(log=list(log))


def test_timeline_has_the_files_and_each_try_of_a_webhook(
    workspace: Workspace, owner: Client
) -> None:
    done = completed(workspace)
    StoredFile.objects.create(
        workspace=workspace,
        kind=StoredFile.Kind.OUTPUT,
        key=f"mj/{uuid.uuid4()}.png",
        content_type="image/png",
        size=2_500_000,
        task_id=done.id,
        created_at=done.ended_at,
        expires_at=timezone.now() + timedelta(days=1),
    )
    later = [(done.ended_at + timedelta(seconds=after)).isoformat() for after in (1, 31)]
    _told(
        done,
        {"at": later[0], "status": 502, "error": "", "ms": 84},
        {"at": later[1], "status": 204, "error": "", "ms": 12},
        {"at": "odd"},
    )

    steps = _detail(owner, workspace, done).context["steps"]

    assert [(step.title, step.detail) for step in steps][2:] == [
        ("Saved", "1 file, 2.4 MB"),
        ("Completed", ""),
        ("Webhook", "task.completed, try 1: HTTP 502, 84 ms"),
        ("Webhook", "task.completed, try 2: HTTP 204, 12 ms"),
    ]
    assert [step.tone for step in steps[-2:]] == ["bad", "ok"]
    assert steps[-1].after == timedelta(seconds=30)


def test_pictures_can_be_enlarged_here_as_in_the_playground(
    workspace: Workspace, owner: Client
) -> None:
    done = completed(workspace)

    page = owner.get(f"/w/{workspace.slug}/tasks/{done.id}").content.decode()

    assert f'href="{done.output["image_url"]}"' in page
    assert page.count("data-zoom") == 1
    assert "js/play-viewer.js" in page


def test_staged_task_says_its_place_in_line(owner: Client, db: None) -> None:
    workspace = WorkspaceFactory.create(plan="hobbyist")
    browser = Client()
    browser.force_login(workspace.memberships.get().user)
    made = [task(workspace) for _ in range(4)]

    pages = [_detail(browser, workspace, one) for one in (made[0], made[3])]

    assert [page.context["place"] for page in pages] == [0, 2]
    assert pages[1].context["steps"][1].detail == "number 2 in line"
    assert b"Number 2 in line of your staged tasks" in pages[1].content


def test_failure_has_our_sentence_theirs_the_code_and_what_to_do(
    workspace: Workspace, owner: Client
) -> None:
    page = " ".join(_detail(owner, workspace, _failed(workspace)).content.decode().split())

    assert "It was refused. The provider said: “said: a fox”" in page
    assert "Code 11002, provider moderated." in page
    assert "Change the prompt or the picture and run it again." in page


def test_money_is_shown_to_the_point_with_a_way_to_the_ledger(
    workspace: Workspace, owner: Client
) -> None:
    done = completed(workspace)

    page = " ".join(_detail(owner, workspace, done).content.decode().split())

    assert "In all 10000 of 10000 points" in page
    assert f"/billing/transactions?task={done.id}&amp;every=1" in page


def test_request_says_key_reference_and_idempotency_key(
    workspace: Workspace, owner: Client
) -> None:
    found = task(
        workspace, client_reference="order 7", idempotency_key="once", fingerprint=b"f" * 32
    )

    facts = dict(_detail(owner, workspace, found).context["facts"])

    assert facts["Made by"].startswith("API key test (")
    assert (facts["Client reference"], facts["Idempotency key"]) == ("order 7", "once")


def test_input_is_a_table_in_the_forms_order_then_what_else_was_given(
    workspace: Workspace, owner: Client
) -> None:
    found = task(workspace)
    rows.change(
        found,
        input={
            "prompt": "<b>fox</b>",
            "own_field": {"a": [1]},
            "flag": True,
            "image": "http://testserver/files/mj/a.png",
            "other": "https://cdn.example/b.png",
        },
    )

    page = _detail(owner, workspace, found)
    html = page.content.decode()

    assert [(field.title, field.is_picture) for field in page.context["fields"]] == [
        ("What to draw", False),
        ("Flag", False),
        ("Image", True),
        ("Other", False),
        ("Own field", False),
    ]
    assert "&lt;b&gt;fox&lt;/b&gt;" in html
    assert '<img src="https://cdn.example' not in html


def test_relatives_are_a_tree_without_foreign_tasks(workspace: Workspace, owner: Client) -> None:
    root, left, right, leaf = (task(workspace) for _ in range(4))
    foreign = task(WorkspaceFactory.create())
    for child, parent in ((left, root), (right, root), (leaf, left), (foreign, root)):
        rows.change(child, parent_id=parent.id)

    trees = [selectors.family_tree(task=rows.again(one)) for one in (root, leaf)]
    page = _detail(owner, workspace, leaf).content.decode()

    expected = [(root.id, 0), (left.id, 1), (leaf.id, 2), (right.id, 1)]
    assert [[(one.task_id, one.depth) for one in tree] for tree in trees] == [expected, expected]
    assert str(foreign.id) not in page
    assert selectors.family_tree(task=task(workspace)) == []


def test_tree_that_turns_in_a_circle_ends(workspace: Workspace) -> None:
    first, second = task(workspace), task(workspace)
    rows.change(first, parent_id=second.id)
    rows.change(second, parent_id=first.id)

    assert len(selectors.family_tree(task=rows.again(first))) == 2


@pytest.mark.parametrize("person", ["owner", "viewer", "billing"])
def test_each_role_sees_what_it_may(
    person: str, workspace: Workspace, request: pytest.FixtureRequest
) -> None:
    found = _failed(workspace)
    _told(found, {"at": timezone.now().isoformat(), "status": 500, "error": "", "ms": 5})

    page = _detail(request.getfixturevalue(person), workspace, found).content.decode()

    shown = [text in page for text in ("token=abc123", "a fox in a forest", "said: a fox")]
    assert (
        shown
        == {
            "owner": [True, True, True],
            "viewer": [False, True, True],
            "billing": [False, False, False],
        }[person]
    )
    assert "not charged" in page
    assert ("Run again" in page.partition("<main")[2]) == (person == "owner")


def test_page_asks_at_most_twelve_queries_and_one_more_for_webhooks_and_relatives_each(
    workspace: Workspace, owner: Client, django_assert_max_num_queries: Any
) -> None:
    done = completed(workspace)
    _detail(owner, workspace, done)

    with django_assert_max_num_queries(
        13
    ):  # one of them is the plan's terms, when they are not remembered
        _detail(owner, workspace, done)
    _told(done, {"at": timezone.now().isoformat(), "status": 200, "error": "", "ms": 5})
    rows.change(task(workspace), parent_id=done.id)
    with django_assert_max_num_queries(15):
        _detail(owner, workspace, done)
