"""POST /mj/v2/…: Midjourney's tasks as clients of the older API ask for them, and how they are refused."""

import base64
import io
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from PIL import Image

from apps.accounts.models import Workspace
from apps.billing.models import Wallet
from apps.core import sealing
from apps.files.models import StoredFile
from apps.tasks.models import Task
from tests.api.conftest import Caller, caller_of
from tests.api.midjourney import PICTURE, finished, imagined, stored, v2
from tests.factories import WorkspaceFactory
from tests.factories.byoa import own_account, seats
from tests.tasks import rows

pytestmark = pytest.mark.django_db
HOOK = "https://shop.example/hook"


def png() -> str:
    file = io.BytesIO()
    Image.new("L", (8, 8), 255).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def refused(response: Any) -> tuple[int, str, str, str]:
    """Status, both words, and the message, of an answer that has the whole shape of an error."""
    body = response.json()
    assert body == {
        "status": "failed",
        "code": response.status_code,
        "message": body["message"],
        "data": None,
        "error": {**body["error"], "message": body["message"]},
    }
    assert set(body["error"]) == {"code", "type", "message", "detail", "request_id"}
    return response.status_code, body["status"], body["error"]["type"], body["message"]


# ------------------------------------------------------------------------------------------- create
def test_imagine_answers_without_an_envelope(api: Caller):
    response = v2(api, "imagine", {"prompt": "a cat"})

    body = response.json()
    assert response.status_code == 200
    assert body == {
        "status": "success",
        "task_id": str(uuid.UUID(body["task_id"])),
        "message": "",
        "success": True,
    }


def test_imagine_makes_the_task_that_was_asked_for(api: Caller, workspace: Workspace):
    asked = {
        "prompt": "flying night city",
        "process_mode": "fast",
        "aspect_ratio": "16:9",
        "skip_prompt_check": False,
        "bot_id": 0,
    }
    common = {"webhook_endpoint": HOOK, "webhook_secret": "s3cret", "notify_progress": True}

    made = stored(imagined(api, **asked, **common))

    assert (made.workspace_id, made.model, made.task_type) == (
        workspace.pk,
        "midjourney",
        "imagine",
    )
    assert made.input == asked
    assert (made.asked_mode, made.model_version, made.price_points) == ("fast", "v6", 700_000)
    assert (made.dialect, made.webhook_endpoint, made.webhook_progress) == ("v2", HOOK, True)
    assert sealing.unseal(made.webhook_secret, bound_to=made.reference) == "s3cret"
    assert rows.balance(workspace) == (9_300_000, 700_000)


def bodies(parent: str) -> dict[str, dict[str, Any]]:
    """One of each kind, as clients write them: numbers as text and as numbers, the mask without a prefix."""
    after = {"origin_task_id": parent}
    return {
        "upscale": {**after, "index": "1"},
        "variation": {**after, "index": 2, "prompt": "a dog"},
        "reroll": {**after, "prompt": "", "aspect_ratio": "1:1"},
        "inpaint": {**after, "mask": png(), "prompt": "a hat", "skip_prompt_check": True},
        "outpaint": {**after, "zoom_ratio": "1.5", "prompt": "", "aspect_ratio": ""},
        "pan": {**after, "direction": "left"},
        "describe": {"image_url": PICTURE, "process_mode": "fast", "bot_id": 0},
        "blend": {"image_urls": [PICTURE, PICTURE], "dimension": "portrait", "process_mode": ""},
        "seed": {"task_id": parent},
    }


def test_each_call_makes_a_task_of_its_own_type(api: Caller, workspace: Workspace):
    rows.plan(workspace, concurrency_override=20)
    parent = imagined(api)
    finished(parent)

    made = {
        name: stored(v2(api, name, body).json()["task_id"]) for name, body in bodies(parent).items()
    }

    assert {name: task.task_type for name, task in made.items()} == {name: name for name in made}
    followers = {name for name, task in made.items() if str(task.parent_id) == parent}
    assert followers == set(made) - {"describe", "blend"}
    assert {task.dialect for task in made.values()} == {"v2"}
    assert {name: task.action for name, task in made.items() if name in ("upscale", "pan")} == {
        "upscale": "upscale1",
        "pan": "pan_left",
    }


def test_mask_is_kept_as_a_file(api: Caller, workspace: Workspace):
    parent = imagined(api)
    finished(parent)

    made = stored(v2(api, "inpaint", bodies(parent)["inpaint"]).json()["task_id"])

    file = StoredFile.objects.of(workspace.pk).get(kind="INPUT")
    assert made.input["mask"].endswith(f"/files/{file.key}")
    assert file.content_type == "image/png"


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
@pytest.mark.parametrize("path", ["/mj/v2/imagine", "/mj/v2/imagine/"])
def test_body_is_json_whatever_it_is_called(api: Caller, path: str, content_type: str):
    nulls = '"process_mode":null,"webhook_endpoint":null,"notify_progress":null,"service_mode":null'

    response: Any = api.client.generic(
        "POST",
        path,
        f'{{"prompt":"a cat","aspect_ratio":"","bot_id":null,{nulls}}}',
        content_type=content_type,
        HTTP_AUTHORIZATION=f"Bearer {api.key}",
    )

    assert response.json()["status"] == "success"


def test_same_key_makes_one_task(api: Caller, workspace: Workspace):
    header = {"HTTP_IDEMPOTENCY_KEY": "one"}

    first = v2(api, "imagine", {"prompt": "a cat"}, **header)
    again = v2(api, "imagine", {"prompt": "a cat"}, **header)
    other = v2(api, "imagine", {"prompt": "a dog"}, **header)

    assert again.json() == first.json()
    assert (first.get("Idempotent-Replayed"), again["Idempotent-Replayed"]) == (None, "true")
    assert refused(other)[:3] == (409, "failed", "idempotency_conflict")
    assert Task.objects.of(workspace.pk).count() == 1


@pytest.mark.parametrize(
    ("asked", "setting", "pool"),
    [
        ("", [], "public"),
        ("", ["midjourney"], "private"),
        ("private", [], "private"),
        ("public", ["midjourney"], "public"),
    ],
)
def test_pool_is_the_workspaces_unless_the_body_says(
    workspace: Workspace, asked: str, setting: list[str], pool: str
):
    rows.plan(workspace, private_families=setting)
    seats(workspace)
    own_account(workspace, provider="midjourney_bridge")

    made = stored(imagined(caller_of(workspace), service_mode=asked))

    assert (made.service_mode, made.price_points) == (pool, 300_000 if pool == "public" else 0)


def test_task_is_read_in_the_unified_api(api: Caller):
    task_id = imagined(api, process_mode="fast")

    data = api.get(f"/api/v1/task/{task_id}").json()["data"]

    assert (data["task_id"], data["model"], data["task_type"]) == (task_id, "midjourney", "imagine")
    assert data["input"] == {"prompt": "a cat", "process_mode": "fast"}
    assert data["meta"]["usage"] == {"type": "point", "frozen": 700_000, "consume": 0}


def test_follow_up_of_a_unified_task(api: Caller):
    body = {"model": "midjourney", "task_type": "imagine", "input": {"prompt": "a cat --fast"}}
    parent = api.post("/api/v1/task", body).json()["data"]["task_id"]
    finished(parent)

    made = stored(v2(api, "reroll", {"origin_task_id": parent}).json()["task_id"])

    assert (str(made.parent_id), made.asked_mode) == (parent, "fast")


# ------------------------------------------------------------------------------------------ refused
@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("imagine", {}, "prompt: This field is required."),
        (
            "imagine",
            {"prompt": "a cat", "process_mode": "slow"},
            "process_mode: Input should be 'relax', 'fast' or 'turbo'.",
        ),
        (
            "imagine",
            {"prompt": "a cat", "webhook_endpoint": "http://127.0.0.1/x"},
            "webhook_endpoint: The URL leads to a private address.",
        ),
        (
            "imagine",
            {"prompt": "a cat", "webhook_endpoint": "https://shop.example:8443/x"},
            "webhook_endpoint: The URL must use port 80 or 443.",
        ),
        (
            "imagine",
            {"prompt": "a cat", "webhook_secret": "é"},
            "webhook_secret: At most 512 printable ASCII characters.",
        ),
        (
            "imagine",
            {"prompt": "a cat", "notify_progress": "yes"},
            "notify_progress: This must be true or false.",
        ),
        (
            "imagine",
            {"prompt": "a cat", "service_mode": "hybrid"},
            'service_mode: Give "public", "private" or leave it empty.',
        ),
        ("pan", {"direction": "up"}, "origin_task_id: This field is required."),
        ("seed", {"task_id": "x"}, "task_id: This is not a task_id: give the one you got when the task was created."),
        ("inpaint", {"origin_task_id": str(uuid.UUID(int=1))}, "mask: This field is required."),
        (
            "blend",
            {"image_urls": [PICTURE]},
            "image_urls: List should have at least 2 items after validation, not 1.",
        ),
    ],
)  # fmt: skip
def test_refusal_names_the_fields_of_this_body(
    api: Caller, workspace: Workspace, name: str, body: Any, message: str
):
    response = v2(api, name, body)

    assert refused(response) == (400, "failed", "invalid_request", message)
    field = message.partition(":")[0]
    assert response.json()["error"]["detail"]["field"] == field
    assert not Task.objects.of(workspace.pk).exists()


def test_refusal_names_every_field_of_this_body(api: Caller):
    detail = v2(api, "variation", {"index": "9"}).json()["error"]["detail"]

    assert [one["field"] for one in detail["errors"]] == ["origin_task_id", "index"]


def test_unknown_parent_is_told_by_its_field(api: Caller):
    parent = imagined(caller_of(WorkspaceFactory.create()))
    finished(parent)

    response = v2(api, "reroll", {"origin_task_id": parent})

    message = f"origin_task_id: There is no midjourney task {parent}."
    assert refused(response) == (404, "failed", "not_found", message)


def test_prompt_is_refused_in_the_words_of_the_check(api: Caller, workspace: Workspace):
    said = [
        refused(v2(api, "imagine", {"prompt": prompt}))[1:]
        for prompt in ("", "--ar 1:1", "a cat --stop 5", "a {red, blue} cat")
    ]

    assert said == [
        ("failed", "prompt_rejected", "Prompt is empty, please enter a prompt"),
        ("failed", "prompt_rejected", "Prompt is empty, not allowed to start with -- params"),
        (
            "failed",
            "prompt_rejected",
            "Invalid Param Value: --stop 5. Default: 100, Range: 10-100",
        ),
        ("failed", "prompt_rejected", "Permutation Not Supported"),
    ]
    assert not Task.objects.of(workspace.pk).exists()


def test_picture_is_taken_out_of_its_grid_once(api: Caller):
    parent = imagined(api)
    finished(parent)
    upscale = {"origin_task_id": parent, "index": 1}
    variation = {"origin_task_id": parent, "index": "1"}

    first, again = v2(api, "upscale", upscale), v2(api, "upscale", upscale)
    varied = [v2(api, "variation", variation).json()["status"] for _ in range(2)]

    assert first.json()["status"] == "success"
    assert refused(again)[:3] == (400, "failed", "action_already_performed")
    assert again.json()["error"]["code"] == 10005
    assert varied == ["success", "success"]


def test_parent_may_be_too_old(api: Caller):
    parent = finished(imagined(api))
    rows.change(parent, ended_at=timezone.now() - timedelta(hours=72, seconds=1))

    response = v2(api, "reroll", {"origin_task_id": str(parent.id)})

    assert refused(response) == (
        400,
        "failed",
        "parent_task_outdated",
        "derive from origin task: parent task is outdated",
    )


@pytest.mark.parametrize("plan", ["hobbyist", "developer", "premium"])
@pytest.mark.parametrize("pool", ["public", "private"])
def test_account_is_chosen_on_premium_and_private_only(workspace: Workspace, plan: str, pool: str):
    rows.plan(workspace, plan=plan)
    seats(workspace)
    own = own_account(workspace, provider="midjourney_bridge")
    body = {"prompt": "a cat", "bot_id": own.pk, "service_mode": pool}

    response = v2(caller_of(workspace), "imagine", body)

    if (plan, pool) == ("premium", "private"):
        assert stored(response.json()["task_id"]).bound_account_id == own.pk
    else:
        assert refused(response)[:3] == (403, "failed", "plan_required")
        assert response.json()["error"]["detail"]["field"] == "bot_id"


def test_too_little_credit_makes_nothing(workspace: Workspace):
    poor = WorkspaceFactory.create(points=299_999)

    response = v2(caller_of(poor), "imagine", {"prompt": "a cat"})

    assert refused(response)[:3] == (402, "failed", "insufficient_credits")
    assert not Task.objects.of(poor.pk).exists()
    assert Wallet.objects.of(poor.pk).get().held == 0


@pytest.mark.parametrize(
    ("method", "path", "status", "type"),
    [
        ("POST", "/mj/v2/imagine", 401, "invalid_api_key"),
        ("GET", "/mj/v2/imagine", 401, "invalid_api_key"),
        ("GET", "/mj/v2/fetch", 405, "invalid_request"),
        ("DELETE", "/mj/v2/multi_fetch/", 405, "invalid_request"),
        ("POST", "/mj/v2/no-such", 404, "not_found"),
        ("GET", "/mj/v2", 404, "not_found"),
        ("PATCH", "/mj/v2/", 404, "not_found"),
        ("POST", "/mj/v2/imagine/more", 404, "not_found"),
    ],
)
def test_every_error_has_a_status(method: str, path: str, status: int, type: str):
    response = Caller().call(method, path)

    assert refused(response)[:3] == (status, "failed", type)


def test_method_is_refused_with_a_key_too(api: Caller):
    assert refused(api.get("/mj/v2/imagine"))[:3] == (405, "failed", "invalid_request")


def test_rate_limit_has_a_status(workspace: Workspace):
    caller = caller_of(workspace, rate_limit_per_minute=1)

    answers = [v2(caller, "imagine", {"prompt": "a cat"}) for _ in range(3)]

    assert refused(answers[-1])[:3] == (429, "failed", "rate_limited")
    assert int(answers[-1]["Retry-After"]) > 0


def test_errors_elsewhere_have_none(api: Caller):
    for path in ("/mj/v3/x", "/mj/v2x", "/api/mj/v2", "/api/v1/task"):
        assert "status" not in api.post(path, {}).json()


HOSTILE: list[Any] = [
    None, True, -1, 0, 2**63 - 1, 1.5, "", " ", "x" * 5000, "../../etc/passwd", "https://", "\u202e",
    [], [[]], [None] * 60, {}, {"a": {"b": []}}, "--" * 50, "{}" * 50, "://" * 50,
]  # fmt: skip
FIELDS = {
    "imagine": ["prompt", "process_mode", "aspect_ratio", "skip_prompt_check", "bot_id"],
    "upscale": ["origin_task_id", "index"],
    "variation": ["origin_task_id", "index", "prompt"],
    "reroll": ["origin_task_id", "prompt", "aspect_ratio"],
    "inpaint": ["origin_task_id", "mask", "prompt", "skip_prompt_check"],
    "outpaint": ["origin_task_id", "zoom_ratio", "aspect_ratio", "prompt"],
    "pan": ["origin_task_id", "direction", "prompt"],
    "describe": ["image_url", "process_mode", "bot_id"],
    "blend": ["image_urls", "dimension", "process_mode", "bot_id"],
    "seed": ["task_id"],
    "fetch": ["task_id"],
    "multi_fetch": ["task_ids"],
    "validation": ["prompt"],
}
COMMON = ["webhook_endpoint", "webhook_secret", "notify_progress", "service_mode"]


@pytest.mark.parametrize("name", FIELDS)
def test_hostile_bodies_are_answered_or_refused(workspace: Workspace, name: str):
    rows.plan(workspace, concurrency_override=1_000, plan="premium")
    caller = caller_of(workspace)
    parent = imagined(caller)
    finished(parent)
    good = {"imagine": {"prompt": "a cat"}, "fetch": {"task_id": parent}, "multi_fetch": {"task_ids": [parent]},
            "validation": {"prompt": "a cat"}, **bodies(parent)}[name]  # fmt: skip

    statuses = set()
    for field in [*FIELDS[name], *COMMON]:
        for hostile in HOSTILE:
            response = v2(caller, name, {**good, field: hostile})
            statuses.add(response.status_code)
            if response.status_code != 200:
                refused(response)
    for raw in (b"{", b"[]", b"null", b'"a"', b"\xff", b'{"prompt":"\\u0000"}', b'{"a":1e400}'):
        assert refused(v2(caller, name, raw))[0] == 400

    assert statuses <= {200, 400, 402, 403, 404, 429}
    assert 200 in statuses


@pytest.mark.parametrize("name", sorted(set(FIELDS) - {"fetch", "multi_fetch", "validation"}))
def test_nothing_is_made_without_a_key(workspace: Workspace, name: str):
    response = v2(Caller(), name, {"prompt": "a cat"})

    assert refused(response) == (401, "failed", "invalid_api_key", "invalid API key")
    assert response["WWW-Authenticate"] == "Bearer"
    assert not Task.objects.of(workspace.pk).exists()
