"""Attempts as a call hands them to be written."""

import uuid

from apps.llm.models import CreditBlock
from apps.llm.services.attempts import Attempt
from apps.providers.llm.base import Usage


def attempt_of(block: CreditBlock, *, points: int, call: uuid.UUID | None = None) -> Attempt:
    """One that ended well and is charged to the block."""
    return Attempt(
        call=call or uuid.uuid4(),
        number=1,
        workspace_id=block.workspace_id,
        key_id=block.api_key_id,
        user_id=block.user_id,
        model="gpt-4o-mini",
        operation="chat",
        provider="openai",
        request_id="req_test",
        is_stream=False,
        block_id=block.pk,
        end="completed",
        usage=Usage(input_tokens=10, output_tokens=3),
        usage_source="reported",
        points=points,
    )
