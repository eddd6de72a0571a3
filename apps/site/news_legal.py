"""Texts that an operator writes in place of ours."""

from functools import lru_cache
from pathlib import Path

from django.utils.html import linebreaks
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt

_LARGEST_BYTES = 1_000_000


class CannotRead(Exception):
    """The file is away, too large or no text. The text is for the log and for system checks."""


def written(path: Path) -> SafeString:
    """The file as HTML: Markdown (.md), or plain paragraphs. HTML in it is shown as text. Raises CannotRead."""
    try:
        state = path.stat()
        if state.st_size > _LARGEST_BYTES:
            raise CannotRead(f"{path} is larger than a megabyte.")
        return _rendered(path, state.st_mtime_ns)
    except (OSError, UnicodeDecodeError) as error:
        raise CannotRead(f"{path} cannot be read: {error}") from error


@lru_cache(maxsize=4)
def _rendered(path: Path, changed_at: int) -> SafeString:
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".md":
        return SafeString(linebreaks(text, autoescape=True))
    # Pictures of other sites would tell them who reads this.
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    # With HTML off everything is escaped.
    return SafeString(markdown.render(text))
