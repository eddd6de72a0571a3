"""The guides in a real browser: found by their words, sound in both themes, no wider than the screen."""

import pytest
from playwright.sync_api import expect

from tests.e2e.conftest import Visitor

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def test_reader_finds_a_guide_by_its_words_and_copies_its_code(visitor: Visitor) -> None:
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = visitor.open("/docs/")

    page.get_by_role("searchbox").fill("verify signature")
    page.get_by_role("searchbox").press("Enter")
    page.get_by_role("link", name="Webhooks: Verify the signature").click()
    expect(page).to_have_url(f"{visitor.base_url}/docs/webhooks#verify-the-signature")
    page.get_by_role("button", name="Copy").nth(1).click()

    expect(page.get_by_role("status")).to_have_text("Copied.")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("import base64\nimport hashlib\n")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("pixels", [1280, 360])
def test_guides_are_sound(visitor: Visitor, pixels: int, theme: str) -> None:
    visitor.width(pixels)
    visitor.theme(theme)

    for path in ("/docs/", "/docs/?q=webhook", "/docs/?q=zebra", "/docs/webhooks", "/docs/errors"):
        visitor.open(path)
        assert (path, visitor.overflow(), visitor.accessibility()) == (path, 0, [])
