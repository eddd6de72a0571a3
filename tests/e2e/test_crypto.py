"""A top-up by token, from the form to the credits, on a real chain and in a real browser."""

import os
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from apps.billing.services.crypto import watch
from apps.sandbox.chain.settings import XPUB
from tests.billing.crypto import look
from tests.e2e.conftest import Visitor
from tests.factories import WorkspaceFactory, owner_of
from tests.payments.chain_server import CONFIRMATIONS, TestChain

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def test_tokens_are_sent_and_credited(visitor: Visitor, settings: Any, chain: TestChain) -> None:
    settings.CRYPTO_XPUB = XPUB
    settings.CRYPTO_CHAINS = chain.configured()
    settings.TEST_PAYMENTS = True
    watch._proved.clear()
    workspace = WorkspaceFactory.create()
    visitor.sign_in(owner_of(workspace), "correct horse")
    page = visitor.open(f"/w/{workspace.slug}/billing/topup")
    form = page.locator("form", has_text="By crypto")
    form.locator("[name=coin]").select_option("local:USDC")
    form.locator("[name=amount]").fill("10")
    form.get_by_role("button", name="Show where to send it").click()
    expect(page.get_by_role("heading", name="Send 10.00 USDC on Local test chain")).to_be_visible()
    expect(page.locator("svg.qr")).to_be_visible()
    address = page.locator("#crypto-address").inner_text()
    _looks_right(visitor, "where")

    chain.send(address, 7)
    chain.chain.mine(2)
    look()
    expect(page.get_by_text(f"3 of {CONFIRMATIONS} confirmations", exact=True)).to_be_visible()
    chain.send(address, 1, token="WRONG")
    look()
    expect(page.get_by_text("your case number is")).to_be_visible()
    _looks_right(visitor, "coming")

    chain.send(address, 3)
    chain.chain.mine(CONFIRMATIONS)
    look()
    expect(page.get_by_text("Credited $10.00.")).to_be_visible()
    _looks_right(visitor, "credited")


def _looks_right(visitor: Visitor, name: str) -> None:
    for theme in ("light", "dark"):
        visitor.theme(theme)
        visitor.page.reload()
        assert visitor.accessibility() == []
        for width in (1280, 360):
            visitor.width(width)
            assert visitor.overflow() == 0
            if folder := os.environ.get("SCREENSHOTS"):
                path = Path(folder) / f"crypto-{name}-{theme}-{width}.png"
                visitor.page.screenshot(path=path, full_page=True)
        visitor.width(1280)
