"""How pages of language models write what others do not have."""

from datetime import timedelta

from django import template

from apps.dashboard.templatetags.dashboard import duration

register = template.Library()


@register.filter
def milliseconds(count: int | None) -> str:
    """ "850 ms", "4.2 s"; "–" where there is none."""
    return duration(None if count is None else timedelta(milliseconds=count))
