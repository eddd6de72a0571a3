"""What the OpenAPI document says of `/v1` is so: real answers and errors fit it, and all of its paths are served."""

import json
from typing import Any

import httpx
import jsonschema
import orjson
import pytest
from starlette.routing import Route

from apps.api.openapi import llm
from apps.api.openapi.document import document
from apps.gateway.llm import routes
from apps.gateway.llm.lanes import Lanes
from tests.factories import api_key
from tests.llm.conftest import grace, loop, provider, service
from tests.llm.service import MODEL, Service, asking

__all__ = ["grace", "loop", "provider", "service"]

DOCUMENT: dict[str, Any] = orjson.loads(document())
SAID: Any = asking()
MESSAGES = {**SAID, "max_tokens": 50}
SOUND: Any = {"data": {"model": "whisper-1"}, "files": {"file": ("a.mp3", b"x" * 4000)}}
JSON_CALLS: dict[str, Any] = {
    "chat/completions": SAID,
    "responses": {"model": MODEL, "input": "Hi"},
    "messages": MESSAGES,
    "embeddings": {"model": "text-embedding-ada-002", "input": "Hi"},
    "images/generations": {"model": "gpt-image-1.5", "prompt": "A fox"},
    "moderations": {"model": "omni-moderation-latest", "input": "Hi"},
    "audio/speech": {"model": "tts-1", "voice": "alloy", "input": "Hi"},
}
FORMS: dict[str, Any] = {
    "audio/transcriptions": SOUND,
    "audio/translations": SOUND,
    "images/edits": {
        "data": {"model": "gpt-image-1.5", "prompt": "With a hat"},
        "files": {"image": ("a.png", b"x")},
    },
}


def resolved(node: Any) -> Any:
    while "$ref" in node:
        found: Any = DOCUMENT
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def check(answer: httpx.Response, path: str, method: str = "post") -> None:
    """That an answer is one that the document names, with its headers and its shape."""
    found = resolved(DOCUMENT["paths"][path][method]["responses"][str(answer.status_code)])
    for name, said in found["headers"].items():
        assert name in answer.headers or not resolved(said)["required"], name
    content_type = answer.headers["content-type"].partition(";")[0]
    if content_type.startswith("audio/"):
        content_type = "audio/*"
    schema = found["content"][content_type]["schema"]
    if content_type == "application/json":
        whole = {**schema, "components": DOCUMENT["components"]}
        jsonschema.Draft202012Validator(whole).validate(answer.json())


def test_what_is_described_is_what_is_served() -> None:
    lanes = Lanes()
    patterns = [one.path for one in routes.variable(lanes) if isinstance(one, Route)]
    served = {path for path in routes.fixed(lanes) if not path.endswith("/")}

    assert served | {one.replace(":path", "") for one in patterns} == set(llm.PATHS)


@pytest.mark.parametrize("path", [*JSON_CALLS, *FORMS])
def test_answers_are_as_described(service: Service, path: str) -> None:
    if path in FORMS:
        headers = {"x-api-key": service.key}
        url = f"{service.url}/v1/{path}"
        answer = service.client.post(url, headers=headers, **FORMS[path])
    else:
        answer = service.post(path, JSON_CALLS[path])

    assert answer.status_code == 200, answer.text
    check(answer, f"/v1/{path}")


@pytest.mark.parametrize("path", ["chat/completions", "responses", "messages"])
def test_streams_are_as_described(service: Service, path: str) -> None:
    answer = service.post(path, {**JSON_CALLS[path], "stream": True})

    assert answer.headers["content-type"].startswith("text/event-stream")
    check(answer, f"/v1/{path}")


def test_lists_are_as_described(service: Service) -> None:
    check(service.get("models"), "/v1/models", "get")
    check(service.get("models/gpt-5"), "/v1/models/{model}", "get")
    nothing = service.get("models/nothing")

    assert nothing.status_code == 404
    check(nothing, "/v1/models/{model}", "get")


@pytest.mark.parametrize("path", ["chat/completions", "messages"])
def test_errors_are_as_described(service: Service, settings: Any, path: str) -> None:
    settings.LLM_MAX_BODY_BYTES = 2000
    poor = service.customer(points=1)
    limited = api_key(service.workspace, rate_limit_per_minute=1)
    failing = asking({"fault": "status:500"}, max_tokens=50)
    answers = [
        service.post(path, MESSAGES, key="my_live_nothing"),
        service.post(path, b"{"),
        service.post(path, {**MESSAGES, "model": "nothing"}),
        poor.post(path, MESSAGES),
        service.customer(plan="hobbyist").post(path, {**MESSAGES, "model": "gpt-4o"}),
        service.post(path, json.dumps(asking("x" * 2000)).encode()),
        *(service.post(path, MESSAGES, key=limited) for _ in range(2)),
        service.post(path, failing),
    ]

    assert [one.status_code for one in answers] == [401, 400, 400, 402, 403, 413, 200, 429, 503]
    for answer in answers:
        check(answer, f"/v1/{path}")
