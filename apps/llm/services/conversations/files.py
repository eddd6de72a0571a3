"""Files of conversations: kept with them, paid for when they come and when they go out."""

import uuid

from django.db.models.functions import Now

from apps.accounts.selectors import Identity
from apps.core.errors import InvalidRequest
from apps.core.sentences import sentence
from apps.files.models import StoredFile
from apps.files.services import store
from apps.llm.models import Conversation, ConversationFile
from apps.llm.selectors import conversations as selectors
from apps.llm.services.admission import DISABLED, Disabled
from apps.llm.services.conversations import prices
from apps.llm.services.conversations.extraction import Extracted
from apps.llm.services.conversations.preparing import content_of

_MOST_FILES = 20
_BATCH = 200


def add(*, identity: Identity, conversation_id: str, found: Extracted) -> ConversationFile:
    """Keep a file that was read, and charge for it. Raises a DomainError: then nothing is kept or charged."""
    if not identity.is_enabled:
        raise Disabled(DISABLED)
    conversation = selectors.conversation(
        workspace_id=identity.workspace_id, conversation_id=conversation_id
    )
    there = selectors.files(workspace_id=identity.workspace_id, conversation_id=conversation.pk)
    if len(there) >= _MOST_FILES:
        raise InvalidRequest.field(
            "file", sentence("A conversation has at most {most} files.", most=_MOST_FILES)
        )
    # The bytes first: no storage is waited for while the wallet is locked.
    stored = store.keep(
        workspace_id=identity.workspace_id,
        kind=StoredFile.Kind.INPUT,
        content=store.Content(found.data, found.content_type, found.extension),
        expires_at=conversation.expires_at,
    )
    try:
        return _paid(identity, conversation, stored, found)
    except BaseException:
        store.discard([stored])
        raise


def _paid(
    identity: Identity, conversation: Conversation, stored: StoredFile, found: Extracted
) -> ConversationFile:
    file = ConversationFile(
        workspace_id=identity.workspace_id,
        conversation=conversation,
        stored=stored,
        width=found.width,
        height=found.height,
        name=found.name,
        content_type=found.content_type,
        size=len(found.data),
        text=found.text,
        pages=found.pages,
        note=found.note,
    )
    with prices.file_paid(identity=identity, reference=f"gpts:file:{file.pk}"):
        file.save(force_insert=True)
    return file


def download(
    *, identity: Identity, conversation_id: str, file_id: str
) -> tuple[ConversationFile, bytes]:
    """A file with its bytes, paid for once more. Raises NotFound, InsufficientCredits, SpendLimitReached."""
    file = selectors.file(
        workspace_id=identity.workspace_id, conversation_id=conversation_id, file_id=file_id
    )
    data = content_of(file)
    with prices.file_paid(identity=identity, reference=f"gpts:download:{uuid.uuid4()}"):
        return file, data


def remove_conversation(*, workspace_id: int, conversation_id: str) -> None:
    """With its messages and files. Raises NotFound."""
    conversation = selectors.conversation(
        workspace_id=workspace_id, conversation_id=conversation_id
    )
    files = selectors.files(workspace_id=workspace_id, conversation_id=conversation.pk)
    conversation.delete()
    store.discard([one.stored for one in files if one.stored is not None])


def forget(*, most: int = 10_000) -> None:
    """Remove the conversations whose time is over, in batches."""
    for _ in range(0, most, _BATCH):
        if not remove_expired():
            return


def remove_expired(*, limit: int = _BATCH) -> int:
    """Some of those whose time is over, by the database's clock. Says how many went."""
    due = Conversation.objects.across_workspaces().filter(expires_at__lte=Now())
    found = list(due.order_by("expires_at")[:limit])
    for one in found:
        remove_conversation(workspace_id=one.workspace_id, conversation_id=str(one.pk))
    return len(found)
