"""Sentences of the domain in templates of pages and mails."""

from django import template

from apps.core import sentences

register = template.Library()


@register.filter
def said(text: str) -> str:
    """The sentence, or a word that is translated as a whole, in the language of the page."""
    return sentences.said(text)
