"""The public pages, for search engines."""

from collections.abc import Callable, Iterable, Iterator
from xml.sax.saxutils import escape

from django.conf import settings
from django.urls import Resolver404, resolve

from apps.site import news_status

_PAGES = (
    "/",
    "/models",
    "/pricing",
    "/docs/",
    "/docs/api",
    "/changelog",
    "/status",
    "/terms",
    "/privacy",
)
# A sitemap has no more, by its protocol.
_MOST = 50_000
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'


def _fixed() -> Iterable[str]:
    """Those of the pages that this installation has."""
    return [path for path in _PAGES if _is_there(path)]


def _is_there(path: str) -> bool:
    try:
        resolve(path)
    except Resolver404:
        return False
    return True


def _families() -> Iterable[str]:
    return [f"/status/{one.family}" for one in news_status.report().offered]


# Whoever adds a kind of public page adds what lists its paths.
SOURCES: list[Callable[[], Iterable[str]]] = [_fixed, _families]


def xml() -> str:
    """The sitemap; each page once, under the address that customers know."""
    lines = [f"<url><loc>{escape(settings.BASE_URL + path)}</loc></url>" for path in _paths()]
    return _HEAD + "\n".join(lines[:_MOST]) + "\n</urlset>\n"


def _paths() -> Iterator[str]:
    return iter(dict.fromkeys(path for source in SOURCES for path in source()))
