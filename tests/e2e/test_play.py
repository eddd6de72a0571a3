"""The playground in a browser: tabs, sliders, files that are dropped, pictures side by side, links to a result."""

import json
from base64 import b64decode

import pytest
from playwright.sync_api import Page, expect

from apps.accounts.models import Workspace
from apps.tasks.models import Task
from apps.tasks.services.execute import execute
from tests.e2e.conftest import Visitor
from tests.factories import ILLUSTRATION, WorkspaceFactory, completed, owner_of, task

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

PNG = b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
MUSIC = {
    "model": "modelyard/music",
    "task_type": "text-to-music",
    "input": {"prompt": "calm piano", "duration": 5},
}


@pytest.fixture
def workspace(db: None) -> Workspace:
    return WorkspaceFactory.create()


def _open(visitor: Visitor, workspace: Workspace, path: str) -> Page:
    if not any(cookie["name"] == "sessionid" for cookie in visitor.context.cookies()):
        visitor.sign_in(owner_of(workspace), "correct horse")
    return visitor.open(f"/w/{workspace.slug}/{path}")


def _made(workspace: Workspace, **request: object) -> Task:
    made = task(workspace, **request)
    execute(task_id=made.id)
    return Task.objects.of(workspace.pk).get(id=made.id)


def _sound(visitor: Visitor, page: Page) -> None:
    """What every page must be: without complaints of axe, and no wider than the screen."""
    for theme in ("light", "dark"):
        visitor.theme(theme)
        page.reload()
        for width in (1280, 360):
            visitor.width(width)
            assert visitor.overflow() == 0
            assert visitor.accessibility() == []
    visitor.width(1280)


def test_input_is_written_as_fields_or_as_json(visitor: Visitor, workspace: Workspace) -> None:
    page = _open(visitor, workspace, "play/modelyard/illustration/text-to-image")
    page.fill("[name=prompt]", "a fox by a lake")
    page.locator("[data-slider='#id_width']").fill("512")
    expect(page.locator("[name=width]")).to_have_value("512")
    page.fill("[name=height]", "300")
    expect(page.locator("[data-slider='#id_height']")).to_have_value("304")

    page.locator("#tab-json").click()
    text = page.locator("[name=input_json]")
    expect(text).to_contain_text('"width": 512')
    text.fill(json.dumps({"prompt": "a cat", "width": 7}))
    expect(page.locator("#json-problems")).to_contain_text("width")
    text.fill(json.dumps({"prompt": "a cat", "width": 256}))
    expect(page.locator("#json-problems li")).to_have_count(0)

    page.locator("#tab-code").click()
    expect(page.locator("#play-form textarea")).to_be_hidden()
    expect(page.locator("#code-curl")).to_contain_text('"prompt": "a cat"')
    page.locator("#tab-form").click()
    expect(page.locator("[name=prompt]")).to_have_value("a cat")
    expect(page.locator("#code-curl")).to_be_hidden()
    _sound(visitor, page)


def test_file_is_shown_before_it_is_sent(visitor: Visitor, workspace: Workspace) -> None:
    page = _open(visitor, workspace, "play/modelyard/parallax/image-to-video")
    chooser = page.locator("[name=image__file]")
    chooser.set_input_files({"name": "a.png", "mimeType": "image/png", "buffer": PNG})
    expect(page.locator(".drop-preview img")).to_be_visible()
    expect(page.locator(".drop-preview")).to_contain_text("a.png, 1 kB")

    chooser.set_input_files({"name": "a.mp3", "mimeType": "audio/mpeg", "buffer": b"ID3"})
    expect(page.locator(".drop-wrong")).to_have_text("a.mp3 is no image file.")
    assert chooser.evaluate("input => input.files.length") == 0
    _sound(visitor, page)


def test_pictures_are_enlarged_and_compared_with_the_keyboard(
    visitor: Visitor, workspace: Workspace
) -> None:
    urls = [_made(workspace).output["image_url"] for _ in range(2)]
    done = completed(workspace, {"image_urls": urls})
    page = _open(visitor, workspace, f"play/modelyard/illustration/text-to-image?task={done.id}")

    page.locator("[data-zoom]").first.focus()
    page.keyboard.press("Enter")
    expect(page.locator(".viewer-place")).to_contain_text("1 of 2")
    page.keyboard.press("ArrowRight")
    expect(page.locator(".viewer-place")).to_contain_text("2 of 2")
    assert visitor.accessibility() == []
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)

    page.get_by_role("button", name="Compare two").click()
    page.keyboard.press("Home")
    over = page.locator(".viewer-over")
    assert "0%" in over.evaluate("image => image.style.clipPath")
    assert visitor.accessibility() == []
    page.keyboard.press("Escape")
    _sound(visitor, page)


def test_sound_is_drawn(visitor: Visitor, workspace: Workspace) -> None:
    done = _made(workspace, **MUSIC)
    page = _open(visitor, workspace, f"play/modelyard/music/text-to-music?task={done.id}")

    page.locator(".wave").wait_for()
    drawn = page.locator(".wave").evaluate(
        "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)"
        ".data.some(value => value > 0)"
    )
    assert drawn
    _sound(visitor, page)


def test_result_is_shared_and_the_link_revoked(visitor: Visitor, workspace: Workspace) -> None:
    done = _made(workspace, **ILLUSTRATION)
    page = _open(visitor, workspace, f"play/modelyard/illustration/text-to-image?task={done.id}")
    page.get_by_role("link", name="Share").click()
    page.get_by_role("button", name="Make a link").click()
    link = page.locator("#share-link").input_value()
    assert visitor.accessibility() == []

    visitor.open(link.removeprefix(visitor.base_url))
    expect(page.locator("h1")).to_have_text("Shared result")
    page.wait_for_function("document.querySelector('main img').naturalWidth === 256")
    assert "a fox in a forest" not in page.content()
    _sound(visitor, page)

    page = _open(visitor, workspace, f"tasks/{done.id}/shares")
    _sound(visitor, page)
    page.get_by_role("button", name="Revoke").click()
    expect(page.locator("#share")).to_contain_text("No link to this result works now.")
    answer = page.goto(link)
    assert answer is not None
    assert answer.status == 404
