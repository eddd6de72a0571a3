"""Opening pages one by one: pictures of them, and what is wrong with them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urldefrag, urljoin

from tests.e2e.conftest import Visitor

_NARROW = 360
_WIDE = 1280
# An id in an address: pages that differ only by it are one page.
_IDS = re.compile(r"/(\d+|[0-9a-f-]{32,36})(?=/|$|\.)")
# They do something.
_NEVER = re.compile(r"/auth/(logout|github|google)|^/admin")


@dataclass
class Walk:
    """What was seen. `faults` are (page, look, what); empty when all is well."""

    visitor: Visitor
    folder: Path | None
    faults: list[tuple[str, str, Any]] = field(default_factory=list)
    links: dict[str, str] = field(default_factory=dict)
    pages: int = 0
    pictures: int = 0

    def through(self, pages: Mapping[str, str]) -> None:
        for name, path in pages.items():
            self.pages += 1
            self._look(name, path, "light", _WIDE, is_read=True)
            self._look(name, path, "dark", _WIDE, is_read=self.folder is not None)
            self._look(name, path, "light", _NARROW)

    def _look(self, name: str, path: str, theme: str, width: int, *, is_read: bool = False) -> None:
        if theme == "dark" and self.folder is None:
            return
        visitor, look = self.visitor, f"{theme} {width}"
        visitor.theme(theme)
        visitor.width(width)
        visitor.complaints.clear()
        visitor.open(path)
        if wide := visitor.overflow():
            self.faults.append((name, look, f"{wide} pixels too wide"))
        if is_read:
            self.faults += [(name, look, found) for found in visitor.accessibility()]
            self._note_links(name)
        self.faults += [(name, look, said) for said in visitor.complaints]
        visitor.complaints.clear()
        if self.folder is not None:
            self.pictures += 1
            file = self.folder / f"{name}.{theme}.{width}.png"
            visitor.page.screenshot(path=file, full_page=True)

    def _note_links(self, name: str) -> None:
        found: list[str] = self.visitor.page.eval_on_selector_all(
            "a[href]", "all => all.map(one => one.getAttribute('href'))"
        )
        for href in found:
            address = urldefrag(urljoin(self.visitor.page.url, href)).url
            if address.startswith(f"{self.visitor.base_url}/"):
                path = address.removeprefix(self.visitor.base_url)
                kind = _IDS.sub("/#", path.partition("?")[0])
                self.links.setdefault(kind, f"{path} on {name}")

    def check_links(self) -> None:
        """Every link within the site, one of each kind, leads somewhere."""
        for where in self.links.values():
            path, _, page = where.rpartition(" on ")
            if _NEVER.search(path):
                continue
            answer = self.visitor.page.request.get(f"{self.visitor.base_url}{path}")
            if answer.status >= 400:
                self.faults.append((page, "link", f"{path} answers {answer.status}"))

    def report(self) -> str:
        """One line for each fault, and how much was looked at."""
        lines = [f"{page} [{look}]: {_short(what)}" for page, look, what in self.faults]
        seen = f"{self.pages} pages, {self.pictures} pictures, {len(self.links)} kinds of links, {len(lines)} faults"
        return "\n".join([*lines, seen])


def _short(what: Any) -> str:
    text = (
        " ".join(map(str, what))
        if isinstance(what, Iterable) and not isinstance(what, str)
        else str(what)
    )
    return text[:600]
