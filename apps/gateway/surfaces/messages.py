"""`/v1/messages`: Anthropic's interface."""

from collections.abc import Mapping
from typing import Any, ClassVar

from apps.core.refusals import Refusal
from apps.gateway.surfaces import (
    chat_blocks,
    checks,
    errors,
    messages_chat,
    messages_request,
    messages_stream,
)
from apps.gateway.surfaces.base import Bill, Encoder, Parsed
from apps.providers.llm.base import Operation, Usage


class Messages:
    operation: ClassVar[Operation] = Operation.MESSAGES

    def parse(self, body: Any) -> Parsed:
        fields = checks.cleaned(body, messages_request.RULES)
        return checks.parsed(fields, required=("messages", "max_tokens"))

    def to_chat(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return messages_chat.to_chat(body)

    def answer(
        self, body: dict[str, Any], parsed: Parsed, *, is_native: bool, usage: Usage, bill: Bill
    ) -> dict[str, Any]:
        if is_native:
            charged = messages_stream.usage_object(usage, bill, own=body.get("usage"))
            return {**body, "model": parsed.model, "usage": charged}
        blocks = chat_blocks.whole(body)
        return {
            **messages_stream.message_object(parsed, key=bill.call_id.replace("-", "")),
            "content": [messages_stream.content_block(block) for block in blocks.written],
            **messages_stream.stopped(blocks, parsed),
            "usage": messages_stream.usage_object(usage, bill),
        }

    def encoder(self, parsed: Parsed, *, is_native: bool) -> Encoder:
        if is_native:
            return messages_stream.NativeEncoder(parsed)
        return messages_stream.TranslatingEncoder(parsed)

    def refused(self, refusal: Refusal) -> dict[str, Any]:
        return errors.anthropic(refusal)


SURFACE = Messages()
