"""Every endpoint of `/v1` that takes a body: the least it wants, and what it says when it refuses."""

from dataclasses import dataclass
from typing import Any

import httpx

from apps.core.envelopes import ERROR_KINDS
from tests.llm.service import Service

_SPOKEN = "gpt-4o-mini"
_ANTHROPIC = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    405: "invalid_request_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
}


@dataclass(frozen=True)
class Endpoint:
    path: str
    body: dict[str, Any]

    @property
    def is_anthropic(self) -> bool:
        return self.path == "messages"


_HELLO = {"messages": [{"role": "user", "content": "Hi"}]}
ENDPOINTS = [
    Endpoint("chat/completions", {"model": _SPOKEN, **_HELLO}),
    Endpoint("completions", {"model": _SPOKEN, "prompt": "Hi"}),
    Endpoint("responses", {"model": _SPOKEN, "input": "Hi"}),
    Endpoint("messages", {"model": _SPOKEN, "max_tokens": 50, **_HELLO}),
    Endpoint("embeddings", {"model": "text-embedding-ada-002", "input": "Hi"}),
    Endpoint("images/generations", {"model": "gpt-image-1.5", "prompt": "Hi"}),
    Endpoint("images/edits", {"model": "gpt-image-1.5", "prompt": "Hi"}),
    Endpoint("audio/speech", {"model": "tts-1", "input": "Hi", "voice": "alloy"}),
    Endpoint("audio/transcriptions", {"model": "whisper-1"}),
    Endpoint("audio/translations", {"model": "whisper-1"}),
    Endpoint("moderations", {"model": "omni-moderation-latest", "input": "Hi"}),
]
NAMES = [one.path for one in ENDPOINTS]


def refused(endpoint: Endpoint, answer: httpx.Response) -> tuple[int, str]:
    """Status and type of a refusal, whose shape is the one that the endpoint's clients know."""
    assert answer.headers["content-type"] == "application/json", answer.text
    name = answer.headers["x-request-id"]
    body = answer.json()
    if endpoint.is_anthropic:
        message = body["error"]["message"]
        kind = _ANTHROPIC.get(answer.status_code, "api_error")
        assert body == {
            "type": "error",
            "error": {"type": kind, "message": message},
            "request_id": name,
        }
        assert message
        return answer.status_code, kind
    error = body["error"]
    assert body == {
        "code": answer.status_code,
        "message": error["message"],
        "data": None,
        "error": error,
    }
    assert error.keys() == {"code", "type", "message", "detail", "request_id", "param"}
    assert (error["code"], error["request_id"]) == (ERROR_KINDS[error["type"]].code, name)
    assert error["message"]
    return answer.status_code, error["type"]


def expected(endpoint: Endpoint, status: int, kind: str) -> tuple[int, str]:
    return status, _ANTHROPIC[status] if endpoint.is_anthropic else kind


def untouched(service: Service) -> None:
    """Nobody was asked, nothing was recorded or charged."""
    assert (service.provider.seen, service.usage()) == ([], [])
    assert service.spent() == 0
