"""Sentences for people that are made where nobody knows yet who reads them.

The domain speaks English: that is what programs get. A page says the same in the language of its reader, so a sentence
keeps the pattern that it was made from, and what goes into it. `./run translations` finds the patterns by the name
`sentence`, so it is always called with a literal.
"""

from django.utils.translation import gettext

from apps.core.wording import Sentence, sentence

__all__ = ["Sentence", "said", "sentence"]


def said(text: str) -> str:
    """The text in the language of the page that is made. What is no sentence is known if it is a whole pattern."""
    if not isinstance(text, Sentence):
        return gettext(text) if text else ""
    pattern = gettext(text.pattern)
    if not text.values:
        return pattern
    inner = {
        name: said(value) if isinstance(value, Sentence) else value
        for name, value in text.values.items()
    }
    return pattern.format(**inner)
