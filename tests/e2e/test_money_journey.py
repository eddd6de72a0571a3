"""All of the money in a browser, from an empty folder and `./run up`: no key, no chain, no money of anybody's."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.shop import Person, Shop, open_shop
from tests.faults.platform import Platform

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    platform = Platform(folder=tmp_path_factory.mktemp("shop"), LOCAL_ENGINE="false")
    try:
        platform.start()
        yield platform
    finally:
        platform.stop()


@pytest.fixture
def shop(platform: Platform, browser: Browser) -> Iterator[Shop]:
    with open_shop(platform, browser) as shop:
        yield shop


def test_card_is_declined_then_asked_for_then_charged(shop: Shop) -> None:
    ana = shop.person("ana@example.com")
    ana.billing("/topup")
    ana.looks_right("topup")
    page = ana.begin_top_up("20")
    ana.looks_right("stripe-checkout")
    ana.use_card("Is declined")
    expect(page.get_by_role("alert")).to_have_text("Your card was declined.")
    page.get_by_role("link", name="Leave without paying").click()
    expect(page.get_by_text("The bank declined it.")).to_be_visible()
    expect(page.get_by_text("Nothing was charged.")).to_be_visible()
    ana.looks_right("topup-declined")
    status = urlsplit(page.url).path
    assert ana.balance() == "$0.33"

    page = ana.open(status)
    page.get_by_role("link", name="Continue to payment").click()
    ana.use_card("Asks for 3-D Secure every time")
    expect(page.get_by_role("heading", name="Your bank asks")).to_be_visible()
    ana.looks_right("stripe-3ds")
    page.get_by_role("button", name="Complete").click()
    expect(page.get_by_text("Credited $20.00.")).to_be_visible()
    assert page.url == ana.base_url + status
    expect(page.get_by_text("Your balance is $20.33.")).to_be_visible()
    ana.looks_right("topup-credited")
    ana.top_up("4.50")
    assert ana.balance() == "$24.83"
    ana.looks_right("transactions")
    _has_the_invoice(ana)


def _has_the_invoice(person: Person) -> None:
    page = person.billing("/invoices")
    numbers = page.locator("td.cell-title a").all_inner_texts()
    assert len(numbers) == 2
    person.looks_right("invoices")
    page.get_by_role("link", name=numbers[1], exact=True).click()
    expect(page.locator(".document")).to_contain_text("$20.00")
    person.looks_right("invoice")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download PDF").click()
    printed = download.value.path().read_bytes()
    assert printed.startswith(b"%PDF-")
    [mail] = person.mails(numbers[1])
    assert mail["Subject"] == f"Invoice {numbers[1]} of Modelyard: US$20.00 (test payment)"
    [attached] = mail.iter_attachments()
    assert attached.get_content() == printed


def test_tokens_arrive_in_parts_and_vanish_again(shop: Shop) -> None:
    ben = shop.person("ben@example.com")
    page = ben.billing("/topup")
    form = page.locator("form", has_text="By crypto")
    form.locator("[name=coin]").select_option("local:USDC")
    form.locator("[name=amount]").fill("10")
    form.get_by_role("button", name="Show where to send it").click()
    expect(page.get_by_role("heading", name="Send 10.00 USDC on Local test chain")).to_be_visible()
    expect(page.locator("svg.qr")).to_be_visible()
    ben.looks_right("crypto-where")

    wallet = ben.context.new_page()
    link = page.get_by_role("link", name="Open the test wallet").get_attribute("href")
    wallet.goto(f"{ben.base_url}{link}")
    address = wallet.locator("#to").input_value()
    assert address == page.locator("#crypto-address").inner_text()
    _send(wallet, "4", address)
    expect(page.get_by_text("Your transfer is on its way.")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^\d+ of \d+ confirmations$"))).to_be_visible()
    ben.looks_right("crypto-coming")
    expect(page.get_by_text("Received $4.00 of $10.00; it is credited.")).to_be_visible()
    expect(page.get_by_role("heading", name="Send 6.00 USDC on Local test chain")).to_be_visible()
    ben.looks_right("crypto-part")
    block = _send(wallet, "6", address)
    expect(page.get_by_text("Credited $10.00.")).to_be_visible()
    expect(page.get_by_text("Your balance is $10.33.")).to_be_visible()
    ben.looks_right("crypto-credited")

    _replace_blocks(wallet, since=block)
    ben.refreshes_until(lambda page: page.get_by_text("Its credits were taken back"))
    ben.looks_right("crypto-gone")
    assert ben.balance() == "$4.33"
    ben.looks_right("crypto-gone-transactions")
    [mail] = ben.mails("is no longer on")
    assert mail["Subject"] == "A transfer of $6.00 is no longer on Local test chain"


def _send(wallet: Page, amount: str, address: str) -> int:
    """The number of the block it is in."""
    wallet.fill("#amount", amount)
    wallet.fill("#to", address)
    wallet.get_by_role("button", name="Send").click()
    expect(wallet.get_by_role("status")).to_contain_text("Sent. Transaction 0x")
    return _head(wallet)


def _head(wallet: Page) -> int:
    found = re.search(r"last block is number (\d+)", wallet.locator("main").inner_text())
    assert found
    return int(found[1])


def _replace_blocks(wallet: Page, *, since: int) -> None:
    wallet.reload()
    wallet.get_by_text("Make the chain reorganise").click()
    # One more is mined a second: a few too many are replaced, fewer than lie before the block.
    wallet.fill("#depth", str(_head(wallet) - since + 3))
    wallet.get_by_role("button", name="Replace them").click()
    expect(wallet.get_by_role("status")).to_contain_text("blocks were replaced.")
