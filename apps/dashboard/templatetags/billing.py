"""How pages about money say what its rows keep in English."""

from django import template

from apps.dashboard import billing_words

register = template.Library()

register.filter("kept", billing_words.kept)
register.filter("paid_with", billing_words.paid_with)
