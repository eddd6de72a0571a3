"""A model of the LLM lane in words: what it does, where it is called, until when it is there."""

from datetime import date

from apps.catalog.llm.model import KINDS, LlmKind, LlmModel, Takes
from apps.catalog.llm.registry import retirement
from apps.providers.llm.base import Operation

_DOES = {
    LlmKind.CHAT: "Answers messages",
    LlmKind.EMBEDDING: "Turns texts into vectors, for search and comparison.",
    LlmKind.IMAGE: "Paints a picture from words, or changes one.",
    LlmKind.SPEECH: "Reads a text aloud.",
    LlmKind.TRANSCRIPTION: "Writes down what is said in a recording.",
    LlmKind.MODERATION: "Says whether a text breaks common rules.",
}
_TAKES = {
    Takes.IMAGE: "pictures",
    Takes.AUDIO: "sound",
    Takes.FILE: "files",
    Takes.TOOLS: "tools",
    Takes.JSON: "JSON output",
    Takes.REASONING: "reasoning",
}
_PATHS = {
    Operation.CHAT: "/v1/chat/completions",
    Operation.COMPLETIONS: "/v1/completions",
    Operation.RESPONSES: "/v1/responses",
    Operation.MESSAGES: "/v1/messages",
    Operation.EMBEDDINGS: "/v1/embeddings",
    Operation.IMAGES: "/v1/images/generations",
    Operation.IMAGE_EDITS: "/v1/images/edits",
    Operation.SPEECH: "/v1/audio/speech",
    Operation.TRANSCRIPTION: "/v1/audio/transcriptions",
    Operation.TRANSLATION: "/v1/audio/translations",
    Operation.MODERATION: "/v1/moderations",
}


def summary(model: LlmModel) -> str:
    """One sentence."""
    does = _DOES[model.kind]
    if model.kind is not LlmKind.CHAT:
        return does
    return f"{does}; works with {_listed(takes(model))}." if model.takes else f"{does} in text."


def takes(model: LlmModel) -> list[str]:
    """What may be in a request besides text."""
    return [words for one, words in _TAKES.items() if one in model.takes]


def endpoints(model: LlmModel) -> list[str]:
    """The paths below the base address that serve it."""
    return [path for operation, path in _PATHS.items() if KINDS[operation] is model.kind]


def ending(model: LlmModel, today: date) -> str:
    """The note about its end; empty where none is known."""
    if model.retired_on is not None and model.is_retired(today):
        return retirement(model)
    instead = f" {model.replaced_by} follows it." if model.replaced_by else ""
    if model.retired_on is not None:
        return f"It ends here on {_day(model.retired_on)}.{instead}"
    if model.deprecated_on is None:
        return ""
    if model.deprecated_on <= today:
        return f"Its vendor stopped serving it on {_day(model.deprecated_on)}.{instead}"
    return f"Its vendor stops serving it on {_day(model.deprecated_on)}.{instead}"


def _day(day: date) -> str:
    return f"{day.day} {day:%B %Y}"


def _listed(words: list[str]) -> str:
    *some, last = words
    return f"{', '.join(some)} and {last}" if some else last
