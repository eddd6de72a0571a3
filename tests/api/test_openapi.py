"""The OpenAPI document is valid, complete, and true: schemathesis finds no answer it does not name."""

from collections.abc import Iterator
from typing import Any

import hypothesis
import jsonschema
import orjson
import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from django.urls import URLPattern
from schemathesis import checks as conformance

from apps.accounts.models import Workspace
from apps.api import urls
from apps.api.openapi.document import document
from apps.catalog.registry import all_specs
from config.wsgi import application
from tests.catalog.samples import sample
from tests.factories import task

DOCUMENT: dict[str, Any] = Client().get("/api/openapi.json").json()


def test_document_is_openapi_31_with_every_operation():
    assert DOCUMENT["openapi"].startswith("3.1")
    paths: dict[str, Any] = DOCUMENT["paths"]
    assert {(method.upper(), path) for path, item in paths.items() for method in item} == {
        ("POST", "/api/v1/task"),
        ("GET", "/api/v1/task/{task_id}"),
        ("DELETE", "/api/v1/task/{task_id}"),
        ("GET", "/api/v1/task/{task_id}/events"),
        ("GET", "/api/v1/tasks"),
        ("DELETE", "/api/v1/tasks"),
        ("POST", "/api/v1/task/quote"),
        ("GET", "/api/v1/webhooks/deliveries"),
        ("POST", "/api/v1/webhooks/deliveries/{delivery_id}/replay"),
        ("GET", "/api/v1/models"),
        ("GET", "/api/v1/account/transactions"),
        ("GET", "/api/v1/account/usage"),
        ("GET", "/account/info"),
        ("GET", "/account/active_tasks"),
        ("POST", "/account/redeem"),
        ("POST", "/api/ephemeral_resource"),
        ("GET", "/api/open/tasks/histories"),
        ("POST", "/mj/v2/imagine"),
        ("POST", "/mj/v2/upscale"),
        ("POST", "/mj/v2/variation"),
        ("POST", "/mj/v2/reroll"),
        ("POST", "/mj/v2/inpaint"),
        ("POST", "/mj/v2/outpaint"),
        ("POST", "/mj/v2/pan"),
        ("POST", "/mj/v2/describe"),
        ("POST", "/mj/v2/blend"),
        ("POST", "/mj/v2/seed"),
        ("POST", "/mj/v2/fetch"),
        ("POST", "/mj/v2/multi_fetch"),
        ("POST", "/mj/v2/validation"),
        ("POST", "/api/suno/v1/music"),
        ("GET", "/api/suno/v1/music/{task_id}"),
        ("POST", "/api/face_swap/v1/async"),
        ("POST", "/api/face_swap/v1/fetch"),
        # And of these in tests/llm/conversations.
        ("POST", "/api/chatgpt/v1/conversation"),
        ("POST", "/api/chatgpt/v1/conversation/{conversation_id}"),
        ("POST", "/api/chatgpt/v1/conversation/{conversation_id}/file"),
        ("GET", "/api/chatgpt/v1/conversation/{conversation_id}/file/{file_id}"),
        ("GET", "/api/chatgpt/v1/conversation/{conversation_id}/sandbox"),
        ("GET", "/api/chatgpt/v1/task/{task_id}"),
        # What these answer is checked in test_openapi_llm.
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/completions"),
        ("POST", "/v1/responses"),
        ("POST", "/v1/messages"),
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/images/generations"),
        ("POST", "/v1/images/edits"),
        ("POST", "/v1/audio/speech"),
        ("POST", "/v1/audio/transcriptions"),
        ("POST", "/v1/audio/translations"),
        ("POST", "/v1/moderations"),
        ("GET", "/v1/models"),
        ("GET", "/v1/models/{model}"),
    }


def test_every_api_view_describes_its_methods():
    patterns: list[URLPattern] = urls.urlpatterns
    # Callbacks are for providers, who bring their own description.
    views = [
        getattr(p.callback, "cls", None)
        for p in patterns
        if p.name != "unknown" and not str(p.name).startswith("hook-")
    ]
    served = {
        (method, view.__name__)
        for view in views
        if view is not None
        for method in view().allowed_methods
        if method not in ("HEAD", "OPTIONS")
    }
    described = {
        (method.upper(), view.__name__)
        for view in views
        if view is not None
        for method in view.operations
    }

    assert served == described


def test_every_reference_leads_somewhere():
    def walk(node: Any) -> None:
        if isinstance(node, dict):
            if isinstance(ref := node.get("$ref"), str):
                found: Any = DOCUMENT
                for step in ref.removeprefix("#/").split("/"):
                    found = found[step]
            for part in node.values():
                walk(part)
        elif isinstance(node, list):
            for part in node:
                walk(part)

    walk(DOCUMENT)


@pytest.mark.parametrize("spec", all_specs().values(), ids=lambda spec: "/".join(spec.name))
def test_every_spec_has_a_schema_that_takes_its_sample(spec: Any):
    schema = {
        **DOCUMENT["components"]["schemas"]["CreateTask"],
        "components": DOCUMENT["components"],
    }
    body = {"model": spec.model, "task_type": spec.task_type, "input": sample(spec)}

    jsonschema.Draft202012Validator(schema).validate(body)
    body["task_type"] = "no-such"
    assert not jsonschema.Draft202012Validator(schema).is_valid(body)


def test_document_is_cached_by_its_content():
    first = Client().get("/api/openapi.json")
    again = Client().get("/api/openapi.json", HTTP_IF_NONE_MATCH=first["ETag"])

    assert (again.status_code, again.content) == (304, b"")
    assert first.content == document()


@pytest.mark.parametrize("path", ["/docs/api", "/docs/api/", "/docs/api/redoc"])
def test_docs_pages_load_scripts_of_ours_only(path: str):
    response = Client().get(path)
    html, policy = response.content.decode(), response["Content-Security-Policy"]

    assert response.status_code == 200
    assert html.count("<script") == html.count('<script src="/static/') == 2
    assert "script-src 'self';" in f"{policy};"
    assert "http://" not in html
    assert "https://" not in html


# ---------------------------------------------------------------- schemathesis
# What is checked: that answers are what the document says. That odd inputs are refused is not: this API is lenient by
# contract (unknown fields, numbers as text, null for absent).
WITH_MEDIA = (
    "/mj/v2/inpaint", "/mj/v2/describe", "/mj/v2/blend", "/api/face_swap/v1/async",
)  # fmt: skip


def few_models() -> dict[str, Any]:
    """The document with the models that need no media: all of them would take minutes, and the boundary corpus goes
    through every field anyway."""
    found: dict[str, Any] = orjson.loads(document())
    # Another server's; see test_events and test_openapi_llm.
    theirs = [path for path in found["paths"] if path.startswith(("/v1/", "/api/chatgpt/"))]
    for path in ("/api/v1/task/{task_id}/events", *theirs, *WITH_MEDIA):
        del found["paths"][path]
    schemas = found["components"]["schemas"]
    schemas["CreateTask"]["oneOf"] = [
        {"$ref": f"#/components/schemas/{name}"}
        for name in ("modelyard_illustration.text_to_image", "kling.sound", "midjourney.imagine")
    ]
    return found


SCHEMA = schemathesis.openapi.from_dict(few_models())
SCHEMA.app = application
CHECKS = [
    conformance.status_code_conformance,
    conformance.content_type_conformance,
    conformance.response_headers_conformance,
    conformance.response_schema_conformance,
]


@pytest.fixture
def _one_connection() -> Iterator[None]:
    """A request closes the connections it finds, and with them this test's transaction; as Django's test client does,
    keep them."""
    ended = (request_started, request_finished)
    for signal in ended:
        signal.disconnect(close_old_connections)
    yield
    for signal in ended:
        signal.connect(close_old_connections)


@SCHEMA.parametrize()
@hypothesis.settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
)
@pytest.mark.usefixtures("_one_connection")
def test_every_answer_is_documented(case: Any, workspace: Workspace, key: str):
    if "task_id" in case.path_parameters and case.meta.generation.mode.is_positive:
        case.path_parameters["task_id"] = str(task(workspace).id)

    # As a customer and as nobody.
    for headers in ({"x-api-key": key}, {}):
        response = case.call(headers=headers)
        assert response.status_code < 500 or response.json()["error"]["type"] == "no_route"
        case.validate_response(response, checks=CHECKS)
