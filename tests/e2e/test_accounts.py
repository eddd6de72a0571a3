"""Own accounts in a browser: seats are rented, two accounts connected at two bridges, one paused, one in trouble. And
what their operator sees of such accounts.
"""

import os
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import User
from apps.byoa.models import Account
from apps.tasks.models import AccountHour, PenaltyDay
from tests.bridge.running import RunningBridge
from tests.dashboard.accounts import of, url
from tests.e2e.conftest import Visitor
from tests.factories import owner_of
from tests.factories.byoa import account, own_account, seats
from tests.payments.stripe_server import StripeServer
from tests.payments.subscribing import free, subscribed

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def _looks_right(visitor: Visitor, name: str) -> None:
    """In both themes and widths; with ACCOUNT_SHOTS pictures are kept there."""
    for theme in ("light", "dark"):
        _themed(visitor, theme)
        for width in (1280, 360):
            visitor.width(width)
            _keep(visitor, f"{name}-{theme}-{width}")
            assert visitor.overflow() == 0, (name, theme, width)
            assert visitor.accessibility() == [], (name, theme, width)
    visitor.width(1280)
    visitor.theme("light")


def _themed(visitor: Visitor, theme: str) -> None:
    # Without loading anew: what a form has refused would be gone.
    visitor.theme(theme)
    visitor.page.evaluate(
        "name => { document.documentElement.dataset.bsTheme = name;"
        " document.dispatchEvent(new Event('themechange')); }",
        theme,
    )
    visitor.page.evaluate(
        "Promise.all(document.getAnimations().map(one => one.finished.catch(() => null)))"
    )


def _connect(page: Page, bridge: RunningBridge, label: str, secret: str) -> None:
    page.get_by_role("link", name="Connect account", exact=False).first.click()
    page.get_by_role("link", name="Choose Midjourney bridge").click()
    _fill(page, bridge, label, secret)


def _fill(page: Page, bridge: RunningBridge, label: str, secret: str) -> None:
    for box in page.locator("fieldset input[type=checkbox]").all():
        box.check()
    page.fill("[name=label]", label)
    page.fill("[name=base_url]", bridge.url)
    page.fill("[name=credential]", secret)
    page.get_by_role("button", name="Test and connect").click()


def test_seats_are_rented_and_accounts_live_on_them(
    visitor: Visitor,
    stripe_server: StripeServer,
    make_bridge: Callable[[], RunningBridge],
    settings: Any,
) -> None:
    settings.STRIPE_SECRET_KEY = stripe_server.secret_key
    settings.STRIPE_API_BASE = stripe_server.url
    settings.TEST_PAYMENTS = True
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    berlin, tokyo = make_bridge(), make_bridge()
    workspace = free()
    subscribed(workspace, stripe_server)
    visitor.sign_in(owner_of(workspace), "correct horse")

    page = visitor.open(url(workspace))
    _looks_right(visitor, "accounts-empty")
    page.get_by_role("link", name="Rent a seat for Midjourney").click()
    page.fill("[name=seats]", "2")
    page.get_by_role("button", name="Show the price").click()
    expect(page.get_by_text("About $16.00 today")).to_be_visible()
    _looks_right(visitor, "seats")
    page.get_by_role("button", name="Rent 2 seats and pay $16.00").click()
    expect(page.get_by_text("Midjourney has 2 seats now.")).to_be_visible()
    _looks_right(visitor, "family-empty")

    _connect(page, berlin, "Berlin", "bad")
    expect(page.get_by_role("heading", name="The test failed. Nothing was stored.")).to_be_visible()
    expect(page.locator("[name=credential]")).to_have_value("")
    expect(page.locator("[name=label]")).to_have_value("Berlin")
    _looks_right(visitor, "connect-refused")
    page.fill("[name=credential]", "berlin-secret")
    page.get_by_role("button", name="Test and connect").click()
    expect(page.get_by_text("Berlin is connected")).to_be_visible()
    page.locator(".crumb a").click()
    _connect(page, tokyo, "Tokyo", "tokyo-secret")
    expect(page.get_by_text("Tokyo is connected")).to_be_visible()
    made = Account.objects.of(workspace.pk).get(label="Tokyo")

    page.fill("[name=active_from]", "22:00")
    page.fill("[name=active_to]", "06:00")
    page.fill("[name=time_zone]", "Asia/Tokyo")
    page.locator("[name=time_zone]").blur()
    expect(page.get_by_text("22:00–24:00").first).to_be_visible()
    page.get_by_role("button", name="Save settings").click()
    expect(page.get_by_text("The settings are saved")).to_be_visible()
    tokyo.knobs(captcha=True)
    page.get_by_role("button", name="Run checks").click()
    line = page.locator('[data-line="captcha"]')
    expect(line).to_contain_text("wrong")
    expect(page.locator("#headline")).to_contain_text("The provider wants to see a person.")
    _looks_right(visitor, "account-captcha")
    page = visitor.open(url(workspace, "overview"))
    _looks_right(visitor, "strip-captcha")
    page.get_by_role("link", name="See what to do").click()
    tokyo.knobs(captcha=False)
    page.get_by_role("button", name="I solved it").click()
    expect(page.locator("#headline")).not_to_contain_text("person")

    page = visitor.open(url(workspace, "accounts_family", "midjourney"))
    page.get_by_role("button", name="Pause Berlin").click()
    expect(page.get_by_text("Berlin is paused")).to_be_visible()
    page.get_by_role("button", name="Make private").click()
    expect(page.get_by_text("Midjourney is private")).to_be_visible()
    page.get_by_role("button", name="Turn on").click()
    expect(page.get_by_text("Fail-over is on.")).to_be_visible()
    _looks_right(visitor, "family")
    page = visitor.open(url(workspace))
    _looks_right(visitor, "accounts")

    _worked(made)
    page = visitor.open(of(made, "accounts_report"))
    expect(page.get_by_text("36 tasks, 4 of them failed")).to_be_visible()
    _looks_right(visitor, "report")
    page = visitor.open(of(made, "accounts_delete"))
    _looks_right(visitor, "delete")
    page.get_by_role("textbox").fill("Tokyo")
    page.get_by_role("button", name="Delete account").click()
    expect(page.get_by_text("Tokyo is deleted")).to_be_visible()


def _worked(account: Account) -> None:
    """Four days of work."""
    at = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    for day in range(4):
        AccountHour.objects.create(
            account=account, hour=at - timedelta(days=day + 1), attempts=6 + 2 * day, succeeded=5 + 2 * day,
            run_ms=300_000, fast_ms=200_000, errors={"provider_failed": 1},
        )  # fmt: skip


def test_operator_looks_at_accounts_and_waives_a_day(visitor: Visitor, settings: Any) -> None:
    workspace, other = free(), free()
    day = PenaltyDay.objects.create(workspace=workspace, day=date(2026, 5, 1), incorrect=61)
    seats(workspace, quantity=2)
    own_account(workspace, label="Berlin", status="captcha_required", status_reason="Look there.")
    own_account(other, "kling", label="Paris")
    account(families=["midjourney"])
    visitor.sign_in(
        User.objects.create_superuser("operator@example.com", "correct horse"), "correct horse"
    )

    page = visitor.open("/ops/admin/health/")
    _is_sound(visitor, "ops-health")
    page.get_by_role("link", name="kling").click()
    expect(page.get_by_text("Paris")).to_be_visible()
    _is_sound(visitor, "ops-own-accounts")
    page.get_by_role("link", name="Pause…").click()
    _fits(visitor, "ops-pause")
    page.get_by_label("Reason").fill("It floods the bridge.")
    page.get_by_role("button", name="Pause it").click()
    expect(page.get_by_text("Paris is paused.")).to_be_visible()

    page = visitor.open("/ops/admin/billing/seats/")
    expect(page.get_by_role("link", name=workspace.slug)).to_be_visible()
    page = visitor.open(f"/ops/admin/tasks/penaltyday/{day.pk}/change/")
    page.get_by_role("link", name="Waive this day").click()
    _fits(visitor, "ops-waive")
    page.get_by_label("Reason").fill("Their import went wrong.")
    page.get_by_role("button", name="Waive this day").click()
    expect(page.get_by_text("The day is waived.")).to_be_visible()


def _is_sound(visitor: Visitor, name: str) -> None:
    """As `_looks_right`, in the console, which follows the device's colours."""
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        visitor.page.emulate_media(color_scheme=scheme)
        visitor.page.evaluate(
            "Promise.all(document.getAnimations().map(one => one.finished.catch(() => null)))"
        )
        _fits(visitor, f"{name}-{scheme}")
        # The path at the top is the admin's own: links that differ from text by colour alone.
        found = [one for one in visitor.accessibility() if one[0] != "link-in-text-block"]
        assert found == [], (name, scheme)


def _fits(visitor: Visitor, name: str) -> None:
    """Alone on pages with the admin's forms, whose style sheet imports another: axe cannot read that here."""
    for width in (360, 1280):
        visitor.width(width)
        _keep(visitor, f"{name}-{width}")
        assert visitor.overflow() == 0, (name, width)


def _keep(visitor: Visitor, name: str) -> None:
    if folder := os.environ.get("ACCOUNT_SHOTS"):
        visitor.page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)
