"""What is done with many tasks: asked first, then done once; and what each role may."""

import io
import re
import uuid
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.dashboard import task_files
from apps.files.models import StoredFile
from apps.files.services import store
from apps.tasks.models import Task
from tests.factories import WorkspaceFactory, claimed, completed, task
from tests.tasks import rows


def _url(workspace: Workspace, action: str, *tasks: Task, **more: str) -> str:
    pairs = [f"task={found.id}" for found in tasks] + [f"{k}={v}" for k, v in more.items()]
    return f"/w/{workspace.slug}/tasks/{action}?{'&'.join(pairs)}"


def _hidden(page: str) -> dict[str, Any]:
    """What the confirming form sends."""
    main = page.partition("<main")[2]
    pairs = re.findall(r'type="hidden"\s+name="([^"]+)"\s+value="([^"]*)"', main)
    names = {name for name, _ in pairs if name != "csrfmiddlewaretoken"}
    return {name: [value for key, value in pairs if key == name] for name in names}


def test_cancel_says_how_many_and_what_comes_back_and_changes_nothing_yet(
    workspace: Workspace, owner: Client, held: Any
) -> None:
    waiting, running = task(workspace), claimed(workspace).task
    foreign = task(WorkspaceFactory.create())

    page = owner.get(_url(workspace, "cancel", waiting, running, foreign)).content.decode()

    assert "Cancel 1 task<" in " ".join(page.split()).replace("> Cancel", ">Cancel")
    assert "$0.001 that is held for them goes back" in " ".join(page.split())
    assert "1 of the chosen started or ended already" in " ".join(page.split())
    assert held(workspace) == 20_000


def test_cancel_of_chosen_tasks_touches_no_others(
    workspace: Workspace, owner: Client, held: Any
) -> None:
    chosen, other, foreign = task(workspace), task(workspace), task(WorkspaceFactory.create())
    page = owner.get(_url(workspace, "cancel", chosen, foreign)).content.decode()

    answer = owner.post(f"/w/{workspace.slug}/tasks/cancel", _hidden(page), follow=True)

    assert b"1 task cancelled, not charged" in answer.content
    assert [rows.again(one).status for one in (chosen, other, foreign)] == [
        "cancelled",
        "pending",
        "pending",
    ]
    assert held(workspace) == 10_000


def test_cancel_all_that_match_leaves_what_has_come_since(
    workspace: Workspace, owner: Client
) -> None:
    counted = [task(workspace, client_reference="batch") for _ in range(2)]
    unlike = task(workspace)
    page = owner.get(_url(workspace, "cancel", all="1", reference="batch")).content.decode()
    late = task(workspace, client_reference="batch")

    owner.post(f"/w/{workspace.slug}/tasks/cancel", _hidden(page))

    assert "Cancel 2 tasks" in page
    assert [rows.again(one).status for one in (*counted, unlike, late)] == [
        "cancelled",
        "cancelled",
        "pending",
        "pending",
    ]


def test_cancel_all_with_a_filter_that_cannot_be_read_cancels_nothing(
    workspace: Workspace, owner: Client
) -> None:
    found = task(workspace)

    answer = owner.post(
        f"/w/{workspace.slug}/tasks/cancel", {"all": "1", "status": "odd"}, follow=True
    )

    assert b"Nothing was cancelled" in answer.content
    assert rows.again(found).status == "pending"


@pytest.mark.parametrize("action", ["cancel", "again", "download"])
@pytest.mark.parametrize("query", ["", "?task=odd", "?task=%00&points=x&token=y"])
def test_nothing_chosen_is_said(
    action: str, query: str, workspace: Workspace, owner: Client
) -> None:
    answer = owner.get(f"/w/{workspace.slug}/tasks/{action}{query}", follow=True)

    assert b"No task is chosen." in answer.content


def test_again_shows_the_total_first_and_runs_once(
    workspace: Workspace, owner: Client, held: Any
) -> None:
    tasks = [completed(workspace), completed(workspace)]
    page = owner.get(_url(workspace, "again", *tasks)).content.decode()
    form = _hidden(page)

    before = held(workspace)
    answers = [owner.post(f"/w/{workspace.slug}/tasks/again", form, follow=True) for _ in range(2)]

    assert "$0.002 in all, at most." in page
    assert before == 0
    assert b"2 tasks run again; $0.002 is held." in answers[0].content
    assert held(workspace) == 20_000
    assert Task.objects.of(workspace.pk).count() == 4


def test_again_asks_anew_when_it_costs_more_than_was_shown(
    workspace: Workspace, owner: Client, held: Any
) -> None:
    form = _hidden(owner.get(_url(workspace, "again", completed(workspace))).content.decode())

    answer = owner.post(f"/w/{workspace.slug}/tasks/again", {**form, "points": "1"})

    assert answer.status_code == 409
    assert b"The price has changed since you saw it." in answer.content
    assert held(workspace) == 0


def test_again_without_credits_says_why_and_charges_nothing(owner: Client, db: None) -> None:
    workspace = WorkspaceFactory.create(points=10_000)
    browser = Client()
    browser.force_login(workspace.memberships.get().user)
    done = completed(workspace)
    page = browser.get(_url(workspace, "again", done)).content.decode()

    answer = browser.post(f"/w/{workspace.slug}/tasks/again", _hidden(page), follow=True)

    assert "1 did not start and cost nothing." in answer.content.decode()
    assert Task.objects.of(workspace.pk).count() == 1


def test_again_shows_no_foreign_task(workspace: Workspace, owner: Client) -> None:
    foreign = completed(WorkspaceFactory.create())

    page = owner.get(_url(workspace, "again", foreign)).content.decode()

    assert "None of these can run again." in page
    assert str(foreign.id) not in page.partition("<main")[2]


def _file(found: Task, data: bytes, extension: str = "png") -> StoredFile:
    return store.keep(
        workspace_id=found.workspace_id,
        kind=StoredFile.Kind.OUTPUT,
        content=store.Content(data, "image/png", extension),
        expires_at=timezone.now() + timedelta(days=1),
        task_id=found.id,
    )


def _archive(answer: Any) -> dict[str, bytes]:
    data = b"".join(answer.streaming_content)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


def test_download_is_an_archive_with_a_folder_per_task(workspace: Workspace, owner: Client) -> None:
    first, second = completed(workspace), completed(workspace)
    foreign = completed(WorkspaceFactory.create())
    _file(first, b"one" * 200_000), _file(first, b"two"), _file(second, b"three")
    _file(foreign, b"foreign")
    lost = _file(second, b"lost")
    store._remove_bytes(lost)

    answer = owner.get(_url(workspace, "download", first, second, foreign))

    assert _archive(answer) == {
        f"{first.id}/1.png": b"one" * 200_000,
        f"{first.id}/2.png": b"two",
        f"{second.id}/1.png": b"three",
    }


def test_download_beyond_its_size_says_so(
    workspace: Workspace, owner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(task_files, "MOST_BYTES", 1)
    found = completed(workspace)
    _file(found, b"abc")

    answer = owner.get(_url(workspace, "download", found), follow=True)

    assert b"Choose fewer tasks at a time." in answer.content


def test_one_tasks_download_is_its_file_or_all_of_them(workspace: Workspace, owner: Client) -> None:
    found = completed(workspace)
    base = f"/w/{workspace.slug}/tasks/{found.id}/download"

    none = owner.get(base, follow=True)
    file = _file(found, b"abc")
    one = owner.get(base)
    _file(found, b"def")
    both = owner.get(base)

    assert b"has no files that are still kept" in none.content
    assert one.headers["Location"] == store.url_of(file)
    assert sorted(_archive(both).values()) == [b"abc", b"def"]
    assert owner.get(base.replace(str(found.id), str(uuid.uuid4()))).status_code == 404


def test_viewer_and_billing_cannot_cancel_or_run(
    workspace: Workspace, viewer: Client, billing: Client
) -> None:
    found = task(workspace)

    statuses = [
        client.post(f"/w/{workspace.slug}/tasks/{action}", {"task": str(found.id)}).status_code
        for client in (viewer, billing)
        for action in ("cancel", "again")
    ]

    assert statuses == [404] * 4
    assert rows.again(found).status == "pending"


@pytest.mark.parametrize("action", ["cancel", "again"])
def test_asking_costs_few_queries(
    action: str, workspace: Workspace, owner: Client, django_assert_max_num_queries: Any
) -> None:
    tasks = [task(workspace) for _ in range(3)]
    owner.get(f"/w/{workspace.slug}/tasks")

    with django_assert_max_num_queries(12):
        owner.get(_url(workspace, action, *tasks))
