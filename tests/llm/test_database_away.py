"""The database is away while calls are under way: nothing is given out unrecorded, lost, or charged twice."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection
from psycopg import sql

from apps.llm.services import recorder
from apps.ops.audit import differences
from tests.llm.service import Service, wait_for

pytestmark = pytest.mark.concurrency

# All but the test's own, which looks on.
_CUT = """
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s AND pid <> %s
"""
COST = 25


class Server:
    """The database server, from outside of the database."""

    def __init__(self, found: "psycopg.Connection[tuple[int]]") -> None:
        self._connection = found
        self._name = connection.settings_dict["NAME"]
        connection.ensure_connection()
        self._own: int = connection.connection.info.backend_pid

    def allow(self, is_allowed: bool) -> None:
        name, word = sql.Identifier(self._name), sql.SQL(str(is_allowed).lower())
        self._connection.execute(
            sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS {}").format(name, word)
        )

    def cut(self) -> None:
        self._connection.execute(_CUT, [self._name, self._own])


@pytest.fixture
def server() -> Iterator[Server]:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as found:
        yield Server(found)


@contextmanager
def away(server: Server) -> Iterator[None]:
    """Every connection but this test's is cut, and none can be made."""
    server.allow(False)
    server.cut()
    try:
        yield
    finally:
        server.allow(True)


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_waits_for_its_row(service: Service, server: Server, stream: bool) -> None:
    script = {"words": ["a", "b", "c"], "delay": 0.1} if stream else {"before": 0.3}
    with ThreadPoolExecutor() as asking_meanwhile:
        call = asking_meanwhile.submit(service.chat, script, stream=stream)
        wait_for(lambda: service.provider.under_way == 1)
        with away(server):
            wait_for(lambda: service.provider.under_way == 0)
            assert not call.done()
        answer = call.result()

    assert answer.status_code == 200
    assert not stream or answer.text.endswith("data: [DONE]\n\n")
    assert [(row.end, row.points) for row in service.usage()] == [("completed", COST)]
    assert service.spent() == COST


def test_an_answer_without_its_row_in_time_is_not_given_out_and_free(
    service: Service, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "_PATIENCE_SECONDS", 0.3)
    monkeypatch.setattr(recorder, "_LOOK_SECONDS", 0.05)
    with ThreadPoolExecutor() as asking_meanwhile:
        call = asking_meanwhile.submit(service.chat, {"before": 0.3})
        wait_for(lambda: service.provider.under_way == 1)
        with away(server):
            answer = call.result()

    assert answer.status_code == 500
    assert answer.json()["error"]["type"] == "internal_error"
    assert "choices" not in answer.json()
    assert [(row.end, row.points) for row in service.usage_when(1)] == [("failed", 0)]
    service.settled()
    assert service.spent() == 0
    assert differences() == []


def test_calls_are_refused_while_nobody_can_say_what_is_left(
    service: Service, server: Server
) -> None:
    assert service.chat("Hi").status_code == 200
    service.settled()
    with away(server):
        refused = [service.chat("Hi"), service.chat("Hi", stream=True)]
    assert [answer.status_code for answer in refused] == [503, 503]
    assert all(int(answer.headers["retry-after"]) > 0 for answer in refused)
    assert all(answer.json()["error"]["type"] == "internal_error" for answer in refused)
    assert len(service.provider.seen) == 1

    # Back at once, with nothing restarted.
    assert service.chat("Hi").status_code == 200
    assert service.spent() == 2 * COST


def test_connections_that_are_cut_again_and_again_lose_no_row(
    service: Service, server: Server
) -> None:
    with ThreadPoolExecutor(8) as callers:
        calls = [
            callers.submit(service.chat, "Hi", stream=bool(number % 2)) for number in range(40)
        ]
        while not all(call.done() for call in calls):
            server.cut()
        answers = [call.result() for call in calls]

    answered = sum(answer.status_code == 200 for answer in answers)
    # Some met a cut while they took a block: they were told so, and cost nothing.
    assert {answer.status_code for answer in answers} <= {200, 503}
    rows = service.usage_when(answered)
    assert [(row.end, row.points) for row in rows] == [("completed", COST)] * answered
    assert service.spent() == answered * COST
    assert differences() == []
