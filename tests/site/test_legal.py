"""Terms and privacy: ours with the operator's name, or the operator's own."""

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from apps.billing.models import LegalEntity
from apps.site.checks import check_legal_texts

pytestmark = pytest.mark.django_db

PAGES = [("/terms", "TERMS_FILE"), ("/privacy", "PRIVACY_FILE")]


def html(client: Client, path: str) -> str:
    return client.get(path).content.decode()


@pytest.mark.parametrize("path", ["/terms", "/privacy"])
def test_our_text_names_the_operator_of_the_settings(
    client: Client, path: str, settings: Any
) -> None:
    settings.SELLER_NAME = "Acme <b>Ltd"
    settings.SELLER_ADDRESS = "1 High Street\nLondon"
    settings.SELLER_EMAIL = "hello@acme.example"

    found = html(client, path)

    assert "Acme &lt;b&gt;Ltd" in found
    assert "1 High Street\nLondon" in found
    assert 'href="mailto:hello@acme.example"' in found
    assert LegalEntity.objects.count() == 0


def test_console_wins_over_the_settings(client: Client, settings: Any) -> None:
    settings.SELLER_NAME = "Old name"
    LegalEntity.objects.create(slug="seller", name="New name", is_default=True)
    LegalEntity.objects.create(slug="other", name="Somebody else", number_prefix="X-")

    found = html(client, "/privacy")

    assert "New name" in found
    assert "Old name" not in found
    assert "Somebody else" not in found


def test_privacy_is_true_of_this_installation(client: Client, settings: Any) -> None:
    settings.STRIPE_SECRET_KEY = "sk_test"
    settings.CRYPTO_XPUB = settings.BTCPAY_URL = settings.LLM_MODERATION_URL = ""
    settings.SOCIALACCOUNT_PROVIDERS = {"github": {}}
    settings.REFERRAL_COOKIE_DAYS = 33

    found = " ".join(html(client, "/privacy").split())

    assert "Stripe takes card payments" in found
    assert "Payments in tokens" not in found
    assert "moderation service" not in found
    assert "If you sign in with Github" in found
    assert "33 days" in found
    for plan in ("3 days (Hobbyist)", "7 days (Developer)", "30 days (Premium)"):
        assert plan in found


def test_cookies_that_pages_set_are_in_the_list(client: Client) -> None:
    client.get("/r/abcdefgh")
    client.get("/auth/login/")
    client.post("/me/theme", {"theme": "dark", "next": "/"})

    found = html(client, "/privacy")

    assert client.cookies
    assert [
        name for name in client.cookies if f"<code>{name}</code>" not in "".join(found.split())
    ] == []


@pytest.mark.parametrize(("path", "name"), PAGES)
def test_operators_markdown_replaces_ours(
    client: Client, path: str, name: str, settings: Any, tmp_path: Path
) -> None:
    file = tmp_path / "own.md"
    file.write_text(
        "## Our *own* rules\n\n<script>x</script>\n\n[a](javascript:x) [b](https://b.example)\n\n"
        "![seen](https://tracker.example/x.png)\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    )
    setattr(settings, name, file)

    found = html(client, path)

    assert "<h2>Our <em>own</em> rules</h2>" in found
    assert "&lt;script&gt;x&lt;/script&gt;" in found
    assert 'href="javascript:' not in found
    assert '<a href="https://b.example">b</a>' in found
    assert '<img src="https://tracker' not in found
    assert "<td>1</td>" in found
    assert "What is not allowed" not in found
    assert "No trackers" not in found


def test_plain_text_is_paragraphs(client: Client, settings: Any, tmp_path: Path) -> None:
    settings.TERMS_FILE = tmp_path / "own.txt"
    settings.TERMS_FILE.write_text("One & <two>\n\nThree")

    assert "<p>One &amp; &lt;two&gt;</p>\n\n<p>Three</p>" in html(client, "/terms")


@pytest.mark.parametrize("content", [None, b"\xff\xfe\xff", b"x" * 1_000_001])
def test_text_that_cannot_be_read_is_not_replaced_by_ours(
    client: Client, settings: Any, tmp_path: Path, content: bytes | None
) -> None:
    settings.TERMS_FILE = tmp_path / "own.md"
    if content is not None:
        settings.TERMS_FILE.write_bytes(content)

    page = client.get("/terms")

    assert page.status_code == 503
    assert b"it is still in force" in page.content
    assert b"What is not allowed" not in page.content
    assert [error.id for error in check_legal_texts(None)] == ["site.E001"]


@pytest.mark.parametrize("path", ["/terms", "/privacy"])
def test_page_asks_little(client: Client, path: str, django_assert_max_num_queries: Any) -> None:
    with django_assert_max_num_queries(5):
        assert client.get(path).status_code == 200
