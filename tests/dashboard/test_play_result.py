"""What is beside the form: how far a task is, what came out, what ran before."""

import uuid
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.dashboard import play_progress, viewer
from apps.files.models import StoredFile
from apps.tasks.models import Status, Task
from apps.tasks.selectors import play
from tests.dashboard.conftest import browser
from tests.factories import WorkspaceFactory, claimed, completed, member, owner_of, task

HTMX = {"HX-Request": "true"}
MUSIC = {"model": "modelyard/music", "task_type": "text-to-music", "input": {"prompt": "calm"}}
HISTORY = {**HTMX, "HX-Target": "play-history"}
MODEL = {"model": "modelyard/illustration", "task_type": "text-to-image"}


def _page(workspace: Workspace, query: str = "") -> str:
    return f"/w/{workspace.slug}/play/modelyard/illustration/text-to-image{query}"


def _preview(workspace: Workspace, made: Task) -> str:
    return f"/w/{workspace.slug}/preview/{made.id}"


def _task_page(workspace: Workspace, made: Task) -> str:
    return f"/w/{workspace.slug}/tasks/{made.id}"


def _stored(workspace: Workspace, made: Task, name: str) -> str:
    """The address of a file that the task made and that is kept."""
    key = f"out/{uuid.uuid4()}-{name}"
    StoredFile.objects.create(
        workspace=workspace,
        kind="OUTPUT",
        key=key,
        content_type="image/png",
        size=1,
        task_id=made.id,
        expires_at=timezone.now() + timedelta(days=1),
    )
    return f"http://testserver/files/{key}"


# ------------------------------------------------------------------------------ progress
def test_waiting_task_says_how_many_of_ones_own_are_before_it(workspace: Workspace) -> None:
    neighbour = WorkspaceFactory.create()
    task(neighbour)
    task(workspace)
    last = task(workspace)

    found = play_progress.progress(last)

    assert found is not None
    assert (found.stage, found.ahead, found.typical) == ("queued", 1, None)


def test_running_task_says_its_percent_and_then_that_it_is_being_saved(
    workspace: Workspace,
) -> None:
    running = claimed(workspace).task
    running.progress = 42
    middle = play_progress.progress(running)
    running.progress = 100
    late = play_progress.progress(running)

    assert middle is not None
    assert late is not None
    assert (middle.stage, middle.percent, late.stage) == ("running", 42, "saving")


def test_typical_time_is_the_middle_of_ones_own_completed_runs(workspace: Workspace) -> None:
    now = timezone.now()
    for owner, seconds in ((workspace, 2), (workspace, 4), (workspace, 90)):
        made = completed(owner)
        Task.objects.of(owner.pk).filter(id=made.id).update(
            started_at=now - timedelta(seconds=seconds), ended_at=now
        )
    completed(WorkspaceFactory.create())

    found = play.typical_seconds(workspace_id=workspace.pk, **MODEL)

    assert found == 4


def test_preview_of_an_unfinished_task_asks_again_and_of_a_finished_one_does_not(
    workspace: Workspace, owner: Client
) -> None:
    waiting, done = task(workspace), completed(workspace)

    before = owner.get(_preview(workspace, waiting), headers=HTMX).content.decode()
    after = owner.get(_preview(workspace, done), headers=HTMX).content.decode()

    assert f'hx-get="{_preview(workspace, waiting)}"' in before
    assert 'aria-current="step"' in before
    assert f'data-events="/w/{workspace.slug}/tasks/{waiting.id}/events"' in before
    assert "data-events" not in after


def test_preview_without_htmx_leads_to_the_task(workspace: Workspace, owner: Client) -> None:
    made = task(workspace)

    answer = owner.get(_preview(workspace, made))

    assert answer.headers["Location"] == f"/w/{workspace.slug}/tasks/{made.id}"


def test_preview_of_a_neighbours_task_does_not_exist(workspace: Workspace, owner: Client) -> None:
    theirs = task(WorkspaceFactory.create())

    assert owner.get(_preview(workspace, theirs), headers=HTMX).status_code == 404


# ------------------------------------------------------------------------------ viewer
def _output(workspace: Workspace, output: dict[str, object]) -> Task:
    return completed(workspace, output)


def test_pictures_are_a_grid_that_can_be_enlarged(workspace: Workspace, owner: Client) -> None:
    urls = [f"http://testserver/files/a/{n}.png" for n in range(4)]
    done = _output(workspace, {"image_urls": urls})

    page = owner.get(_preview(workspace, done), headers=HTMX).content.decode()

    assert page.count("data-zoom") == 4
    assert "data-compare" in page
    assert 'alt="a fox in a forest, 2 of 4"' in page


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("film.mp4", "<video"),
        ("song.mp3", "data-wave"),
        ("thing.glb", "data-model="),
    ],
)
def test_each_kind_has_its_viewer(
    name: str, expected: str, workspace: Workspace, owner: Client
) -> None:
    done = _output(workspace, {"url": f"http://testserver/files/a/{name}"})

    page = owner.get(_preview(workspace, done), headers=HTMX).content.decode()

    assert expected in page
    assert f'href="http://testserver/files/a/{name}" download' in page


def test_only_a_glb_can_be_looked_at_in_3d(workspace: Workspace, owner: Client) -> None:
    pages = [
        owner.get(path(workspace, _output(workspace, {"model_file": url})), headers=headers)
        for url in ("http://testserver/files/a/thing.GLB", "http://testserver/files/a/thing.obj")
        for path, headers in ((_preview, HTMX), (_task_page, {}))
    ]

    offered = [page.content.decode().count("Look at it in 3D") for page in pages]

    assert offered == [1, 1, 0, 0]
    assert b'data-model-viewer="/static/js/model-viewer.js"' in pages[1].content


def test_files_of_others_are_links_only(workspace: Workspace, owner: Client) -> None:
    done = _output(workspace, {"image_url": "https://elsewhere.example/a.png", "text": "<i>hi</i>"})

    page = owner.get(_preview(workspace, done), headers=HTMX).content.decode()

    assert "<img" not in page
    assert 'href="https://elsewhere.example/a.png"' in page
    assert "&lt;i&gt;hi&lt;/i&gt;" in page
    assert "<i>hi</i>" not in page


def test_sources_are_pictures_of_ours_that_the_task_was_given(workspace: Workspace) -> None:
    made = task(workspace)
    made.input = {
        "image": "http://testserver/files/a/in.png",
        "other": "https://elsewhere.example/in.png",
        "prompt": "x",
    }

    assert [file.url for file in viewer.sources(made)] == ["http://testserver/files/a/in.png"]


def test_result_can_be_taken_further_with_its_price(workspace: Workspace, owner: Client) -> None:
    url = "http://testserver/files/a/1.png"
    done = _output(workspace, {"image_url": url})

    page = owner.get(_preview(workspace, done), headers=HTMX)

    actions = {(action.model, action.query) for action, rate in page.context["actions"] if rate}
    assert (
        "modelyard/parallax",
        "image=http%3A%2F%2Ftestserver%2Ffiles%2Fa%2F1.png",
    ) in actions
    assert page.content.decode().count("Go on from here") == 1


def test_result_whose_files_are_gone_says_so_and_offers_nothing(
    workspace: Workspace, owner: Client
) -> None:
    done = completed(workspace)
    _stored(workspace, done, "a.png")
    StoredFile.objects.of(workspace.pk).update(deleted_at=timezone.now())

    page = owner.get(_preview(workspace, done), headers=HTMX)

    assert "Files were deleted on" in page.content.decode()
    assert page.context["actions"] == []


# ------------------------------------------------------------------------------ history
def test_history_shows_mine_or_the_teams_and_nobody_elses(workspace: Workspace) -> None:
    me, colleague = owner_of(workspace), member(workspace, "developer")
    mine, theirs = task(workspace), task(workspace)
    Task.objects.of(workspace.pk).filter(id=mine.id).update(created_by=me)
    Task.objects.of(workspace.pk).filter(id=theirs.id).update(created_by=colleague)
    task(workspace, **MUSIC)
    task(WorkspaceFactory.create())
    client = browser(me)

    def seen(whose: str) -> list[uuid.UUID]:
        answer = client.get(_page(workspace, f"?history={whose}"), headers=HISTORY)
        return [run.task.id for run in answer.context["history"].runs]

    assert (seen("mine"), seen("team"), seen("%00")) == (
        [mine.id],
        [theirs.id, mine.id],
        [mine.id],
    )


def test_history_shows_only_pictures_that_are_kept(workspace: Workspace, owner: Client) -> None:
    gone = completed(workspace)
    kept = completed(workspace)
    url = _stored(workspace, kept, "kept.png")
    Task.objects.of(workspace.pk).filter(id=kept.id).update(output={"image_url": url})

    answer = owner.get(_page(workspace, "?history=team"), headers=HISTORY)

    pictures = {run.task.id: run.picture for run in answer.context["history"].runs}
    assert pictures == {gone.id: "", kept.id: url}


def test_history_holds_the_newest_twenty_in_few_queries(
    workspace: Workspace, owner: Client, django_assert_max_num_queries: object
) -> None:
    made = [completed(workspace) for _ in range(22)]

    with django_assert_max_num_queries(12):  # type: ignore[operator]
        answer = owner.get(_page(workspace, "?history=team"), headers=HISTORY)

    shown = [run.task.id for run in answer.context["history"].runs]
    assert shown == [one.id for one in reversed(made)][:20]


def test_history_says_what_to_do_when_there_is_nothing(workspace: Workspace, owner: Client) -> None:
    page = owner.get(_page(workspace)).content.decode()

    assert "You have not run this model yet." in page


def test_as_new_run_fills_in_the_form_without_the_result(
    workspace: Workspace, owner: Client
) -> None:
    done = completed(workspace)

    page = owner.get(_page(workspace, f"?from={done.id}"))

    assert page.context["form"]["width"].value() == 256
    assert "task" not in page.context


def test_as_new_run_of_a_neighbours_task_does_not_exist(
    workspace: Workspace, owner: Client
) -> None:
    theirs = completed(WorkspaceFactory.create())

    assert owner.get(_page(workspace, f"?from={theirs.id}")).status_code == 404


def test_page_with_a_result_takes_few_queries(
    workspace: Workspace, owner: Client, django_assert_max_num_queries: object
) -> None:
    done = completed(workspace)
    owner.get(_page(workspace))

    with django_assert_max_num_queries(12):  # type: ignore[operator]
        page = owner.get(_page(workspace, f"?task={done.id}"))

    assert (page.status_code, page.context["task"].status) == (200, Status.COMPLETED)


def test_run_tells_the_history_to_look_again(workspace: Workspace, owner: Client) -> None:
    answer = owner.post(_page(workspace), {"prompt": "a fox"}, headers=HTMX)

    assert answer.headers["HX-Trigger"] == '{"play-started": {}}'
