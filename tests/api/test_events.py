"""Event streams over a real server: what comes, when it ends, how it is resumed, and who may have it."""

import http.client
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from django.conf import settings as configured
from redis import Redis

from apps.accounts import keys, services
from apps.accounts.models import ApiKey, Workspace
from apps.core import metrics
from apps.gateway import following
from apps.gateway.app import make_app
from apps.gateway.following import Timing
from apps.tasks import presentation
from apps.tasks.models import FailureCode, Task, TaskEvent
from apps.tasks.services import claims, finish, notices
from config import asgi
from tests.factories import ROUTE, WorkspaceFactory, api_key, claimed, completed, task

# A stream reads from other connections than the test's.
pytestmark = pytest.mark.django_db(transaction=True)
# Streams that look by themselves only when told, so that what comes soon came by a notice.
TOLD_ONLY = Timing(heartbeat=30, look=30)
WAIT_SECONDS = 10


@dataclass
class Event:
    id: str
    data: dict[str, Any]


class Follower:
    """A client's side of one stream."""

    def __init__(self, port: int, path: str, method: str = "GET", **headers: str) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=WAIT_SECONDS)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        self.connection.request(method, path, headers=names)
        self.response = self.connection.getresponse()
        self.status = self.response.status
        self.headers = self.response.headers

    def block(self) -> list[str] | None:
        """The lines up to the next empty one; None at the end of the stream."""
        lines: list[str] = []
        while line := self.response.readline():
            if line == b"\n":
                return lines
            lines.append(line.decode().rstrip("\n"))
        assert lines == []
        return None

    def event(self) -> Event | None:
        """The next event, whatever comments come before it; None at the end."""
        while (lines := self.block()) is not None:
            fields = dict(line.split(": ", 1) for line in lines)
            if "data" in fields:
                assert list(fields) == ["event", "id", "data"]
                assert fields["event"] == "task"
                return Event(fields["id"], json.loads(fields["data"]))
        return None

    def statuses(self) -> list[str]:
        """Of all events up to the end."""
        found = []
        while (event := self.event()) is not None:
            found.append(event.data["status"])
        return found

    def envelope(self) -> Any:
        return json.loads(self.response.read())

    def close(self) -> None:
        self.response.close()
        self.connection.close()


class Serving:
    """A running server."""

    def __init__(self, port: int, key: str) -> None:
        self.port, self.key = port, key
        self._followers = ExitStack()

    def follow(self, one: Task | str, key: str | None = None, **more: str) -> Follower:
        """A stream of the task, with `key` (else the workspace's) in x-api-key."""
        task_id = one if isinstance(one, str) else str(one.id)
        return self.ask(f"/api/v1/task/{task_id}/events", x_api_key=key or self.key, **more)

    def ask(self, path: str, **more: str) -> Follower:
        return self._followers.enter_context(closing(Follower(self.port, path, **more)))

    def close(self) -> None:
        self._followers.close()


@contextmanager
def serving(app: Any, key: str) -> Iterator[Serving]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app, lifespan="off", ws="none", log_config=None, timeout_graceful_shutdown=1
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        with closing(Serving(listener.getsockname()[1], key)) as served:
            until(lambda: server.started)
            yield served
        server.should_exit = True
        thread.join(timeout=WAIT_SECONDS)
        assert not thread.is_alive()


def until(is_so: Callable[[], Any]) -> None:
    """Wait for something that another thread brings about."""
    ends_at = time.monotonic() + WAIT_SECONDS
    while not is_so():
        assert time.monotonic() < ends_at, "it did not come about"
        threading.Event().wait(0.01)


def subscribers() -> int:
    with Redis.from_url(configured.REDIS_URL) as client:
        found: Any = client.pubsub_numsub(notices.CHANNEL)
    return int(found[0][1])


def streams() -> float:
    return float(metrics.STREAMS._value.get())


@pytest.fixture
def server(key: str) -> Iterator[Serving]:
    with serving(make_app(TOLD_ONLY), key) as served:
        yield served


@pytest.fixture(autouse=True)
def _fresh_notices() -> Iterator[None]:
    notices.forget_connections()
    yield
    notices.forget_connections()


def finished(claim: claims.Claim) -> Task:
    output = {"image_url": "http://testserver/files/mj/x.png"}
    assert finish.complete(
        task_id=claim.task.id, attempt=claim.attempt, result=finish.Result(output=output)
    )
    return current(claim.task)


def current(one: Task) -> Task:
    return Task.objects.across_workspaces().get(id=one.id)


def test_stream_tells_every_change_and_ends_after_the_last(server: Serving, workspace: Workspace):
    one = task(workspace)
    stream = server.follow(one)
    first = stream.event()
    until(subscribers)
    claim = claims.claim(task_id=one.id, route=ROUTE, worker="test")
    assert claim is not None
    second = stream.event()
    done = finished(claim)
    third = stream.event()

    assert first is not None
    assert second is not None
    assert third is not None
    assert [event.data["status"] for event in (first, second, third)] == [
        "pending",
        "processing",
        "completed",
    ]
    assert third.data == json.loads(json.dumps(presentation.task_data(done)))
    newest = TaskEvent.objects.filter(task=one).latest("id").pk
    assert third.id == f"{newest}.100"
    assert stream.block() is None
    assert {name: stream.headers[name] for name in ("Content-Type", "Cache-Control")} == {
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-store, no-transform",
    }
    assert int(stream.headers["RateLimit-Remaining"]) > 0


def test_event_carries_what_get_answers(key: str, workspace: Workspace):
    done = completed(workspace)
    with serving(asgi.application, key) as server:
        event = server.follow(done).event()
        answer = server.ask(f"/api/v1/task/{done.id}", x_api_key=key).envelope()

    assert event is not None
    assert event.data == answer["data"]


def test_progress_is_told(server: Serving, workspace: Workspace):
    claim = claimed(workspace)
    stream = server.follow(claim.task)
    first = stream.event()
    until(subscribers)

    Task.objects.of(workspace.pk).filter(id=claim.task.id).update(progress=40)
    notices.changed([claim.task.id])

    second = stream.event()
    assert first is not None
    assert second is not None
    assert second.id == first.id.replace(".0", ".40")


def test_one_change_reaches_streams_of_two_processes(key: str, workspace: Workspace):
    one = task(workspace)
    with (
        serving(make_app(TOLD_ONLY), key) as here,
        serving(make_app(TOLD_ONLY), key) as there,
    ):
        streams = [server.follow(one) for server in (here, here, there)]
        for stream in streams:
            assert stream.event() is not None
        # One subscription for each process, however many streams it has.
        until(lambda: subscribers() == 2)

        finish.cancel(task=one)

        assert [stream.statuses() for stream in streams] == [["cancelled"]] * 3
        until(lambda: subscribers() == 0)


def test_notice_of_another_task_sends_nothing(server: Serving, workspace: Workspace):
    one, other = task(workspace), task(workspace)
    stream = server.follow(one)
    assert stream.event() is not None
    until(subscribers)

    finish.cancel(task=other)
    notices.changed([one.id])  # without a change
    finish.cancel(task=one)

    assert stream.statuses() == ["cancelled"]


def test_lost_notices_cost_only_a_while(key: str, workspace: Workspace):
    one = task(workspace)
    with serving(make_app(Timing(look=0.1)), key) as server:
        stream = server.follow(one)
        assert stream.event() is not None

        # As another process would whose notice never comes.
        failure = finish.Failure(FailureCode.INTERNAL_ERROR, "No.")
        silent = notices._publish
        notices._publish = lambda task_ids: None
        try:
            finish.fail(task_id=one.id, failure=failure)
        finally:
            notices._publish = silent

        assert stream.statuses() == ["failed"]


def test_stream_without_valkey_still_gets_there(key: str, workspace: Workspace, settings: Any):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        settings.REDIS_URL = f"redis://127.0.0.1:{probe.getsockname()[1]}/0"
    one = task(workspace)
    with serving(make_app(Timing(look=0.1)), key) as server:
        stream = server.follow(one)
        assert stream.event() is not None
        finish.cancel(task=one)

        assert stream.statuses() == ["cancelled"]


def test_subscription_that_was_cut_comes_back(server: Serving, workspace: Workspace):
    one = task(workspace)
    stream = server.follow(one)
    assert stream.event() is not None
    until(subscribers)
    with Redis.from_url(configured.REDIS_URL) as client:
        client.client_kill_filter(_type="pubsub")
    # Told while nobody listens; whoever listens anew looks at once.
    finish.cancel(task=one)

    assert stream.statuses() == ["cancelled"]


# ---------------------------------------------------------------------- resume
@pytest.mark.parametrize("by", ["header", "query"])
def test_resumed_stream_repeats_nothing(server: Serving, workspace: Workspace, by: str):
    one = task(workspace)
    first = server.follow(one).event()
    assert first is not None

    if by == "header":
        stream = server.follow(one, last_event_id=first.id)
    else:
        path = f"/api/v1/task/{one.id}/events/?last_event_id={first.id}"
        stream = server.ask(path, x_api_key=server.key)
    assert stream.block() == ["retry: 2000"]
    until(lambda: subscribers() == 1)
    finish.cancel(task=one)

    assert stream.statuses() == ["cancelled"]


@pytest.mark.parametrize("seen", ["1.0", "x", "", "9999999999.0"])
def test_old_or_odd_id_gets_the_state_at_once(server: Serving, workspace: Workspace, seen: str):
    one = task(workspace)

    event = server.follow(one, last_event_id=seen).event()

    assert event is not None
    assert event.data["status"] == "pending"


def test_change_that_was_missed_is_sent_on_resuming(server: Serving, workspace: Workspace):
    one = task(workspace)
    stream = server.follow(one)
    first = stream.event()
    assert first is not None
    stream.close()
    finish.cancel(task=one)

    assert server.follow(one, last_event_id=first.id).statuses() == ["cancelled"]


def test_finished_task_that_was_seen_to_its_end_is_204(server: Serving, workspace: Workspace):
    done = completed(workspace)
    last = server.follow(done).event()
    assert last is not None

    again = server.follow(done, last_event_id=last.id)

    assert (again.status, again.response.read()) == (204, b"")


# ---------------------------------------------------------------- time and end
def test_quiet_stream_is_kept_open_by_comments(key: str, workspace: Workspace):
    with serving(make_app(Timing(heartbeat=0.05)), key) as server:
        stream = server.follow(task(workspace))
        assert stream.event() is not None

        assert [stream.block() for _ in range(3)] == [[": still here"]] * 3


def test_stream_ends_cleanly_when_its_time_is_over(key: str, workspace: Workspace):
    with serving(make_app(Timing(longest=0.2)), key) as server:
        stream = server.follow(task(workspace))

        assert stream.statuses() == ["pending"]
        # To its last chunk, not cut.
        assert stream.response.isclosed()


def test_client_that_leaves_frees_everything(server: Serving, workspace: Workspace):
    before = streams()
    followers = [server.follow(task(workspace)) for _ in range(3)]
    for follower in followers:
        assert follower.event() is not None
    until(lambda: subscribers() == 1)
    assert streams() == before + 3

    for follower in followers:
        follower.close()

    until(lambda: streams() == before)
    until(lambda: subscribers() == 0)


def test_streams_of_a_workspace_are_limited(
    server: Serving, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(following, "MAX_STREAMS", 2)
    one, neighbour = task(workspace), WorkspaceFactory.create()
    before = streams()
    held = [server.follow(one) for _ in range(2)]

    refused = server.follow(one)
    error = refused.envelope()["error"]

    assert [stream.status for stream in held] == [200, 200]
    assert (refused.status, error["type"], error["detail"]) == (429, "rate_limited", {"limit": 2})
    assert int(refused.headers["Retry-After"]) > 0
    # Others have places of their own, and a place that is left can be had again.
    assert server.follow(task(neighbour), api_key(neighbour)).status == 200
    held[0].close()
    until(lambda: streams() == before + 2)
    assert server.follow(one).status == 200


# ------------------------------------------------------------------ who may
def test_neighbours_task_is_not_there(server: Serving):
    theirs = completed(WorkspaceFactory.create())

    answers = [server.follow(name) for name in (str(theirs.id), str(uuid.uuid4()), "x", "%00")]

    assert [answer.status for answer in answers] == [404] * 4
    body = answers[0].envelope()
    assert (body["code"], body["data"], body["error"]["type"]) == (404, None, "not_found")
    assert body["error"]["request_id"] == answers[0].headers["X-Request-Id"]


@pytest.mark.parametrize("name", ["x-api-key", "X-API-KEY", "X-Api-Key"])
def test_key_in_its_header_whatever_the_case(server: Serving, workspace: Workspace, name: str):
    path = f"/api/v1/task/{completed(workspace).id}/events"

    assert server.ask(path, **{name: server.key}).status == 200


def test_bearer_token_is_a_key(server: Serving, workspace: Workspace):
    path = f"/api/v1/task/{completed(workspace).id}/events"

    assert server.ask(path, authorization=f"bearer {server.key}").status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-api-key": "my_live_wrong"},
        {"authorization": "Basic x"},
        {"cookie": "sessionid=x"},
    ],
)
def test_without_a_good_key_401(server: Serving, workspace: Workspace, headers: dict[str, str]):
    answer = server.ask(f"/api/v1/task/{task(workspace).id}/events", **headers)

    assert answer.status == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.envelope()["error"]["code"] == 10100


def test_key_in_the_query_is_refused(server: Serving, workspace: Workspace):
    path = f"/api/v1/task/{task(workspace).id}/events?x-api-key={server.key}"

    assert server.ask(path).status == 401


@pytest.mark.parametrize(
    ("terms", "type"),
    [
        ({"scopes": ["account"]}, "scope_denied"),
        ({"allowed_networks": ["203.0.113.0/24"]}, "ip_not_allowed"),
    ],
)
def test_key_that_may_not_403(
    server: Serving, workspace: Workspace, terms: dict[str, Any], type: str
):
    answer = server.follow(task(workspace), api_key(workspace, **terms))

    assert (answer.status, answer.envelope()["error"]["type"]) == (403, type)


def test_streams_count_against_the_rate_limit(server: Serving, workspace: Workspace):
    slow = api_key(workspace, rate_limit_per_minute=2)
    done = completed(workspace)

    answers = [server.follow(done, slow) for _ in range(5)]

    # The minute of the clock may change in the middle.
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert refused[0].headers["RateLimit-Limit"] == "2"
    assert int(refused[0].headers["Retry-After"]) > 0


@pytest.mark.parametrize("method", ["POST", "HEAD", "PUT", "DELETE"])
def test_only_get_is_possible(server: Serving, workspace: Workspace, method: str):
    answer = server.follow(task(workspace), method=method)

    assert (answer.status, answer.headers["Allow"]) == (405, "GET, OPTIONS")
    if method != "HEAD":
        assert answer.envelope()["error"]["type"] == "invalid_request"


def test_options_need_no_key(server: Serving):
    answer = server.ask("/api/v1/task/x/events", method="OPTIONS")

    assert (answer.status, answer.headers["Allow"]) == (200, "GET, OPTIONS")


def test_key_that_is_revoked_gets_nothing_more(key: str, workspace: Workspace):
    one = task(workspace)
    with serving(make_app(Timing(look=0.1)), key) as server:
        stream = server.follow(one)
        assert stream.event() is not None

        found = ApiKey.objects.of(workspace.pk).get(digest=keys.digest(key))
        services.revoke_key(workspace_id=workspace.pk, key_id=found.pk, actor=None)
        finish.cancel(task=one)

        assert stream.event() is None


def test_client_that_does_not_read_is_cut(key: str, workspace: Workspace):
    one = task(workspace)
    # More than the kernel takes in between.
    size = 12_000_000
    Task.objects.of(workspace.pk).filter(id=one.id).update(output={"text": "x" * size})
    before = streams()
    with (
        serving(make_app(Timing(heartbeat=0.05, drain=0.5)), key) as server,
        socket.socket() as client,
    ):
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(WAIT_SECONDS)
        client.connect(("127.0.0.1", server.port))
        request = (
            f"GET /api/v1/task/{one.id}/events HTTP/1.1\r\nHost: x\r\nX-Api-Key: {key}\r\n\r\n"
        )
        client.sendall(request.encode())
        until(lambda: streams() == before + 1)
        until(lambda: streams() == before)

        # Really cut: a connection that waits to be read would keep what it was to send.
        received = 0
        while part := client.recv(1_000_000):
            received += len(part)
    assert received < size
