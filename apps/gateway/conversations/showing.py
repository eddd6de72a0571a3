"""A round as a task, in the shape that all tasks have."""

from typing import Any

from apps.llm.models import Conversation, Message
from apps.llm.selectors.conversations import is_being_written
from apps.tasks.presentation import NO_ERROR, time_text

State = Message.State
# What a failed task says of why.
_FAILED, _MODERATED, _LOST, _CANCELLED = 11000, 11002, 11006, 11004
_CODES = {"prompt_rejected": _MODERATED, "internal_error": _LOST}


def task(answer: Message, asked: Message | None, conversation: Conversation) -> dict[str, Any]:
    """`data` of an answer; the contract's required keys are there in every state."""
    status = status_of(answer)
    return {
        "task_id": str(answer.pk),
        "model": conversation.model,
        "task_type": "conversation",
        "status": status,
        "config": {
            "service_mode": "private" if answer.is_private else "public",
            "webhook_config": {"endpoint": "", "secret": ""},
            "client_reference": "",
            "retention": "plan",
        },
        "input": _input(asked, conversation),
        "output": {
            "conversation_id": str(conversation.pk),
            "message_id": str(answer.pk),
            "text": answer.text,
        },
        "meta": _meta(answer, status),
        "detail": None,
        "logs": [],
        "error": _error(answer, status),
    }


def status_of(answer: Message) -> str:
    """Its state in the words of tasks. Stopped in the middle is completed, with what there is; before it, cancelled."""
    if answer.state == State.FINISHED:
        return "completed"
    if answer.state == State.STOPPED:
        return "completed" if answer.text else "cancelled"
    return "processing" if is_being_written(answer) else "failed"


def _input(asked: Message | None, conversation: Conversation) -> dict[str, Any]:
    found: dict[str, Any] = {"conversation_id": str(conversation.pk)}
    if conversation.gizmo_id:
        found["gizmo_id"] = conversation.gizmo_id
    if asked is not None:
        kind = "multimodal_text" if asked.parts else "text"
        found["content"] = {"content_type": kind, "parts": asked.parts or [asked.text]}
        if asked.attachments:
            found["metadata"] = {"attachments": asked.attachments}
    return found


def _meta(answer: Message, status: str) -> dict[str, Any]:
    is_free = status in ("failed", "cancelled") and not answer.points
    return {
        "created_at": time_text(answer.created_at),
        "started_at": time_text(answer.created_at),
        "ended_at": time_text(answer.ended_at),
        "usage": {
            "type": "point",
            "frozen": 0 if is_free or answer.is_private else max(answer.frozen, answer.points),
            "consume": answer.points,
        },
        "is_using_private_pool": answer.is_private,
    }


def _error(answer: Message, status: str) -> dict[str, Any]:
    if status not in ("failed", "cancelled"):
        return NO_ERROR
    if status == "cancelled":
        return {**NO_ERROR, "code": _CANCELLED, "message": "It was stopped before it began."}
    message = answer.error or "The gateway that wrote this answer was lost."
    kind = answer.error_type or "internal_error"
    return {**NO_ERROR, "code": _CODES.get(kind, _FAILED), "message": message}
