"""The guides as pages: index, search, a page each, the same as Markdown, llms.txt."""

import re

import pytest
from django.conf import settings
from django.test import Client
from django.utils.html import escape

from apps.accounts.models import User
from apps.site import guides
from apps.site.guides import markdown, search

pytestmark = pytest.mark.django_db

_BEGINNING = "# Title\n\nSummary.\n\n"


def _rendered(text: str) -> markdown.Page:
    return markdown.page(_BEGINNING + text, slugs=["other"])


# ------------------------------------------------------------------------- pages
@pytest.mark.parametrize("slug", guides.SLUGS)
def test_guide_has_its_text_contents_and_neighbours(slug: str, client: Client) -> None:
    page = client.get(f"/docs/{slug}")

    guide = page.context["guide"]
    html = page.content.decode()
    assert (page.status_code, html.count("<h1>")) == (200, 1)
    assert f"<h1>{escape(guide.page.title)}</h1>" in html
    assert all(f'href="#{heading.anchor}"' in html for heading in guide.page.headings)
    assert f'href="/docs/{slug}" aria-current="page"' in " ".join(html.split())
    assert f'href="/docs/{slug}.md"' in html
    assert "{{" not in html


def test_neighbours_follow_the_order_of_the_index() -> None:
    first, last = guides.SLUGS[0], guides.SLUGS[-1]

    befores = [guides.neighbours(slug)[0] for slug in guides.SLUGS]

    assert guides.neighbours(first)[0] is None
    assert guides.neighbours(last)[1] is None
    assert [guide.slug for guide in befores if guide] == list(guides.SLUGS[:-1])


@pytest.mark.parametrize(
    "path",
    [
        "/docs/no-such-guide",
        "/docs/no-such-guide.md",
        "/docs/..%2Foperations",
        "/docs/../../README.md",
        "/docs/%2e%2e%2f%2e%2e%2f.env.md",
        "/docs/guides/quickstart.md",
        "/docs/quickstart%00.md",
        "/docs/Quickstart",
    ],
)
def test_only_guides_are_found(path: str, client: Client) -> None:
    assert client.get(path).status_code == 404


def test_address_with_a_slash_too_many_leads_to_the_guide(client: Client) -> None:
    assert client.get("/docs/quickstart/").headers["Location"] == "/docs/quickstart"
    assert client.get("/docs").headers["Location"] == "/docs/"


@pytest.mark.parametrize("path", ["/docs/api", "/docs/api/", "/docs/api/redoc"])
def test_api_reference_stays_where_it_was(path: str, client: Client) -> None:
    assert b"openapi.json" in client.get(path).content


@pytest.mark.parametrize("slug", guides.SLUGS)
def test_markdown_is_the_guide_with_this_installations_values(slug: str, client: Client) -> None:
    answer = client.get(f"/docs/{slug}.md")

    text = answer.content.decode()
    assert answer.headers["Content-Type"] == "text/markdown; charset=utf-8"
    assert text.startswith(f"# {guides.guide_of(slug).page.title}\n")
    assert "{{" not in text


@pytest.mark.parametrize("path", ["/docs/", "/docs/errors", "/docs/errors.md", "/llms.txt"])
def test_changes_are_not_taken(path: str, client: Client) -> None:
    assert client.post(path).status_code == 405


def test_examples_name_this_installation(client: Client, settings: object) -> None:
    settings.BASE_URL = "https://models.example"  # type: ignore[attr-defined]

    html = client.get("/docs/quickstart").content.decode()

    assert "https://models.example/api/v1/task" in html


def test_limits_are_those_of_the_settings(client: Client, settings: object) -> None:
    settings.API_RATE_PER_MINUTE = 4321  # type: ignore[attr-defined]

    text = client.get("/docs/limits.md").content.decode()

    assert "| requests a minute with a key | 4,321, unless the key has a limit of its own |" in text


def test_page_is_made_once(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    client.get("/docs/webhooks")
    made: list[str] = []
    monkeypatch.setattr(markdown, "page", lambda text, slugs: made.append(text))

    page = client.get("/docs/webhooks")

    assert (page.status_code, made) == (200, [])


@pytest.mark.parametrize("path", ["/docs/", "/docs/?q=webhook", "/docs/limits"])
def test_pages_ask_the_database_little(
    path: str, client: Client, django_user_model: type[User], django_assert_max_num_queries: object
) -> None:
    client.force_login(django_user_model.objects.create_user("ana@example.com", "secret"))

    with django_assert_max_num_queries(5):  # type: ignore[operator]
        assert client.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/docs/", "/docs/?q=hold", *(f"/docs/{s}" for s in guides.SLUGS)])
def test_pages_keep_to_the_policy_and_load_little(path: str, client: Client) -> None:
    page = client.get(path)

    html = page.content.decode()
    assert "unsafe" not in page.headers["Content-Security-Policy"]
    assert not re.search(r"\sstyle=|<style|\son\w+=|<script(?![^>]* src=)", html)
    assert not re.search(r"tabler(\.min)?\.js|chart", html)


# ------------------------------------------------------------------------ search
def test_index_has_every_guide(client: Client) -> None:
    html = client.get("/docs/").content.decode()

    links = re.findall(r'<a href="/docs/([\w-]+)">([^<]+)</a>', html)
    assert [slug for slug, _ in links if slug in guides.SLUGS] == list(guides.SLUGS)


def test_search_finds_a_section_and_marks_the_words(client: Client) -> None:
    page = client.get("/docs/", {"q": "Verify signature"})

    html = page.content.decode()
    assert page.context["hits"][0].section.anchor == "verify-the-signature"
    assert 'href="/docs/webhooks#verify-the-signature"' in html
    assert "<mark>signature</mark>" in html


def test_search_finds_code_and_tables() -> None:
    assert ("errors", "every-refusal") in _found("10701")
    assert ("self-hosting", "settings") in _found("EGRESS_ALLOW")
    assert ("webhooks", "php") in _found("hash_equals")


def test_title_comes_before_the_text() -> None:
    assert _found("limits")[0] == ("limits", "")
    assert _found("webhooks")[0][0] == "webhooks"


def test_search_wants_all_words() -> None:
    assert _found("signature zebra") == []
    assert _found("zebra") == []


def test_search_without_a_hit_says_what_to_do(client: Client) -> None:
    html = client.get("/docs/", {"q": "zebra"}).content.decode()

    assert "No guide has “zebra”" in html
    assert "Clear the search" in html


@pytest.mark.parametrize(
    "query", ["", "   ", "\0", "a\0b", "<b>", "(", "[", "\\", "%", "*" * 5000, "é" * 300, "\ud83d"]
)
def test_strange_queries_are_harmless(query: str, client: Client) -> None:
    encoded = query.encode("utf-8", "replace").decode()

    assert client.get("/docs/", {"q": encoded}).status_code == 200


def test_query_is_shown_as_text(client: Client) -> None:
    html = client.get("/docs/", {"q": '"><script>alert(1)</script>'}).content.decode()

    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html


def _found(query: str) -> list[tuple[str, str]]:
    return [(hit.guide.slug, hit.section.anchor) for hit in search.search(query)]


# ---------------------------------------------------------------------- llms.txt
def test_llms_txt_leads_to_every_guide_as_text(client: Client) -> None:
    answer = client.get("/llms.txt")

    text = answer.content.decode()
    links = re.findall(r"\]\((\S+?)\)", text)
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert text.startswith(f"# {settings.SITE_NAME}\n\n> ")
    base = settings.BASE_URL
    assert links == [
        *(f"{base}/docs/{slug}.md" for slug in guides.SLUGS),
        f"{base}/api/openapi.json",
        f"{base}/api/v1/models",
    ]
    assert all(client.get(link.removeprefix(base)).status_code == 200 for link in links)


# -------------------------------------------------------------------- rendering
def test_html_in_a_text_is_shown_as_text() -> None:
    html = _rendered("<script>alert(1)</script>\n\nand <b>bold</b>\n").html

    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "<b>" not in html


def test_dangerous_links_are_no_links() -> None:
    assert "<a " not in _rendered("[click](javascript:alert(1))\n").html


def test_links_to_guides_lead_to_their_pages() -> None:
    html = _rendered("[a](other.md) [b](other.md#part) [c](unknown.md) [d](#here)\n").html

    links = re.findall(r'<a href="([^"]*)"', html)
    assert links == ["/docs/other", "/docs/other#part", "unknown.md", "#here"]


def test_headings_of_the_same_words_have_anchors_of_their_own() -> None:
    page = _rendered("## What `it` does\n\n## What it does\n\n### …\n")

    found = [(heading.level, heading.anchor) for heading in page.headings]
    assert found == [(2, "what-it-does"), (2, "what-it-does-1"), (3, "section")]
    assert 'id="what-it-does-1"' in page.html


def test_code_is_coloured_by_classes_and_can_be_copied() -> None:
    html = _rendered('```python\nprint("<hello>")\n```\n').html

    assert '<span class="nb">print</span>' in html
    assert "&lt;hello&gt;" in html
    assert 'data-copy="#code-1"' in html
    assert 'aria-label="Python, example 1"' in html


def test_aligned_columns_need_no_style() -> None:
    html = _rendered("| a | b |\n| --- | ---: |\n| 1 | 2 |\n").html

    assert "style" not in html
    assert '<td class="num">2</td>' in html


def test_cells_of_a_wide_table_know_their_columns() -> None:
    narrow = _rendered("| a | b |\n| --- | --- |\n| 1 | 2 |\n").html
    wide = _rendered(
        "| a | b | c | d | `e` |\n| - | - | - | - | - |\n" + "| 1 | 2 | 3 | 4 | 5 |\n" * 2
    ).html

    assert "data-title" not in narrow
    assert re.findall(r'data-title="(\w)"', wide) == list("abcde") * 2
    assert 'class="guide-table guide-table-wide"' in wide


@pytest.mark.parametrize("text", ["", "Text.", "# Title\n", "# Title\n\n- list\n"])
def test_guide_without_title_or_summary_is_malformed(text: str) -> None:
    with pytest.raises(markdown.MalformedGuide):
        markdown.page(text, slugs=[])
