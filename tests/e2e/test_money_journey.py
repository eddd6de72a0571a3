"""All of the money in a browser, from an empty folder and `./run up`: no key, no chain, no money of anybody's."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.shop import Person, Shop, open_shop
from tests.faults.platform import Platform
from tests.upstream.running import Upstream

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """One for the journeys of a process. At its end every point of theirs is accounted for."""
    platform = Platform(
        folder=tmp_path_factory.mktemp("shop"), LOCAL_ENGINE="false", AUTO_TOPUP_MIN_MINUTES="0"
    )
    try:
        platform.start()
        yield platform
        proof = platform.manage("audit_credits")
        assert proof.count("\n") == 1, proof
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
    _top_up_without_a_mouse(ana, "4.50")
    assert ana.balance() == "$24.83"
    ana.looks_right("transactions")
    _has_the_invoice(ana)


def _top_up_without_a_mouse(person: Person, dollars: str) -> None:
    page = person.billing("/topup")
    page.focus("[name=own]")
    page.keyboard.type(dollars)
    for _ in range(2):  # over the switch to the button
        page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Continue to payment")).to_be_focused()
    page.keyboard.press("Enter")
    page.get_by_label("Card number").focus()
    page.keyboard.type("4242 4242 4242 4242")
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"Credited ${dollars}.")).to_be_visible()


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


def test_plan_is_bought_raised_unpaid_and_paid(shop: Shop) -> None:
    cem = shop.person("cem@example.com")
    page = cem.billing("/plans")
    cem.looks_right("plans")
    page.get_by_role("link", name="Subscribe to Developer").click()
    expect(page.get_by_text("$15.00 a month", exact=True)).to_be_visible()
    cem.looks_right("plan-subscribe")
    page.get_by_role("button", name="Continue to payment").click()
    cem.use_card("Succeeds")
    expect(page.get_by_text("Payment received. Your plan is active.")).to_be_visible()
    page.get_by_role("link", name="Upgrade to Premium").click()
    expect(page.get_by_role("row", name="Today, about")).to_contain_text("$45.00")
    cem.looks_right("plan-upgrade")
    page.get_by_role("button", name="Upgrade and pay $45.00").click()
    expect(page.get_by_text("This workspace is on Premium now.")).to_be_visible()
    cem.looks_right("plans-premium")

    console = _console(shop)
    console.page.locator("tr", has_text=cem.email).get_by_role(
        "button", name="Next charge fails"
    ).click()
    expect(console.page.get_by_text("next charge fails", exact=True).first).to_be_visible()
    console.looks_right("stripe-console")
    console.page.locator("tr", has_text="Premium").get_by_role(
        "button", name="Move the clock to the renewal"
    ).first.click()
    expect(console.page.locator("tr", has_text="Premium").first).to_contain_text("past_due")
    page = cem.billing("/plans")
    cem.refreshes_until(lambda page: page.get_by_role("heading", name="The renewal was not paid"))
    cem.looks_right("plans-past-due")
    page = cem.billing("/transactions")
    expect(page.get_by_role("region", name="Money")).to_contain_text("The last payment failed.")
    page.get_by_role("link", name="See the plan").click()
    [mail] = cem.mails("Payment for the Premium plan")
    assert str(mail["Subject"]).startswith("Payment for the Premium plan of cem")
    page.get_by_role("link", name="Pay now").click()
    page.get_by_role("button", name="Pay with this: Succeeds", exact=True).click()
    expect(page.get_by_role("heading", name="paid")).to_be_visible()
    page = cem.billing("/plans")
    cem.refreshes_until(lambda page: page.get_by_text("Renews on"))
    expect(page.get_by_role("heading", name="The renewal was not paid")).to_have_count(0)
    page = cem.billing("/invoices")
    cem.refreshes_until(lambda page: page.locator("td.cell-sum", has_text="$60.00"))
    assert page.locator("td.cell-sum").all_inner_texts() == ["$60.00", "$45.00", "$15.00"]
    cem.looks_right("invoices-plan")


def _console(shop: Shop) -> Person:
    console = shop.person()
    console.open("/sandbox/stripe/console")
    return console


def test_operator_refunds_a_part(shop: Shop) -> None:
    dot = shop.person("dot@example.com")
    dot.top_up("10")
    assert dot.balance() == "$10.33"

    eva = shop.operator("eva@example.org")
    page = eva.open("/ops/admin/billing/payment/")
    page.locator("tr", has_text="dot").get_by_role("link").first.click()
    eva.looks_right("admin-payment")
    page.get_by_role("link", name="Refund", exact=True).click()
    expect(page.get_by_text("Up to $10.00 can go back to the card.")).to_be_visible()
    page.get_by_label("Amount").fill("4")
    page.get_by_label("Reason").fill("The first four clips were blurred.")
    eva.looks_right("admin-refund")
    page.get_by_role("button", name="Refund").click()
    expect(page.get_by_text("Asked for. It is sent within a minute")).to_be_visible()
    eva.refreshes_until(lambda page: page.get_by_text("$4.00, Sent"))
    went_back = re.compile(r"Refund re_\w+: \$4\.00, succeeded, in effect")
    eva.refreshes_until(lambda page: page.get_by_text(went_back))
    eva.looks_right("admin-refunded")

    assert dot.balance() == "$6.33"
    dot.looks_right("transactions-refund")
    page = dot.billing("/invoices")
    expect(page.get_by_text(re.compile("Credit note on TEST-"))).to_be_visible()
    assert page.locator("td.cell-sum").all_inner_texts() == ["−$4.00", "$10.00"]
    dot.looks_right("invoices-refund")
    [mail] = dot.mails("Credit note")
    assert str(mail["Subject"]).endswith("US$4.00 (test payment)")


def test_spent_and_disputed_credits_are_owed_and_paid_back(shop: Shop, upstream: Upstream) -> None:
    shop.platform.add_account(label="Pool", url=upstream.url, slots=5, credential="key")
    flo = shop.person("flo@example.com")
    flo.top_up("5")
    flo.spends("kling", "video_generation", prompt="a fox in a forest", duration=10)
    flo.spends("kling", "video_generation", prompt="a fox at night", duration=10)
    assert flo.balance() == "$4.55"

    console = _console(shop)
    console.page.locator("tr", has_text="$5.00").get_by_role("button", name="Dispute").first.click()
    expect(console.page.locator("tr", has_text="du_").first).to_contain_text("needs_response")
    page = flo.billing("/transactions")
    flo.refreshes_until(lambda page: page.get_by_text("$0.45 owed now"))
    assert flo.balance() == "$0.00"
    flo.looks_right("transactions-debt")
    flo.billing()
    flo.looks_right("billing-debt")
    page = flo.top_up("3")
    expect(page.get_by_text("Your balance is $2.55.")).to_be_visible()
    flo.looks_right("topup-paid-debt")
    flo.balance()
    flo.looks_right("transactions-paid-debt")


def test_code_is_exported_once_and_redeemed_once(shop: Shop) -> None:
    eva = shop.operator("gus@example.org")
    page = eva.open("/ops/admin/billing/codebatch/add/")
    page.get_by_label("Name:").fill("Launch")
    page.get_by_label("Prefix:").fill("launch")
    page.get_by_label("Credits:").fill("700")
    page.get_by_label("Count:").fill("2")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_role("link", name="Launch").first.click()
    page.get_by_role("link", name="Export the codes").click()
    eva.looks_right("admin-codes")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export the codes").click()
    [head, code, other] = download.value.path().read_text().split()
    assert head == "code"
    assert code != other
    assert code.startswith("LAUNCH-")
    page.reload()
    page.get_by_role("link", name="Launch").first.click()
    expect(page.get_by_role("link", name="Void")).to_be_visible()
    expect(page.get_by_role("link", name="Export the codes")).to_have_count(0)

    hal = shop.person("hal@example.com")
    _redeem(hal, code)
    expect(hal.page.get_by_role("status").first).to_contain_text("700 credits ($1.00) were added.")
    hal.looks_right("redeemed")
    assert hal.balance() == "$1.33"
    for who in (hal, shop.person("ida@example.com")):
        _redeem(who, code.lower())
        expect(who.page.locator(".invalid-feedback")).to_have_text("This code is not valid.")
    hal.looks_right("redeem-refused")
    assert hal.balance() == "$1.33"


def _redeem(person: Person, code: str) -> None:
    page = person.billing("/redeem")
    page.get_by_label("Code").first.fill(code)
    page.get_by_role("button", name="Redeem", exact=True).click()


def test_friend_brings_both_a_reward(shop: Shop) -> None:
    jan = shop.person("jan@example.com")
    page = jan.billing("/referral")
    link = page.locator("#link").input_value()
    jan.looks_right("referral-empty")
    kim = shop.person()
    kim.open(link.removeprefix(kim.base_url))
    kim.sign_up("kim@example.net")
    page = jan.billing("/referral")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_text("We are checking this sign-up")).to_be_visible()
    jan.looks_right("referral-waiting")
    [mail] = kim.mails("Confirm your e-mail address")
    [url] = re.findall(r"http\S+/confirm-email/\S+", str(mail.get_content()))
    kim.page.goto(url)
    kim.looks_right("confirm-address")
    kim.page.get_by_role("button", name="Confirm").click()
    expect(kim.page.get_by_text("You have confirmed")).to_be_visible()

    # Both sat at one machine, which looks like one person: somebody has to decide.
    lea = shop.operator("lea@example.org")
    page = lea.open("/ops/admin/billing/referral/")
    page.locator("tr", has_text="kim").get_by_role("link").first.click()
    expect(page.locator(".field-what_looks_wrong")).to_contain_text("network")
    lea.looks_right("admin-referral")
    page.get_by_role("link", name="Clear", exact=True).click()
    page.get_by_label("Reason").fill("They share an office.")
    page.get_by_role("button", name="Clear").click()
    jan.billing("/referral")
    jan.refreshes_until(lambda page: page.get_by_text("granted"))
    jan.looks_right("referral-granted")
    assert (jan.balance(), kim.balance()) == ("$0.4728571", "$0.4728571")


def test_saved_card_is_charged_by_itself_until_it_is_declined(shop: Shop) -> None:
    mia = shop.person("mia@example.com")
    _save_card(mia, "Succeeds")
    mia.looks_right("billing-card")
    _switch_on(mia)
    page = mia.billing("/transactions")
    mia.refreshes_until(lambda page: page.get_by_text("+$20.00"))
    assert mia.balance() == "$20.33"
    page = mia.billing()
    expect(page.get_by_text("Added so far: $20.00 of $40.00 today")).to_be_visible()
    mia.looks_right("billing-auto")

    nia = shop.person("nia@example.com")
    _save_card(nia, "Can be saved, then is declined")
    _switch_on(nia)
    nia.refreshes_until(lambda page: page.get_by_text("The last try was declined"))
    nia.looks_right("billing-auto-declined")
    nia.refreshes_until(lambda page: page.get_by_text("We switched it off."))
    nia.looks_right("billing-auto-stopped")
    assert nia.balance() == "$0.33"
    expect(nia.page.get_by_role("region", name="Money")).to_contain_text(
        "Automatic top-ups stopped."
    )
    nia.looks_right("transactions-auto-stopped")
    [mail] = nia.mails("Automatic top-up of")
    assert "Your card was declined." in str(mail.get_content())


def _save_card(person: Person, title: str) -> None:
    page = person.billing()
    page.get_by_role("button", name="Save a card").click()
    person.use_card(title)
    expect(page.get_by_role("button", name="Replace card")).to_be_visible()


def _switch_on(person: Person) -> None:
    person.page.get_by_label("Top up by itself").check()
    person.page.get_by_role("button", name="Save automatic top-up").click()
    expect(person.page.get_by_text("Automatic top-ups are on.")).to_be_visible()
