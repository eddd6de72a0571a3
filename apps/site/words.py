"""Words in a row, as a sentence says them."""

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import pgettext


def row(words: Sequence[str]) -> str:
    """ "a, b, c"."""
    return pgettext("between the words of a list", ", ").join(words)


def listed(words: Sequence[str]) -> str:
    """ "a, b and c"; there must be one."""
    *some, last = words
    return _("{some} and {last}").format(some=row(some), last=last) if some else last


def either(words: Sequence[str]) -> str:
    """ "a or b or c"."""
    return pgettext("between the words of a list", " or ").join(words)
