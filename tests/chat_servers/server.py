"""The three interfaces, and `/_knobs`, `/_seen`, `/_reset` for whoever runs the test."""

import base64
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import orjson

from tests.chat_servers import refusals
from tests.upstream import files
from tests.upstream.http import Reply, Request, Server

BAD_KEY = "bad"
_PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"


@dataclass(frozen=True)
class Knobs:
    text: str = "Paper Lanterns\n\n[Verse]\nA city learns to fly"
    # How many pictures an answer holds.
    images: int = 1
    # A word of tests/chat_servers/refusals.py, an HTTP status, html, lost (closed without an answer), hang.
    refuse: str = ""
    # A refusal that calls itself a success, as each provider has one.
    declines: bool = False

    def set(self, values: dict[str, Any]) -> "Knobs":
        kinds = {one.name: type(one.default) for one in fields(Knobs)}
        for name, value in values.items():
            if type(value) is not kinds.get(name):
                raise ValueError(
                    f"there is no knob {name!r}, or it takes no {type(value).__name__}"
                )
        return replace(self, **values)


class ChatServer:
    """All three with one set of knobs. `seen` holds what was asked: path, JSON (or the form's bytes as text)."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.knobs = Knobs()
        self.seen: list[dict[str, Any]] = []
        self.server = Server(self._handle, host=host, port=port)

    async def start(self) -> None:
        await self.server.start()

    async def stop(self) -> None:
        self.server.stop()

    def _handle(self, request: Request) -> Reply:
        if request.path.startswith("/_"):
            return self._control(request)
        self.seen.append({"path": request.path, "body": _parsed(request.body)})
        if request.path.startswith("/v1beta/"):
            return self._answer(request, refusals.GOOGLE, "x-goog-api-key", self._google)
        if "anthropic-version" in request.headers:
            return self._answer(request, refusals.ANTHROPIC, "x-api-key", self._anthropic)
        return self._answer(request, refusals.OPENAI, "authorization", self._openai)

    def _answer(self, request: Request, table: dict[str, Any], header: str, right: Any) -> Reply:
        key = request.headers.get(header, "").removeprefix("Bearer ")
        if key in ("", BAD_KEY):
            return _json(*table["key"])
        word = self.knobs.refuse
        if word in table:
            reply = _json(*table[word])
            if word == "rate" and header != "x-goog-api-key":
                reply.headers["retry-after"] = "17"
            return reply
        if word in ("lost", "hang"):
            return Reply(fault="drop" if word == "lost" else "hang")
        if word == "html" or word.isdigit():
            status = int(word) if word.isdigit() else 200
            return Reply(status=status, body=_PAGE, content_type="text/html")
        body = right(request.path)
        return _json(200, body) if body else _json(*table["model"])

    def _openai(self, path: str) -> Any:
        if path == "/v1/models":
            return {"object": "list", "data": [{"id": "small"}, {"id": "large"}]}
        if path in ("/v1/images/generations", "/v1/images/edits"):
            return {"created": 1, "data": [{"b64_json": one} for one in self._pictures()]}
        if path == "/v1/chat/completions":
            refusal = "I cannot help with that." if self.knobs.declines else None
            content = None if refusal else self.knobs.text
            message = {"role": "assistant", "content": content, "refusal": refusal}
            return {"id": "chatcmpl-1", "choices": [{"message": message, "finish_reason": "stop"}]}
        return None

    def _anthropic(self, path: str) -> Any:
        if path == "/v1/models":
            return {"data": [{"id": "small"}, {"id": "large"}], "has_more": False}
        if path != "/v1/messages":
            return None
        if self.knobs.declines:
            return {"id": "msg_1", "content": [], "stop_reason": "refusal"}
        content = [{"type": "text", "text": self.knobs.text}]
        return {"id": "msg_1", "content": content, "stop_reason": "end_turn"}

    def _google(self, path: str) -> Any:
        if path == "/v1beta/models":
            return {"models": [{"name": "models/small"}, {"name": "models/large"}]}
        if not path.endswith(":generateContent"):
            return None
        if self.knobs.declines:
            return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "candidates": []}
        parts: list[dict[str, Any]] = [{"text": self.knobs.text}]
        if "image" in path:
            parts = [
                {"inlineData": {"mimeType": "image/png", "data": one}} for one in self._pictures()
            ]
        candidate = {"content": {"role": "model", "parts": parts}, "finishReason": "STOP"}
        return {"responseId": "response-1", "candidates": [candidate]}

    def _pictures(self) -> list[str]:
        names = (f"{len(self.seen)}-{number}" for number in range(self.knobs.images))
        return [base64.b64encode(files.png(name)).decode() for name in names]

    def _control(self, request: Request) -> Reply:
        match (request.method, request.path):
            case ("GET", "/_seen"):
                return _json(200, self.seen)
            case (_, "/_knobs"):
                try:
                    self.knobs = self.knobs.set(_parsed(request.body) or {})
                except ValueError as error:
                    return Reply(status=400, body=str(error).encode(), content_type="text/plain")
                return _json(200, asdict(self.knobs))
            case ("POST", "/_reset"):
                self.knobs, self.seen = Knobs(), []
                return _json(200, {})
        return Reply(status=404)


def _json(status: int, body: Any) -> Reply:
    return Reply(status=status, body=orjson.dumps(body))


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return body.decode("utf-8", "replace")
