"""The older calls for songs and face swaps: the same tasks, asked for and answered in their own shapes."""

import base64
import json
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.catalog.spec import Route
from apps.files.models import StoredFile
from apps.files.services import store
from apps.tasks.models import FailureCode, Task
from apps.tasks.services import claims, finish
from tests.api.conftest import Caller, caller_of
from tests.factories import WorkspaceFactory
from tests.factories.byoa import account
from tests.tasks import rows

pytestmark = pytest.mark.django_db
MUSIC, SWAP, FETCH = "/api/suno/v1/music", "/api/face_swap/v1/async", "/api/face_swap/v1/fetch"
PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 60
FACES = {
    "target_image": "https://pictures.example/a.png",
    "swap_image": "https://pictures.example/b.png",
}
SONG = {"gpt_description_prompt": "a calm folk song", "make_instrumental": True}
ZERO = "0001-01-01T00:00:00Z"


def id_of(response: Any) -> str:
    """The id in an answer that holds nothing else."""
    body = response.json()
    task_id: str = body["data"]["task_id"]
    assert body == {"code": 200, "data": {"task_id": task_id}, "message": "success"}
    return task_id


def stored(task_id: str) -> Task:
    return Task.objects.across_workspaces().get(id=task_id)


def started(task_id: str) -> claims.Claim:
    route = Route("local", "song", queue="local")
    found = claims.claim(task_id=uuid.UUID(task_id), route=route, worker="test")
    assert found is not None
    return found


def completed(task_id: str, output: dict[str, Any]) -> None:
    claim = started(task_id)
    result = finish.Result(output=output)
    assert finish.complete(task_id=claim.task.id, attempt=claim.attempt, result=result)


def failed(task_id: str) -> None:
    claim = started(task_id)
    failure = finish.Failure(FailureCode.PROVIDER_FAILED, "It broke.")
    assert finish.fail(task_id=claim.task.id, failure=failure, attempt=claim.attempt)


# --------------------------------------------------------------------------------------------- songs
@pytest.mark.parametrize(
    ("body", "task_type", "values", "points"),
    [
        ({"custom_mode": False, "input": SONG}, "generate_music", SONG, 200_000),
        ({"input": SONG}, "generate_music", SONG, 200_000),
        (
            {"custom_mode": None, "mv": "chirp-v3-5", "input": SONG},
            "generate_music",
            {"mv": "chirp-v3-5", **SONG},
            200_000,
        ),
        (
            {
                "custom_mode": True,
                "input": {"prompt": "la la", "title": "La", "tags": "folk", "mv": "chirp-v3-5"},
            },
            "generate_music_custom",
            {"prompt": "la la", "title": "La", "tags": "folk", "mv": "chirp-v3-5"},
            200_000,
        ),
        (
            {
                "custom_mode": True,
                "input": {"prompt": "la", "continue_at": "30", "continue_clip_id": "clip-1"},
            },
            "generate_music_custom",
            {"prompt": "la", "continue_at": "30", "continue_clip_id": "clip-1"},
            400_000,
        ),
    ],
)
def test_song_is_the_task_that_was_asked_for(
    api: Caller, body: Any, task_type: str, values: Any, points: int
):
    made = stored(id_of(api.post(MUSIC, body)))

    assert (made.model, made.task_type, made.family) == ("music-s", task_type, "suno")
    assert (made.input, made.price_points, made.dialect) == (values, points, "")


def test_song_is_read_with_its_clips(api: Caller):
    task_id = id_of(api.post(MUSIC, {"input": SONG}))
    path = f"{MUSIC}/{task_id}"
    waiting = api.get(path).json()
    clips = {"clip-1": {"id": "clip-1", "audio_url": "http://testserver/files/temp/a.mp3"}}
    completed(task_id, {"clips": clips, "engine": "procedural"})

    data = api.get(path).json()["data"]

    unified = api.get(f"/api/v1/task/{task_id}").json()["data"]
    assert waiting["data"]["status"] == "pending"
    assert waiting["data"]["clips"] == {}
    assert data == {
        "task_id": task_id,
        "status": "completed",
        "input": SONG,
        "clips": clips,
        "meta": unified["meta"],
        "error": unified["error"],
    }


def test_song_has_four_words_for_six_states(workspace: Workspace):
    rows.plan(workspace, plan="hobbyist")
    caller = caller_of(workspace)
    first, second, third, fourth = [id_of(caller.post(MUSIC, {"input": SONG})) for _ in range(4)]
    said = [caller.get(f"{MUSIC}/{one}").json()["data"]["status"] for one in (first, fourth)]
    completed(first, {"clips": {}})
    failed(second)
    caller.call("DELETE", f"/api/v1/task/{third}")
    started(fourth)

    said += [
        caller.get(f"{MUSIC}/{one}").json()["data"]["status"]
        for one in (first, second, third, fourth)
    ]

    assert stored(third).status == "cancelled"
    assert said == ["pending", "pending", "completed", "failed", "failed", "processing"]


def test_song_that_failed_says_why(api: Caller):
    task_id = id_of(api.post(MUSIC, {"input": SONG}))
    failed(task_id)

    data = api.get(f"{MUSIC}/{task_id}").json()["data"]

    assert (data["error"]["code"], data["error"]["message"]) == (11000, "It broke.")
    assert data["meta"]["usage"] == {"type": "point", "frozen": 0, "consume": 0}


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "input: This must be an object."),
        ({"input": "a song"}, "input: This must be an object."),
        ({"input": {}}, "input.gpt_description_prompt: This field is required."),
        ({"custom_mode": "yes", "input": SONG}, "custom_mode: This must be true or false."),
        ({"custom_mode": True, "input": {}}, "input.prompt: Give lyrics, a style or a title."),
    ],
)
def test_song_is_refused(api: Caller, workspace: Workspace, body: Any, message: str):
    response = api.post(MUSIC, body)

    assert (response.status_code, response.json()["message"]) == (400, message)
    assert "status" not in response.json()
    assert not Task.objects.of(workspace.pk).exists()


@pytest.mark.parametrize("kind", ["neighbour", "other model", "unknown", "no id"])
def test_song_of_somebody_else_is_none(api: Caller, kind: str):
    face = {"model": "Qubico/image-toolkit", "task_type": "background-remove"}
    body = {**face, "input": {"image": "https://pictures.example/a.png"}}
    task_id = {
        "neighbour": lambda: id_of(
            caller_of(WorkspaceFactory.create()).post(MUSIC, {"input": SONG})
        ),
        "other model": lambda: api.post("/api/v1/task", body).json()["data"]["task_id"],
        "unknown": lambda: str(uuid.uuid4()),
        "no id": lambda: "x",
    }[kind]()

    response = api.get(f"{MUSIC}/{task_id}")

    assert (response.status_code, response.json()["error"]["code"]) == (404, 10400)


def test_suno_is_another_name_in_the_unified_api(api: Caller):
    account(provider="openai")
    bodies = [
        {"model": "suno", "task_type": "music", "input": SONG},
        {"model": "suno", "task_type": "lyrics", "input": {"prompt": "a harbour"}},
    ]

    made = [api.post("/api/v1/task", body).json()["data"] for body in bodies]

    assert [(one["model"], one["task_type"]) for one in made] == [
        ("music-s", "generate_music"),
        ("music-s", "lyrics"),
    ]
    assert made[1]["meta"]["usage"] == {"type": "point", "frozen": 0, "consume": 0}
    wrong = api.post("/api/v1/task", {"model": "suno", "task_type": "x", "input": {}})
    assert wrong.json()["message"] == "invalid task type"


def test_lyrics_need_a_plan(workspace: Workspace):
    rows.plan(workspace, plan="hobbyist")
    body = {"model": "music-s", "task_type": "lyrics", "input": {"prompt": "a harbour"}}

    response = caller_of(workspace).post("/api/v1/task", body)

    assert (response.status_code, response.json()["error"]["code"]) == (403, 10300)


# ---------------------------------------------------------------------------------------- face swaps
@pytest.fixture
def _pool(db: None) -> None:
    account()


def swapped(caller: Caller, **fields: Any) -> str:
    return id_of(caller.post(SWAP, {**FACES, **fields}))


def fetched(caller: Caller, task_id: str) -> dict[str, Any]:
    response = caller.post(FETCH, {"task_id": task_id})
    assert response.status_code == 200
    data: dict[str, Any] = response.json()["data"]
    return data


def kept(workspace: Workspace) -> StoredFile:
    return store.keep(
        workspace_id=workspace.pk,
        kind=StoredFile.Kind.OUTPUT,
        content=store.Content(PNG, "image/png", "png"),
        expires_at=timezone.now() + timedelta(days=1),
    )


@pytest.mark.usefixtures("_pool")
def test_face_swap_is_shown_from_start_to_end(api: Caller, workspace: Workspace):
    task_id = swapped(api, result_type="url")
    waiting = fetched(api, task_id)
    url = store.url_of(kept(workspace))
    completed(task_id, {"image_url": url})
    done = stored(task_id)

    def wire(instant: Any) -> str:
        text: str = instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return text

    info = {
        "created_at": wire(done.created_at),
        "started_at": ZERO,
        "completed_at": ZERO,
        "frozen_credits": 7,
        "task_input": {**FACES, "result_type": "url"},
    }
    nothing = {"image_base64": "", "image_url": ""}
    assert (done.model, done.task_type) == ("Qubico/image-toolkit", "face-swap")
    assert waiting == {
        "task_id": task_id,
        "task_type": "face-swap",
        "status": "pending",
        "task_info": info,
        "task_result": {"used_credits": 0, "error_messages": [], "task_output": nothing},
    }
    assert fetched(api, task_id) == {
        **waiting,
        "status": "success",
        "task_info": {**info, "started_at": wire(done.started_at), "completed_at": wire(done.ended_at)},
        "task_result": {
            "used_credits": 7,
            "error_messages": [],
            "task_output": {"image_base64": "", "image_url": url},
        },
    }  # fmt: skip


@pytest.mark.usefixtures("_pool")
@pytest.mark.parametrize("wish", [{}, {"result_type": "base64"}, {"result_type": ""}])
def test_face_swap_comes_as_base64_unless_a_url_is_asked_for(
    api: Caller, workspace: Workspace, wish: Any
):
    task_id = swapped(api, **wish)
    file = kept(workspace)
    completed(task_id, {"image_url": store.url_of(file)})

    output = fetched(api, task_id)["task_result"]["task_output"]

    assert base64.b64decode(output["image_base64"]) == PNG
    assert output["image_url"] == store.url_of(file)
    StoredFile.objects.of(workspace.pk).filter(pk=file.pk).update(expires_at=timezone.now())
    gone = fetched(api, task_id)["task_result"]["task_output"]
    assert gone == {"image_base64": "", "image_url": store.url_of(file)}


@pytest.mark.usefixtures("_pool")
def test_face_swap_never_fetches_what_is_not_ours(api: Caller):
    task_id = swapped(api)
    completed(task_id, {"image_url": "https://elsewhere.example/a.png"})

    assert fetched(api, task_id)["task_result"]["task_output"] == {
        "image_base64": "",
        "image_url": "https://elsewhere.example/a.png",
    }


@pytest.mark.usefixtures("_pool")
def test_face_swap_takes_small_base64(api: Caller, workspace: Workspace):
    picture = base64.b64encode(PNG).decode()
    # The smallest that is a picture at all.
    real = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

    task_id = swapped(api, target_image=real, swap_image=f"data:image/png;base64,{real}")
    refused = api.post(SWAP, {**FACES, "target_image": picture})

    assert set(stored(task_id).input) == {"target_image", "swap_image"}
    assert all("/files/" in url for url in stored(task_id).input.values())
    assert refused.status_code == 400


@pytest.mark.usefixtures("_pool")
def test_face_swap_that_failed_says_why(api: Caller):
    task_id = swapped(api)
    failed(task_id)

    data = fetched(api, task_id)

    assert (data["status"], data["task_result"]["error_messages"]) == ("failed", ["It broke."])
    assert (data["task_result"]["used_credits"], data["task_info"]["frozen_credits"]) == (0, 0)


@pytest.mark.usefixtures("_pool")
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "target_image: This field is required."),
        (
            {**FACES, "swap_image": "file:///etc/passwd"},
            "swap_image: This is neither an http(s) URL nor valid base64.",
        ),
        ({**FACES, "result_type": "gif"}, "result_type: Give one of url, base64."),
        ({**FACES, "result_type": 5}, "result_type: Give one of url, base64."),
    ],
)
def test_face_swap_is_refused(api: Caller, workspace: Workspace, body: Any, message: str):
    response = api.post(SWAP, body)

    assert (response.status_code, response.json()["message"]) == (400, message)
    assert not Task.objects.of(workspace.pk).exists()


@pytest.mark.usefixtures("_pool")
def test_face_swap_of_somebody_else_is_none(api: Caller):
    theirs = swapped(caller_of(WorkspaceFactory.create()))
    song = id_of(api.post(MUSIC, {"input": SONG}))

    for task_id in (theirs, song, str(uuid.uuid4()), "x"):
        response = api.post(FETCH, {"task_id": task_id})
        assert (response.status_code, response.json()["error"]["code"]) == (404, 10400)
    assert api.post(FETCH, {}).json()["message"] == "task_id: This field is required, as text."


@pytest.mark.usefixtures("_pool")
@pytest.mark.parametrize(("path", "good"), [(MUSIC, {"input": SONG}), (SWAP, FACES)])
def test_same_key_makes_one_task(api: Caller, workspace: Workspace, path: str, good: Any):
    header = {"HTTP_IDEMPOTENCY_KEY": "one"}

    first, again = api.post(path, good, **header), api.post(f"{path}/", good, **header)

    assert again.json() == first.json()
    assert again["Idempotent-Replayed"] == "true"
    assert Task.objects.of(workspace.pk).count() == 1


HOSTILE: list[Any] = [
    None,
    True,
    -1,
    2**63 - 1,
    1.5,
    "",
    " ",
    "x" * 5000,
    [],
    [None],
    {},
    {"a": []},
]


@pytest.mark.usefixtures("_pool")
@pytest.mark.parametrize(
    ("path", "good"),
    [
        (MUSIC, {"custom_mode": True, "mv": "", "input": {"prompt": "la", "continue_at": 1}}),
        (SWAP, {**FACES, "result_type": "url"}),
        (FETCH, {"task_id": "x"}),
    ],
)
def test_hostile_bodies_are_answered_or_refused(
    workspace: Workspace, path: str, good: dict[str, Any]
):
    rows.plan(workspace, concurrency_override=1_000)
    caller = caller_of(workspace)
    bodies = [{**good, field: hostile} for field in good for hostile in HOSTILE]
    for field in good.get("input", {}):
        bodies += [{**good, "input": {**good["input"], field: hostile}} for hostile in HOSTILE]

    statuses = {caller.post(path, json.dumps(body)).status_code for body in bodies}
    statuses |= {caller.post(path, raw).status_code for raw in (b"{", b"[]", b"null", b"\xff")}

    assert statuses <= {200, 400, 402, 404}
