"""Another server like this one: OpenAI's interface below `/v1`, and Anthropic's Messages beside it."""

from typing import ClassVar

from apps.core.wire import Request, Response
from apps.providers import reach
from apps.providers.base import Access
from apps.providers.llm import anthropic, anthropic_streams, reading
from apps.providers.llm.base import Answer, Call, Decoder, Operation
from apps.providers.llm.openai import OpenAI


class Federation(OpenAI):
    """The account's address may end in `/v1`, or in the `/api/v1` of the rest of the interface."""

    name: ClassVar[str] = "federation"

    def speaks(self, operation: Operation, access: Access | None = None) -> bool:
        return operation is Operation.MESSAGES or super().speaks(operation, access)

    def request(self, call: Call, access: Access) -> Request:
        if call.operation is not Operation.MESSAGES:
            return super().request(call, access)
        return Request(
            "POST",
            self._url(access, "/messages"),
            headers={
                **self._headers(access),
                "anthropic-version": anthropic.VERSION,
                "content-type": "application/json",
                "accept": "text/event-stream" if call.is_stream else "application/json",
            },
            body=reading.written(anthropic.native_body(call)),
            timeout_seconds=call.timeout_seconds,
            max_bytes=call.max_bytes,
        )

    def answer(self, call: Call, response: Response, access: Access) -> Answer:
        if call.operation is Operation.MESSAGES:
            return anthropic.native_answer(reading.whole(response, access))
        return super().answer(call, response, access)

    def decoder(self, call: Call, access: Access) -> Decoder:
        if call.operation is Operation.MESSAGES:
            return anthropic_streams.MessagesDecoder(access)
        return super().decoder(call, access)

    def _url(self, access: Access, path: str) -> str:
        trimmed = reach.trimmed(reach.trimmed(access, "/v1"), "/api")
        # No address is the default: nobody else's server is meant.
        return reach.url(trimmed, f"/v1{path}")

    def _has_responses(self, access: Access) -> bool:
        return access.config.get("native_responses") is True
