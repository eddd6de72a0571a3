"""A real browser against the real server, in the tests' own process.

Skipped with the reason where there is no Chromium: `apt-get install chromium`, or CHROMIUM=/path/to/it.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from apps.accounts.models import User
from scripts import chromium

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Refusals that a test provokes on purpose are no fault of the page; nor is that a browser without a graphics card
# copies what a page draws in 3D.
_EXPECTED = ("the server responded with a status of 4", "GPU stall due to ReadPixels")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    path = chromium.find()
    if path is None:
        pytest.skip("There is no Chromium here: apt-get install chromium, or set CHROMIUM.")
    # Playwright keeps an event loop in this thread while it runs, which makes Django refuse its database
    # and other tests' own loops fail: so it ends with this package.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()
    del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


class Visitor:
    """One browser profile. What its pages complain about, broken policies above all, fails the test at its end."""

    def __init__(self, context: BrowserContext, base_url: str) -> None:
        self.context = context
        self.base_url = base_url
        self.complaints: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("console", self._note)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        is_expected = any(words in message.text for words in _EXPECTED)
        if message.type in {"error", "warning"} and not is_expected:
            self.complaints.append(message.text)

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.base_url}{path}")
        return self.page

    def sign_in(self, user: User, password: str) -> None:
        self.open("/auth/login/")
        self.page.fill("[name=login]", user.email)
        self.page.fill("[name=password]", password)
        self.page.get_by_role("button", name="Sign in", exact=True).click()
        self.page.wait_for_url("**/w/**")

    def theme(self, name: str) -> None:
        self.context.add_cookies([{"name": "theme", "value": name, "url": self.base_url}])

    def width(self, pixels: int) -> None:
        self.page.set_viewport_size({"width": pixels, "height": 800})

    def overflow(self) -> int:
        """How many pixels the page is wider than the screen."""
        width: int = self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return width

    def accessibility(self) -> list[Any]:
        """What axe finds wrong, as (rule, elements)."""
        self.page.evaluate(AXE)
        found: list[Any] = self.page.evaluate(
            "rules => axe.run({runOnly: rules}).then(result => result.violations.map("
            "one => [one.id, one.nodes.map(node => node.html)]))",
            _RULES,
        )
        return found


@pytest.fixture
def visitor(browser: Browser, live_server: Any, settings: Any) -> Iterator[Visitor]:
    settings.BASE_URL = live_server.url
    settings.FILES_BASE_URL = f"{live_server.url}/files"
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(10_000)
    # A machine that does other things too is slow at most in bringing up a page.
    context.set_default_navigation_timeout(60_000)
    visitor = Visitor(context, live_server.url)
    yield visitor
    context.close()
    assert visitor.complaints == []
