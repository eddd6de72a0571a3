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
_RULE = (
    "Below are parts of the files of this conversation. Answer from them only, in your own words. "
    "Where they do not say, say that the files do not tell."
)


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
    room = _room(model) - len(question.encode())
    system = system_text(material, question, most_bytes=room)
    room -= len(system.encode())
    messages: list[dict[str, Any]] = []
    if system:
        messages.append({"role": "system", "content": system})
    messages += [
        {"role": one.role, "content": one.text} for one in _fitting(material.history, room)
    ]
    messages.append({"role": "user", "content": _asked(question, pictures)})
    limit = "max_completion_tokens" if Takes.REASONING in model.takes else "max_tokens"
    return {"messages": messages, limit: answer_tokens(model)}


def system_text(material: Material, question: str, *, most_bytes: int) -> str:
    """Instructions, then the parts of files that fit the question best."""
    parts = [material.instructions.strip()] if material.instructions.strip() else []
    if material.texts:
        room = most_bytes - sum(len(part.encode()) for part in parts) - len(_RULE)
        # A question like "and the second?" is about what was asked before.
        asked = " ".join([*(one.text for one in _last_asked(material.history)), question])
        found = excerpt(material.texts, asked, most_bytes=int(room * _FILES_SHARE))
        parts += [_RULE, found]
    parts += material.notes
    return "\n\n".join(parts)


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


def _asked(question: str, pictures: Sequence[str]) -> str | list[dict[str, Any]]:
    if not pictures:
        return question
    seen = [{"type": "image_url", "image_url": {"url": url}} for url in pictures]
    return [*seen, {"type": "text", "text": question}] if question else list(seen)
