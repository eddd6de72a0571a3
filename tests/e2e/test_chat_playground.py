"""The chat playground in a browser, with the gateway behind it and a scripted provider: answers, two models at once,
stopping, refusals; and the pages on which its calls stand afterwards.
"""

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from apps.accounts.models import Workspace
from apps.llm.models import End, Usage
from apps.llm.services import contents, roll_up
from apps.tasks.services import slices
from config.asgi import application
from tests.e2e.conftest import Visitor
from tests.factories import WorkspaceFactory, member, owner_of
from tests.factories.byoa import account
from tests.llm.service import wait_for
from tests.llm_upstream.running import Loop, Running, scripted
from tests.llm_upstream.server import Scripted

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

ANSWER = ["Use **this**:\n\n```python\n", "print(1)\n", "```\n\nIt is `short`.", " <img src=x>"]


@pytest.fixture
def provider() -> Iterator[Scripted]:
    loop = Loop()
    with scripted(loop) as server:
        yield server
    loop.close()


@pytest.fixture
def guest(
    browser: Browser, transactional_db: None, settings: Any, tmp_path: Path, provider: Scripted
) -> Iterator[Visitor]:
    """A browser in front of pages and gateway on one origin, as they are served."""
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    settings.LLM_JOURNAL_DIR = tmp_path / "gateways"
    settings.LLM_GRACE_SECONDS = 0
    account(provider="openai", base_url=provider.url, slots=100)
    with Running(application) as running:
        settings.BASE_URL = running.url
        context = browser.new_context(viewport={"width": 1280, "height": 800})
        context.set_default_timeout(10_000)
        visitor = Visitor(context, running.url)
        yield visitor
        context.close()
    assert visitor.complaints == []


def looks_right(visitor: Visitor, name: str) -> None:
    """In both themes and widths; with LLM_SHOTS pictures are kept there."""
    for theme in ("light", "dark"):
        visitor.theme(theme)
        visitor.page.evaluate(
            "name => { document.documentElement.dataset.bsTheme = name;"
            " document.dispatchEvent(new Event('themechange')); }",
            theme,
        )
        for width in (1280, 360):
            visitor.width(width)
            visitor.page.evaluate(
                "Promise.all(document.getAnimations().map(one => one.finished.catch(() => null)))"
            )
            if folder := os.environ.get("LLM_SHOTS"):
                path = Path(folder) / f"{name}-{theme}-{width}.png"
                visitor.page.screenshot(path=path, full_page=True)
            assert visitor.overflow() == 0, (name, theme, width)
            assert visitor.accessibility() == [], (name, theme, width)
    visitor.width(1280)
    visitor.theme("light")


def chat_of(visitor: Visitor, workspace: Workspace, query: str = "model=gpt-4o-mini") -> Page:
    visitor.sign_in(owner_of(workspace), "correct horse")
    return visitor.open(f"/w/{workspace.slug}/chat?{query}")


def say(page: Page, **script: Any) -> None:
    page.fill("#chat-prompt", json.dumps(script))
    page.press("#chat-prompt", "Control+Enter")


def foot(page: Page, number: int = 0) -> Locator:
    return page.locator(".chat-foot").nth(number)


def rows(workspace: Workspace) -> list[Usage]:
    return list(Usage.objects.of(workspace.pk).order_by("id"))


def test_a_conversation_with_two_models_and_what_it_cost(guest: Visitor) -> None:
    workspace = WorkspaceFactory.create()
    page = chat_of(guest, workspace)
    expect(page.locator(".chat-example")).to_have_count(3)
    looks_right(guest, "chat-empty")

    say(page, words=ANSWER)

    answer = page.locator(".chat-answer").first
    expect(answer.locator("pre code")).to_have_text("print(1)")
    expect(answer.locator("strong").first).to_have_text("this")
    expect(answer).to_contain_text("It is short. <img src=x>")
    expect(answer.locator("img")).to_have_count(0)
    expect(foot(page)).to_contain_text(re.compile(r"^\$0\.0000\d+"))
    [row] = rows(workspace)
    expect(foot(page)).to_contain_text(f"{row.input_tokens} tokens in, {row.output_tokens} out")
    expect(page.locator("#chat-prompt")).to_be_focused()

    page.select_option("#chat-other", "gpt-4o")
    page.fill("#chat-system", "Be kind.")
    page.fill("#chat-temperature", "0.5")
    say(page, words=["Second", " answer."])

    expect(page.locator(".chat-two .chat-answer")).to_have_count(2)
    for number in (1, 2):
        expect(foot(page, number)).to_contain_text("Details")
    assert {row.model for row in rows(workspace)[1:]} == {"gpt-4o", "gpt-4o-mini"}
    _is_asked_what_the_page_says(page)
    looks_right(guest, "chat-two")

    page.get_by_role("link", name="Details of the call to").first.click()
    expect(page.get_by_text("Answered. It cost")).to_be_visible()
    looks_right(guest, "call")


def _is_asked_what_the_page_says(page: Page) -> None:
    """The code beside the conversation is the call that would be made now."""
    page.get_by_role("tab", name="Python").click()
    code = page.locator("#code-text").inner_text()
    compile(code, "snippet", "exec")
    for words in (
        'model="gpt-4o-mini"',
        "temperature=0.5",
        "Be kind.",
        "Second answer.",
        "stream=True",
    ):
        assert words in code
    page.get_by_role("tab", name="Python").press("ArrowRight")
    expect(page.get_by_role("tab", name="JavaScript")).to_be_focused()
    expect(page.locator("#code-text")).to_contain_text("process.env.MODELYARD_API_KEY")
    page.get_by_role("tab", name="curl").click()
    expect(page.locator("#code-text")).to_contain_text("/v1/chat/completions")


def test_stopping_ends_the_answer_and_says_what_it_cost(guest: Visitor, provider: Scripted) -> None:
    workspace = WorkspaceFactory.create()
    page = chat_of(guest, workspace)

    say(page, words=["word "] * 500, delay=0.05)
    expect(page.locator(".chat-body")).to_contain_text("word word")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.keyboard.press("Escape")

    expect(page.get_by_text("You stopped it here.")).to_be_visible()
    expect(foot(page)).to_contain_text("Details")
    wait_for(lambda: provider.cut_by_caller == 1)
    [row] = rows(workspace)
    assert row.end == End.CLIENT_LEFT
    assert 0 < row.output_tokens < 500
    expect(foot(page).locator("strong")).to_have_text(re.compile(r"^\$0\.000\d+$"))
    expect(page.get_by_role("button", name="Send")).to_be_enabled()
    page.get_by_role("button", name="New conversation").click()
    expect(page.locator(".chat-turn")).to_have_count(0)
    expect(page.locator("#chat-empty")).to_be_visible()


def test_a_refusal_says_what_to_do_and_can_be_tried_again(guest: Visitor) -> None:
    workspace = WorkspaceFactory.create(points=0)
    page = chat_of(guest, workspace)

    page.locator(".chat-example").first.click()

    note = page.get_by_role("alert")
    expect(note.get_by_role("link", name="Top up")).to_be_visible()
    expect(foot(page)).to_have_text("Nothing was charged.")
    looks_right(guest, "chat-refused")
    note.get_by_role("button", name="Try again").click()
    expect(note).to_be_visible()
    assert rows(workspace) == []


def test_an_answer_that_breaks_off_is_shown_with_its_cost(guest: Visitor) -> None:
    workspace = WorkspaceFactory.create()
    page = chat_of(guest, workspace)

    say(page, words=["Half", " an", " answer"], fault="cut", after=2)

    expect(page.get_by_role("alert")).to_contain_text("broke the answer off")
    expect(page.locator(".chat-body")).to_contain_text("Half an")
    expect(foot(page)).to_contain_text("Details")
    [row] = rows(workspace)
    assert (row.end, row.points > 0) == (End.UPSTREAM_CUT, True)


def test_who_was_signed_out_is_sent_to_sign_in(guest: Visitor) -> None:
    page = chat_of(guest, WorkspaceFactory.create())
    guest.context.clear_cookies()

    say(page, words=["Hi"])

    link = page.get_by_role("alert").get_by_role("link", name="Sign in")
    expect(link).to_have_attribute("href", re.compile("next=/w/"))


def test_a_viewer_sees_the_page_and_cannot_send(guest: Visitor) -> None:
    workspace = WorkspaceFactory.create()
    guest.sign_in(member(workspace, "viewer"), "correct horse")

    page = guest.open(f"/w/{workspace.slug}/chat")

    expect(page.get_by_role("button", name="Send")).to_be_disabled()
    looks_right(guest, "chat-viewer")


def test_log_usage_and_settings_look_right(guest: Visitor) -> None:
    workspace = WorkspaceFactory.create()
    page = chat_of(guest, workspace)
    say(page, words=["Hi"])
    expect(foot(page)).to_contain_text("Details")
    say(page, fault="status:400")
    expect(page.get_by_role("alert")).to_be_visible()
    wait_for(lambda: len(rows(workspace)) >= 2)
    roll_up.sum_up()
    slices.count_all_new()
    contents.keep(
        rows(workspace)[0].call, workspace.pk, {"messages": [{"content": "Hi"}]}, "Yes", 7
    )

    page = guest.open(f"/w/{workspace.slug}/llm/calls")
    expect(page.locator("tbody tr")).to_have_count(2)
    looks_right(guest, "calls")
    page.locator("tbody tr").last.get_by_role("link").click()
    looks_right(guest, "call-content")
    page = guest.open(f"/w/{workspace.slug}/llm/usage")
    expect(page.get_by_role("rowheader", name="gpt-4o-mini")).to_be_visible()
    looks_right(guest, "usage")
    page = guest.open(f"/w/{workspace.slug}/llm/settings")
    page.get_by_label("Keep what is said in LLM calls").check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("What is said from now on is kept for 7 days.")).to_be_visible()
    looks_right(guest, "settings")
    page = guest.open(f"/w/{workspace.slug}/keys/new")
    page.get_by_text("Limits").click()
    looks_right(guest, "key-new")
