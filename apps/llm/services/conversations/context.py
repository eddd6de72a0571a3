"""What a model is told: instructions, parts of files, as much of what was said before as fits, and the question."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from apps.catalog.llm.model import LlmModel, Takes
from apps.llm.services.conversations.excerpts import Text, excerpt

# Of an average text a token is four bytes; of tables and names it is less.
_BYTES_PER_TOKEN = 3
_FRAME_TOKENS = 64
_LEAST_ANSWER = 128
_USUAL_WINDOW = 8_192
# Of what is left beside instructions and question: so much for files, before anything said earlier.
_FILES_SHARE = 0.7
_RULE = "Answer from these parts of files only. Where they do not say, say that they do not."
_THEN = "Using only the text above, answer the question: "
_FAITHFUL = 0.2


@dataclass(frozen=True, slots=True)
class Turn:
    """Something said before, by "user" or "assistant"."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Material:
    """What there is to tell besides the question. `notes` are about files without text."""

    instructions: str = ""
    texts: Sequence[Text] = ()
    notes: Sequence[str] = ()
    history: Sequence[Turn] = ()


def answer_tokens(model: LlmModel) -> int:
    """How long an answer may be: a quarter of the window at most."""
    window = model.context_tokens or _USUAL_WINDOW
    most = min(model.max_output_tokens or window, settings.GPTS_ANSWER_TOKENS)
    return max(_LEAST_ANSWER, min(most, window // 4))


def chat_body(
    *, model: LlmModel, material: Material, question: str, pictures: Sequence[str] = ()
) -> dict[str, Any]:
    """The body of a chat completion. `pictures` are data addresses."""
    system = system_text(material)
    room = _room(model) - len(system.encode())
    asked = with_files(material, question, most_bytes=room - len(question.encode()))
    room -= len(asked.encode())
    messages: list[dict[str, Any]] = []
    if system:
        messages.append({"role": "system", "content": system})
    messages += [
        {"role": one.role, "content": one.text} for one in _fitting(material.history, room)
    ]
    messages.append({"role": "user", "content": _shown(asked, pictures)})
    thinks = Takes.REASONING in model.takes
    limit = "max_completion_tokens" if thinks else "max_tokens"
    body = {"messages": messages, limit: answer_tokens(model)}
    # What files say is to be told, not to be made up; models that think choose for themselves.
    return {**body, "temperature": _FAITHFUL} if material.texts and not thinks else body


def system_text(material: Material) -> str:
    """Instructions, and what there is to say of files without text."""
    parts = [material.instructions.strip(), *material.notes]
    return "\n\n".join(part for part in parts if part)


def with_files(material: Material, question: str, *, most_bytes: int) -> str:
    """The question behind the parts of files that fit it best.

    Not in the system's message: small models overlook there what they are asked about, and a file has no authority.
    """
    if not material.texts:
        return question
    # A question like "and the second?" is about what was asked before.
    asked = " ".join([*(one.text for one in _last_asked(material.history)), question])
    room = most_bytes - len(_RULE) - len(_THEN)
    found = excerpt(material.texts, asked, most_bytes=int(room * _FILES_SHARE))
    return f"{_RULE}\n\n{found}\n\n{_THEN}{question}" if found else question


def room_for(model: LlmModel, *, taken_bytes: int) -> int:
    """Bytes left for instructions and files beside a question that came with its own history."""
    return max(0, _room(model) - taken_bytes)


def _room(model: LlmModel) -> int:
    window = model.context_tokens or _USUAL_WINDOW
    tokens = min(window - answer_tokens(model), settings.GPTS_CONTEXT_TOKENS) - _FRAME_TOKENS
    return max(0, tokens) * _BYTES_PER_TOKEN


def _last_asked(history: Sequence[Turn]) -> list[Turn]:
    return [one for one in history if one.role == "user"][-1:]


def _fitting(history: Sequence[Turn], room: int) -> list[Turn]:
    """The newest that fit, in their order, beginning with a question."""
    found: list[Turn] = []
    for turn in reversed(history):
        room -= len(turn.text.encode()) + 16
        if room < 0:
            break
        found.append(turn)
    if found and found[-1].role == "assistant":
        found.pop()
    return found[::-1]


def _shown(question: str, pictures: Sequence[str]) -> str | list[dict[str, Any]]:
    if not pictures:
        return question
    seen = [{"type": "image_url", "image_url": {"url": url}} for url in pictures]
    return [*seen, {"type": "text", "text": question}] if question else list(seen)
