"""How the operator's pages write money and spans of time."""

from django import template

from apps.core import money

register = template.Library()

register.filter("usd", money.format_usd)
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


@register.filter
def span(seconds: float | None) -> str:
    """ "3.2 s", "4 min", "2 h 5 min", "3 d 1 h": short, and exact enough to act on."""
    if seconds is None:
        return "–"
    if seconds < _MINUTE:
        return f"{seconds:.1f} s"
    whole = int(seconds)
    if whole < _HOUR:
        return f"{whole // _MINUTE} min"
    if whole < _DAY:
        return f"{whole // _HOUR} h {whole % _HOUR // _MINUTE} min"
    return f"{whole // _DAY} d {whole % _DAY // _HOUR} h"
