"""A conversation about an uploaded PDF, in a browser: the page, the gateway behind it, and a model that answers."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, expect

from apps.accounts.models import Plan, Workspace
from apps.providers.local.chat.packages import missing
from config.asgi import application
from tests.e2e.conftest import Visitor
from tests.factories import WorkspaceFactory, owner_of
from tests.llm.conversations import documents
from tests.llm.conversations.documents import pdf
from tests.llm_upstream.running import Loop, Running, scripted
from tests.llm_upstream.server import Scripted

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

PROJECT = Path(__file__).resolve().parent.parent.parent
MANUAL = pdf(
    "Falcon kettle: instructions", "The warranty period is thirty months.\nIt holds 1.7 litres."
)


@pytest.fixture
def model() -> Iterator[Scripted]:
    """In place of the local model server."""
    loop = Loop()
    with scripted(loop) as server:
        yield server
    loop.close()


@pytest.fixture
def guest(browser: Browser, settings: Any, tmp_path: Path, model: Scripted) -> Iterator[Visitor]:
    """A browser before a site whose models are scripted."""
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]
    settings.LOCAL_MODELS_URL = model.url
    yield from _visiting(browser, settings, tmp_path)


def _visiting(browser: Browser, settings: Any, tmp_path: Path) -> Iterator[Visitor]:
    """The whole site as it is served: pages and gateway on one origin."""
    settings.LLM_JOURNAL_DIR = tmp_path / "gateways"
    with Running(application) as site:
        settings.BASE_URL = site.url
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(15_000)
        visitor = Visitor(context, site.url)
        yield visitor
        context.close()
    assert visitor.complaints == []


@pytest.fixture
def local_guest(browser: Browser, settings: Any, tmp_path: Path) -> Iterator[Visitor]:
    """A browser before a site with the local model server, as `./run up` starts it."""
    if lacking := missing():
        pytest.skip(f"The local model server is not installed: {', '.join(lacking)}")
    with tempfile.TemporaryDirectory(prefix="models-") as folder:
        path = Path(folder) / "models.sock"
        command = [sys.executable, "-m", "apps.localmodels.serve", "--socket", str(path)]
        with subprocess.Popen(command, cwd=PROJECT) as server:
            while not path.exists() and server.poll() is None:
                pass
            settings.LOCAL_MODELS_SOCKET = str(path)
            settings.LOCAL_MODELS_URL = "http://local-models"
            yield from _visiting(browser, settings, tmp_path)
            server.terminate()


def _looks_right(visitor: Visitor) -> None:
    for theme in ("light", "dark"):
        visitor.theme(theme)
        visitor.page.reload()
        for width in (1280, 360):
            visitor.width(width)
            assert visitor.overflow() == 0
            assert visitor.accessibility() == []
    visitor.width(1280)


def _upload(visitor: Visitor, name: str, data: bytes) -> None:
    file = {"name": name, "mimeType": "application/octet-stream", "buffer": data}
    visitor.page.locator("input[type=file]").set_input_files(file)  # type: ignore[arg-type]
    visitor.page.get_by_role("button", name="Add file").click()


def test_a_pdf_is_asked_about(guest: Visitor, model: Scripted) -> None:
    workspace: Workspace = WorkspaceFactory.create(plan=Plan.HOBBYIST)
    guest.sign_in(owner_of(workspace), "correct horse")
    page = guest.open(f"/w/{workspace.slug}/conversations")
    expect(page.get_by_text("No conversations yet.")).to_be_visible()
    _looks_right(guest)
    page.get_by_label("Talk to").select_option("local-chat")
    page.get_by_role("button", name="Begin").click()
    expect(page.get_by_text("Nothing was said yet.")).to_be_visible()

    _upload(guest, "kettle.pdf", MANUAL)
    expect(page.get_by_text("2 pages")).to_be_visible()
    _looks_right(guest)
    page.get_by_label("Your question").fill("How long is the warranty?")
    page.keyboard.press("Enter")

    expect(page.get_by_role("log").get_by_text("Hello there.")).to_be_visible()
    expect(page.get_by_role("button", name="Send")).to_be_enabled()
    expect(page.get_by_text("$0.0000", exact=False).last).to_be_visible()
    asked = model.seen[-1].body["messages"][-1]["content"]
    assert "The warranty period is thirty months." in asked
    page.reload()
    expect(page.get_by_role("heading", name="How long is the warranty?")).to_be_visible()
    expect(page.get_by_role("log").get_by_text("Hello there.")).to_be_visible()
    _looks_right(guest)


def test_the_local_model_answers_from_the_pdf(local_guest: Visitor) -> None:
    workspace: Workspace = WorkspaceFactory.create(plan=Plan.HOBBYIST)
    local_guest.sign_in(owner_of(workspace), "correct horse")
    page = local_guest.open(f"/w/{workspace.slug}/conversations")
    page.get_by_role("button", name="Begin").click()
    _upload(local_guest, "kettle.pdf", MANUAL)

    page.get_by_label("Your question").fill("How long is the warranty?")
    page.get_by_role("button", name="Send").click()

    answer = page.locator(".said-assistant .said-text")
    expect(answer).to_contain_text("thirty months", timeout=120_000)
    expect(page.get_by_role("button", name="Send")).to_be_enabled(timeout=120_000)


def test_an_answer_is_stopped_and_a_refusal_is_read(guest: Visitor, model: Scripted) -> None:
    workspace: Workspace = WorkspaceFactory.create()
    guest.sign_in(owner_of(workspace), "correct horse")
    page = guest.open(f"/w/{workspace.slug}/conversations")
    page.get_by_role("button", name="Begin").click()

    page.get_by_label("Your question").fill('{"words": ["One ", "two ", "three"], "delay": 2}')
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_role("log").get_by_text("One", exact=True)).to_be_visible()
    page.get_by_role("button", name="Stop").click()

    expect(page.get_by_text("Stopped.")).to_be_visible()
    page.get_by_label("Your question").fill('{"fault": "status:400", "message": "not that"}')
    page.get_by_role("button", name="Send").click()
    expect(page.get_by_text("The provider refused the request: not that")).to_be_visible()
    expect(page.get_by_label("Your question")).to_be_focused()


def test_an_assistant_is_made_and_talked_to(guest: Visitor, model: Scripted) -> None:
    workspace: Workspace = WorkspaceFactory.create()
    guest.sign_in(owner_of(workspace), "correct horse")
    page = guest.open(f"/w/{workspace.slug}/assistants")
    expect(page.get_by_text("No assistants yet.")).to_be_visible()
    _looks_right(guest)
    page.get_by_role("link", name="Create the first assistant").click()
    page.get_by_label("Name").fill("Kettles")
    page.get_by_label("Instructions").fill("You are an expert on kettles.")
    page.get_by_role("button", name="Create assistant").click()

    _upload(guest, "photo.png", documents.PNG)
    expect(page.get_by_text("An assistant reads texts")).to_be_visible()
    _upload(guest, "kettle.pdf", MANUAL)
    expect(page.get_by_text("kettle.pdf").first).to_be_visible()
    _looks_right(guest)
    page.get_by_role("link", name="Talk to it").click()
    page.get_by_role("button", name="Begin").click()
    page.get_by_label("Your question").fill("How much does it hold?")
    page.get_by_role("button", name="Send").click()

    expect(page.get_by_role("log").get_by_text("Hello there.")).to_be_visible()
    told, asked = model.seen[-1].body["messages"]
    assert told == {"role": "system", "content": "You are an expert on kettles."}
    assert "It holds 1.7 litres." in asked["content"]
