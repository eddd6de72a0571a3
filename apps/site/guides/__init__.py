"""The guides below /docs: Markdown files of this repository, rendered by the platform.

`facts` fills in what the code knows better than a file, `markdown` makes HTML of a text, `search` finds words in all of
them. A guide is named by a slug that stands in `TOPICS`; nothing else is ever looked for on the disk.

Guides are English, and in the other languages of the pages where `_FOLDERS` has them; what is not there is read in
English. What programs read (`/docs/<slug>.md`, llms.txt) is always English.
"""

from dataclasses import dataclass
from functools import cache, lru_cache

from django.conf import settings
from django.utils.translation import get_language, gettext_noop, override

from apps.site.guides import facts, markdown
from apps.site.guides.markdown import Page


@dataclass(frozen=True)
class Topic:
    """`title` is English; pages translate it."""

    title: str
    icon: str
    slugs: tuple[str, ...]


# The order of the pages, too. No guide may be called "api": that address is the API reference's.
TOPICS = (
    Topic(gettext_noop("Begin"), "player-play", ("quickstart",)),
    Topic(
        gettext_noop("The API"),
        "code",
        ("tasks", "webhooks", "errors", "limits", "language-models"),
    ),
    Topic(gettext_noop("Money"), "coins", ("billing",)),
    Topic(gettext_noop("Own accounts"), "plug", ("own-accounts",)),
    Topic(gettext_noop("Moving here"), "refresh", ("from-goapi", "from-openai", "from-one-api")),
    Topic(gettext_noop("Your own installation"), "settings", ("self-hosting",)),
)
SLUGS = tuple(slug for topic in TOPICS for slug in topic.slugs)
ENGLISH = "en"
# Where the guides of a language are.
_FOLDERS = {
    ENGLISH: settings.BASE_DIR / "docs" / "guides",
    "zh-hans": settings.BASE_DIR / "docs" / "guides" / "zh",
}


@dataclass(frozen=True)
class Guide:
    """`language` is the text's: English, where a guide is not there in the language of the page."""

    slug: str
    page: Page
    language: str


def text_of(slug: str, *, language: str = ENGLISH) -> str:
    """A guide as Markdown, with this installation's values. `KeyError` when there is no such guide."""
    if slug not in SLUGS:
        raise KeyError(slug)
    with override(language):
        return facts.filled_in(_sources(slug)[language])


def guide_of(slug: str) -> Guide:
    """The same, rendered, in the language of the page if it can be. `KeyError` when there is no such guide."""
    if slug not in SLUGS:
        raise KeyError(slug)
    speaks = get_language() or ENGLISH
    language = speaks if speaks in _sources(slug) else ENGLISH
    page = _page(text_of(slug, language=language), speaks, _anchors(slug))
    return Guide(slug, page, language)


def every_guide() -> list[Guide]:
    return [guide_of(slug) for slug in SLUGS]


def neighbours(slug: str) -> tuple[Guide | None, Guide | None]:
    """The guides before and after this one."""
    at = SLUGS.index(slug)
    before = guide_of(SLUGS[at - 1]) if at else None
    after = guide_of(SLUGS[at + 1]) if at + 1 < len(SLUGS) else None
    return before, after


@cache
def _sources(slug: str) -> dict[str, str]:
    """The files of a guide by language, read once per process: a deployment restarts them all."""
    files = {language: folder / f"{slug}.md" for language, folder in _FOLDERS.items()}
    return {language: file.read_text("utf-8") for language, file in files.items() if file.is_file()}


@cache
def _anchors(slug: str) -> tuple[str, ...]:
    """Those of the English headings, for every language: a link is good whatever its reader speaks."""
    return markdown.anchors(_sources(slug)[ENGLISH])


# A text changes only when a value in it does, for example when an operator sells other plans; the old one falls out.
# What stands around a text's parts (copy buttons) speaks the language of the page, also where the text is English.
@lru_cache(maxsize=6 * len(SLUGS))
def _page(text: str, speaks: str, anchors: tuple[str, ...]) -> Page:
    return markdown.page(text, slugs=SLUGS, anchors=anchors)
