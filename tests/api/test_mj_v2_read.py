"""POST /mj/v2/{fetch, multi_fetch, validation}: without a key, and nothing of a workspace in the answer."""

import io
import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image
from pytest_django import Settings

from apps.accounts.models import Workspace
from apps.catalog import selectors as catalog
from apps.catalog.models import BannedWord
from apps.files.services import media
from apps.tasks.models import Task
from apps.tasks.services.execute import execute
from tests.api.conftest import Caller, caller_of
from tests.api.midjourney import (
    ACTIONS,
    CROPS,
    change,
    failed,
    finished,
    grid,
    imagined,
    started,
    stored,
    v2,
)
from tests.catalog.midjourney.prompts import BAD, GOOD
from tests.factories import WorkspaceFactory, completed
from tests.tasks import rows

pytestmark = pytest.mark.django_db
NOBODY = Caller()


def fetched(task_id: str, caller: Caller = NOBODY) -> dict[str, Any]:
    response = v2(caller, "fetch", {"task_id": task_id})
    assert response.status_code == 200
    data: dict[str, Any] = response.json()
    return data


def shown(task: Task, **result: Any) -> dict[str, Any]:
    """The whole of a waiting relax imagine task, with these parts of its result."""

    def unix(instant: Any) -> int:
        return int(instant.timestamp()) if instant else 0

    return {
        "task_id": str(task.id),
        "status": "pending",
        "process_time": 0,
        "meta": {
            "created_at": unix(task.created_at),
            "started_at": unix(task.started_at),
            "completed_at": unix(task.ended_at),
            "task_type": "imagine",
            "process_mode": "relax",
            "task_input": {"prompt": "a cat"},
            "quota_frozen": 6,
            "frozen_credit": 0,
        },
        "task_result": {
            "discord_image_url": "",
            "image_url": "",
            "image_urls": [],
            "permanent_url": "",
            "task_progress": 0,
            "intermediate_image_urls": [],
            "image_id": "",
            "seed": "",
            "result_message_id": "",
            "quota_used": 0,
            "credit": 0,
            "message": "",
            "error": "",
            "error_messages": [],
            "need_retry": False,
            "actions": [],
            **result,
        },
    }


# -------------------------------------------------------------------------------------------- fetch
def test_fetch_shows_a_waiting_task(api: Caller):
    task_id = imagined(api)

    assert fetched(task_id) == shown(stored(task_id))


def test_fetch_shows_a_finished_task(api: Caller):
    task_id = imagined(api)
    done = finished(task_id)
    rows.change(done, started_at=done.created_at, ended_at=done.created_at + timedelta(seconds=42))

    expected = shown(
        rows.again(done),
        image_url=f"http://testserver/files/mj/{task_id}.png",
        image_urls=CROPS,
        task_progress=100,
        image_id=task_id,
        quota_used=6,
        actions=ACTIONS,
    )
    assert fetched(task_id) == {**expected, "status": "finished", "process_time": 42}


def test_fetch_shows_a_failed_task(api: Caller):
    task_id = imagined(api)
    done = failed(task_id, "The picture broke.")

    expected = shown(done, error="The picture broke.", error_messages=["The picture broke."])
    expected["meta"]["quota_frozen"] = 0
    assert fetched(task_id) == {**expected, "status": "failed"}


def test_fetch_has_four_words_for_six_states(workspace: Workspace):
    rows.plan(workspace, plan="hobbyist")
    caller = caller_of(workspace)
    ids = [imagined(caller) for _ in range(5)]
    finished(ids[0])
    failed(ids[1])
    started(ids[2])
    caller.call("DELETE", f"/api/v1/task/{ids[4]}")

    assert [stored(one).status for one in ids] == [
        "completed", "failed", "processing", "pending", "cancelled",
    ]  # fmt: skip
    staged = [imagined(caller) for _ in range(2)][-1]
    assert stored(staged).status == "staged"
    assert [fetched(one)["status"] for one in [*ids, staged]] == [
        "finished", "failed", "processing", "pending", "failed", "pending",
    ]  # fmt: skip


def test_fetch_shows_texts_and_seeds(api: Caller):
    parent = imagined(api)
    finished(parent)
    seed = v2(api, "seed", {"task_id": parent}).json()["task_id"]
    describe = v2(api, "describe", {"image_url": "https://pictures.example/a.png"}).json()
    finished(seed, {"seed": "1234"})
    finished(describe["task_id"], {"description": "1. a\n2. b", "prompts": ["a", "b"]})

    assert fetched(seed)["task_result"]["seed"] == "1234"
    assert fetched(describe["task_id"])["task_result"]["message"] == "1. a\n2. b"


def test_fetch_reads_unified_tasks_of_every_workspace(workspace: Workspace):
    body = {"model": "midjourney", "task_type": "imagine", "input": {"prompt": "a cat"}}
    made = caller_of(workspace).post("/api/v1/task", body).json()["data"]["task_id"]
    neighbour = caller_of(WorkspaceFactory.create())

    assert fetched(made) == fetched(made, neighbour) == shown(stored(made))


def test_fetch_tells_nothing_of_the_workspace(api: Caller, workspace: Workspace):
    change(workspace, name="Secret Neighbour", slug="secret-neighbour")
    task_id = imagined(
        api, webhook_endpoint="https://secret-host.example/x", webhook_secret="secret-word"
    )
    finished(task_id)

    text = json.dumps(fetched(task_id))

    for secret in ("ecret", "webhook", api.key, str(workspace.pk) + '"'):
        assert secret not in text


def test_sandbox_task_ends_in_pictures_for_whoever_knows_its_id(api: Caller):
    task_id = imagined(api, "flying night city --ar 16:9", process_mode="fast")

    execute(task_id=uuid.UUID(task_id))

    found = fetched(task_id)
    result = found["task_result"]
    pictures = [Image.open(io.BytesIO(media.fetch(url=url))) for url in
                (result["image_url"], *result["image_urls"])]  # fmt: skip
    assert (found["status"], result["quota_used"]) == ("finished", 14)
    assert result["image_url"].endswith(f"/mj/{task_id}.png")
    grid_size, *sizes = [picture.size for picture in pictures]
    assert sizes == [(grid_size[0] // 2, grid_size[1] // 2)] * 4


@pytest.mark.parametrize("task_id", ["", None, 5, [], {}])
def test_fetch_needs_an_id(task_id: Any):
    response = v2(NOBODY, "fetch", {"task_id": task_id})

    assert (response.status_code, response.json()["status"]) == (400, "failed")
    assert response.json()["error"]["detail"] == {"field": "task_id"}


def test_fetch_knows_no_other_tasks(workspace: Workspace):
    other = str(completed(workspace).id)

    for task_id in (other, str(uuid.uuid4()), "x", "../x"):
        response = v2(NOBODY, "fetch", {"task_id": task_id})
        assert (response.status_code, response.json()["error"]["type"]) == (404, "not_found")
        assert response.json()["message"] == "There is no such task."


def test_wrong_key_is_told_and_none_is_needed(api: Caller):
    task_id = imagined(api)

    assert v2(Caller("my_live_wrong"), "fetch", {"task_id": task_id}).status_code == 401
    assert fetched(task_id, NOBODY) == fetched(task_id, api)


def test_key_for_other_things_reads_too(api: Caller, workspace: Workspace):
    task_id = imagined(api)

    assert fetched(task_id, caller_of(workspace, scopes=["files"]))["task_id"] == task_id


@pytest.mark.parametrize("name", ["fetch", "multi_fetch", "validation"])
def test_calls_without_a_key_are_counted_by_address(api: Caller, settings: Settings, name: str):
    settings.ANONYMOUS_RATE_PER_MINUTE = 2
    body = {"task_id": imagined(api), "task_ids": [], "prompt": "a cat"}

    answers = [v2(NOBODY, name, body, REMOTE_ADDR="203.0.113.7").status_code for _ in range(5)]
    other = v2(NOBODY, name, body, REMOTE_ADDR="203.0.113.8")
    with_key = v2(api, name, body, REMOTE_ADDR="203.0.113.7")

    # A minute may end in between.
    assert answers[:2] == [200, 200]
    assert 429 in answers
    assert (other.status_code, with_key.status_code) == (200, 200)


# -------------------------------------------------------------------------------------- multi_fetch
def test_multi_fetch_answers_by_id(api: Caller, workspace: Workspace):
    mine, theirs = imagined(api), imagined(caller_of(WorkspaceFactory.create()))
    finished(theirs)
    other, unknown = str(completed(workspace).id), str(uuid.uuid4())
    asked = [mine, theirs, other, unknown, "x", mine]

    response = v2(NOBODY, "multi_fetch", {"task_ids": asked})

    assert response.json() == {
        "data": {
            mine: fetched(mine),
            theirs: fetched(theirs),
            other: None,
            unknown: None,
            "x": None,
        }
    }


def test_multi_fetch_takes_an_id_in_any_spelling(api: Caller):
    task_id = imagined(api)
    spelled = [task_id.upper(), task_id.replace("-", "")]

    found = v2(NOBODY, "multi_fetch", {"task_ids": spelled}).json()["data"]

    assert {spelling: one["task_id"] for spelling, one in found.items()} == dict.fromkeys(
        spelled, task_id
    )


def test_multi_fetch_takes_fifty(api: Caller, django_assert_num_queries: Any):
    ids = [str(uuid.uuid4()) for _ in range(49)] + [imagined(api)]

    with django_assert_num_queries(1):
        found = v2(NOBODY, "multi_fetch", {"task_ids": ids})
    refused = v2(NOBODY, "multi_fetch", {"task_ids": [*ids, "x"]})

    assert [one for one in found.json()["data"].values() if one] == [fetched(ids[-1])]
    assert refused.status_code == 400
    assert refused.json()["message"] == "task_ids: Give at most 50 ids."
    assert refused.json()["status"] == "failed"


@pytest.mark.parametrize("ids", [None, "", "x", {}, [1], [None], [["x"]]])
def test_multi_fetch_needs_a_list_of_ids(ids: Any):
    response = v2(NOBODY, "multi_fetch", {"task_ids": ids})

    assert (response.status_code, response.json()["status"]) == (400, "failed")


def test_multi_fetch_of_nothing_is_empty():
    assert v2(NOBODY, "multi_fetch", {"task_ids": []}).json() == {"data": {}}


# --------------------------------------------------------------------------------------- validation
def can_be_sent(prompt: str) -> bool:
    """NUL and halves of surrogate pairs are refused before anything looks at the body."""
    return "\0" not in prompt and not any("\ud800" <= letter <= "\udfff" for letter in prompt)


@pytest.fixture
def _words(db: None) -> None:
    BannedWord.objects.all().delete()
    words = ("nude", "gory", "covered in blood", "schön", "r34")
    BannedWord.objects.bulk_create(BannedWord(word=word) for word in words)
    catalog.forget_banned_words()


def checked(prompt: Any) -> Any:
    return v2(NOBODY, "validation", {"prompt": prompt})


@pytest.mark.usefixtures("_words")
def test_validation_says_what_the_check_says():
    asked = [(prompt, used, "", ratio) for prompt, used, ratio in GOOD]
    asked += [(prompt, used, message, "") for prompt, used, message in BAD]
    asked = [one for one in asked if can_be_sent(one[0])]

    said = [(prompt, *checked(prompt).json().values()) for prompt, *_ in asked]

    assert len(asked) > 120
    assert said == asked


def test_validation_of_a_good_prompt():
    response = checked("a cat --ar 16:9 --repeat 2")

    assert response.status_code == 200
    assert response.json() == {"Prompt": "a cat", "ErrorMessage": "", "AspectRatio": "16:9"}


def test_validation_reads_no_book():
    assert checked("a " * 5_000_000).json() == {
        "Prompt": "",
        "ErrorMessage": "Prompt is too long, limited to 6000 characters",
        "AspectRatio": "",
    }


def test_validation_makes_nothing_and_counts_nothing(api: Caller, workspace: Workspace):
    for _ in range(40):
        v2(api, "validation", {"prompt": ""})

    assert not Task.objects.of(workspace.pk).exists()
    assert imagined(api)


@pytest.mark.parametrize("body", [{}, {"prompt": None}, {"prompt": 5}, {"prompt": ["a cat"]}])
def test_validation_needs_a_prompt(body: Any):
    response = v2(NOBODY, "validation", body)

    assert (response.status_code, response.json()["message"]) == (
        400,
        "prompt: This field is required, as text.",
    )


# ----------------------------------------------------------------------------- by plan and by pool
HIDDEN = {
    "progress": 100,
    "intermediate_image_urls": None,
    "discord_image_url": "",
    "temporary_image_urls": None,
}
SHOWN = {
    "intermediate_image_urls": ["http://testserver/files/temp/half.png"],
    "discord_image_url": "https://cdn.example/grid.png",
    "temporary_image_urls": CROPS,
}
# What each plan sees of tasks in the public pool and on own accounts; progress is looked at on the way.
SEES = {
    ("hobbyist", "public"): set(),
    ("hobbyist", "private"): {"discord_image_url", "temporary_image_urls"},
    ("developer", "public"): {"progress"},
    ("developer", "private"): {
        "progress", "intermediate_image_urls", "discord_image_url", "temporary_image_urls",
    },
    ("premium", "public"): {"progress", "discord_image_url", "temporary_image_urls"},
    ("premium", "private"): {
        "progress", "intermediate_image_urls", "discord_image_url", "temporary_image_urls",
    },
}  # fmt: skip
by_plan_and_pool = pytest.mark.parametrize(("plan", "pool"), SEES)


def task_of(workspace: Workspace, plan: str, pool: str) -> str:
    """A task that was created on that plan in that pool."""
    rows.plan(workspace, plan=plan)
    task_id = imagined(caller_of(workspace))
    rows.change(stored(task_id), service_mode=pool)
    return task_id


@by_plan_and_pool
def test_finished_task_shows_what_plan_and_pool_allow(workspace: Workspace, plan: str, pool: str):
    sees = SEES[plan, pool]
    task_id = task_of(workspace, plan, pool)
    rows.change(
        stored(task_id),
        status="completed",
        ended_at=stored(task_id).created_at,
        output=grid(task_id),
    )

    unified = caller_of(workspace).get(f"/api/v1/task/{task_id}").json()["data"]["output"]
    older = fetched(task_id)["task_result"]

    assert {name: unified[name] for name in HIDDEN} == {
        name: SHOWN.get(name, 100) if name in sees else HIDDEN[name] for name in HIDDEN
    }
    assert {name: older[name] for name in ("intermediate_image_urls", "discord_image_url")} == {
        name: SHOWN[name] if name in sees else empty
        for name, empty in (("intermediate_image_urls", []), ("discord_image_url", ""))
    }
    # The four pictures are what this API is about.
    assert (older["image_urls"], older["task_progress"]) == (CROPS, 100)


@by_plan_and_pool
def test_running_task_tells_its_progress_where_the_plan_allows(
    workspace: Workspace, plan: str, pool: str
):
    task_id = task_of(workspace, plan, pool)
    started_at = stored(task_id).created_at
    rows.change(stored(task_id), status="processing", started_at=started_at, progress=40)

    unified = caller_of(workspace).get(f"/api/v1/task/{task_id}").json()["data"]["output"]

    seen = 40 if "progress" in SEES[plan, pool] else 0
    assert (unified["progress"], fetched(task_id)["task_result"]["task_progress"]) == (seen, seen)


def test_plan_of_the_day_of_creation_counts(workspace: Workspace):
    task_id = task_of(workspace, "premium", "public")
    rows.plan(workspace, plan="hobbyist")
    finished(task_id)

    assert fetched(task_id)["task_result"]["discord_image_url"] == "https://cdn.example/grid.png"
