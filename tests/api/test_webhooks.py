"""A customer reads how deliveries went and has one sent again."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.core import sealing
from apps.notifications.models import Delivery
from apps.notifications.services import outbox
from tests.api.conftest import Caller, caller_of

pytestmark = pytest.mark.django_db
PATH = "/api/v1/webhooks/deliveries"
TASK = uuid.UUID(int=7)
AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LOG = [
    {"at": "2026-01-02T03:04:05.000Z", "status": None, "error": "No answer.", "ms": 15000},
    {"at": "2026-01-02T03:04:10.000Z", "status": 410, "error": "Gone.", "ms": 7},
]


@pytest.fixture
def caller(workspace: Workspace) -> Caller:
    return caller_of(workspace)


@pytest.fixture
def delivery(workspace: Workspace) -> Callable[..., Delivery]:
    def make(task: uuid.UUID = TASK, **fields: Any) -> Delivery:
        event = outbox.Event(
            workspace.pk,
            f"task:{task}",
            "task.completed",
            "https://shop.example/hook",
            '{"body":"not shown"}',
            sealing.seal("not-shown-secret", bound_to="t"),
            "t",
            occurred_at=AT,
        )
        outbox.add([event])
        row = Delivery.objects.of(workspace.pk).latest("id")
        Delivery.objects.of(workspace.pk).filter(pk=row.pk).update(**fields)
        row.refresh_from_db()
        return row

    return make


def _stopped() -> dict[str, Any]:
    return {"state": "STOPPED", "attempts": 2, "next_attempt_at": None, "ended_at": AT, "log": LOG}


def test_list_shows_each_delivery_with_its_log(caller: Caller, delivery: Callable[..., Delivery]):
    row = delivery(**_stopped())

    response = caller.get(PATH)

    assert response.json()["data"] == {
        "items": [
            {
                "delivery_id": str(row.event_id),
                "event_id": f"msg_{row.event_id.hex}",
                "sequence": row.pk,
                "task_id": str(TASK),
                "kind": "task.completed",
                "endpoint": "https://shop.example/hook",
                "state": "stopped",
                "attempts": 2,
                "next_attempt_at": "0001-01-01T00:00:00Z",
                "occurred_at": "2026-01-02T03:04:05.000000Z",
                "ended_at": "2026-01-02T03:04:05.000000Z",
                "log": LOG,
            }
        ],
        "next_cursor": None,
    }
    assert "not shown" not in response.content.decode()
    assert row.secret not in response.content.decode()


def test_filters_and_pages(caller: Caller, delivery: Callable[..., Delivery]):
    other = uuid.UUID(int=8)
    rows = [delivery(), delivery(**_stopped()), delivery(other), delivery()]

    def found(query: str) -> tuple[list[int], str | None]:
        data = caller.get(f"{PATH}?{query}").json()["data"]
        return [rows.index(r) for i in data["items"] for r in rows if r.pk == i["sequence"]], data[
            "next_cursor"
        ]

    first, cursor = found("limit=3")
    assert (first, cursor) == ([3, 2, 1], str(rows[1].pk))
    assert found(f"limit=3&cursor={cursor}") == ([0], None)
    assert found("state=stopped")[0] == [1]
    assert found(f"task_id={other}")[0] == [2]
    assert found(f"task_id={TASK.hex}&state=waiting")[0] == [3, 0]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=x", "limit"),
        ("cursor=x", "cursor"),
        ("cursor=-1", "cursor"),
        (f"cursor={'9' * 19}", "cursor"),
        ("state=lost", "state"),
        ("task_id=7", "task_id"),
    ],
)
def test_nonsense_is_refused_by_name(caller: Caller, query: str, field: str):
    response = caller.get(f"{PATH}?{query}")

    assert response.status_code == 400
    assert response.json()["error"]["detail"] == {"field": field}


def test_replay_sends_it_again(caller: Caller, delivery: Callable[..., Delivery]):
    row = delivery(**_stopped())

    for name in (str(row.event_id), f"msg_{row.event_id.hex}"):
        data = caller.post(f"{PATH}/{name}/replay").json()["data"]
        assert (data["state"], data["attempts"], data["log"]) == ("waiting", 0, LOG)
        assert data["event_id"] == f"msg_{row.event_id.hex}"

    row.refresh_from_db()
    assert (row.state, row.ended_at) == ("WAITING", None)


@pytest.mark.parametrize("name", ["7", "msg_", str(uuid.UUID(int=1)), "%00"])
def test_replay_of_what_is_not_there(caller: Caller, name: str):
    response = caller.post(f"{PATH}/{name}/replay")

    assert (response.status_code, response.json()["error"]["type"]) == (404, "not_found")


def test_list_takes_one_query_for_the_deliveries_however_many(
    caller: Caller, delivery: Callable[..., Delivery], django_assert_max_num_queries
):
    caller.get(PATH)
    counts = []
    for _ in range(2):
        delivery()
        delivery()
        with django_assert_max_num_queries(20) as queries:
            caller.get(PATH)
        counts.append(len(queries))

    assert counts[0] == counts[1]
