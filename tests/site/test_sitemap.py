"""What search engines and pages that show links to us are told."""

import re
from typing import Any
from xml.etree import ElementTree

import pytest
from django.test import Client

from apps.accounts.models import Workspace
from apps.site import sitemap

pytestmark = pytest.mark.django_db

_LOC = "{http://www.sitemaps.org/schemas/sitemap/0.9}loc"


def addresses(client: Client) -> list[str]:
    found = ElementTree.fromstring(client.get("/sitemap.xml").content)  # noqa: S314 - our own
    return [str(one.text) for one in found.iter(_LOC)]


def meta(client: Client, path: str) -> dict[str, str]:
    html = client.get(path).content.decode()
    return dict(re.findall(r'<meta (?:name|property)="([\w:]+)"\s+content="([^"]*)">', html))


def test_every_address_of_the_sitemap_opens(client: Client) -> None:
    found = addresses(client)

    assert {f"http://testserver{path}" for path in ("/", "/status", "/terms")} <= set(found)
    assert len(found) == len(set(found))
    opened = {url: client.get(url.removeprefix("http://testserver")).status_code for url in found}
    assert {url: status for url, status in opened.items() if status != 200} == {}


def test_sitemap_names_nothing_of_anybodys(client: Client, workspace: Workspace) -> None:
    text = client.get("/sitemap.xml").content.decode()

    closed = (workspace.slug, "/w/", "/me", "/auth/", "/ops/", "/r/")
    assert [word for word in closed if word in text] == []


def test_other_pages_can_be_added(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sitemap, "SOURCES", [lambda: ["/a?b&c", "/a?b&c"]])

    assert addresses(client) == ["http://testserver/a?b&c"]


def test_robots_names_the_sitemap(client: Client) -> None:
    lines = client.get("/robots.txt").content.decode().splitlines()

    assert lines[-1] == "Sitemap: http://testserver/sitemap.xml"


def test_page_says_what_a_link_to_it_shows(client: Client, settings: Any) -> None:
    settings.SITE_NAME = 'A "quoted" & <name>'
    settings.BASE_URL = "https://models.example"

    found = meta(client, "/changelog?utm_source=x")

    assert found["og:title"] == found["twitter:title"] == "Changelog"
    name = "A &quot;quoted&quot; &amp; &lt;name&gt;"
    assert found["og:site_name"] == name
    assert (
        found["description"] == found["og:description"] == f"What is new at {name}, newest first."
    )
    assert found["og:url"] == "https://models.example/changelog"
    assert found["og:image"] == "https://models.example/static/social.png"
    assert found["twitter:card"] == "summary_large_image"


def test_page_without_description_of_its_own_has_the_tagline(client: Client, settings: Any) -> None:
    settings.SITE_TAGLINE = "Models for everybody."

    assert meta(client, "/auth/login/")["description"] == "Models for everybody."


@pytest.mark.parametrize(
    "path", ["/", "/status", "/changelog", "/terms", "/privacy", "/auth/login/"]
)
def test_public_page_loads_nothing_of_others(client: Client, path: str) -> None:
    html = client.get(path).content.decode()

    loaded = re.findall(r'<(?:script|img|iframe)[^>]+src="([^"]+)"', html)
    loaded += re.findall(r'<link rel="(?:stylesheet|icon)"[^>]*href="([^"]+)"', html)
    assert loaded
    assert [url for url in loaded if not url.startswith("/")] == []
    assert "tabler.min.js" not in html
    assert "chart" not in " ".join(loaded)


def test_footer_leads_everywhere(client: Client, settings: Any) -> None:
    settings.SITE_LINKS = [("Imprint", "https://example.com/imprint?a=1&b=2")]

    html = client.get("/").content.decode()

    foot = html[html.index("<footer") :]
    for path in ("/changelog", "/status", "/terms", "/privacy", "/docs/api"):
        assert f'href="{path}"' in foot
    assert 'href="https://example.com/imprint?a=1&amp;b=2"' in foot
