"""The public catalogue and prices in a browser: live with scripts, whole without, and no wider than a phone."""

import re
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from apps.accounts.models import Plan
from tests.e2e.conftest import Visitor
from tests.site.catalogue import set_price

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

PAGES = [
    "/models",
    "/models?q=nothing-of-the-kind",
    "/models/kling/video_generation",
    "/models/modelyard/parallax/image-to-video",
    "/models/midjourney/upscale",
    "/models/gpt-4o",
    "/models/gpt-5",
    "/models/dall-e-3",
    "/models/kling/nothing",
    "/pricing?what=kling/video_generation&at_once=11",
    "/pricing?what=nothing&count=0&q=flux",
]


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 360)])
def test_every_page_is_accessible_and_fits_the_screen(
    theme: str, width: int, visitor: Visitor
) -> None:
    set_price("kling", "video_generation", "1000000", rate="classic_std", plan=Plan.PREMIUM)
    visitor.theme(theme)
    visitor.width(width)
    faults = {}
    for path in PAGES:
        visitor.open(path)
        faults[path] = (visitor.overflow(), visitor.accessibility())

    assert {path: found for path, found in faults.items() if found != (0, [])} == {}


def test_list_follows_what_is_typed(visitor: Visitor) -> None:
    page = visitor.open("/models")

    page.fill("#models-q", "kling turbo")

    expect(page.locator(".model-card")).to_have_count(1)
    expect(page).to_have_url(re.compile(r"/models\?q=kling(%20|\+)turbo"))


def test_calculator_follows_what_is_chosen(visitor: Visitor) -> None:
    page = visitor.open("/pricing")

    page.select_option("#calc-what", "kling/video_generation")
    expect(page.locator("#calc_p_duration")).to_be_visible()
    page.fill("#calc_count", "10")
    expect(page.locator("#calculator-result")).to_contain_text("10 × $0.195")
    page.fill("#calc_p_duration", "10")

    expect(page.locator("#calculator-result")).to_contain_text("10 × $0.39")


def test_table_follows_what_is_typed(visitor: Visitor) -> None:
    page = visitor.open("/pricing")

    page.fill("#prices-q", "flux kontext")

    expect(page.locator(".price-table tbody tr")).to_have_count(1)


def test_languages_change_by_keyboard(visitor: Visitor) -> None:
    page = visitor.open("/models/gpt-4o")

    page.focus("#in-curl")
    page.keyboard.press("ArrowRight")

    expect(page.locator("#code-python")).to_be_visible()
    expect(page.locator("#code-curl")).to_be_hidden()


def test_everything_is_there_without_scripts(browser: Browser, live_server: Any) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{live_server.url}/pricing?what=kling/video_generation")
    page.fill("#calc_count", "10")
    page.get_by_role("button", name="Work it out").click()
    expect(page.locator("#calculator-result")).to_contain_text("10 × $0.195")

    page.goto(f"{live_server.url}/models")
    page.fill("#models-q", "kling turbo")
    page.get_by_role("button", name="Search").click()
    expect(page.locator(".model-card")).to_have_count(1)
    page.get_by_role("link", name="Kling turbo video").click()
    expect(page.locator("h1")).to_contain_text("Kling turbo video")
    context.close()
