"""The components of docs/design.md: what pages put together, each with its markup in `templates/components`.

A component is a tag, not an include, where it has a body: `{% nothing "No keys yet." %}…actions…{% endnothing %}`.
"""

from collections.abc import Iterable
from typing import Any

from django import template as templates
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify

register = templates.Library()


@register.simple_block_tag
def page_head(content: str, title: Any, lead: Any = "") -> SafeString:
    """The head of a page: its only `h1`, a sentence on what it is for, and what can be done, the main thing last."""
    return _rendered("page_head", content, title=title, lead=lead)


@register.simple_block_tag
def stat(content: str, title: Any, value: Any, *, unit: Any = "", id: str = "") -> SafeString:
    """A number, what it is of, and in the body what it means: compared with what, how much of it, since when."""
    name = id or f"stat-{slugify(title, allow_unicode=True)}"
    return _rendered("stat", content, title=title, value=value, unit=unit, name=name, id=id)


@register.simple_block_tag
def nothing(content: str, title: Any, text: Any = "") -> SafeString:
    """A list without rows: why there is nothing, what would be here, and in the body what to do next."""
    return _rendered("nothing", content, title=title, text=text)


@register.simple_block_tag
def note(content: str, tone: str, title: Any = "", *, label: Any = "") -> SafeString:
    """A sentence that must be seen, in one of the five tones: ok, warn, bad, run, idle. Actions stand in the body."""
    return _rendered("note", content, tone=tone, title=title, label=label or title)


@register.inclusion_tag("components/chips.html")
def chips(
    label: str, items: Iterable[tuple[Any, Any, str]], current: Any, page: str = ""
) -> dict[str, Any]:
    """One choice of a few, each a link: `items` are (value, word, query string)."""
    return {"label": label, "items": items, "current": current, "page": page}


@register.inclusion_tag("components/pager.html")
def pager(page: str, *, older: str = "", newest: str = "", is_later: Any = False) -> dict[str, Any]:
    """Ways on from a page of a list: `older` and `newest` are query strings, `is_later`: this is not the first page.

    Lists have no page numbers: rows come in at the top while somebody reads.
    """
    return {"page": page, "older": older, "newest": newest, "is_later": bool(is_later)}


@register.inclusion_tag("components/copy_field.html")
def copy_field(value: str, label: str, *, id: str, is_main: bool = False) -> dict[str, Any]:
    """A value to take along: an id, an address, a secret that is shown once (`is_main`: copying is what to do here)."""
    return {"value": value, "label": label, "id": id, "is_main": is_main}


@register.inclusion_tag("components/meter.html")
def meter(value: Any, most: Any, label: str, *, tone: str = "") -> dict[str, Any]:
    """How much of a limit is used. The words beside it say the same in numbers."""
    return {"value": value, "most": most, "label": label, "tone": tone}


def _rendered(template: str, content: str, **context: Any) -> SafeString:
    # The body was rendered, and escaped, as part of the page.
    body = mark_safe(content.strip())  # noqa: S308
    return render_to_string(f"components/{template}.html", {**context, "content": body})
