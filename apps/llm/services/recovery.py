"""After a gateway died: its streams are charged for what they delivered, its blocks settled."""

import logging
import uuid
from pathlib import Path
from typing import Any

from apps.core.sentences import sentence
from apps.llm.models import End, UsageSource
from apps.llm.services import blocks, journal
from apps.llm.services.attempts import Attempt
from apps.llm.services.recorder import insert_now
from apps.llm.services.taking_back import take_back
from apps.providers.llm.base import Usage

log = logging.getLogger(__name__)


def recover(folder: Path, *, but: str = "") -> int:
    """Write down and settle what dead processes of this machine left; says how many attempts. Safe to repeat.

    The rows come before the settlement, so they are charged; a stream's row that was written already stays as it is.
    """
    found = 0
    for gateway, slots, path in journal.read_dead(folder, but=but):
        attempts = [_attempt(slot) for slot in slots]
        if attempts:
            log.warning("attempts of a lost gateway", extra={"count": len(attempts)})
            # What is noted as under way did not leave, even where its row was committed.
            take_back([one.attempt for one in attempts if not one.is_stream])
            insert_now(attempts)
        blocks.settle_all(gateway=gateway)
        path.unlink(missing_ok=True)
        found += len(attempts)
    return found


def _attempt(slot: dict[str, Any]) -> Attempt:
    """The lost attempt: what was delivered is counted by our rule, a whole answer that never left costs nothing."""
    text_bytes = int(slot["text_bytes"])
    was_delivered = text_bytes > 0
    return Attempt(
        attempt=uuid.UUID(slot["attempt"]),
        call=uuid.UUID(slot["call"]),
        number=slot["number"],
        workspace_id=slot["workspace_id"],
        key_id=slot["key_id"],
        user_id=slot["user_id"],
        account_id=slot["account_id"],
        block_id=uuid.UUID(slot["block_id"]) if slot["block_id"] else None,
        price_version=slot["price_version"],
        model=slot["model"],
        operation=slot["operation"],
        provider=slot["provider"],
        request_id=slot["request_id"],
        is_stream=slot["is_stream"],
        is_private=slot["is_private"],
        end=End.GATEWAY_LOST.value,
        usage=Usage(
            input_tokens=slot["input_tokens"] if was_delivered else 0,
            output_tokens=(text_bytes + 3) // 4,
        ),
        usage_source=(UsageSource.COUNTED if was_delivered else UsageSource.NONE).value,
        points=int(slot["points"]) if slot["block_id"] and was_delivered else 0,
        error=sentence("The gateway that served it died."),
    )
