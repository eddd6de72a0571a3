"""`/v1/chat/completions` and the rest of OpenAI's interface, scripted by the request itself.

The last message (or `input`) may be a JSON object, the script; see `Script`. What was asked is kept in `seen`, and how
many answers are under way and were cut by the caller is counted.
"""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, fields, replace
from typing import Any

from aiohttp import web

_MODEL = "scripted"


@dataclass
class Script:
    """What to do. `words` are the pieces of the answer; with `after` of them sent, `fault` happens."""

    words: list[str] = field(default_factory=lambda: ["Hello", " there", "."])
    # So often all of them.
    times: int = 1
    # right, none, or the object itself.
    usage: Any = "right"
    # Every piece tells the usage so far.
    is_telling: bool = False
    delay: float = 0.0
    before: float = 0.0
    # status:<n>, cut, hang, garbage, half, error, error200, html, empty, drop
    fault: str = ""
    after: int = 0
    finish: str | None = "stop"
    tool: dict[str, Any] | None = None
    message: str = "scripted failure"
    headers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, body: dict[str, Any]) -> "Script":
        text = _last_text(body)
        if not text.startswith("{"):
            return cls()
        given = json.loads(text)
        known = {one.name for one in fields(cls)}
        script = cls(**{name: value for name, value in given.items() if name in known})
        script.words *= script.times
        return script

    @property
    def text(self) -> str:
        return "".join(self.words)


def _last_text(body: dict[str, Any]) -> str:
    messages = body.get("messages")
    found = messages[-1].get("content") if messages else body.get("input", body.get("prompt", ""))
    if isinstance(found, list) and found:
        found = found[-1].get("text", "") if isinstance(found[-1], dict) else found[-1]
    return found if isinstance(found, str) else ""


@dataclass
class Seen:
    path: str
    headers: dict[str, str]
    body: Any


class Scripted:
    """The server. On the loop that starts it."""

    def __init__(self, *, key: str = "", keeps: bool = True) -> None:
        self._keeps = keeps
        self.seen: list[Seen] = []
        self.under_way = 0
        self.most_under_way = 0
        self.cut_by_caller = 0
        self.delivered = 0
        self.key = key
        # Stands above every script.
        self.always: dict[str, Any] = {}
        self.port = 0
        self._runner: web.AppRunner | None = None

    async def start(self, *, port: int = 0) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024)
        app.router.add_route("*", "/{path:.*}", self._handle)
        self._runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1
        )
        await self._runner.setup()
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        await web.SockSite(self._runner, listener).start()
        self.port = listener.getsockname()[1]

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = "/" + request.match_info["path"]
        raw = await request.read()
        body = json.loads(raw) if raw[:1] == b"{" else raw
        if self._keeps:
            self.seen.append(Seen(path, dict(request.headers), body))
        if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
            return _error(401, "Incorrect API key provided", "invalid_api_key")
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return await self._answer(request, path, body)
        except asyncio.CancelledError:
            self.cut_by_caller += 1
            raise
        finally:
            self.under_way -= 1

    async def _answer(self, request: web.Request, path: str, body: Any) -> web.StreamResponse:
        if isinstance(body, bytes):
            return _form(path)
        script = replace(Script.of(body), **self.always)
        if script.before:
            await asyncio.sleep(script.before)
        if (bad := _refused(script)) is not None:
            return bad
        if script.fault == "drop":
            assert request.transport is not None
            request.transport.close()
            return web.Response()
        if path == "/v1/chat/completions":
            if body.get("stream"):
                return await self._stream(request, body, script)
            return web.json_response(_completion(body, script))
        return _other(path, body, script)

    async def _stream(
        self, request: web.Request, body: dict[str, Any], script: Script
    ) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        with contextlib.suppress(ConnectionResetError):
            async for event in self._events(request, body, script):
                await response.write(event)
            await response.write_eof()
        return response

    async def _events(
        self, request: web.Request, body: dict[str, Any], script: Script
    ) -> AsyncIterator[bytes]:
        yield _chunk({"role": "assistant", "content": ""})
        is_whole = not script.fault or script.after >= len(script.words)
        for number, word in enumerate(script.words if is_whole else script.words[: script.after]):
            if script.delay:
                await asyncio.sleep(script.delay)
            self.delivered += 1
            yield _chunk({"content": word}, told=script.is_telling and number + 1)
        for event in _last_chunks(script) if is_whole else ():
            yield event
        if script.fault:
            async for event in _fault(request, script):
                yield event
            return
        for event in _closing(body, script):
            yield event


async def _fault(request: web.Request, script: Script) -> AsyncIterator[bytes]:
    match script.fault:
        case "cut":
            assert request.transport is not None
            request.transport.close()
        case "hang":
            await asyncio.sleep(3600)
        case "garbage":
            yield b"data: <html>this is no JSON\n\n"
        case "half":
            yield b'data: {"id":"c","object":"chat.completion.chunk","choices":[{"index":0,"del'
        case "error":
            yield _sse({"error": {"message": script.message, "type": "server_error", "code": None}})
        case _:
            return


def _refused(script: Script) -> web.Response | None:
    if script.fault.startswith("status:"):
        status = int(script.fault.partition(":")[2])
        kind = {400: "invalid_request_error", 401: "invalid_api_key", 429: "rate_limit_error"}
        return _error(status, script.message, kind.get(status, "server_error"), script.headers)
    if script.fault == "error200":
        return web.json_response({"error": {"message": script.message, "type": "server_error"}})
    if script.fault == "html":
        return web.Response(text="<html>Bad gateway</html>", content_type="text/html")
    if script.fault == "empty":
        return web.Response(body=b"", content_type="application/json")
    return None


def _error(
    status: int, message: str, kind: str, headers: dict[str, str] | None = None
) -> web.Response:
    error = {"message": message, "type": kind, "code": kind, "param": None}
    return web.json_response({"error": error}, status=status, headers=headers or {})


def _head(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-scripted", "object": kind, "created": 1_700_000_000, "model": _MODEL}


def _sse(data: Any) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def _chunk(delta: dict[str, Any], *, finish: str | None = None, told: int = 0) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    chunk = {**_head("chat.completion.chunk"), "choices": [choice]}
    return _sse({**chunk, "usage": _used(told)} if told else chunk)


def _closing(body: dict[str, Any], script: Script) -> list[bytes]:
    """The usage where it is asked for, and the word that this is all."""
    wants = (body.get("stream_options") or {}).get("include_usage")
    usage = _usage(body, script) if wants else None
    told = {**_head("chat.completion.chunk"), "choices": [], "usage": usage}
    return [*([] if usage is None else [_sse(told)]), b"data: [DONE]\n\n"]


def _last_chunks(script: Script) -> list[bytes]:
    """Calls of tools, and why it ends."""
    chunks = [] if script.tool is None else _tool_chunks(script.tool)
    finish = script.finish if script.tool is None else "tool_calls"
    return [*chunks, _chunk({}, finish=finish)] if finish else chunks


def _tool_chunks(tool: dict[str, Any]) -> list[bytes]:
    arguments = json.dumps(tool["arguments"])
    half = len(arguments) // 2
    begin = {
        "index": 0,
        "id": "call_1",
        "type": "function",
        "function": {"name": tool["name"], "arguments": ""},
    }
    parts = [arguments[:half], arguments[half:]]
    return [
        _chunk({"tool_calls": [begin]}),
        *(_chunk({"tool_calls": [{"index": 0, "function": {"arguments": one}}]}) for one in parts),
    ]


def _completion(body: dict[str, Any], script: Script) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": script.text, "refusal": None}
    if script.tool is not None:
        call = {
            "id": "call_1",
            "type": "function",
            "function": {
                "name": script.tool["name"],
                "arguments": json.dumps(script.tool["arguments"]),
            },
        }
        message |= {"content": None, "tool_calls": [call]}
    choice = {
        "index": 0,
        "message": message,
        "logprobs": None,
        "finish_reason": "tool_calls" if script.tool is not None else script.finish,
    }
    answer = {**_head("chat.completion"), "choices": [choice]}
    usage = _usage(body, script)
    return answer if usage is None else {**answer, "usage": usage}


def _usage(body: dict[str, Any], script: Script) -> Any:
    """Ten tokens read, and as many written as there are words."""
    if script.usage == "none":
        return None
    if script.usage != "right":
        return script.usage
    return _used(len(script.words))


def _used(written: int) -> dict[str, int]:
    return {"prompt_tokens": 10, "completion_tokens": written, "total_tokens": 10 + written}


def _other(path: str, body: dict[str, Any], script: Script) -> web.Response:
    if path == "/v1/embeddings":
        texts = body["input"] if isinstance(body["input"], list) else [body["input"]]
        rows = [
            {"object": "embedding", "index": number, "embedding": [0.5, -0.5]}
            for number, _ in enumerate(texts)
        ]
        usage = {"prompt_tokens": 8, "total_tokens": 8}
        return web.json_response({"object": "list", "data": rows, "model": _MODEL, "usage": usage})
    if path == "/v1/completions":
        choice = {"index": 0, "text": script.text, "logprobs": None, "finish_reason": "stop"}
        answer = {**_head("text_completion"), "choices": [choice]}
        return web.json_response({**answer, "usage": _usage(body, script)})
    if path == "/v1/audio/speech":
        return web.Response(body=b"ID3 not really sound", content_type="audio/mpeg")
    if path == "/v1/images/generations":
        pictures = [{"b64_json": "iVBORw0KGgo="} for _ in range(body.get("n", 1))]
        told = {"usage": script.usage} if isinstance(script.usage, dict) else {}
        return web.json_response({"created": 1_700_000_000, "data": pictures, **told})
    if path == "/v1/moderations":
        results = [{"flagged": False, "categories": {}, "category_scores": {}}]
        return web.json_response({"id": "modr-1", "model": _MODEL, "results": results})
    if path == "/v1/models":
        return web.json_response({"object": "list", "data": []})
    return _error(404, f"no {path}", "not_found")


def _form(path: str) -> web.Response:
    if path.endswith(("transcriptions", "translations")):
        usage = {"type": "duration", "seconds": 3}
        return web.json_response({"text": "hello there", "usage": usage})
    return web.json_response({"created": 1_700_000_000, "data": [{"b64_json": "iVBORw0KGgo="}]})
