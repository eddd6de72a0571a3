"""The changelog is the repository's file and the operator's news: escaped, newest first, as a page and as a feed."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client
from django.utils import timezone

from apps.site import news
from tests.factories.announcements import announced

pytestmark = pytest.mark.django_db

TEXT = """# Changelog

What is new.

## Unreleased

### Added

- Status page: `GET /status.json`, which
  goes on in a second line.
- A [link](https://example.com/a?b=1&c=2), an [own](/pricing), a [file](docs/x.md), a [bad one](javascript:alert).

## [1.1.0] - 2026-11-05

### Fixed

- <script>alert(1)</script> & friends.

## v1.0.0 - 2026-13-45

- Without a kind.
"""
ATOM = "{http://www.w3.org/2005/Atom}"


@pytest.fixture
def file(settings: Any, tmp_path: Path) -> Path:
    settings.CHANGELOG_FILE = tmp_path / "CHANGELOG.md"
    settings.CHANGELOG_FILE.write_text(TEXT)
    return settings.CHANGELOG_FILE  # type: ignore[no-any-return]


def titles(client: Client) -> list[str]:
    return [entry.title for entry in client.get("/changelog").context["entries"]]


def test_sections_are_read_by_version_and_kind() -> None:
    unreleased, fixed, first = news.parsed(TEXT)

    assert (unreleased.name, unreleased.day, list(unreleased.kinds)) == (
        "Unreleased",
        None,
        ["Added"],
    )
    assert unreleased.kinds["Added"] == [
        "Status page: <code>GET /status.json</code>, which goes on in a second line.",
        'A <a href="https://example.com/a?b=1&amp;c=2">link</a>, an <a href="/pricing">own</a>, a file, a bad one.',
    ]
    assert (fixed.name, str(fixed.day)) == ("1.1.0", "2026-11-05")
    assert fixed.kinds["Fixed"] == ["&lt;script&gt;alert(1)&lt;/script&gt; &amp; friends."]
    assert (first.name, first.day, first.kinds) == ("v1.0.0", None, {"": ["Without a kind."]})


def test_our_own_file_has_sections(client: Client) -> None:
    html = client.get("/changelog").content.decode()

    assert '<h1 class="page-title">Changelog</h1>' in html
    assert '<a href="#v-unreleased">Unreleased</a>' in html
    assert "<code>./run up</code>: one command from a clean clone" in html


def test_news_stand_among_the_versions_by_day(client: Client, file: Path) -> None:
    file.write_text("## Unreleased\n- a\n## 2.0 - 2026-11-10\n- b\n## 1.0 - 2026-11-01\n- c\n")
    news_at = datetime(2026, 11, 5, tzinfo=UTC)
    announced(
        "Prices fell.", kind="info", starts_at=news_at, on_changelog=True, text="By <b>half</b>."
    )
    announced("Not for here.", on_changelog=False)
    announced("Tomorrow.", starts_at=timezone.now() + timedelta(days=1), on_changelog=True)

    assert titles(client) == ["Unreleased", "2.0", "Prices fell.", "1.0"]
    assert "By &lt;b&gt;half&lt;/b&gt;." in client.get("/changelog").content.decode()


def test_changed_file_is_read_again(client: Client, file: Path) -> None:
    assert "1.1.0" in titles(client)
    file.write_text("## 3.0 - 2026-12-01\n- x\n")
    os.utime(file, ns=(1, 1))

    assert titles(client) == ["3.0"]


@pytest.mark.parametrize("content", [None, b"", b"\xff\xfe\x00", b"## \n### \n- \n"])
def test_missing_or_broken_file_is_an_empty_page(
    client: Client, file: Path, content: bytes | None
) -> None:
    file.unlink()
    if content is not None:
        file.write_bytes(content)

    page = client.get("/changelog")

    assert (page.status_code, b"Nothing is announced yet." in page.content) == (200, True)
    assert client.get("/changelog.atom").status_code == 200


def test_feed_has_what_the_page_has(client: Client, file: Path) -> None:
    announced("Prices fell.", kind="info", on_changelog=True, text="By half.")

    answer = client.get("/changelog.atom")

    feed = ElementTree.fromstring(answer.content)  # noqa: S314 - our own
    entries = feed.findall(f"{ATOM}entry")
    assert answer.headers["Content-Type"] == "application/atom+xml; charset=utf-8"
    assert {entry.findtext(f"{ATOM}title") for entry in entries} == {
        "Unreleased", "v1.0.0", "Prices fell.", "1.1.0",
    }  # fmt: skip
    assert all(entry.findtext(f"{ATOM}updated") for entry in entries)
    assert [
        entry.findtext(f"{ATOM}id")
        for entry in entries
        if entry.findtext(f"{ATOM}title") == "1.1.0"
    ] == ["http://testserver/changelog#v-1-1-0"]
    assert "&lt;script&gt;" in "".join(str(entry.findtext(f"{ATOM}summary")) for entry in entries)


def test_page_points_to_its_feed(client: Client) -> None:
    assert 'type="application/atom+xml"' in client.get("/changelog").content.decode()


@pytest.mark.parametrize("path", ["/changelog", "/changelog.atom"])
def test_page_asks_little(client: Client, path: str, django_assert_max_num_queries: Any) -> None:
    for number in range(5):
        announced(f"News {number}.", on_changelog=True)

    with django_assert_max_num_queries(3):
        assert client.get(path).status_code == 200
