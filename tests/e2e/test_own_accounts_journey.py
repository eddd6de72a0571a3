"""A customer's own accounts in a browser: seats, two bridges, shares, a pause, no fast hours, backups, fail-over.

Each event arrives by webhook, by mail and in the bell.
"""

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.bridge.bridge import Bridge
from tests.bridge.running import RunningBridge
from tests.e2e.shop import PATIENCE_MS, Person, Shop, open_shop
from tests.faults.platform import Platform
from tests.upstream.receiver import Receiver as ReceiverServer
from tests.upstream.running import Receiver, on_a_thread

pytestmark = pytest.mark.e2e

SECRET = "canary-bridge-secret-7f31"


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    platform = Platform(folder=tmp_path_factory.mktemp("own"), LOCAL_ENGINE="false")
    try:
        platform.start()
        yield platform
    finally:
        platform.stop()


@pytest.fixture
def shop(platform: Platform, browser: Browser) -> Iterator[Shop]:
    with open_shop(platform, browser) as shop:
        yield shop


class Customer:
    """Somebody with a Developer plan, a key, and pages of own accounts."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self._client = httpx.Client(base_url=person.base_url, trust_env=False)

    def close(self) -> None:
        self._client.close()

    def follow(self, task_id: str, index: str) -> str:
        """Take a picture out of a grid; the new task's id."""
        asked = {"origin_task_id": task_id, "index": index}
        body = {"model": "midjourney", "task_type": "upscale", "input": asked}
        answer = self._client.post("/api/v1/task", json=body)
        made: str = answer.raise_for_status().json()["data"]["task_id"]
        return made

    def subscribe(self) -> None:
        page = self.person.billing("/plans")
        page.get_by_role("link", name="Subscribe to Developer").click()
        page.get_by_role("button", name="Continue to payment").click()
        self.person.use_card("Succeeds")
        expect(page.get_by_text("Your plan is active.")).to_be_visible()

    def make_key(self) -> None:
        page = self.person.open(f"{self.person.home}/keys/new")
        page.fill("[name=name]", "own")
        page.get_by_role("button", name="Create key").click()
        self._client.headers["x-api-key"] = page.locator("#secret").input_value()

    def accounts(self, path: str = "") -> Page:
        return self.person.open(f"{self.person.home}/accounts{path}")

    def rent(self, seats: int) -> None:
        page = self.accounts(f"/midjourney/seats?seats={seats}")
        self.person.looks_right("seats")
        page.get_by_role("button", name=re.compile("^(Rent|Continue)")).click()
        expect(page.get_by_text("seats", exact=False).first).to_be_visible()
        self.person.refreshes_until(lambda page: page.get_by_text(f"of {seats} seats used"))

    def connect(self, label: str, bridge: RunningBridge, **settings: Any) -> int:
        page = self.accounts("/midjourney/connect?provider=midjourney_bridge")
        self._fill(page, label, bridge.url, "bad")
        page.get_by_role("button", name="Test and connect").click()
        expect(page.get_by_role("heading", name="The test failed.")).to_be_visible()
        assert SECRET not in page.content()
        self.person.looks_right("connect-refused")
        self._fill(page, label, bridge.url, SECRET + label)
        if "weight" in settings:
            page.select_option("[name=weight]", settings["weight"])
        if settings.get("is_backup"):
            page.check("[name=is_backup]")
        page.get_by_role("button", name="Test and connect").click()
        expect(page.get_by_role("heading", name=label, exact=True)).to_be_visible()
        return int(page.url.rstrip("/").rpartition("/")[2])

    def _fill(self, page: Page, label: str, url: str, secret: str) -> None:
        for name in ("is_valid_there", "may_do_this", "accepts_terms", "stays_signed_in"):
            page.check(f"[name={name}]")
        page.fill("[name=label]", label)
        page.fill("[name=base_url]", url)
        page.fill("[name=credential]", secret)
        page.fill("[name=slots]", "30")

    def switch(self, button: str) -> None:
        page = self.accounts("/midjourney")
        page.get_by_role("button", name=re.compile(button)).click()
        expect(page.get_by_role("heading", name="Midjourney", exact=True)).to_be_visible()

    def imagine(self, prompt: str, mode: str, **config: Any) -> dict[str, Any]:
        body = {
            "model": "midjourney",
            "task_type": "imagine",
            "input": {"prompt": prompt, "process_mode": mode},
            "config": config,
        }
        answer = self._client.post("/api/v1/task", json=body)
        assert answer.status_code == 200, answer.text
        data: dict[str, Any] = answer.json()["data"]
        return data

    def task(self, task_id: str) -> dict[str, Any]:
        data: dict[str, Any] = self._client.get(f"/api/v1/task/{task_id}").json()["data"]
        return data

    def ended(self, task_ids: list[str]) -> list[dict[str, Any]]:
        """Each of them, once all have ended."""
        return wait_for(
            lambda: [self.task(task_id) for task_id in task_ids],
            lambda tasks: all(one["status"] in ("completed", "failed") for one in tasks),
        )


def wait_for(look: Callable[[], Any], is_right: Callable[[Any], bool]) -> Any:
    until = time.monotonic() + PATIENCE_MS / 1000
    while not is_right(found := look()):
        assert time.monotonic() < until, found
        time.sleep(0.1)
    return found


def made_by(platform: Platform, task_ids: list[str]) -> Counter[str]:
    """How many of the tasks each account made."""
    rows = platform.rows(
        "SELECT c.label FROM tasks_attempt a JOIN byoa_account c ON c.id = a.account_id"
        " WHERE a.state = 'SUCCEEDED' AND a.task_id = ANY(%s::uuid[])",
        task_ids,
    )
    return Counter(label for (label,) in rows)


def heard(receiver: Receiver) -> list[str]:
    """The types of the account's events that have come, in order."""
    return [one["json"]["type"] for one in receiver.requests()]


@pytest.fixture
def bridges() -> Iterator[list[RunningBridge]]:
    with (
        on_a_thread(Bridge()) as one,
        on_a_thread(Bridge()) as two,
        on_a_thread(Bridge()) as three,
        on_a_thread(Bridge()) as four,
    ):
        yield [RunningBridge(url) for url in (one, two, three, four)]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with on_a_thread(ReceiverServer()) as url:
        yield Receiver(url)


@pytest.fixture
def ana(shop: Shop) -> Iterator[Customer]:
    made = Customer(shop.person("ana@example.com"))
    yield made
    made.close()


def test_own_accounts_from_the_first_seat_to_fail_over(
    ana: Customer, platform: Platform, bridges: list[RunningBridge], receiver: Receiver
) -> None:
    high, low, spare, operators = bridges
    for bridge in bridges:
        bridge.knobs(slots=30)
    ana.accounts()
    ana.person.looks_right("accounts-empty")
    ana.subscribe()
    ana.make_key()
    ana.rent(3)
    first = ana.connect("Atelier", high, weight="high")
    second = ana.connect("Kitchen", low, weight="low")
    ana.connect("Spare", spare, weight="mid", is_backup=True)
    ana.switch("Make private")
    ana.person.looks_right("accounts-midjourney")
    page = ana.person.open(f"{ana.person.home}/notifications/settings")
    page.fill("[name=url]", f"{receiver.url}/events")
    page.get_by_role("button", name="Save address").click()
    ana.person.looks_right("notifications-secret")

    # Shares follow the weights, and nothing is charged.
    tasks = [ana.imagine(f"a fox {n}", "fast") for n in range(20)]
    assert {one["meta"]["usage"]["frozen"] for one in tasks} == {0}
    done = ana.ended([one["task_id"] for one in tasks])
    assert {(one["status"], one["meta"]["is_using_private_pool"]) for one in done} == {
        ("completed", True)
    }
    assert made_by(platform, [one["task_id"] for one in done]) == {"Atelier": 16, "Kitchen": 4}
    assert ana.person.balance() == "$0.33"

    # The account's page runs its checks live.
    page = ana.accounts(f"/midjourney/{first}")
    page.get_by_role("button", name=re.compile("^(Run checks|Run again)$")).first.click()
    expect(page.get_by_text("Credential accepted", exact=False).first).to_be_visible()
    ana.person.looks_right("account-checked")

    # A paused account takes nothing new; what continues its work still runs there.
    page = ana.accounts(f"/midjourney/{first}")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("button", name="Start", exact=True).first).to_be_visible()
    ana.person.looks_right("account-paused")
    new = ana.ended([ana.imagine("a hare", "fast")["task_id"]])
    assert made_by(platform, [one["task_id"] for one in new]) == {"Kitchen": 1}
    of_first = next(
        one["task_id"] for one in done if made_by(platform, [one["task_id"]]) == {"Atelier": 1}
    )
    [followed] = ana.ended([ana.follow(of_first, "2")])
    assert made_by(platform, [followed["task_id"]]) == {"Atelier": 1}

    # The other one runs out of fast hours: it goes on with relax, and the backup starts.
    low.knobs(fast_hours=0)
    exhausted = ana.ended([ana.imagine("a badger", "fast")["task_id"]])
    assert [one["status"] for one in exhausted] == ["completed"]
    events = wait_for(lambda: heard(receiver), lambda found: "account_backup_activated" in found)
    assert "mj_bot_no_fasthour" in events
    page = ana.accounts("/midjourney")
    expect(page.get_by_text("Fast hours are used up", exact=False).first).to_be_visible()
    ana.person.looks_right("accounts-no-fast-hours")
    assert made_by(platform, [exhausted[0]["task_id"]]) in ({"Spare": 1}, {"Kitchen": 1})

    # All of them are taken away: with fail-over the public pool makes it, at its price.
    platform.manage(
        "pool", "add", "--provider", "midjourney_bridge", "--label", "Pool", "--base-url", operators.url,
        "--slots", "5", POOL_CREDENTIAL="operators-secret",
    )  # fmt: skip
    low.knobs(captcha=True)
    spare.knobs(banned_until=int(time.time()) + 864_000)
    for label in ("Kitchen", "Spare"):
        page = ana.accounts("/midjourney")
        page.get_by_role("link", name=label, exact=True).click()
        page.get_by_role("button", name=re.compile("^(Run checks|Run again)$")).first.click()
        expect(page.locator("main")).to_contain_text(re.compile("captcha|blocked", re.IGNORECASE))
    ana.person.looks_right("account-banned")
    ana.switch("Turn on")
    moved = ana.imagine("an owl", "relax")
    assert moved["meta"]["failover_triggered"] is True
    assert moved["meta"]["is_using_private_pool"] is False
    assert moved["meta"]["usage"]["frozen"] == 300_000
    [public] = ana.ended([moved["task_id"]])
    assert (public["status"], public["meta"]["usage"]["consume"]) == ("completed", 300_000)
    page = ana.person.open(f"{ana.person.home}/tasks/{public['task_id']}")
    expect(page.locator("#headline")).to_contain_text("charged $0.03")
    ana.person.looks_right("task-failed-over")

    # Everything was told by webhook, mail and bell.
    wanted = {
        "mj_bot_no_fasthour",
        "account_backup_activated",
        "mj_bot_captcha_required",
        "mj_bot_banned",
        "no_active_mj_bot",
        "account_failover",
    }
    events = wait_for(lambda: heard(receiver), lambda found: wanted <= set(found))
    page = ana.person.open(f"{ana.person.home}/notifications")
    for words in ("captcha", "blocked", "fast hours", "Backup", "No Midjourney account"):
        expect(page.locator("main")).to_contain_text(re.compile(words, re.IGNORECASE))
    ana.person.looks_right("notifications")
    for words in ("captcha", "banned", "fast hours", "Backup", "No Midjourney account"):
        assert ana.person.mails(words), words
    ana.accounts(f"/midjourney/{second}/report")
    ana.person.looks_right("account-report")
    assert platform.manage("audit_credits").startswith("Credits balance: ")
    assert where_it_shows(platform, SECRET) == []


def where_it_shows(platform: Platform, secret: str) -> list[str]:
    """Tables and files that hold the text: the whole database, and all that was logged or mailed."""
    tables = platform.rows(
        "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
    )
    found = [
        name
        for (name,) in tables
        if platform.rows(f"SELECT FROM {name} t WHERE strpos(t::text, %s) > 0 LIMIT 1", secret)
    ]
    files = [platform.folder / "up.log", *(platform.folder / "log").rglob("*")]
    files += (platform.folder / "mail").rglob("*")
    read = [path for path in files if path.is_file()]
    assert len(read) > 3
    return found + [path.name for path in read if secret.encode() in path.read_bytes()]
