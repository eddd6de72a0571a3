"""Assistants: models with instructions and files, which a workspace makes for itself."""

import secrets
import string
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.accounts.selectors import Identity
from apps.catalog.llm.model import LlmKind
from apps.catalog.llm.registry import llm_model
from apps.core.errors import InvalidRequest, NotFound
from apps.core.sentences import sentence
from apps.files.models import StoredFile
from apps.files.services import store
from apps.llm.models import Assistant, AssistantFile
from apps.llm.selectors import conversations as selectors
from apps.llm.services.admission import DISABLED, Disabled
from apps.llm.services.conversations.context import Material, room_for, system_text, with_files
from apps.llm.services.conversations.excerpts import Text
from apps.llm.services.conversations.extraction import Extracted
from apps.llm.services.conversations.preparing import GIZMO

_MOST = 100
_MOST_FILES = 20
_LONGEST_INSTRUCTIONS = 20_000
_LETTERS = string.ascii_letters + string.digits
# As long as the assistant is there; nobody waits for this.
_FOR_GOOD = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class Terms:
    """What a person says of an assistant."""

    name: str
    instructions: str
    model: str


def create(*, identity: Identity, terms: Terms) -> Assistant:
    """Raises InvalidRequest that names the field."""
    _check(identity, terms)
    if selectors.assistants(workspace_id=identity.workspace_id).count() >= _MOST:
        raise InvalidRequest(
            sentence("A workspace has at most {most} assistants: delete one first.", most=_MOST)
        )
    return Assistant.objects.create(
        workspace_id=identity.workspace_id,
        public_id=f"g-{''.join(secrets.choice(_LETTERS) for _ in range(16))}",
        name=terms.name.strip(),
        instructions=terms.instructions.strip(),
        model=terms.model,
        created_by_id=identity.user_id,
    )


def change(*, identity: Identity, public_id: str, terms: Terms) -> Assistant:
    """From the next question on. Raises NotFound or InvalidRequest."""
    assistant = selectors.assistant(workspace_id=identity.workspace_id, public_id=public_id)
    _check(identity, terms)
    assistant.name, assistant.model = terms.name.strip(), terms.model
    assistant.instructions = terms.instructions.strip()
    assistant.updated_at = timezone.now()
    assistant.save(update_fields=["name", "model", "instructions", "updated_at"])
    return assistant


def _check(identity: Identity, terms: Terms) -> None:
    if not identity.is_enabled:
        raise Disabled(DISABLED)
    if not terms.name.strip() or len(terms.name) > 100:
        raise InvalidRequest.field("name", sentence("Give a name of 1 to 100 characters."))
    if len(terms.instructions) > _LONGEST_INSTRUCTIONS:
        raise InvalidRequest.field(
            "instructions",
            sentence("At most {most} characters are read.", most=_LONGEST_INSTRUCTIONS),
        )
    if terms.model.startswith(GIZMO) or llm_model(terms.model).kind is not LlmKind.CHAT:
        raise InvalidRequest.field("model", sentence("Choose a model that holds conversations."))


def delete(*, workspace_id: int, public_id: str) -> None:
    """With its files; conversations with it stay readable. Raises NotFound."""
    assistant = selectors.assistant(workspace_id=workspace_id, public_id=public_id)
    files = selectors.assistant_files(workspace_id=workspace_id, assistant_id=assistant.pk)
    assistant.delete()
    store.discard([one.stored for one in files if one.stored is not None])


def add_file(*, identity: Identity, public_id: str, found: Extracted) -> AssistantFile:
    """Raises NotFound or InvalidRequest: then nothing is kept."""
    assistant = selectors.assistant(workspace_id=identity.workspace_id, public_id=public_id)
    there = selectors.assistant_files(workspace_id=identity.workspace_id, assistant_id=assistant.pk)
    if len(there) >= _MOST_FILES:
        raise InvalidRequest.field(
            "file", sentence("An assistant has at most {most} files.", most=_MOST_FILES)
        )
    if found.width is not None:
        raise InvalidRequest.field(
            "file", sentence("An assistant reads texts; show pictures in a message.")
        )
    stored = store.keep(
        workspace_id=identity.workspace_id,
        kind=StoredFile.Kind.INPUT,
        content=store.Content(found.data, found.content_type, found.extension),
        expires_at=timezone.now() + _FOR_GOOD,
    )
    with transaction.atomic():
        return AssistantFile.objects.create(
            workspace_id=identity.workspace_id,
            assistant=assistant,
            stored=stored,
            name=found.name,
            content_type=found.content_type,
            size=len(found.data),
            text=found.text,
            pages=found.pages,
            note=found.note,
        )


def remove_file(*, workspace_id: int, public_id: str, file_id: str) -> None:
    """Raises NotFound."""
    assistant = selectors.assistant(workspace_id=workspace_id, public_id=public_id)
    files = selectors.assistant_files(workspace_id=workspace_id, assistant_id=assistant.pk)
    file = next((one for one in files if one.public_id == file_id), None)
    if file is None:
        raise NotFound(sentence("There is no such file."))
    file.delete()
    if file.stored is not None:
        store.discard([file.stored])


def as_chat(*, workspace_id: int, model: str, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """A chat completion that names a GPT, as its assistant has it answered; as it was where there is no such assistant.

    Blocks: it reads the database.
    """
    try:
        assistant = selectors.assistant(
            workspace_id=workspace_id, public_id=model.removeprefix(f"{GIZMO}-")
        )
    except NotFound:
        return model, body
    files = selectors.assistant_files(workspace_id=workspace_id, assistant_id=assistant.pk)
    material = Material(
        instructions=assistant.instructions,
        texts=[Text(one.name, one.text) for one in files if one.text],
    )
    messages = body["messages"]
    said = [_text_of(one) for one in messages if isinstance(one, dict)]
    room = room_for(llm_model(assistant.model), taken_bytes=sum(len(one.encode()) for one in said))
    if material.texts and said and messages[-1].get("role") == "user":
        asked = with_files(material, said[-1], most_bytes=room)
        messages = [*messages[:-1], _with_text(messages[-1], asked)]
    if system := system_text(material):
        messages = [{"role": "system", "content": system}, *messages]
    return assistant.model, {**body, "messages": messages}


def _with_text(message: dict[str, Any], text: str) -> dict[str, Any]:
    """The message with another text; pictures and sounds in it stay."""
    content = message.get("content")
    if not isinstance(content, list):
        return {**message, "content": text}
    others = [one for one in content if not (isinstance(one, dict) and one.get("type") == "text")]
    return {**message, "content": [*others, {"type": "text", "text": text}]}


def _text_of(message: dict[str, Any]) -> str:
    content = message.get("content")
    if isinstance(content, list):
        parts = [one.get("text") for one in content if isinstance(one, dict)]
        content = "\n".join(one for one in parts if isinstance(one, str))
    return content if isinstance(content, str) else ""
