"""A guide's text as a page: HTML, its headings and what can be searched.

Raw HTML in the text is shown as text. Code is coloured by classes, since the pages' policy allows no inline style.
"""

from collections.abc import Iterator, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name

# What a reader is told of a block of code, by the word behind its fence.
LANGUAGES = {
    "sh": "Shell",
    "python": "Python",
    "js": "JavaScript",
    "go": "Go",
    "php": "PHP",
    "json": "JSON",
    "http": "HTTP",
    "toml": "TOML",
    "ini": gettext_noop("Settings"),
    "text": gettext_noop("Text"),
}
_COLOURS: HtmlFormatter[str] = HtmlFormatter(nowrap=True)
_HEAD = 6  # tokens of a text's title and summary
_WIDE = 5  # columns that do not fit on a narrow screen side by side


@dataclass(frozen=True)
class Heading:
    level: int
    anchor: str
    title: str


@dataclass(frozen=True)
class Section:
    """What stands below a heading, as plain text; the first has no anchor: the summary and what follows it."""

    anchor: str
    title: str
    text: str


@dataclass(frozen=True)
class Page:
    title: str
    summary: str
    html: SafeString
    headings: tuple[Heading, ...]
    sections: tuple[Section, ...]


class MalformedGuide(ValueError):
    """A guide begins with `# Title` and one paragraph that says what it is about.

    In another language it has as many headings as in English.
    """


def anchors(text: str) -> tuple[str, ...]:
    """The anchors of a text's headings, made from their words."""
    return tuple(heading.anchor for heading in _anchored(_parsed(text)[_HEAD:]))


def page(text: str, *, slugs: Sequence[str], anchors: Sequence[str] | None = None) -> Page:
    """Render a text. Links to `<slug>.md` lead to that guide's page. Headings have the given anchors, if any."""
    parser = _parser()
    tokens = _parsed(text)
    title, summary = _plain(tokens[1]), _plain(tokens[4])
    body = tokens[_HEAD:]
    headings = tuple(_anchored(body, anchors))
    _label_cells(body)
    for token in body:
        _link(token, slugs)
        _without_style(token)
    # Ours: the parser escapes everything, and what we add is escaped where it is made.
    html = mark_safe(parser.renderer.render(body, parser.options, {}))  # noqa: S308
    return Page(title, summary, html, headings, tuple(_sections(summary, body, headings)))


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("fence", _code)
    parser.add_render_rule("heading_close", _heading_close)
    parser.add_render_rule("table_open", _table_open)
    parser.add_render_rule("table_close", _table_close)
    return parser


# ------------------------------------------------------------------ before rendering
def _parsed(text: str) -> list[Token]:
    tokens = _parser().parse(text)
    kinds = [token.type for token in tokens[:_HEAD]]
    if kinds[0:1] != ["heading_open"] or kinds[3:4] != ["paragraph_open"]:
        raise MalformedGuide(text[:80])
    return tokens


def _anchored(tokens: list[Token], anchors: Sequence[str] | None = None) -> Iterator[Heading]:
    """Give every heading its anchor; without given ones, made from its words as code hosts make it."""
    places = [at for at, token in enumerate(tokens) if token.type == "heading_open"]
    titles = [_plain(tokens[at + 1]) for at in places]
    if anchors is None:
        anchors = _anchors_of(titles)
    if len(anchors) != len(places):
        raise MalformedGuide(f"{len(places)} headings for {len(anchors)} anchors")
    for at, title, anchor in zip(places, titles, anchors, strict=True):
        tokens[at].attrSet("id", anchor)
        heading = Heading(int(tokens[at].tag[1]), anchor, title)
        tokens[at + 2].meta = {"heading": heading}
        yield heading


def _anchors_of(titles: Sequence[str]) -> list[str]:
    found: list[str] = []
    seen: dict[str, int] = {}
    for title in titles:
        anchor = slugify(title) or "section"
        seen[anchor] = seen.get(anchor, -1) + 1
        found.append(f"{anchor}-{seen[anchor]}" if seen[anchor] else anchor)
    return found


def _link(token: Token, slugs: Sequence[str]) -> None:
    for child in token.children or ():
        target = child.attrGet("href") if child.type == "link_open" else None
        if isinstance(target, str):
            path, _, anchor = target.partition("#")
            slug = path.removesuffix(".md")
            if path.endswith(".md") and slug in slugs:
                page = reverse("site:guide", args=[slug])
                child.attrSet("href", f"{page}#{anchor}" if anchor else page)


def _without_style(token: Token) -> None:
    """Columns that are aligned come with an inline style, which the policy forbids."""
    style = token.attrs.pop("style", "")
    if style == "text-align:right":
        token.attrSet("class", "num")


def _label_cells(tokens: list[Token]) -> None:
    """Tell each cell of a wide table its column's title: on a narrow screen its rows are lists."""
    table: Token | None = None
    titles: list[str] = []
    column = 0
    for at, token in enumerate(tokens):
        if token.type == "table_open":
            table, titles = token, []
        elif token.type == "th_open":
            titles.append(_plain(tokens[at + 1]))
        elif token.type == "tbody_open" and table is not None:
            table.meta = {"is_wide": len(titles) >= _WIDE}
        elif token.type == "tr_open":
            column = 0
        elif token.type == "td_open":
            if len(titles) >= _WIDE:
                token.attrSet("data-title", titles[column])
            column += 1


# ------------------------------------------------------------------------- rendering
_Environment = MutableMapping[str, Any]


def _code(
    renderer: object, tokens: Sequence[Token], at: int, options: OptionsDict, env: _Environment
) -> str:
    token = tokens[at]
    language = token.info.strip() or "text"
    env["codes"] = env.get("codes", 0) + 1
    coloured = highlight(token.content, get_lexer_by_name(language), _COLOURS)
    return render_to_string(
        "site/docs/_code.html",
        {
            "id": f"code-{env['codes']}",
            "label": _("{language}, example {number}").format(
                language=_(LANGUAGES[language]), number=env["codes"]
            ),
            "code": mark_safe(coloured.rstrip("\n")),  # noqa: S308 - Pygments has escaped it
        },
    )


def _heading_close(
    renderer: object, tokens: Sequence[Token], at: int, options: OptionsDict, env: _Environment
) -> str:
    heading: Heading = tokens[at].meta["heading"]
    label = escape(_("Link to “{title}”").format(title=heading.title))
    link = f'<a class="guide-anchor" href="#{heading.anchor}" aria-label="{label}">#</a>'
    return f" {link}</{tokens[at].tag}>\n"


def _table_open(
    renderer: object, tokens: Sequence[Token], at: int, options: OptionsDict, env: _Environment
) -> str:
    # Can be scrolled sideways on a narrow screen, by keyboard too.
    css = "guide-table guide-table-wide" if tokens[at].meta.get("is_wide") else "guide-table"
    label = escape(_("Table"))
    return (
        f'<div class="{css}" role="group" aria-label="{label}" tabindex="0"><table class="table">\n'
    )


def _table_close(
    renderer: object, tokens: Sequence[Token], at: int, options: OptionsDict, env: _Environment
) -> str:
    return "</table></div>\n"


# ------------------------------------------------------------------------ plain text
@dataclass
class _Gathered:
    anchor: str = ""
    title: str = ""
    parts: list[str] = field(default_factory=list)

    def section(self) -> Section:
        return Section(self.anchor, self.title, " ".join(" ".join(self.parts).split()))


def _sections(summary: str, tokens: list[Token], headings: Sequence[Heading]) -> Iterator[Section]:
    ahead = iter(headings)
    gathered = _Gathered(parts=[summary])
    is_heading = False
    for token in tokens:
        if token.type == "heading_open":
            yield gathered.section()
            heading = next(ahead)
            gathered = _Gathered(heading.anchor, heading.title)
        is_heading = token.type == "heading_open" or (is_heading and token.type == "inline")
        if token.type in {"inline", "fence"} and not is_heading:
            gathered.parts.append(_plain(token))
    yield gathered.section()


def _plain(token: Token) -> str:
    if token.children is None:
        return token.content
    return "".join(
        " " if child.type in {"softbreak", "hardbreak"} else child.content
        for child in token.children
    )
