"""`/v1/responses`: OpenAI's newer interface, without what needs a memory: nothing that is said is kept."""

from collections.abc import Mapping
from typing import Any, ClassVar

from apps.core.refusals import Refusal
from apps.gateway.surfaces import (
    chat_blocks,
    checks,
    errors,
    responses_answer,
    responses_request,
    responses_stream,
)
from apps.gateway.surfaces.base import Bill, Encoder, Parsed
from apps.providers.llm.base import Operation, Usage


class Responses:
    operation: ClassVar[Operation] = Operation.RESPONSES

    def parse(self, body: Any) -> Parsed:
        fields = checks.cleaned(body, responses_request.RULES)
        # A provider keeps answers unless it is told not to, in an account that many share.
        fields["store"] = False
        return checks.parsed(fields, required=("input",))

    def to_chat(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return responses_request.to_chat(body)

    def answer(
        self, body: dict[str, Any], parsed: Parsed, *, is_native: bool, usage: Usage, bill: Bill
    ) -> dict[str, Any]:
        if is_native:
            charged = responses_answer.usage_object(usage, bill)
            return {**body, "model": parsed.model, "usage": charged}
        skeleton = responses_answer.Skeleton(parsed, key=bill.call_id.replace("-", ""))
        answer = skeleton.ended(chat_blocks.whole(body), usage, bill)
        responses_answer.annotate(answer["output"], body)
        return answer

    def encoder(self, parsed: Parsed, *, is_native: bool) -> Encoder:
        if is_native:
            return responses_stream.NativeEncoder(parsed)
        return responses_stream.TranslatingEncoder(parsed)

    def refused(self, refusal: Refusal) -> dict[str, Any]:
        return errors.openai(refusal)


SURFACE = Responses()
