import json
import logging
from typing import Any

import pytest
import structlog
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory

from apps.core import metrics
from apps.core.middleware import RequestContext


@pytest.mark.parametrize(
    "given", ["my-request.1", "a" * 64, "0f8b2c1e-7d7e-4f0b-9b7e-2d0c5f1a9e11"]
)
def test_sane_request_id_is_kept(client: Client, given: str):
    assert client.get("/healthz", headers={"X-Request-Id": given})["X-Request-Id"] == given


@pytest.mark.parametrize(
    "given", ["", "short", "a" * 65, "with space 123", "ünïcödé-id", 'quote"quote"', "a;b;c;d;e;f", "<script>"]
)  # fmt: skip
def test_other_request_id_is_replaced(client: Client, given: str):
    answered = client.get("/healthz", HTTP_X_REQUEST_ID=given)["X-Request-Id"]

    assert answered != given
    assert len(answered) == 36
    assert answered.startswith("req_")


def test_request_ids_differ(client: Client):
    assert len({client.get("/healthz")["X-Request-Id"] for _ in range(20)}) == 20


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("POST", "/healthz", 405),
        ("GET", "/nowhere", 404),
        ("GET", "/api/v1/nowhere", 404),
        ("GET", "/api/v1/task", 401),
        ("GET", "/ops/admin/", 302),
    ],
)
def test_every_answer_has_a_request_id(client: Client, method: str, path: str, status: int):
    response = client.generic(method, path)

    assert response.status_code == status
    assert response["X-Request-Id"].startswith("req_")


def test_request_is_logged_by_route_and_never_by_path(
    client: Client, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, logger="modelyard.request")

    client.get("/api/v1/task/secret-looking-part?token=abc", headers={"X-Request-Id": "my-request"})

    (record,) = [r for r in caplog.records if r.name == "modelyard.request"]
    assert (record.method, record.status) == ("GET", 401)  # type: ignore[attr-defined]
    assert record.route.startswith("api/v1/task/<")  # type: ignore[attr-defined]
    assert "secret-looking-part" not in json.dumps(vars(record), default=str)


def test_labels_stay_few_whatever_the_caller_sends(client: Client):
    before = _series()

    for n in range(5):
        client.generic(f"METHOD{n}", f"/nowhere/{n}")

    assert _series() - before <= {("other", "(none)", "404")}


def _series() -> set[tuple[str, ...]]:
    return set(metrics.REQUESTS._metrics)


def test_context_is_gone_after_the_request_even_when_it_fails():
    def fail(request: HttpRequest) -> HttpResponse:
        seen.update(structlog.contextvars.get_contextvars())
        raise ZeroDivisionError

    seen: dict[str, Any] = {}
    request = RequestFactory().get("/", headers={"X-Request-Id": "my-request"})
    with pytest.raises(ZeroDivisionError):
        RequestContext(fail)(request)

    assert seen == {"request_id": "my-request"}
    assert structlog.contextvars.get_contextvars() == {}
