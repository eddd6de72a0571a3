"""Units of prices as pages say them. The rates themselves, the API and tables for spreadsheets stay English."""

from django.utils.translation import pgettext_lazy

_WORDS = {
    "task": pgettext_lazy("unit", "task"),
    "image": pgettext_lazy("unit", "image"),
    "video": pgettext_lazy("unit", "video"),
    "model": pgettext_lazy("unit", "model"),
    "s": pgettext_lazy("unit", "s"),
    "5 s": pgettext_lazy("unit", "5 s"),
    "1000 characters": pgettext_lazy("unit", "1000 characters"),
    "1M tokens read": pgettext_lazy("unit", "1M tokens read"),
    "1M tokens read from a cache": pgettext_lazy("unit", "1M tokens read from a cache"),
    "1M tokens written to a cache": pgettext_lazy("unit", "1M tokens written to a cache"),
    "1M tokens written": pgettext_lazy("unit", "1M tokens written"),
    "1M tokens of reasoning": pgettext_lazy("unit", "1M tokens of reasoning"),
    "1M tokens of sound heard": pgettext_lazy("unit", "1M tokens of sound heard"),
    "1M tokens of sound spoken": pgettext_lazy("unit", "1M tokens of sound spoken"),
    "1M characters": pgettext_lazy("unit", "1M characters"),
    "minute": pgettext_lazy("unit", "minute"),
    "answer": pgettext_lazy("unit", "answer"),
    "answer without a picture": pgettext_lazy("unit", "answer without a picture"),
}


def unit_words(unit: str) -> str:
    """The unit in the language of the page; one that has no words here as it is."""
    return str(_WORDS.get(unit, unit))
