"""What billing has written down in English, in the language of whoever reads it.

Rows keep no pattern, so `billing.words` says which sentences may be in them. What a bank, a provider or a person wrote
stays as it is.
"""

import re
from collections.abc import Sequence
from functools import cache

from django.conf import settings
from django.utils.translation import get_language, gettext

from apps.billing import words
from apps.core.sentences import said

_VALUE = re.compile(r"\{(\w+)\}")


def kept(text: str) -> str:
    """Why a top-up, a transfer or a reward is where it is, and what a ledger line was for."""
    return _known(text, words.KEPT)


def paid_with(text: str) -> str:
    """How something was paid."""
    return _known(text, words.METHODS)


def _known(text: str, patterns: Sequence[str]) -> str:
    if not text or get_language() in (None, settings.LANGUAGE_CODE):
        return text
    whole = said(text)
    if whole != text:
        return whole
    for pattern in patterns:
        if found := _expression(pattern).fullmatch(text):
            values = {name: said(value) for name, value in found.groupdict().items()}
            return gettext(pattern).format(**values)
    return text


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    # Every other part is the name of a value.
    parts = [
        f"(?P<{part}>.+?)" if place % 2 else re.escape(part)
        for place, part in enumerate(_VALUE.split(pattern))
    ]
    return re.compile("".join(parts))
