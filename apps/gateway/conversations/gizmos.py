"""GPTs in `/v1/chat/completions`: the name of a workspace's assistant stands for its model, instructions and files."""

from dataclasses import replace

from apps.accounts.selectors import Identity
from apps.core.threads import in_thread
from apps.gateway.surfaces.base import Parsed
from apps.llm.services.conversations import assistants
from apps.llm.services.conversations.preparing import GIZMO
from apps.providers.llm.base import Operation

_PREFIX = f"{GIZMO}-"


async def resolved(parsed: Parsed, *, operation: Operation, identity: Identity) -> Parsed:
    """The request as the assistant has it answered. Everything else as it is, and without asking anybody."""
    if operation is not Operation.CHAT or not parsed.model.startswith(_PREFIX):
        return parsed
    model, body = await in_thread(
        assistants.as_chat, workspace_id=identity.workspace_id, model=parsed.model, body=parsed.body
    )
    return replace(parsed, model=model, body=body)
