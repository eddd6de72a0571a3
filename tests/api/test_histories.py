"""GET /api/open/tasks/histories: the workspace's tasks by numbered pages."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.tasks.models import Task
from tests.api.conftest import Caller, caller_of
from tests.api.midjourney import finished, grid, imagined
from tests.factories import WorkspaceFactory, completed, task
from tests.llm.rows import attempt, happened
from tests.tasks import rows

pytestmark = pytest.mark.django_db
PATH = "/api/open/tasks/histories"


def read(caller: Caller, **query: Any) -> dict[str, Any]:
    response: Any = caller.client.get(PATH, query, HTTP_X_API_KEY=caller.key)
    assert response.status_code == 200, response.content
    assert set(response.json()) == {"code", "data", "message"}
    data: dict[str, Any] = response.json()["data"]
    return data


def ids(data: dict[str, Any]) -> list[str]:
    return [one["task_id"] for one in data["data"]]


def test_history_shows_what_was_asked_and_what_came_of_it(api: Caller, workspace: Workspace):
    done = completed(workspace, {"image_url": "http://testserver/files/mj/a.png"})

    assert read(api) == {
        "data": [
            {
                "task_id": str(done.id),
                "task_model": "modelyard/illustration",
                "action": "text-to-image",
                "status": "finished",
                "created_at": done.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "detail": {
                    "model": "modelyard/illustration",
                    "output": "http://testserver/files/mj/a.png",
                    "task_id": str(done.id),
                    "task_type": "text-to-image",
                },
            }
        ],
        "total": 1,
        "page": 1,
        "page_size": 10,
    }


def test_history_has_the_words_of_every_state(api: Caller, workspace: Workspace):
    made = [task(workspace) for _ in range(6)]
    states = ["staged", "pending", "processing", "completed", "failed", "cancelled"]
    for one, state in zip(made, states, strict=True):
        ended = timezone.now() if state in states[3:] else None
        rows.change(one, status=state, ended_at=ended)

    said = {one["task_id"]: one["status"] for one in read(api)["data"]}

    words = ["staged", "pending", "processing", "finished", "failed", "cancelled"]
    assert said == {str(one.id): word for one, word in zip(made, words, strict=True)}


def test_history_is_newest_first_by_pages(api: Caller, workspace: Workspace):
    made = [str(task(workspace).id) for _ in range(12)][::-1]

    assert ids(read(api)) == made[:10]
    assert ids(read(api, page=2)) == made[10:]
    assert ids(read(api, page=3)) == []
    assert [read(api, page=page, page_size=5)["total"] for page in (1, 2, 3, 4)] == [12] * 4
    assert ids(read(api, page=2, page_size=5)) == made[5:10]


def test_history_is_the_workspaces_own(api: Caller, workspace: Workspace):
    mine = task(workspace)
    task(WorkspaceFactory.create())

    data = read(api)

    assert (ids(data), data["total"]) == ([str(mine.id)], 1)


@pytest.mark.parametrize(
    ("model", "families"),
    [
        ("", ["midjourney", "suno", "udio", "wan", "wanx", "diffrhythm"]),
        ("all", ["midjourney", "suno", "udio", "wan", "wanx", "diffrhythm"]),
        ("mj", ["midjourney"]),
        ("midjourney", ["midjourney"]),
        ("music-s", ["suno"]),
        ("music-u", ["udio"]),
        ("diffrythm", ["diffrhythm"]),
        ("diffrhythm", ["diffrhythm"]),
        ("wan", ["wan", "wanx"]),
        ("gpts", []),
        ("sd", []),
    ],
)
def test_history_of_a_family(api: Caller, workspace: Workspace, model: str, families: list[str]):
    for family in ("midjourney", "suno", "udio", "wan", "wanx", "diffrhythm"):
        rows.change(task(workspace), family=family)

    found = Task.objects.of(workspace.pk).filter(id__in=ids(read(api, model=model)))

    assert sorted(one.family for one in found) == sorted(families)


def test_history_of_a_span_of_time(api: Caller, workspace: Workspace):
    start = timezone.now().replace(microsecond=0) - timedelta(days=1)
    made = [task(workspace) for _ in range(4)]
    for number, one in enumerate(made):
        rows.change(one, created_at=start + timedelta(seconds=10 * number))
    at = int(start.timestamp())

    data = read(api, start_time=at + 10, end_time=at + 30)

    assert (ids(data), data["total"]) == ([str(made[2].id), str(made[1].id)], 2)
    assert read(api, start_time=at + 31)["total"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"page_size": 101}, "page_size"),
        ({"page_size": 0}, "page_size"),
        ({"page_size": "x"}, "page_size"),
        ({"page": 0}, "page"),
        ({"page": -1}, "page"),
        ({"page": "1.5"}, "page"),
        ({"page": 1001}, "page"),
        ({"page": 101, "page_size": 100}, "page"),
        ({"page": "9" * 400}, "page"),
        ({"model": "no-such"}, "model"),
        ({"start_time": "yesterday"}, "start_time"),
        ({"end_time": "-5"}, "end_time"),
    ],
)
def test_history_refuses(api: Caller, query: dict[str, Any], field: str):
    response: Any = api.client.get(PATH, query, HTTP_X_API_KEY=api.key)

    assert (response.status_code, response.json()["error"]["detail"]) == (400, {"field": field})


def test_history_counts_up_to_ten_thousand(api: Caller, workspace: Workspace):
    rows.copies(task(workspace), count=10_001)

    data = read(api, page=100, page_size=100)

    assert (data["total"], len(data["data"])) == (10_000, 100)


def test_history_takes_the_same_queries_for_any_number(api: Caller, workspace: Workspace):
    template = task(workspace)
    counts = []
    for _ in range(2):
        # Whose key it is may be known already.
        with CaptureQueriesContext(connection) as asked:
            read(api)
        counts.append(len([one for one in asked if "tasks_task" in one["sql"]]))
        rows.copies(template, count=3)

    assert counts == [2, 2]


@pytest.mark.parametrize(
    ("output", "first"),
    [
        (None, None),
        ({}, None),
        ({"text": "ocr", "lines": []}, None),
        ({"text": "see https://example.com/x"}, None),
        ({"image_url": "", "image_urls": ["https://f.example/2"]}, "https://f.example/2"),
        (
            {"works": [{"cover": {"resource": "https://f.example/cover"}}], "video_url": "https://f.example/v"},
            "https://f.example/v",
        ),
        (
            {"clips": {"b": {"image_url": "https://f.example/c", "audio_url": "https://f.example/b"}}},
            "https://f.example/b",
        ),
        ({"model_file": "https://f.example/m", "combined_video": "https://f.example/c"}, "https://f.example/m"),
        ({"strange": [{"deep": "http://f.example/d"}]}, "http://f.example/d"),
    ],
)  # fmt: skip
def test_history_names_the_first_address_of_the_result(
    api: Caller, workspace: Workspace, output: Any, first: str | None
):
    rows.change(completed(workspace), output=output)

    assert [one["detail"]["output"] for one in read(api)["data"]] == [first]


def test_history_hides_what_the_plan_hides(workspace: Workspace):
    rows.plan(workspace, plan="hobbyist")
    caller = caller_of(workspace)
    task_id = imagined(caller)
    finished(task_id, grid(task_id, image_url=""))

    assert [one["detail"]["output"] for one in read(caller)["data"]] == [None]


# ------------------------------------------------------------ calls of language models
def test_history_of_calls_is_by_their_last_attempts(api: Caller, workspace: Workspace):
    call = uuid.uuid4()
    attempt(workspace, call=call, end="failed", points=0)
    last = attempt(workspace, call=call, number=2)
    older = read(api, model="llm")
    attempt(workspace, end="upstream_cut", model="gpt-4o", operation="messages")
    attempt(WorkspaceFactory.create())
    task(workspace)

    assert older == {
        "data": [
            {
                "task_id": str(call),
                "task_model": "gpt-4o-mini",
                "action": "chat",
                "status": "finished",
                "created_at": last.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
                "detail": {
                    "model": "gpt-4o-mini",
                    "output": None,
                    "task_id": str(call),
                    "task_type": "chat",
                },
            }
        ],
        "total": 1,
        "page": 1,
        "page_size": 10,
    }
    data = read(api, model="llm")
    assert [(one["task_model"], one["action"], one["status"]) for one in data["data"]] == [
        ("gpt-4o", "messages", "failed"),
        ("gpt-4o-mini", "chat", "finished"),
    ]
    # Without a family it is about tasks, as ever.
    assert read(api)["total"] == read(api, model="all")["total"] == 1


def test_history_of_calls_by_pages_and_of_a_span_of_time(api: Caller, workspace: Workspace):
    start = timezone.now().replace(microsecond=0) - timedelta(days=1)
    made = [attempt(workspace, points=0) for _ in range(4)]
    for number, one in enumerate(made):
        happened(one, start + timedelta(seconds=10 * number))
    calls = [str(one.call) for one in made][::-1]
    at = int(start.timestamp())

    assert [ids(read(api, model="llm", page=page, page_size=3)) for page in (1, 2, 3)] == [
        calls[:3],
        calls[3:],
        [],
    ]
    within = read(api, model="llm", start_time=at + 10, end_time=at + 30)
    assert (ids(within), within["total"]) == (calls[1:3], 2)


def test_history_of_calls_takes_the_same_queries_for_any_number(api: Caller, workspace: Workspace):
    counts = []
    for count in (1, 3):
        for _ in range(count):
            attempt(workspace, points=0)
        with CaptureQueriesContext(connection) as asked:
            read(api, model="llm")
        counts.append(len([one for one in asked if "llm_usage" in one["sql"]]))

    assert counts == [2, 2]
