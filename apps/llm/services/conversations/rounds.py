"""Rounds as they are kept: a question and its answer, written down before the answer begins and once it has ended."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from apps.accounts.selectors import Identity
from apps.core.errors import DomainError
from apps.core.sentences import sentence
from apps.files.models import StoredFile
from apps.llm.models import Conversation, ConversationFile, Message
from apps.llm.selectors import conversations as selectors
from apps.llm.services.conversations.preparing import Busy, Opening, Prepared, checked_opening
from apps.providers.llm.base import Usage

BEAT_SECONDS = 10
_TITLE = 100
_ERROR = 300
State = Message.State


@dataclass(frozen=True, slots=True)
class Round:
    """One that is being answered. `answer_id` is its task; `is_new`: the conversation was made for it."""

    workspace_id: int
    conversation_id: uuid.UUID
    question_id: uuid.UUID
    answer_id: uuid.UUID
    asked_as: str
    is_new: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Ending:
    """What became of an answer."""

    state: str
    text: str = ""
    points: int = 0
    error_type: str = ""
    error: str = ""

    @classmethod
    def failed(cls, error: DomainError, *, text: str, points: int) -> "Ending":
        return cls(State.FAILED, text, points, error.type, error.message)


def open_conversation(*, identity: Identity, opening: Opening) -> Conversation:
    """An empty one: its first answer is what pays for it. Raises InvalidRequest or InvalidModel."""
    plain, assistant = checked_opening(identity=identity, opening=opening)
    return Conversation.objects.create(
        workspace_id=identity.workspace_id,
        model=plain.model,
        gizmo_id=plain.gizmo_id,
        assistant=assistant,
        created_by_id=identity.user_id,
        api_key_id=identity.key_id,
        expires_at=_kept_until(identity),
    )


@transaction.atomic
def begin(*, identity: Identity, prepared: Prepared, answer_id: uuid.UUID) -> Round:
    """Write the question down, and an answer yet to come. Raises Busy where another one came first."""
    if prepared.conversation is None:
        conversation = open_conversation(identity=identity, opening=prepared.opening)
    else:
        conversation = _locked(identity, prepared)
    if not conversation.title:
        conversation.title = _title(prepared)
    conversation.updated_at = timezone.now()
    conversation.expires_at = _kept_until(identity)
    conversation.save(update_fields=["title", "updated_at", "expires_at"])
    _keep_files(conversation)
    asked = _question(conversation, prepared)
    answer = _answer(conversation, prepared, answer_id)
    return Round(
        workspace_id=identity.workspace_id,
        conversation_id=conversation.pk,
        question_id=asked.pk,
        answer_id=answer_id,
        asked_as=conversation.model,
        is_new=prepared.conversation is None,
        created_at=answer.created_at,
    )


def _locked(identity: Identity, prepared: Prepared) -> Conversation:
    """The conversation, if it still is what the question was prepared for."""
    assert prepared.conversation is not None  # noqa: S101 - the caller has looked
    rows = Conversation.objects.of(identity.workspace_id).select_for_update()
    conversation = rows.get(pk=prepared.conversation.pk)
    end_lost(conversation)
    newest = Message.objects.of(identity.workspace_id).filter(conversation=conversation)
    number = newest.order_by("-number").values_list("number", flat=True).first() or 0
    if number != prepared.last_number:
        raise Busy(
            sentence("Somebody else has just asked in this conversation; ask again."), retry_after=2
        )
    return conversation


def end_lost(conversation: Conversation) -> None:
    """An answer whose gateway is gone ends as failed; it cost what the rows of its call say."""
    lost = Message.objects.of(conversation.workspace_id).filter(
        conversation=conversation, state=State.WRITING, beat_at__lt=timezone.now() - selectors.LOST
    )
    for answer in lost:
        points = selectors.charged(workspace_id=conversation.workspace_id, call=answer.pk)
        lost.filter(pk=answer.pk).update(
            state=State.FAILED,
            points=points,
            error_type="internal_error",
            error=sentence("The gateway that wrote this answer was lost."),
            ended_at=Now(),
        )


def _title(prepared: Prepared) -> str:
    words = " ".join(prepared.said.text.split()) or "Picture"
    return words if len(words) <= _TITLE else f"{words[: _TITLE - 1]}…"


def _question(conversation: Conversation, prepared: Prepared) -> Message:
    said = prepared.said
    return Message.objects.create(
        workspace_id=conversation.workspace_id,
        conversation=conversation,
        number=prepared.last_number + 1,
        role=Message.Role.USER,
        text=said.text,
        parts=said.parts,
        attachments=said.attachments,
        ended_at=timezone.now(),
    )


def _answer(conversation: Conversation, prepared: Prepared, answer_id: uuid.UUID) -> Message:
    frozen = 0
    if prepared.price is not None and not prepared.is_private:
        frozen = prepared.price.worst(Usage())
    now = timezone.now()
    return Message.objects.create(
        id=answer_id,
        workspace_id=conversation.workspace_id,
        conversation=conversation,
        number=prepared.last_number + 2,
        role=Message.Role.ASSISTANT,
        state=State.WRITING,
        model=prepared.model.name,
        is_private=prepared.is_private,
        frozen=frozen,
        created_at=now,
        beat_at=now,
    )


def beat(round: Round, *, text: str) -> None:
    """The answer is still being written, and this much is there."""
    _rows(round).update(text=text, beat_at=Now())


def finish(round: Round, ending: Ending) -> None:
    """Once; what comes later changes nothing. Without a first answer a new conversation was never made."""
    if round.is_new and ending.state == State.FAILED and not ending.text:
        Conversation.objects.of(round.workspace_id).filter(pk=round.conversation_id).delete()
        return
    changes: dict[str, Any] = {
        "state": ending.state,
        "text": ending.text,
        "points": ending.points,
        "error_type": ending.error_type,
        "error": ending.error[:_ERROR],
        "beat_at": Now(),
        "ended_at": Now(),
    }
    _rows(round).update(**changes)


def _rows(round: Round) -> Any:
    return Message.objects.of(round.workspace_id).filter(pk=round.answer_id, state=State.WRITING)


def _kept_until(identity: Identity) -> datetime:
    return timezone.now() + timedelta(days=identity.terms.retention_days)


def _keep_files(conversation: Conversation) -> None:
    """Its files stay as long as it does."""
    of_it = ConversationFile.objects.of(conversation.workspace_id).filter(conversation=conversation)
    stored = StoredFile.objects.of(conversation.workspace_id)
    stored.filter(pk__in=of_it.values("stored_id"), deleted_at=None).update(
        expires_at=conversation.expires_at
    )
