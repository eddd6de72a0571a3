"""Results in 3D in a real browser: nothing is loaded before somebody asks, and each failure has its sentence."""

import re
from datetime import timedelta
from io import BytesIO

import numpy as np
import pytest
from django.utils import timezone
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from apps.accounts.models import Workspace
from apps.files.models import StoredFile
from apps.files.services import store
from apps.providers.local.mesh.glb import glb
from apps.providers.local.mesh.inflate import Mesh
from apps.tasks.models import Task
from tests.e2e.conftest import Visitor
from tests.factories import WorkspaceFactory, completed, owner_of

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

RED, BLUE = (200, 30, 30), (30, 30, 200)


@pytest.fixture
def workspace(db: None) -> Workspace:
    return WorkspaceFactory.create()


def _book() -> bytes:
    """Two leaves that meet in front, 2 units wide and high. The picture on them makes one red and the other blue."""
    texture = Image.new("RGB", (32, 32), RED)
    texture.paste(BLUE, (16, 0, 32, 32))
    jpeg = BytesIO()
    texture.save(jpeg, "JPEG")
    left = [(-1, -1, 0), (0, -1, 0.5), (0, 1, 0.5), (-1, 1, 0)]
    right = [(0, -1, 0.5), (1, -1, 0), (1, 1, 0), (0, 1, 0.5)]
    mesh = Mesh(
        positions=np.array(left + right, dtype=float),
        normals=np.array([(-0.45, 0, 0.89)] * 4 + [(0.45, 0, 0.89)] * 4),
        texture=np.array([(0.2, 0.5)] * 4 + [(0.8, 0.5)] * 4),
        triangles=np.array([(0, 1, 2), (0, 2, 3), (4, 5, 6), (4, 6, 7)]),
    )
    return glb("model_file", mesh, jpeg.getvalue()).data


def _result(workspace: Workspace, base_url: str, data: bytes) -> Task:
    file = store.keep(
        workspace_id=workspace.pk,
        kind=StoredFile.Kind.OUTPUT,
        content=store.Content(data, "model/gltf-binary", "glb"),
        expires_at=timezone.now() + timedelta(days=1),
    )
    return completed(workspace, {"model_file": f"{base_url}/files/{file.key}"})


def _open(visitor: Visitor, workspace: Workspace, data: bytes) -> Page:
    done = _result(workspace, visitor.base_url, data)
    visitor.sign_in(owner_of(workspace), "correct horse")
    return visitor.open(f"/w/{workspace.slug}/tasks/{done.id}")


def _look(page: Page) -> Locator:
    page.get_by_role("button", name="Look at it in 3D").click()
    expect(page.locator("[data-view]")).to_be_visible()
    return page.locator(".model-frame canvas")


def _colours(canvas: Locator) -> tuple[int, int, int]:
    """How many pixels of what is on the screen are red, blue, or neither."""
    shown = np.asarray(Image.open(BytesIO(canvas.screenshot())).convert("RGB")).astype(int)
    red = int((shown[..., 0] - shown[..., 2] > 60).sum())
    blue = int((shown[..., 2] - shown[..., 0] > 60).sum())
    return red, blue, shown.shape[0] * shown.shape[1] - red - blue


def test_model_is_loaded_when_asked_for_and_turned_with_the_keyboard(
    visitor: Visitor, workspace: Workspace
) -> None:
    asked: list[str] = []
    visitor.page.on("request", lambda request: asked.append(request.url))
    visitor.page.emulate_media(reduced_motion="reduce")
    page = _open(visitor, workspace, _book())
    facts = page.locator("[data-facts]")
    expect(facts).to_have_text("2 × 2 × 0.5 units, 8 corners, 4 triangles.")
    assert [url for url in asked if "three" in url or "model-viewer" in url] == []

    canvas = _look(page)

    expect(facts).to_have_text("2 × 2 × 0.5 units, 8 corners, 4 triangles.")
    expect(canvas).to_have_accessible_name(
        re.compile(r"\.glb\. 2 × 2 × 0.5 units, 8 corners, 4 triangles\.$")
    )
    expect(page.locator(".model-frame")).to_be_focused()
    red, blue, ground = _colours(canvas)
    assert min(red, blue, ground) > 1000
    still = canvas.screenshot()
    page.wait_for_timeout(300)
    assert canvas.screenshot() == still

    page.keyboard.press("ArrowLeft")
    turned = _changed(canvas, still)
    page.keyboard.press("+")
    _changed(canvas, turned)
    assert _colours(canvas)[2] < ground
    page.get_by_role("button", name="Reset view").click()
    page.wait_for_timeout(300)
    assert canvas.screenshot() == still
    _sound(visitor)


def _changed(canvas: Locator, before: bytes) -> bytes:
    """The picture as soon as it is another than before."""
    for _ in range(50):
        if (now := canvas.screenshot()) != before:
            return now
        canvas.page.wait_for_timeout(100)
    raise AssertionError("The picture stayed as it was.")


def _sound(visitor: Visitor) -> None:
    for width in (1280, 360):
        visitor.width(width)
        assert visitor.overflow() == 0
        assert visitor.accessibility() == []


def test_model_turns_until_it_is_touched_and_ends_with_its_place(
    visitor: Visitor, workspace: Workspace
) -> None:
    page = _open(visitor, workspace, _book())
    canvas = _look(page)
    turns = page.get_by_role("button", name="Turn slowly")
    expect(turns).to_have_attribute("aria-pressed", "true")
    _changed(canvas, canvas.screenshot())

    canvas.drag_to(canvas, source_position={"x": 50, "y": 50}, target_position={"x": 90, "y": 50})

    expect(turns).to_have_attribute("aria-pressed", "false")
    gone = canvas.evaluate_handle(
        "canvas => { canvas.closest('figure').remove(); return canvas.getContext('webgl2'); }"
    )
    page.wait_for_timeout(300)
    assert gone.evaluate("drawing => drawing.isContextLost()")


@pytest.mark.parametrize(
    "data",
    [b"glTF", b"glTF\x02\0\0\0\x20\0\0\0 and no chunks after", _book()[:-200]],
    ids=["short", "empty", "cut off"],
)
def test_what_is_no_model_has_its_sentence(
    data: bytes, visitor: Visitor, workspace: Workspace
) -> None:
    page = _open(visitor, workspace, data)

    page.get_by_role("button", name="Look at it in 3D").click()

    says = page.locator("[data-says]")
    expect(says).to_contain_text("This file cannot be shown: it is damaged")
    expect(page.locator("[data-view]")).to_be_hidden()
    expect(page.get_by_role("link", name="Download model file")).to_be_visible()
    assert visitor.accessibility() == []


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("HTMLCanvasElement.prototype.getContext = () => null", "WebGL is off"),
        (
            "window.fetch = async () => new Response('', {headers: {'Content-Length': 65 * 1024 * 1024}})",
            "larger than 64 MB",
        ),
        ("window.fetch = async () => new Response('', {status: 404})", "could not be loaded"),
        (
            "document.querySelector('[data-model]').dataset.model = 'https://files.example/a.glb'",
            "on another host",
        ),
    ],
)
def test_what_cannot_be_drawn_or_had_has_its_sentence(
    script: str, expected: str, visitor: Visitor, workspace: Workspace
) -> None:
    page = _open(visitor, workspace, _book())
    page.evaluate(f"() => {{ {script}; }}")

    page.get_by_role("button", name="Look at it in 3D").click()

    expect(page.locator("[data-says]")).to_contain_text(expected)
    expect(page.locator("[data-says]")).to_be_focused()
