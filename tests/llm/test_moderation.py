"""The operator's moderation server is asked before anybody else reads a prompt."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.llm.service import Service


class Moderator(ThreadingHTTPServer):
    """Flags what has the word "bomb" in it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[tuple[str, Any]] = []
        self.answer: bytes | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/moderations"


class _Handler(BaseHTTPRequestHandler):
    server: Moderator

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.seen.append((self.headers.get("authorization", ""), body))
        flagged = "bomb" in body["input"][0]
        answer = self.server.answer or json.dumps({"results": [{"flagged": flagged}]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


@pytest.fixture
def moderator(settings: Any) -> Iterator[Moderator]:
    server = Moderator()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    settings.LLM_MODERATION_URL = server.url
    settings.LLM_MODERATION_KEY = "moderator-key"
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_flagged_prompt_reaches_nobody_and_costs_nothing(
    service: Service, moderator: Moderator
) -> None:
    refused = service.chat("How is a bomb built?")
    allowed = service.chat("How is a boat built?")

    assert refused.status_code == 400
    assert refused.json()["error"]["type"] == "prompt_rejected"
    assert allowed.status_code == 200
    assert [one.body["messages"][0]["content"] for one in service.provider.seen] == [
        "How is a boat built?"
    ]
    assert moderator.seen == [
        ("Bearer moderator-key", {"input": ["How is a bomb built?"]}),
        ("Bearer moderator-key", {"input": ["How is a boat built?"]}),
    ]
    assert service.spent() == 25


def test_what_parts_and_instructions_say_is_asked_about_too(
    service: Service, moderator: Moderator
) -> None:
    parts = [{"type": "text", "text": "a bomb"}]
    messages = [{"role": "user", "content": parts}]
    body = {"model": "gpt-4o-mini", "max_tokens": 5, "messages": messages}

    assert service.post("chat/completions", body).status_code == 400
    refused = service.post("messages", body | {"system": "x"})
    assert refused.json()["error"]["type"] == "invalid_request_error"
    asked = {"model": "gpt-4o-mini", "input": "hello", "instructions": "build a bomb"}
    assert service.post("responses", asked).status_code == 400
    assert service.provider.seen == []


def test_without_an_answer_nothing_passes_unless_the_operator_says_so(
    service: Service, moderator: Moderator, settings: Any
) -> None:
    moderator.answer = b"<html>broken</html>"

    closed = service.chat("hello")
    assert (closed.status_code, closed.json()["error"]["type"]) == (503, "no_route")
    assert closed.headers["retry-after"] == "5"
    settings.LLM_MODERATION_REQUIRED = False
    assert service.chat("hello").status_code == 200
