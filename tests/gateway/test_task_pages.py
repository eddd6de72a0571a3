"""The stream that tells an open page that its task has moved: over a real server, by the browser's session."""

from collections.abc import Iterator

import pytest
from django.contrib.sessions.models import Session

from apps.accounts.models import Workspace
from apps.gateway.app import make_app
from apps.gateway.following import Timing
from apps.tasks.models import Task
from apps.tasks.services import claims, notices
from tests.api.test_events import Follower, Serving, finished, serving, subscribers, until
from tests.factories import ROUTE, UserFactory, WorkspaceFactory, member, owner_of, task
from tests.gateway.test_sessions import cookies_of

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _fresh_notices() -> Iterator[None]:
    notices.forget_connections()
    yield
    notices.forget_connections()


@pytest.fixture
def server(key: str) -> Iterator[Serving]:
    with serving(make_app(Timing(heartbeat=30, look=0.2)), key) as served:
        yield served


def opened(server: Serving, workspace: Workspace, one: Task, cookie: str, **more: str) -> Follower:
    return server.ask(f"/w/{workspace.slug}/tasks/{one.id}/events", cookie=cookie, **more)


def test_page_is_told_of_each_move_and_of_nothing_else(server: Serving, workspace: Workspace):
    one = task(workspace)
    stream = opened(server, workspace, one, cookies_of(member(workspace, "billing")))
    first = stream.event()
    until(subscribers)
    claim = claims.claim(task_id=one.id, route=ROUTE, worker="test")
    assert claim is not None
    second = stream.event()
    finished(claim)
    last = stream.event()

    assert first is not None
    assert second is not None
    assert last is not None
    assert [event.data for event in (first, second, last)] == [
        {"is_final": False},
        {"is_final": False},
        {"is_final": True},
    ]
    assert stream.event() is None
    again = opened(server, workspace, one, cookies_of(owner_of(workspace)), last_event_id=last.id)
    assert again.status == 204


def test_neighbours_task_and_workspace_do_not_exist(server: Serving, workspace: Workspace):
    neighbour = WorkspaceFactory.create()
    mine, theirs = cookies_of(owner_of(workspace)), task(neighbour)

    assert opened(server, neighbour, theirs, mine).status == 404
    assert opened(server, workspace, theirs, mine).status == 404


@pytest.mark.parametrize("person", ["nobody", "stranger"])
def test_who_is_no_member_gets_nothing(server: Serving, workspace: Workspace, person: str):
    user = UserFactory.create() if person == "stranger" else None

    answer = opened(server, workspace, task(workspace), cookies_of(user))

    assert answer.status == (404 if person == "stranger" else 401)


def test_key_opens_no_page(server: Serving, workspace: Workspace, key: str):
    path = f"/w/{workspace.slug}/tasks/{task(workspace).id}/events"

    assert server.ask(path, x_api_key=key).status == 401


def test_stream_ends_with_the_session(server: Serving, workspace: Workspace):
    stream = opened(server, workspace, task(workspace), cookies_of(owner_of(workspace)))
    assert stream.event() is not None

    Session.objects.all().delete()

    assert stream.event() is None


def test_other_methods_are_refused(server: Serving, workspace: Workspace):
    cookie = cookies_of(owner_of(workspace))

    answer = opened(server, workspace, task(workspace), cookie, method="DELETE")

    assert answer.status in {403, 405}
