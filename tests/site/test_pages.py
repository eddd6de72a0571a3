import pytest
from django.template.loader import render_to_string
from django.test import Client

from apps.byoa import selectors
from apps.catalog import registry

pytestmark = pytest.mark.django_db


def test_landing_counts_what_this_installation_can_do(client: Client) -> None:
    page = client.get("/")

    specs = registry.all_specs().values()
    assert sum(kind.total for kind in page.context["kinds"]) == len(specs)
    assert sum(kind.available for kind in page.context["kinds"]) == sum(
        selectors.is_available(spec) for spec in specs
    )


def test_landing_without_any_engine_has_no_price_list(client: Client, settings: object) -> None:
    settings.LOCAL_ENGINE = False  # type: ignore[attr-defined]

    page = client.get("/")

    assert (page.status_code, page.context["popular"]) == (200, [])
    assert b"What it costs here, now" not in page.content


def test_robots_keeps_out_of_what_is_no_page(client: Client) -> None:
    lines = client.get("/robots.txt").content.decode().splitlines()

    assert lines[0] == "User-agent: *"
    assert {"Disallow: /r/", "Disallow: /files/", "Disallow: /api/"} < set(lines)


def test_favicon_leads_to_the_drawing(client: Client) -> None:
    assert client.get("/favicon.ico").headers["Location"] == "/static/favicon.svg"


def test_missing_page_is_ours(client: Client) -> None:
    page = client.get("/nothing/here")

    assert (page.status_code, b"There is nothing here" in page.content) == (404, True)


def test_missing_page_speaks_the_language_that_was_chosen_or_that_the_browser_asks_for(
    client: Client,
) -> None:
    by_browser = client.get("/nothing/here", headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    client.cookies["language"] = "zh-hans"
    chosen = client.get("/nothing/here", headers={"Accept-Language": "en"})

    for page in (by_browser, chosen):
        assert (page.status_code, "这里什么都没有" in page.content.decode()) == (404, True)


@pytest.mark.parametrize("name", ["400.html", "403.html", "403_csrf.html", "404.html", "500.html"])
def test_error_page_needs_no_context(name: str) -> None:
    assert "<h1>" in render_to_string(name)


def test_form_without_its_token_gets_the_page_about_it() -> None:
    page = Client(enforce_csrf_checks=True).post("/me/theme", {"theme": "dark"})

    assert (page.status_code, b"The form has expired" in page.content) == (403, True)


@pytest.mark.parametrize("path", ["/", "/auth/login/", "/auth/signup/", "/nothing"])
def test_policy_allows_nothing_inline(path: str, client: Client) -> None:
    policy = client.get(path).headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
