"""What the domain says of tasks, calls and files, in the reader's language: also what was stored, which is English."""

import re
from collections.abc import Sequence
from functools import cache

from django.conf import settings
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_noop as _

from apps.core.sentences import Sentence, said

# Where one stored sentence ends and the next begins.
_BETWEEN = re.compile(r"(?<=\.) (?=[A-Z])")
_VALUE = re.compile(r"\{(\w+)\}")
_FULL_STOP = "。"
# What is stored with values in it.
_WITH_VALUES = (
    _("The URL's server answered {status}."),
    _("The file behind the URL is larger than {size}."),
    _("The result names more than {most} files."),
    _("Incorrect task {number} of today: above {threshold} a day the held amount is kept."),
    _("Only the first {count} of {all} pages were read."),
    _("Only the first {most} million characters were read."),
    _("No account can serve {model} now."),
    _("No own account can serve {model} now."),
    _("The provider rejected the prompt: {said}"),
    _("The provider refused the request: {said}"),
)


def told(text: str) -> str:
    """As much of it as is known, sentence by sentence. What a provider said itself stays as it is."""
    if isinstance(text, Sentence):
        return said(text)
    if not text or get_language() in (None, settings.LANGUAGE_CODE):
        return text
    return _known(text) or _told_in_parts(text)


def _told_in_parts(text: str) -> str:
    found = ""
    for part in _BETWEEN.split(text):
        # Chinese has no space between sentences.
        space = " " if found and not found.endswith(_FULL_STOP) else ""
        found += space + (_known(part) or part)
    return found


def _known(text: str) -> str:
    """Empty where it is not known."""
    whole = said(text)
    if whole != text:
        return whole
    for words, pattern in _patterns():
        if found := pattern.fullmatch(text):
            return gettext(words).format(**found.groupdict())
    return ""


@cache
def _patterns() -> Sequence[tuple[str, re.Pattern[str]]]:
    return tuple((words, _pattern(words)) for words in _WITH_VALUES)


def _pattern(words: str) -> re.Pattern[str]:
    # Every other part is the name of a value.
    parts = [
        f"(?P<{part}>.+?)" if place % 2 else re.escape(part)
        for place, part in enumerate(_VALUE.split(words))
    ]
    return re.compile("".join(parts), re.DOTALL)
