"""From what somebody says in a conversation to what a model is asked. Reads; nothing is written or charged here."""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from apps.accounts.policies import Feature
from apps.accounts.selectors import Identity
from apps.catalog.llm.model import LlmModel, Takes
from apps.catalog.llm.pricing import LlmPrice
from apps.catalog.llm.registry import llm_model
from apps.core.errors import DomainError, InvalidRequest, NotFound, PlanRequired
from apps.core.sentences import sentence
from apps.files.services import media, store
from apps.llm.models import Assistant, Conversation, ConversationFile, Message
from apps.llm.selectors import conversations as selectors
from apps.llm.services.conversations import prices
from apps.llm.services.conversations.context import Material, Turn, chat_body
from apps.llm.services.conversations.excerpts import Text
from apps.llm.services.conversations.prices import FAMILY
from apps.providers.llm.base import Operation

GIZMO = "gpt-4-gizmo"
# Models of this machine are for everybody, whatever the plan.
_OPEN = "local-"
_GIZMO_ID = re.compile(r"g-[A-Za-z0-9]{1,64}")
_MOST_PICTURES = 8


class Busy(DomainError):
    """One answer at a time in a conversation."""

    type = "concurrency_exceeded"


@dataclass(frozen=True, slots=True)
class Said:
    """A question. `parts`, `attachments`: as they were sent, where it is more than a text. `pictures` are file ids."""

    text: str
    parts: list[Any] = field(default_factory=list)
    pictures: tuple[str, ...] = ()
    attachments: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Opening:
    """What a conversation is begun with. `gizmo_id` only with the model gpt-4-gizmo."""

    model: str
    gizmo_id: str = ""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question that can be asked. `conversation` is None where it is yet to be made, from `opening` and `assistant`.

    `model` answers; `is_foreign`: it is a GPT that only an upstream knows. `price` None: it costs its tokens.
    """

    opening: Opening
    conversation: Conversation | None
    assistant: Assistant | None
    said: Said
    model: LlmModel
    is_private: bool
    is_foreign: bool
    price: LlmPrice | None
    last_number: int
    body: dict[str, Any] = field(repr=False)


def checked_opening(*, identity: Identity, opening: Opening) -> tuple[Opening, Assistant | None]:
    """The opening in its plain form, with the assistant it names. Raises InvalidRequest or InvalidModel."""
    model, gizmo_id = opening.model, opening.gizmo_id
    if model.startswith(f"{GIZMO}-"):
        model, gizmo_id = GIZMO, model.removeprefix(f"{GIZMO}-")
    if model != GIZMO:
        if llm_model(model).kind.value != "chat":
            raise InvalidRequest.field(
                "model", sentence("{model} does not hold conversations.", model=model)
            )
        return Opening(model), None
    if not _GIZMO_ID.fullmatch(gizmo_id):
        raise InvalidRequest.field(
            "gizmo_id", sentence("Give the id of a GPT, such as g-3w1rEXGE0.")
        )
    return Opening(GIZMO, gizmo_id), _assistant(identity, gizmo_id)


def prepare(
    *,
    identity: Identity,
    said: Said,
    service_mode: str,
    opening: Opening | None = None,
    conversation_id: str = "",
) -> Prepared:
    """Either of `opening` and `conversation_id`. Raises a DomainError for what cannot be asked.

    Blocks: it reads the database and pictures.
    """
    conversation = None
    if opening is None:
        conversation = selectors.conversation(
            workspace_id=identity.workspace_id, conversation_id=conversation_id
        )
        opening = Opening(conversation.model, conversation.gizmo_id)
        assistant = conversation.assistant
    else:
        opening, assistant = checked_opening(identity=identity, opening=opening)
    model = _answering(opening, assistant)
    is_private = _is_private(identity, model, service_mode)
    _check_plan(identity, model, is_private=is_private)
    earlier = _earlier(conversation)
    _check_free(earlier)
    is_first = not any(
        one.role == Message.Role.ASSISTANT and (one.text or one.points) for one in earlier
    )
    return Prepared(
        opening=opening,
        conversation=conversation,
        assistant=assistant,
        said=said,
        model=model,
        is_private=is_private,
        is_foreign=opening.model == GIZMO and assistant is None,
        price=prices.round_price(model=model.name, is_first=is_first),
        last_number=earlier[-1].number if earlier else 0,
        body=_body(model, conversation, assistant, said, earlier),
    )


def _assistant(identity: Identity, gizmo_id: str) -> Assistant | None:
    try:
        return selectors.assistant(workspace_id=identity.workspace_id, public_id=gizmo_id)
    except NotFound:
        return None


def _answering(opening: Opening, assistant: Assistant | None) -> LlmModel:
    if assistant is not None:
        return llm_model(assistant.model)
    if opening.model == GIZMO:
        return llm_model(f"{GIZMO}-{opening.gizmo_id}")
    model = llm_model(opening.model)
    if not model.serves(Operation.CHAT):
        raise InvalidRequest.field(
            "model", sentence("{model} does not hold conversations.", model=opening.model)
        )
    return model


def _is_private(identity: Identity, model: LlmModel, service_mode: str) -> bool:
    if service_mode not in ("", "public", "private"):
        raise InvalidRequest.field(
            "service_mode", sentence("Use public, private or leave it empty.")
        )
    if service_mode:
        return service_mode == "private"
    # There are no accounts for what runs on this machine.
    return FAMILY in identity.private_families and not model.name.startswith(_OPEN)


def _check_plan(identity: Identity, model: LlmModel, *, is_private: bool) -> None:
    if is_private or model.name.startswith(_OPEN) or identity.terms.includes(Feature.PUBLIC_GPTS):
        return
    raise PlanRequired(
        sentence(
            "Conversations with {model} are available from the Developer plan up, or on an own account.",
            model=model.name,
        ),
        detail={"plan": identity.plan, "needed_feature": str(Feature.PUBLIC_GPTS)},
    )


def _earlier(conversation: Conversation | None) -> list[Message]:
    if conversation is None:
        return []
    return selectors.messages(
        workspace_id=conversation.workspace_id, conversation_id=conversation.pk
    )


def _check_free(earlier: Sequence[Message]) -> None:
    if any(selectors.is_being_written(one) for one in earlier):
        raise Busy(
            sentence("This conversation is still answering: wait for its end or stop it."),
            retry_after=5,
        )


def _body(
    model: LlmModel,
    conversation: Conversation | None,
    assistant: Assistant | None,
    said: Said,
    earlier: Sequence[Message],
) -> dict[str, Any]:
    files = _files(conversation)
    material = Material(
        instructions=assistant.instructions if assistant else "",
        texts=[*_texts_of(assistant), *_texts(files, said)],
        notes=[f"[{one.name}] {one.note}" for one in files if one.note and not one.is_image],
        history=_history(earlier),
    )
    pictures = _pictures(model, files, said)
    return chat_body(model=model, material=material, question=said.text, pictures=pictures)


def _files(conversation: Conversation | None) -> list[ConversationFile]:
    if conversation is None:
        return []
    return selectors.files(workspace_id=conversation.workspace_id, conversation_id=conversation.pk)


def _texts_of(assistant: Assistant | None) -> list[Text]:
    if assistant is None:
        return []
    rows = selectors.assistant_files(workspace_id=assistant.workspace_id, assistant_id=assistant.pk)
    return [Text(one.name, one.text) for one in rows if one.text]


def _texts(files: Sequence[ConversationFile], said: Said) -> list[Text]:
    """Of the files that the question names; of all where it names none."""
    named = [_found(files, str(one.get("id", ""))) for one in said.attachments]
    chosen = [one for one in named if not one.is_image] or files
    return [Text(one.name, one.text) for one in chosen if one.text]


def _found(files: Sequence[ConversationFile], file_id: str) -> ConversationFile:
    for one in files:
        if one.public_id == file_id:
            return one
    words = sentence(
        "There is no file {id} in this conversation: upload it to it first.", id=file_id[:60]
    )
    raise NotFound(words)


def _pictures(model: LlmModel, files: Sequence[ConversationFile], said: Said) -> list[str]:
    if not said.pictures:
        return []
    if Takes.IMAGE not in model.takes:
        words = sentence(
            "{model} cannot see pictures; ask a model that can, e.g. gpt-4o.", model=model.name
        )
        raise InvalidRequest.field("content.parts", words)
    if len(said.pictures) > _MOST_PICTURES:
        words = sentence("Show at most {most} pictures.", most=_MOST_PICTURES)
        raise InvalidRequest.field("content.parts", words)
    return [_shown(_found(files, file_id)) for file_id in said.pictures]


def _shown(file: ConversationFile) -> str:
    if not file.is_image:
        words = sentence("{name} is no picture.", name=file.name)
        raise InvalidRequest.field("content.parts", words)
    data = content_of(file)
    return f"data:{file.content_type};base64,{base64.b64encode(data).decode()}"


def content_of(file: ConversationFile) -> bytes:
    """Its bytes. Raises NotFound where they are not kept any more."""
    try:
        if file.stored is not None:
            return media.fetch(url=store.url_of(file.stored))
    except media.MediaUnavailable:
        pass
    raise NotFound(sentence("The file is not kept any more."))


def _history(earlier: Sequence[Message]) -> list[Turn]:
    """Rounds that were answered, whole or in part."""
    found: list[Turn] = []
    asked: Message | None = None
    for one in earlier:
        if one.role == Message.Role.USER:
            asked = one
        elif one.text and asked is not None:
            found += [Turn("user", asked.text), Turn("assistant", one.text)]
            asked = None
    return found
