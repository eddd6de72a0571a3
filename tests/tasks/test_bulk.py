"""Many tasks on one word, and a person's saved views."""

import pytest

from apps.accounts.models import Workspace
from apps.core.errors import InvalidRequest, NotFound
from apps.ops import audit
from apps.tasks.models import SavedView, Task
from apps.tasks.selectors import saved_views
from apps.tasks.services import bulk, views
from tests.factories import (
    WorkspaceFactory,
    claimed,
    completed,
    identity,
    member,
    owner_of,
    task,
)
from tests.tasks import rows

pytestmark = pytest.mark.django_db


def test_cancel_ends_what_waits_of_this_workspace_and_gives_the_holds_back(workspace: Workspace):
    waiting, running, foreign = (
        task(workspace),
        claimed(workspace).task,
        task(WorkspaceFactory.create()),
    )
    ids = rows.ids([waiting, running, foreign])

    counts = [bulk.cancel_these(identity=identity(workspace), task_ids=ids) for _ in range(2)]

    assert counts == [1, 0]
    assert [rows.again(one).status for one in (waiting, running, foreign)] == [
        "cancelled",
        "processing",
        "pending",
    ]
    assert rows.balance(workspace) == (10_000_000 - 10_000, 10_000)
    assert audit.differences() == []


def test_offer_prices_anew_and_says_what_cannot_run(workspace: Workspace):
    done, gone = completed(workspace), completed(workspace)
    rows.change(gone, model="gone/model")
    foreign = completed(WorkspaceFactory.create())

    offered = bulk.offer(identity=identity(workspace), task_ids=rows.ids([done, gone, foreign]))

    assert [(line.task.id, line.points, line.refusal) for line in offered.lines] == [
        (done.id, 10_000, ""),
        (gone.id, 0, "invalid model"),
    ]
    assert offered.points == 10_000


def test_run_again_makes_the_same_tasks_once_for_one_token(workspace: Workspace):
    done = task(workspace, webhook_endpoint="https://example.org/hook", client_reference="a")
    who = identity(workspace)
    offered = bulk.offer(identity=who, task_ids=[done.id])

    first = bulk.run_again(identity=who, offered=offered, token="t")
    second = bulk.run_again(identity=who, offered=offered, token="t")

    assert (first.refusal, second.refusal) == ("", "")
    assert rows.ids(list(first.made)) == rows.ids(list(second.made))
    made = rows.again(first.made[0])
    assert (made.input, made.client_reference, made.webhook_endpoint) == (done.input, "a", "")
    assert Task.objects.of(workspace.pk).count() == 2
    assert rows.balance(workspace) == (10_000_000 - 20_000, 20_000)


def test_run_again_stops_where_the_credits_end(db: None):
    workspace = WorkspaceFactory.create(points=25_000)
    made = [task(workspace), task(workspace)]
    who = identity(workspace)
    bulk.cancel_these(identity=who, task_ids=rows.ids(made[1:]))

    done = bulk.run_again(
        identity=who, offered=bulk.offer(identity=who, task_ids=rows.ids(made)), token="t"
    )

    assert len(done.made) == 1
    assert done.refusal
    assert rows.balance(workspace) == (5_000, 20_000)


def test_views_are_a_persons_own(workspace: Workspace):
    first, other = owner_of(workspace), member(workspace)
    elsewhere = WorkspaceFactory.create(owner=first)
    for where, who in ((workspace, first), (workspace, other), (elsewhere, first)):
        views.save_view(workspace_id=where.pk, user_id=who.pk, name="  My   view ", query="a=b")

    found = saved_views(workspace_id=workspace.pk, user_id=first.pk)

    assert [(view.name, view.query, view.user_id) for view in found] == [
        ("My view", "a=b", first.pk)
    ]


def test_names_of_views_are_unique_and_not_empty_and_there_are_twenty(workspace: Workspace):
    who = owner_of(workspace).pk

    def save(name: str, query: str = "") -> SavedView:
        return views.save_view(workspace_id=workspace.pk, user_id=who, name=name, query=query)

    made = [save(str(number)) for number in range(19)]
    for name, query in (("1", ""), (" ", ""), ("x" * 61, ""), ("long", "q" * 1001)):
        with pytest.raises(InvalidRequest):
            save(name, query)
    with pytest.raises(InvalidRequest):
        views.rename_view(workspace_id=workspace.pk, user_id=who, view_id=made[0].pk, name="1")
    save("the last")
    with pytest.raises(InvalidRequest, match="20 saved views"):
        save("one more")

    assert len(saved_views(workspace_id=workspace.pk, user_id=who)) == 20


def test_somebody_elses_view_is_neither_renamed_nor_deleted(workspace: Workspace):
    mine, theirs = owner_of(workspace).pk, member(workspace).pk
    view = views.save_view(workspace_id=workspace.pk, user_id=theirs, name="a", query="")

    with pytest.raises(NotFound):
        views.rename_view(workspace_id=workspace.pk, user_id=mine, view_id=view.pk, name="b")
    views.delete_view(workspace_id=workspace.pk, user_id=mine, view_id=view.pk)

    view.refresh_from_db()
    assert view.name == "a"
