"""Every row of the public error table that can be reached, with its exact shape."""

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.http import HttpResponse
from pytest_django import Settings

from apps.billing.models import Wallet
from apps.core.envelopes import ERROR_KINDS
from tests.api.conftest import Caller, caller_of
from tests.factories import ILLUSTRATION, WorkspaceFactory, claimed

pytestmark = pytest.mark.django_db
TASK = "/api/v1/task"
# Rows that later parts of the platform reach.
LATER = {
    "prompt_rejected",
    "parent_task_outdated",
    "action_already_performed",
    "concurrency_exceeded",
}


def test_every_reachable_row_has_a_case():
    assert set(ERROR_KINDS) - LATER == set(CASES)


@pytest.mark.parametrize("type", [kind for kind in ERROR_KINDS if kind not in LATER])
def test_error_has_its_status_code_and_shape(type: str, settings: Settings):
    response = CASES[type](settings)

    kind, body = ERROR_KINDS[type], response.json()
    error = body["error"]
    assert response.status_code == kind.http
    assert body == {"code": kind.http, "message": error["message"], "data": None, "error": error}
    assert error == {
        "code": kind.code,
        "type": type,
        "message": body["message"],
        "detail": error["detail"],
        "request_id": response["X-Request-Id"],
    }
    assert error["detail"] is None or isinstance(error["detail"], dict)
    assert body["message"]
    assert response["Content-Type"] == "application/json"


def _caller(**workspace: Any) -> Caller:
    return caller_of(WorkspaceFactory.create(**workspace))


def _invalid_model(_: Settings) -> HttpResponse:
    return _caller().post(TASK, {**ILLUSTRATION, "model": "no-such"})


def _spend_limit(_: Settings) -> HttpResponse:
    return caller_of(WorkspaceFactory.create(), cap_total_points=9_999).post(TASK, ILLUSTRATION)


def _not_cancellable(_: Settings) -> HttpResponse:
    workspace = WorkspaceFactory.create()
    running = claimed(workspace).task
    return caller_of(workspace).call("DELETE", f"{TASK}/{running.id}")


def _idempotency_conflict(_: Settings) -> HttpResponse:
    caller = _caller()
    caller.post(TASK, ILLUSTRATION, HTTP_IDEMPOTENCY_KEY="a")
    return caller.post(TASK, {**ILLUSTRATION, "extra": 1}, HTTP_IDEMPOTENCY_KEY="a")


def _too_large(settings: Settings) -> HttpResponse:
    settings.API_MAX_BODY_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    return _caller().post(TASK, {"input": "a" * 200})


def _rate_limited(_: Settings) -> HttpResponse:
    caller = caller_of(WorkspaceFactory.create(), rate_limit_per_minute=1)
    # More than two, so that a minute may end in between.
    answers = [caller.get("/api/v1/tasks") for _ in range(3)]
    return answers[-1]


def _no_route(settings: Settings) -> HttpResponse:
    settings.LOCAL_ENGINE = False
    return _caller().post(TASK, ILLUSTRATION)


def _internal_error(_: Settings) -> HttpResponse:
    workspace = WorkspaceFactory.create(points=0)
    Wallet.objects.of(workspace.pk).delete()
    return caller_of(workspace).get("/account/info")


CASES: dict[str, Callable[[Settings], HttpResponse]] = {
    "invalid_request": lambda _: _caller().post(TASK, "{"),
    "invalid_model": _invalid_model,
    "invalid_task_type": lambda _: _caller().post(TASK, {**ILLUSTRATION, "task_type": "no-such"}),
    "invalid_api_key": lambda _: Caller("my_live_wrong").get("/api/v1/tasks"),
    "insufficient_credits": lambda _: _caller(points=9_999).post(TASK, ILLUSTRATION),
    "spend_limit_reached": _spend_limit,
    "plan_required": lambda _: _caller(plan="hobbyist").post("/api/ephemeral_resource"),
    "no_seat": lambda _: _caller().post(
        TASK, {**ILLUSTRATION, "config": {"service_mode": "private"}}
    ),
    "scope_denied": lambda _: caller_of(WorkspaceFactory.create(), scopes=["files"]).get(
        "/api/v1/tasks"
    ),
    "ip_not_allowed": lambda _: caller_of(
        WorkspaceFactory.create(), allowed_networks=["203.0.113.0/24"]
    ).get("/api/v1/tasks"),
    "not_found": lambda _: _caller().get(f"{TASK}/{uuid.uuid4()}"),
    "not_cancellable": _not_cancellable,
    "idempotency_conflict": _idempotency_conflict,
    "payload_too_large": _too_large,
    "rate_limited": _rate_limited,
    "no_route": _no_route,
    "internal_error": _internal_error,
}


def test_documentation_has_the_table():
    page = (settings.BASE_DIR / "docs" / "api" / "errors.md").read_text()
    rows = re.findall(r"^\| (\d{3}) \| (\d{5}) \| (\w+) \|", page, re.MULTILINE)

    table = {(str(kind.http), str(kind.code), kind.type) for kind in ERROR_KINDS.values()}
    assert set(rows) == table | {("503", "10900", "internal_error")}


def test_messages_that_clients_compare_are_exact():
    caller = _caller(points=0)

    said = [
        _invalid_model(None).json()["message"],  # type: ignore[arg-type]
        caller.post(TASK, {**ILLUSTRATION, "task_type": "x"}).json()["message"],
        Caller("x").get("/api/v1/tasks").json()["message"],
        caller.post(TASK, ILLUSTRATION).json()["message"],
        caller.get("/api/no/such/route").json()["message"],
    ]

    assert said == [
        "invalid model",
        "invalid task type",
        "invalid API key",
        "Insufficient credits: this task needs 0.7, 0 are available.",
        "404 page not found",
    ]


def test_wrong_method_is_405_with_the_code_of_an_invalid_request(api: Caller):
    response = api.call("PUT", "/api/v1/tasks")

    assert (response.status_code, response.json()["error"]["code"]) == (405, 10000)
    assert response.json()["code"] == 405
    assert response["Allow"] == "GET, DELETE, HEAD, OPTIONS"


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/v2/task", "/account/no", "/v1/x", "/mj/v2/x"]
)
def test_unknown_api_route_is_an_envelope(method: str, path: str):
    response = Caller().call(method, path)

    assert response.status_code == 404
    assert response.json()["error"]["code"] == 10400
    assert response.json()["message"] == "404 page not found"


def test_unknown_page_is_no_envelope():
    response = Caller().get("/no/such/page")

    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/")


def test_database_outage_is_503_with_retry_after(api: Caller):
    def down(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        raise OperationalError("connection refused: password=secret")

    with connection.execute_wrapper(down):
        response = api.post(TASK, ILLUSTRATION)

    assert response.status_code == 503
    assert response.json()["error"]["code"] == 10900
    assert response["Retry-After"] == "5"
    assert "secret" not in response.content.decode()


def test_fault_tells_nothing_but_the_request_id():
    response = _internal_error(None)  # type: ignore[arg-type]

    assert "Wallet" not in response.content.decode()
    assert response.json()["error"]["detail"] is None


@pytest.mark.parametrize("given", ["abcdefgh-1234", "short", "é" * 10, "a b c d e f", "x" * 65])
def test_request_id_is_the_callers_when_it_has_a_sane_form(api: Caller, given: str):
    response = api.get("/api/no/route", HTTP_X_REQUEST_ID=given)

    is_kept = response["X-Request-Id"] == given
    assert is_kept == (given == "abcdefgh-1234")
    assert json.loads(response.content)["error"]["request_id"] == response["X-Request-Id"]
