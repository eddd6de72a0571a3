"""The changelog: what the repository's CHANGELOG.md says by version, and what the operator announced, newest first."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from functools import lru_cache
from pathlib import Path

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import slugify

from apps.notifications.announcements import for_changelog
from apps.notifications.models import Announcement

# "## 1.2.0 - 2026-11-05", with or without brackets and the "v".
_VERSION = re.compile(
    r"##\s+\[?(?P<name>[^\]\s]+)\]?(?:\(\S*\))?(?:\s+[-–—]\s+(?P<day>\d{4}-\d{2}-\d{2}))?\s*"
)
_KIND = re.compile(r"###\s+(?P<name>.+?)\s*")
_ITEM = re.compile(r"[-*]\s+(?P<text>.+)")
_SPAN = re.compile(r"`(?P<code>[^`]+)`|\[(?P<label>[^\]]+)\]\((?P<url>[^)\s]+)\)")
_ADDRESS = re.compile(r"https?://|/(?!/)")


@dataclass(frozen=True)
class Version:
    """A section of the file: items by kind ("Added"), ready for a page. Without a day it is not released yet."""

    name: str
    day: date | None
    kinds: dict[str, list[SafeString]] = field(default_factory=dict)

    @property
    def anchor(self) -> str:
        return f"v-{slugify(self.name.replace('.', '-'))}"


@dataclass(frozen=True)
class Entry:
    """One thing of the page: a version of the software, or an announcement."""

    at: datetime | None
    version: Version | None = None
    announcement: Announcement | None = None

    @property
    def title(self) -> str:
        return self.version.name if self.version else str(self.announcement)

    @property
    def anchor(self) -> str:
        return (
            self.version.anchor
            if self.version
            else f"a-{self.announcement and self.announcement.pk}"
        )


def entries(path: Path) -> list[Entry]:
    """All there is, newest first; what is not released yet comes before everything."""
    told = [Entry(one.starts_at, announcement=one) for one in for_changelog()]
    found = [Entry(_start(one.day), version=one) for one in versions(path)]
    return sorted([*found, *told], key=_newness, reverse=True)


def _newness(entry: Entry) -> datetime:
    return entry.at or datetime.max.replace(tzinfo=UTC)


def _start(day: date | None) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), UTC)


def versions(path: Path) -> Sequence[Version]:
    """The file's sections in its order; a file that is not there has none. Read anew only when it has changed."""
    try:
        changed_at = path.stat().st_mtime_ns
    except OSError:
        return ()
    return _read(path, changed_at)


def changed_at(path: Path) -> datetime | None:
    """When the file was written last."""
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError:
        return None


@lru_cache(maxsize=2)
def _read(path: Path, changed_at: int) -> tuple[Version, ...]:
    return tuple(parsed(path.read_text(encoding="utf-8", errors="replace")))


def parsed(text: str) -> Iterator[Version]:
    """The sections of a changelog in the format of keepachangelog.com; what it does not know it leaves out."""
    for part in re.split(r"(?m)^(?=##\s)", text):
        head, _, body = part.partition("\n")
        if found := _VERSION.fullmatch(head):
            yield Version(found["name"], _day(found["day"]), dict(_kinds(body)))


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        return None


def _kinds(body: str) -> Iterator[tuple[str, list[SafeString]]]:
    for part in re.split(r"(?m)^(?=###\s)", body):
        head, _, rest = part.partition("\n")
        found = _KIND.fullmatch(head)
        if items := [_inline(item) for item in _items(rest if found else part)]:
            yield (found["name"] if found else ""), items


def _items(text: str) -> Iterator[str]:
    """Each point of a list as one line."""
    item: list[str] = []
    for line in text.splitlines():
        if begins := _ITEM.fullmatch(line.rstrip()):
            if item:
                yield " ".join(item)
            item = [begins["text"]]
        elif item and line.strip():
            item.append(line.strip())
    if item:
        yield " ".join(item)


def _inline(text: str) -> SafeString:
    """Text with code and links in it; everything is escaped, and only links to the web or to this site are links."""
    return format_html_join("", "{}", ((piece,) for piece in _pieces(text)))


def _pieces(text: str) -> Iterator[str]:
    end = 0
    for span in _SPAN.finditer(text):
        yield text[end : span.start()]
        end = span.end()
        if span["code"]:
            yield format_html("<code>{}</code>", span["code"])
        elif _ADDRESS.match(span["url"]):
            yield format_html('<a href="{}">{}</a>', span["url"], span["label"])
        else:
            yield span["label"]
    yield text[end:]
