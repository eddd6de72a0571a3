"""Google's Gemini API: chats, embeddings and pictures, all by translation."""

import re
from typing import Any, ClassVar

from apps.core.wire import Request, Response
from apps.providers import reach
from apps.providers.base import Access, AccountNeedsOwner, Need, ProviderError
from apps.providers.llm import (
    google_answers,
    google_media,
    google_requests,
    google_streams,
    reading,
)
from apps.providers.llm.base import Answer, Call, Decoder, Operation

_BASE_URL = "https://generativelanguage.googleapis.com"
_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_SPOKEN = frozenset({Operation.CHAT, Operation.EMBEDDINGS, Operation.IMAGES, Operation.IMAGE_EDITS})


class Google:
    name: ClassVar[str] = "google"

    def speaks(self, operation: Operation, access: Access | None = None) -> bool:
        return operation in _SPOKEN

    def request(self, call: Call, access: Access) -> Request:
        return Request(
            "POST",
            _url(call, access),
            headers={
                "x-goog-api-key": reach.credential(access),
                "content-type": "application/json",
                "accept": "text/event-stream" if call.is_stream else "application/json",
            },
            body=reading.written(_body(call)),
            timeout_seconds=call.timeout_seconds,
            max_bytes=call.max_bytes,
        )

    def answer(self, call: Call, response: Response, access: Access) -> Answer:
        fields = reading.whole(response, access)
        if call.operation is Operation.CHAT:
            return google_answers.as_chat(call, fields)
        return google_media.answer(call, fields)

    def failure(self, response: Response, access: Access) -> ProviderError:
        return reading.failure(response, access)

    def decoder(self, call: Call, access: Access) -> Decoder:
        return google_streams.ChatDecoder(call, access)


def _body(call: Call) -> dict[str, Any]:
    if call.operation is Operation.CHAT:
        return google_requests.body(call)
    return google_media.body(call)


def _url(call: Call, access: Access) -> str:
    if not _MODEL.fullmatch(call.model):
        # It stands in the path.
        raise AccountNeedsOwner(
            f"There can be no model called {call.model[:60]!r}.", need=Need.SETUP
        )
    if call.operation is not Operation.CHAT:
        action = google_media.method(call)
    else:
        action = "streamGenerateContent?alt=sse" if call.is_stream else "generateContent"
    trimmed = reach.trimmed(access, "/v1beta")
    return reach.url(trimmed, f"/v1beta/models/{call.model}:{action}", default=_BASE_URL)
