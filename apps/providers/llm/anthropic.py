"""Anthropic: its own Messages as they are, and chats translated to them.

`Access.config` may hold `max_tokens`, the limit of an answer for which a chat names none.
"""

from typing import Any, ClassVar

from apps.core.wire import Request, Response
from apps.providers import reach
from apps.providers.base import Access, ProviderError
from apps.providers.llm import (
    anthropic_answers,
    anthropic_requests,
    anthropic_streams,
    reading,
)
from apps.providers.llm.base import Answer, Call, Decoder, Operation

_BASE_URL = "https://api.anthropic.com"
VERSION = "2023-06-01"


class Anthropic:
    name: ClassVar[str] = "anthropic"

    def speaks(self, operation: Operation, access: Access | None = None) -> bool:
        return operation in (Operation.CHAT, Operation.MESSAGES)

    def request(self, call: Call, access: Access) -> Request:
        trimmed = reach.trimmed(access, "/v1")
        return Request(
            "POST",
            reach.url(trimmed, "/v1/messages", default=_BASE_URL),
            headers={
                "x-api-key": reach.credential(access),
                "anthropic-version": VERSION,
                "content-type": "application/json",
                "accept": "text/event-stream" if call.is_stream else "application/json",
            },
            body=reading.written(_body(call, access)),
            timeout_seconds=call.timeout_seconds,
            max_bytes=call.max_bytes,
        )

    def answer(self, call: Call, response: Response, access: Access) -> Answer:
        message = reading.whole(response, access)
        if call.operation is Operation.MESSAGES:
            return native_answer(message)
        return anthropic_answers.as_chat(call, message)

    def failure(self, response: Response, access: Access) -> ProviderError:
        return reading.failure(response, access)

    def decoder(self, call: Call, access: Access) -> Decoder:
        if call.operation is Operation.MESSAGES:
            return anthropic_streams.MessagesDecoder(access)
        return anthropic_streams.ChatDecoder(call, access)


def native_body(call: Call) -> dict[str, Any]:
    """A request in Anthropic's own words."""
    return {**call.body, "model": call.model, "stream": call.is_stream}


def native_answer(message: dict[str, Any]) -> Answer:
    """Raises ProviderUnavailable for what is no message."""
    anthropic_answers.blocks(message)
    return Answer(message, anthropic_answers.used_by(message.get("usage")))


def _body(call: Call, access: Access) -> dict[str, Any]:
    if call.operation is Operation.MESSAGES:
        return native_body(call)
    return anthropic_requests.body(call, access)
