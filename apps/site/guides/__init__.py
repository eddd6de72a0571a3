"""The guides below /docs: Markdown files of this repository, rendered by the platform.

`facts` fills in what the code knows better than a file, `markdown` makes HTML of a text, `search` finds words in all of
them. A guide is named by a slug that stands in `TOPICS`; nothing else is ever looked for on the disk.
"""

from dataclasses import dataclass
from functools import cache, lru_cache

from django.conf import settings
from django.utils.translation import get_language, gettext_noop

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


@dataclass(frozen=True)
class Guide:
    slug: str
    page: Page


def text_of(slug: str) -> str:
    """A guide as Markdown, with this installation's values. `KeyError` when there is no such guide."""
    if slug not in SLUGS:
        raise KeyError(slug)
    return facts.filled_in(_source(slug))


def guide_of(slug: str) -> Guide:
    """The same, rendered. `KeyError` when there is no such guide."""
    return Guide(slug, _page(text_of(slug), get_language()))


def every_guide() -> list[Guide]:
    return [guide_of(slug) for slug in SLUGS]


def neighbours(slug: str) -> tuple[Guide | None, Guide | None]:
    """The guides before and after this one."""
    at = SLUGS.index(slug)
    before = guide_of(SLUGS[at - 1]) if at else None
    after = guide_of(SLUGS[at + 1]) if at + 1 < len(SLUGS) else None
    return before, after


@cache
def _source(slug: str) -> str:
    """The file, read once per process: a deployment restarts them all."""
    return (settings.BASE_DIR / "docs" / "guides" / f"{slug}.md").read_text()


# A text changes only when a value in it does, for example when an operator sells other plans; the old one falls out.
# Guides are English; what stands around their parts (copy buttons) speaks the language of the page.
@lru_cache(maxsize=6 * len(SLUGS))
def _page(text: str, language: str | None) -> Page:
    return markdown.page(text, slugs=SLUGS)
