"""A platform as `./run up` starts it, with its stand-ins for Stripe and a chain, and the people who use its money."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, cast

import httpx
from playwright.sync_api import Browser, Locator, Page, expect

from tests.e2e.conftest import Visitor
from tests.faults.platform import Platform

# One job is at most ten seconds away, and two cores may be busy with more than this test.
PATIENCE_MS = 30_000
PASSWORD = "correct horse battery"
_END_OF_MAIL = b"\n" + b"-" * 79 + b"\n"


class Person(Visitor):
    """Somebody in a browser profile of their own. `home` is the address of their workspace's pages."""

    platform: Platform
    email: str
    home: str

    def sign_up(self, email: str) -> None:
        self.email = email
        page = self.open("/auth/signup/")
        page.fill("[name=email]", email)
        page.fill("[name=password1]", PASSWORD)
        page.get_by_role("button", name="Sign up", exact=True).click()
        page.wait_for_url("**/w/**")
        self.home = page.url.removeprefix(self.base_url).rstrip("/")

    def billing(self, path: str = "") -> Page:
        """A page about money, which says that this is play."""
        page = self.open(f"{self.home}/billing{path}")
        expect(page.get_by_text("Test payments.", exact=True)).to_be_visible()
        return page

    def begin_top_up(self, dollars: str, *, saves_card: bool = False) -> Page:
        """To the payment page."""
        page = self.billing("/topup")
        page.fill("[name=own]", dollars)
        if saves_card:
            page.check("[name=saves_card]")
        page.get_by_role("button", name="Continue to payment").click()
        expect(page.get_by_role("heading", name="Test cards")).to_be_visible()
        return page

    def use_card(self, title: str) -> None:
        self.page.get_by_role("button", name=f"Use this: {title}", exact=True).click()

    def top_up(self, dollars: str, *, card: str = "Succeeds") -> Page:
        """By card, until it is credited."""
        page = self.begin_top_up(dollars)
        self.use_card(card)
        expect(page.get_by_text(f"Credited ${dollars}", exact=False)).to_be_visible()
        return page

    def spends(self, model: str, task_type: str, **given: Any) -> None:
        """On a task by the API, with a key of its own, until it has ended."""
        page = self.open(f"{self.home}/keys/new")
        page.fill("[name=name]", "shop")
        page.get_by_role("button", name="Create key").click()
        key = page.locator("#secret").input_value()
        made = httpx.post(
            f"{self.base_url}/api/v1/task",
            json={"model": model, "task_type": task_type, "input": given},
            headers={"x-api-key": key},
            trust_env=False,
        )
        task_id = made.raise_for_status().json()["data"]["task_id"]
        self.open(f"{self.home}/tasks/{task_id}")
        expect(self.page.locator("#headline")).to_contain_text("charged $")

    def balance(self) -> str:
        """As the transactions say it, what is owed taken off."""
        self.billing("/transactions")
        stat = self.page.locator("section", has=self.page.locator("#stat-closing"))
        return stat.locator(".stat-value").inner_text()

    def refreshes_until(self, found: Callable[[Page], Locator]) -> None:
        """Look again, as people do, until the page says it."""
        until = time.monotonic() + PATIENCE_MS / 1000
        while not found(self.page).first.is_visible():
            assert time.monotonic() < until, self.page.locator("main").inner_text()
            self.page.reload()

    def mails(self, words: str) -> list[EmailMessage]:
        """Those to this person whose subject has the words; waits for the first."""
        until = time.monotonic() + PATIENCE_MS / 1000
        while True:
            found = [
                mail
                for mail in _mails(self.platform.folder / "mail")
                if self.email in str(mail["To"]) and words in str(mail["Subject"])
            ]
            if found or time.monotonic() > until:
                return found
            threading.Event().wait(0.1)

    def looks_right(self, name: str) -> None:
        """Nothing sticks out on a telephone; with MONEY_SHOTS pictures of both widths are kept there."""
        self.page.wait_for_load_state()
        for width in (360, 1280):
            self.width(width)
            assert self.overflow() == 0, (name, width)
            if folder := os.environ.get("MONEY_SHOTS"):
                path = Path(folder) / f"{name}-{width}.png"
                self.page.screenshot(path=path, full_page=True)


def _mails(folder: Path) -> Iterator[EmailMessage]:
    for path in sorted(folder.glob("*")):
        for raw in path.read_bytes().split(_END_OF_MAIL):
            if raw.strip():
                yield cast(EmailMessage, message_from_bytes(raw, policy=policy.default))


class Shop:
    """Where `person` lets people in."""

    def __init__(self, platform: Platform, browser: Browser) -> None:
        self.platform, self._browser = platform, browser
        self._people: list[Person] = []

    def person(self, email: str = "") -> Person:
        """A browser; signed up when an address is given."""
        context = self._browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(PATIENCE_MS)
        person = Person(context, self.platform.url)
        person.platform = self.platform
        self._people.append(person)
        if email:
            person.sign_up(email)
        return person

    def operator(self, email: str) -> Person:
        """Signed in to the console."""
        self.platform.manage(
            "createsuperuser", "--noinput", "--email", email, DJANGO_SUPERUSER_PASSWORD=PASSWORD
        )
        person = self.person()
        person.email = email
        page = person.open("/auth/login/?next=/ops/admin/")
        page.fill("[name=login]", email)
        page.fill("[name=password]", PASSWORD)
        page.get_by_role("button", name="Sign in", exact=True).click()
        page.wait_for_url("**/ops/admin/")
        return person

    def close(self) -> list[str]:
        """What the pages of all of them complained about."""
        for person in self._people:
            person.context.close()
        return [words for person in self._people for words in person.complaints]


@contextmanager
def open_shop(platform: Platform, browser: Browser) -> Iterator[Shop]:
    expect.set_options(timeout=PATIENCE_MS)
    shop = Shop(platform, browser)
    try:
        yield shop
        assert shop.close() == []
    finally:
        expect.set_options(timeout=5_000)
