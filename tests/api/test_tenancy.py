"""Nobody sees a neighbour's things: every API route, every kind of caller. A route without a row fails."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.urls import URLPattern

from apps.api import urls
from apps.notifications.models import Delivery
from apps.notifications.services import outbox
from apps.tasks.models import Task
from tests.api.conftest import Caller, caller_of
from tests.factories import ILLUSTRATION, WorkspaceFactory, completed, task

pytestmark = pytest.mark.django_db

# By route name: the calls to make, given a task of somebody else.
Calls = Callable[[Task], list[tuple[str, str, Any]]]


def _delivery_of(theirs: Task) -> uuid.UUID:
    event = outbox.Event(
        theirs.workspace_id,
        theirs.reference,
        "task.completed",
        "https://secret-output.example/Secret Neighbour",
        "{}",
    )
    outbox.add([event])
    return Delivery.objects.of(theirs.workspace_id).latest("id").event_id


# The calls of /mj/v2 that continue a task, here somebody else's.
FOLLOWING: dict[str, Callable[[uuid.UUID], dict[str, Any]]] = {
    "upscale": lambda parent: {"origin_task_id": str(parent), "index": "1"},
    "variation": lambda parent: {"origin_task_id": str(parent), "index": "1"},
    "reroll": lambda parent: {"origin_task_id": str(parent)},
    "inpaint": lambda parent: {
        "origin_task_id": str(parent),
        "mask": "https://pictures.example/a.png",
    },
    "outpaint": lambda parent: {"origin_task_id": str(parent), "zoom_ratio": "2"},
    "pan": lambda parent: {"origin_task_id": str(parent), "direction": "up"},
    "seed": lambda parent: {"task_id": str(parent)},
}
ROUTES: dict[str, Calls] = {
    "tasks-create": lambda theirs: [("POST", "/api/v1/task", ILLUSTRATION)],
    "task-quote": lambda theirs: [("POST", "/api/v1/task/quote", ILLUSTRATION)],
    "task": lambda theirs: [
        ("GET", f"/api/v1/task/{theirs.id}", None),
        ("DELETE", f"/api/v1/task/{theirs.id}", None),
        ("GET", f"/api/v1/task/{theirs.id.hex}", None),
    ],
    "tasks": lambda theirs: [
        ("GET", "/api/v1/tasks", None),
        ("DELETE", "/api/v1/tasks?created_before=99999999999&model=all", None),
    ],
    "deliveries": lambda theirs: [
        ("GET", "/api/v1/webhooks/deliveries", None),
        ("GET", f"/api/v1/webhooks/deliveries?task_id={theirs.id}", None),
    ],
    "delivery-replay": lambda theirs: [
        ("POST", f"/api/v1/webhooks/deliveries/{_delivery_of(theirs)}/replay", None)
    ],
    "account-active-tasks": lambda theirs: [("GET", "/account/active_tasks", None)],
    "account-redeem": lambda theirs: [("POST", "/account/redeem", {"code": "SECRET"})],
    "account-info": lambda theirs: [("GET", "/account/info", None)],
    "account-transactions": lambda theirs: [
        ("GET", "/api/v1/account/transactions", None),
        ("GET", f"/api/v1/account/transactions?task_id={theirs.id}", None),
    ],
    "account-usage": lambda theirs: [("GET", "/api/v1/account/usage?by=key", None)],
    "histories": lambda theirs: [
        ("GET", "/api/open/tasks/histories", None),
        ("GET", "/api/open/tasks/histories?model=all&page=1&page_size=100", None),
    ],
    **{
        f"mj-{name}": lambda theirs, name=name: [  # type: ignore[misc]
            ("POST", f"/mj/v2/{name}", FOLLOWING[name](theirs.id))
        ]
        for name in FOLLOWING
    },
    "mj-imagine": lambda theirs: [("POST", "/mj/v2/imagine", {"prompt": "a cat"})],
    "mj-describe": lambda theirs: [
        ("POST", "/mj/v2/describe", {"image_url": "https://pictures.example/a.png"})
    ],
    "mj-blend": lambda theirs: [
        ("POST", "/mj/v2/blend", {"image_urls": ["https://pictures.example/a.png"] * 2})
    ],
    "suno-create": lambda theirs: [
        ("POST", "/api/suno/v1/music", {"input": {"gpt_description_prompt": "a waltz"}})
    ],
    "suno-task": lambda theirs: [("GET", f"/api/suno/v1/music/{theirs.id}", None)],
    "face-swap-create": lambda theirs: [("POST", "/api/face_swap/v1/async", {})],
    "face-swap-fetch": lambda theirs: [
        ("POST", "/api/face_swap/v1/fetch", {"task_id": str(theirs.id)})
    ],
    "upload": lambda theirs: [
        ("POST", "/api/ephemeral_resource", {"file_name": "a.png", "file_data": "iVBORw0KGgo="})
    ],
}
# What anybody may read: it holds nothing of a workspace, or its unguessable address is the permission.
PUBLIC = {
    "hook-provider",
    "hook-stripe",
    "hook-btcpay",
    "models",
    # A Midjourney task may be read by whoever knows its id: test_mj_v2_read says what it shows.
    "mj-fetch",
    "mj-multi_fetch",
    "mj-validation",
    "openapi",
    "docs",
    "docs-slash",
    "redoc",
    "file",
    "unknown",
}
# What a call about somebody else's task answers; all others answer about the caller's own.
STATUSES = {
    "task": 404,
    "delivery-replay": 404,
    "account-redeem": 400,
    **{f"mj-{name}": 404 for name in FOLLOWING},
    "suno-task": 404,
    "face-swap-create": 400,
    "face-swap-fetch": 404,
}
SCOPES = {
    "account-info": "account",
    "account-transactions": "account",
    "account-usage": "account",
    "account-active-tasks": "account",
    "account-redeem": "account",
    "histories": "account",
    "upload": "files",
}


def names() -> set[str]:
    patterns: list[URLPattern] = urls.urlpatterns
    return {str(pattern.name).removesuffix("-slash") for pattern in patterns} | PUBLIC


def test_every_route_has_a_row():
    assert names() == set(ROUTES) | PUBLIC


@pytest.fixture
def theirs() -> Task:
    """A finished task of a neighbour with a name that must not show."""
    neighbour = WorkspaceFactory.create(name="Secret Neighbour")
    done = completed(neighbour, {"image_url": "http://testserver/files/mj/secret-output.png"})
    task(neighbour, client_reference="Secret Neighbour's order")
    return done


@pytest.mark.parametrize("route", ROUTES)
def test_neighbour_sees_nothing_of_it(theirs: Task, route: str):
    caller = caller_of(WorkspaceFactory.create())

    for method, path, body in ROUTES[route](theirs):
        response = caller.call(method, path, body)

        assert response.status_code == STATUSES.get(route, 200)
        text = response.content.decode()
        assert "secret-output" not in text
        assert "Secret Neighbour" not in text
        # Asked for by its id, it is told by it that there is none.
        if route != "task" and str(theirs.id) not in f"{path} {body}":
            assert str(theirs.id) not in text
    states = Task.objects.of(theirs.workspace_id).order_by("created_at")
    assert list(states.values_list("status", flat=True)) == ["completed", "pending"]


@pytest.mark.parametrize("route", ROUTES)
def test_anonymous_and_wrong_keys_are_refused(theirs: Task, route: str):
    for method, path, body in ROUTES[route](theirs):
        assert Caller().call(method, path, body).status_code == 401
        assert Caller("my_live_wrong").call(method, path, body).status_code == 401


@pytest.mark.parametrize("route", ROUTES)
def test_key_without_the_scope_is_refused(theirs: Task, route: str):
    needed = SCOPES.get(route, "tasks")
    others = [scope for scope in ("tasks", "llm", "account", "files") if scope != needed]
    caller = caller_of(WorkspaceFactory.create(), scopes=others)

    for method, path, body in ROUTES[route](theirs):
        response = caller.call(method, path, body)
        assert response.status_code == 403
        assert response.json()["error"]["detail"] == {"needed_scope": needed}


def test_suspended_workspace_can_read_but_start_nothing():
    workspace = WorkspaceFactory.create()
    mine = task(workspace)
    workspace.is_enabled = False
    workspace.save(update_fields=["is_enabled"])
    caller = caller_of(workspace)

    assert caller.get(f"/api/v1/task/{mine.id}").status_code == 200
    assert caller.get("/account/info").json()["data"]["is_enable"] is False
    refused = caller.post("/api/v1/task", ILLUSTRATION)
    assert (refused.status_code, refused.json()["error"]["type"]) == (403, "scope_denied")
    assert Task.objects.of(workspace.pk).count() == 1
