"""A model of the LLM lane in words: what it does, where it is called, until when it is there."""

from datetime import date

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext

from apps.catalog.llm.model import KINDS, LlmKind, LlmModel, Takes
from apps.providers.llm.base import Operation
from apps.site.words import listed

# What chat models do, `summary` says.
_DOES = {
    LlmKind.EMBEDDING: gettext_noop("Turns texts into vectors, for search and comparison."),
    LlmKind.IMAGE: gettext_noop("Paints a picture from words, or changes one."),
    LlmKind.SPEECH: gettext_noop("Reads a text aloud."),
    LlmKind.TRANSCRIPTION: gettext_noop("Writes down what is said in a recording."),
    LlmKind.MODERATION: gettext_noop("Says whether a text breaks common rules."),
}
_TAKES = {
    Takes.IMAGE: gettext_noop("pictures"),
    Takes.AUDIO: gettext_noop("sound"),
    Takes.FILE: gettext_noop("files"),
    Takes.TOOLS: gettext_noop("tools"),
    Takes.JSON: gettext_noop("JSON output"),
    Takes.REASONING: gettext_noop("reasoning"),
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
    if model.kind is not LlmKind.CHAT:
        return _(_DOES[model.kind])
    if not model.takes:
        return _("Answers messages in text.")
    return _("Answers messages; works with {list}.").format(list=listed(takes(model)))


def takes(model: LlmModel) -> list[str]:
    """What may be in a request besides text."""
    return [_(words) for one, words in _TAKES.items() if one in model.takes]


def endpoints(model: LlmModel) -> list[str]:
    """The paths below the base address that serve it."""
    return [path for operation, path in _PATHS.items() if KINDS[operation] is model.kind]


def ending(model: LlmModel, today: date) -> str:
    """The note about its end; empty where none is known."""
    if model.retired_on is not None and model.is_retired(today):
        return _retirement(model, model.retired_on)
    day, words = model.retired_on, _("It ends here on {day}.")
    if day is None:
        day, words = model.deprecated_on, _("Its vendor stops serving it on {day}.")
        if day is None:
            return ""
        if day <= today:
            words = _("Its vendor stopped serving it on {day}.")
    said = words.format(day=_day(day))
    if not model.replaced_by:
        return said
    return _("{sentence} {model} follows it.").format(sentence=said, model=model.replaced_by)


def _retirement(model: LlmModel, day: date) -> str:
    """As the API says it (apps.catalog.llm.registry)."""
    if not model.replaced_by:
        return _("The model {model} was retired on {day}.").format(model=model.name, day=day)
    return _("The model {model} was retired on {day}; use {other} instead.").format(
        model=model.name, day=day, other=model.replaced_by
    )


def _day(day: date) -> str:
    return date_format(day, pgettext("format of a date", "j F Y"))
