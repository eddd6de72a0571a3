"""How pages of own accounts write seats, states and the lines of a checklist."""

from django import template

from apps.byoa.models import Status
from apps.byoa.selectors import family_title
from apps.byoa.services.checklist import BAD, OFF, OK, UNKNOWN
from apps.dashboard import account_pages

register = template.Library()

register.filter("family_title", family_title)
register.filter("free_seats", account_pages.free_seats)
register.filter("seat_price", account_pages.price_words)
register.filter("next_seat_price", account_pages.next_price)

# Colour word of app.css, and the word that says the same.
_LINES = {
    OK: ("ok", "fine"),
    BAD: ("bad", "wrong"),
    UNKNOWN: ("idle", "not known"),
    OFF: ("idle", "not used"),
}


@register.filter
def line_tone(state: str) -> str:
    return _LINES[state][0]


@register.filter
def line_word(state: str) -> str:
    return _LINES[state][1]


@register.filter
def account_status(word: str) -> str:
    """A line of an account's history."""
    return str(Status(word).label) if word in Status.values else word.replace("_", " ")
