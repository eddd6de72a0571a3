"""`/v1/chat/completions` and `/v1/completions`."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import anyio
import orjson
from anyio import to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from apps.localmodels import chat_answers as answers
from apps.localmodels.bodies import json_body
from apps.localmodels.chat_bodies import (
    MODEL,
    ChatBody,
    CompletionBody,
    asked_chat,
    asked_completion,
    forced_call,
)
from apps.localmodels.errors import ApiError, failed, no_model
from apps.localmodels.work import ClientGone, while_wanted
from apps.providers.local.base import LocalEngineError
from apps.providers.local.chat import wire
from apps.providers.local.chat.llama import SLOTS, llama

# Who comes when all slots are busy waits here, in order, and costs nothing when they leave.
slots = anyio.CapacityLimiter(SLOTS)


async def chat(request: Request) -> Response:
    body = await json_body(request, ChatBody)
    is_call = forced_call(body) is not None
    return await _answered(request, body, "/v1/chat/completions", asked_chat(body), is_call)


async def completions(request: Request) -> Response:
    body = await json_body(request, CompletionBody)
    return await _answered(request, body, "/v1/completions", asked_completion(body), False)


async def _answered(
    request: Request,
    body: ChatBody | CompletionBody,
    path: str,
    asked: dict[str, Any],
    is_call: bool,
) -> Response:
    if body.model != MODEL:
        raise no_model(body.model)
    if body.stream:
        return _Streamed(path, asked, is_call)
    async with while_wanted(request.receive), _reply(path, asked) as reply:
        answer = answers.plain(json.loads(await reply.body()))
    return JSONResponse(answers.with_call(answer) if is_call else answer)


@asynccontextmanager
async def _reply(path: str, asked: dict[str, Any]) -> AsyncIterator[wire.Reply]:
    """A good answer of the model's; leaving ends what it still does. Raises `ApiError`."""
    async with slots:
        try:
            loaded = await to_thread.run_sync(llama)
            async with wire.ask(loaded.socket, "POST", path, orjson.dumps(asked)) as reply:
                if reply.status != 200:
                    raise answers.error_of(await reply.body())
                yield reply
        except (LocalEngineError, OSError, RuntimeError) as error:
            raise failed("The language model is not available.") from error


@dataclass
class _Streamed(Response):
    """Server-sent events. An error before the first of them is an ordinary answer."""

    path: str
    asked: dict[str, Any]
    is_call: bool

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with while_wanted(receive), _reply(self.path, self.asked) as reply:
                await send(_HEAD)
                await self._pass_on(reply, send)
        except ApiError as error:
            await error.response()(scope, receive, send)
        except ClientGone:
            return

    async def _pass_on(self, reply: wire.Reply, send: Send) -> None:
        stream = answers.chunks(reply.parts())
        try:
            async for chunk in answers.calls(stream) if self.is_call else stream:
                await _tell(send, orjson.dumps(chunk))
            await _tell(send, b"[DONE]")
        except ApiError as error:
            await _tell(send, orjson.dumps(error.body()))
        except OSError:
            await _tell(send, orjson.dumps(failed("The answer broke off.").body()))
        await send({"type": "http.response.body", "body": b""})


_HEAD = {
    "type": "http.response.start",
    "status": 200,
    "headers": [(b"content-type", b"text/event-stream"), (b"cache-control", b"no-store")],
}


async def _tell(send: Send, data: bytes) -> None:
    body = b"data: " + data + b"\n\n"
    await send({"type": "http.response.body", "body": body, "more_body": True})
