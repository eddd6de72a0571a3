"""Finding conversations, their messages and files, and assistants: always by whose they are."""

import uuid
from collections.abc import Sequence
from datetime import timedelta

from django.db.models import Count, QuerySet, Sum
from django.utils import timezone

from apps.core.errors import NotFound
from apps.core.sentences import sentence
from apps.llm.models import (
    Assistant,
    AssistantFile,
    Conversation,
    ConversationFile,
    Message,
    Usage,
)

# An answer nobody has written on for so long has lost its gateway.
LOST = timedelta(seconds=60)
_MOST_HISTORY = 200
_NOBODYS = uuid.UUID(int=0)


def conversation(*, workspace_id: int, conversation_id: str | uuid.UUID) -> Conversation:
    """With its assistant. Raises NotFound."""
    found = (
        Conversation.objects.of(workspace_id)
        .filter(pk=_uuid(conversation_id))
        .select_related("assistant")
        .first()
    )
    if found is None:
        raise NotFound(sentence("There is no such conversation."))
    return found


def newest_conversations(*, workspace_id: int) -> QuerySet[Conversation]:
    """With `files_count`, what was answered last first."""
    return (
        Conversation.objects.of(workspace_id)
        .select_related("assistant", "created_by")
        .annotate(files_count=Count("files"))
        .order_by("-updated_at")
    )


def messages(*, workspace_id: int, conversation_id: uuid.UUID) -> list[Message]:
    """The newest of them, in their order."""
    rows = Message.objects.of(workspace_id).filter(conversation_id=conversation_id)
    return list(rows.order_by("-number")[:_MOST_HISTORY])[::-1]


def is_being_written(message: Message) -> bool:
    """Whether a gateway is at it at this moment."""
    return message.state == Message.State.WRITING and message.beat_at > timezone.now() - LOST


def answer(*, workspace_id: int, answer_id: str) -> tuple[Message, Message | None]:
    """An answer by the id of its task, and its question. Raises NotFound."""
    rows = Message.objects.of(workspace_id)
    found = rows.filter(pk=_uuid(answer_id), role=Message.Role.ASSISTANT).first()
    if found is None:
        raise NotFound(sentence("There is no such task."))
    asked = rows.filter(conversation_id=found.conversation_id, number=found.number - 1).first()
    return found, asked


def charged(*, workspace_id: int, call: uuid.UUID) -> int:
    """What the rows of a call say it cost."""
    rows = Usage.objects.of(workspace_id).filter(call=call)
    return int(rows.aggregate(total=Sum("points"))["total"] or 0)


def files(*, workspace_id: int, conversation_id: uuid.UUID) -> list[ConversationFile]:
    """Oldest first."""
    rows = ConversationFile.objects.of(workspace_id).filter(conversation_id=conversation_id)
    return list(rows.select_related("stored").order_by("created_at", "id"))


def file(*, workspace_id: int, conversation_id: str, file_id: str) -> ConversationFile:
    """A file of this conversation. Raises NotFound."""
    rows = ConversationFile.objects.of(workspace_id).select_related("stored", "conversation")
    found = rows.filter(
        pk=_uuid(file_id.removeprefix("file-")), conversation_id=_uuid(conversation_id)
    ).first()
    if found is None:
        raise NotFound(sentence("There is no such file in this conversation."))
    return found


def assistants(*, workspace_id: int) -> QuerySet[Assistant]:
    """With `files_count`, newest first."""
    rows = Assistant.objects.of(workspace_id).annotate(files_count=Count("files"))
    return rows.order_by("-created_at")


def assistant(*, workspace_id: int, public_id: str) -> Assistant:
    """Raises NotFound."""
    found = Assistant.objects.of(workspace_id).filter(public_id=public_id).first()
    if found is None:
        raise NotFound(sentence("There is no such assistant."))
    return found


def assistant_files(*, workspace_id: int, assistant_id: uuid.UUID) -> Sequence[AssistantFile]:
    """Oldest first."""
    rows = AssistantFile.objects.of(workspace_id).filter(assistant_id=assistant_id)
    return list(rows.select_related("stored").order_by("created_at", "id"))


def _uuid(value: str | uuid.UUID) -> uuid.UUID:
    """What is no id is nobody's."""
    if isinstance(value, uuid.UUID):
        return value
    try:
        return uuid.UUID(value)
    except ValueError:
        return _NOBODYS
