"""What a person does, in a browser, with the policy, the width and the accessibility of each page checked."""

import json

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from playwright.sync_api import Page, expect

from apps.accounts.models import ApiKey, User, Workspace
from apps.tasks.models import Task
from apps.tasks.services.execute import execute
from tests.e2e.conftest import Visitor
from tests.factories import WorkspaceFactory, completed, owner_of, task

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

PLAY = "play/modelyard/illustration/text-to-image"


def test_newcomer_signs_up_runs_a_task_and_sees_the_picture(visitor: Visitor) -> None:
    page = visitor.open("/")
    page.get_by_role("link", name="Run your first task").click()
    page.fill("[name=email]", "ana@example.com")
    page.fill("[name=password1]", "correct horse battery")
    page.get_by_role("button", name="Sign up").click()
    page.wait_for_url("**/w/ana/")
    expect(page.locator("#balance .stat-value")).to_have_text("$0.33")

    page.get_by_role("link", name="Open it").click()
    page.fill("[name=prompt]", "a fox by a lake")
    page.fill("[name=width]", "7")
    expect(page.locator("#price strong")).to_have_text("$0.001 / image")
    page.get_by_role("button", name="Run task").click()
    expect(page.locator("#play-form .invalid-feedback")).to_be_visible()
    page.fill("[name=width]", "256")
    page.fill("[name=height]", "256")
    expect(page.locator("#price")).to_contain_text("balance after: $0.32")
    page.get_by_role("button", name="Run task").click()
    expect(page.locator("#headline")).to_have_text("Waiting to start. $0.001 is held.")
    expect(page.locator("#play-form .invalid-feedback")).to_have_count(0)

    made = Task.objects.across_workspaces().get()
    execute(task_id=made.id)

    expect(page.locator("#headline")).to_contain_text("charged $0.001.")
    picture = page.locator("#preview img")
    picture.wait_for()
    picture.scroll_into_view_if_needed()
    page.wait_for_function("document.querySelector('#preview img').naturalWidth === 256")
    assert json.loads(page.locator("#code-curl").inner_text().partition("-d '")[2][:-1])[
        "input"
    ] == {
        "prompt": "a fox by a lake",
        "width": 256,
        "height": 256,
        "seed": -1,
    }
    page.reload()
    expect(page.locator("#headline")).to_contain_text("charged $0.001.")


def test_key_is_created_copied_and_revoked(visitor: Visitor) -> None:
    workspace = WorkspaceFactory.create()
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.sign_in(owner_of(workspace), "correct horse")
    page = visitor.page
    page.get_by_role("link", name="Keys").click()
    page.get_by_role("link", name="Create the first key").click()
    page.fill("[name=name]", "laptop")
    page.get_by_role("button", name="Create key").click()
    secret = page.locator("#secret").input_value()
    page.locator("[data-copy='#secret']").click()
    expect(page.locator("#toasts")).to_contain_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == secret

    page.get_by_role("link", name="I have copied it").click()
    page.get_by_role("link", name="Revoke").click()
    page.get_by_role("button", name="Revoke key").click()
    page.wait_for_url("**/keys")

    assert ApiKey.objects.of(workspace.pk).get().state == "revoked"


def test_waiting_task_is_cancelled_and_the_list_renews_itself(visitor: Visitor) -> None:
    workspace = WorkspaceFactory.create()
    waiting = task(workspace)
    visitor.sign_in(owner_of(workspace), "correct horse")
    page = visitor.open(f"/w/{workspace.slug}/tasks")
    other = visitor.context.new_page()
    other.goto(f"{visitor.base_url}/w/{workspace.slug}/tasks/{waiting.id}")
    other.get_by_role("button", name="Cancel task").click()
    expect(other.locator("#headline")).to_contain_text("Cancelled before it started, not charged")
    other.close()

    expect(page.locator("tbody .status")).to_have_text("cancelled")


def test_theme_is_chosen_without_a_flash_and_stays(visitor: Visitor) -> None:
    page = visitor.open("/auth/login/")
    page.get_by_role("button", name="Dark theme").click()
    page.wait_for_load_state()

    # The server renders it: true without any script.
    html = page.evaluate("fetch('/auth/login/').then(answer => answer.text())")
    assert 'data-bs-theme="dark"' in html


def test_theme_follows_the_device_by_default(visitor: Visitor) -> None:
    visitor.page.emulate_media(color_scheme="dark")

    page = visitor.open("/")

    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"


def test_pages_work_without_scripts(browser: object, live_server: object, visitor: Visitor) -> None:
    workspace = WorkspaceFactory.create()
    visitor.sign_in(owner_of(workspace), "correct horse")
    context = browser.new_context(  # type: ignore[attr-defined]
        java_script_enabled=False, storage_state=visitor.context.storage_state()
    )
    page = context.new_page()
    page.goto(f"{visitor.base_url}/w/{workspace.slug}/{PLAY}")
    page.fill("[name=prompt]", "a fox")
    page.get_by_role("button", name="Run task").click()

    expect(page.locator("#headline")).to_have_text("Waiting to start. $0.001 is held.")
    context.close()


def _every_page(workspace: Workspace) -> list[str]:
    done, waiting = completed(workspace), task(workspace)
    base = f"/w/{workspace.slug}"
    return [
        f"{base}/",
        f"{base}/tasks",
        f"{base}/tasks?status=failed",
        f"{base}/tasks/{done.id}",
        f"{base}/tasks/{waiting.id}",
        f"{base}/models",
        f"{base}/{PLAY}",
        f"{base}/{PLAY}?task={done.id}",
        f"{base}/play/kling/video_generation",
        f"{base}/play/modelyard/ocr/ocr",
        f"{base}/keys",
        f"{base}/keys/new",
        "/me",
        "/auth/email/",
        "/auth/password/change/",
        "/auth/2fa/",
        "/auth/logout/",
        "/",
    ]


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 360)])
def test_every_page_is_accessible_and_fits_the_screen(
    theme: str, width: int, visitor: Visitor
) -> None:
    workspace = WorkspaceFactory.create()
    visitor.theme(theme)
    visitor.width(width)
    faults = {}
    for path in ("/auth/signup/", "/auth/login/", "/auth/password/reset/", "/nothing"):
        visitor.open(path)
        faults[path] = (visitor.overflow(), visitor.accessibility())
    visitor.sign_in(owner_of(workspace), "correct horse")
    for path in _every_page(workspace):
        visitor.open(path)
        faults[path] = (visitor.overflow(), visitor.accessibility())

    assert {path: found for path, found in faults.items() if found != (0, [])} == {}


def _verified(workspace: Workspace) -> User:
    user = owner_of(workspace)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def _open_guarded(visitor: Visitor, path: str) -> Page:
    """A page that asks for the password again first."""
    page = visitor.open(path)
    page.fill("[name=password]", "correct horse")
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url(f"**{path}")
    return page


def test_passkey_is_added_and_signs_in_under_the_policy(visitor: Visitor) -> None:
    user = _verified(WorkspaceFactory.create())
    visitor.sign_in(user, "correct horse")
    page = visitor.page
    device = visitor.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2",
        "transport": "internal",
        "hasResidentKey": True,
        "hasUserVerification": True,
        "isUserVerified": True,
        "automaticPresenceSimulation": True,
    }
    device.send("WebAuthn.addVirtualAuthenticator", {"options": options})

    _open_guarded(visitor, "/auth/2fa/webauthn/add/")
    page.fill("[name=name]", "laptop")
    page.check("[name=passwordless]")
    page.locator("#mfa_webauthn_add").click()
    page.wait_for_url(lambda url: "/webauthn/add/" not in url)  # it has been kept
    visitor.open("/me")
    expect(page.locator("main")).to_contain_text("passkey")
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url(f"{visitor.base_url}/")
    visitor.open("/auth/login/")
    page.locator("#passkey_login").click()
    page.wait_for_url("**/w/**")


def test_authenticator_app_is_set_up_under_the_policy(visitor: Visitor) -> None:
    user = _verified(WorkspaceFactory.create())
    visitor.sign_in(user, "correct horse")
    page = _open_guarded(visitor, "/auth/2fa/totp/activate/")
    page.wait_for_function("document.querySelector('img.qr').naturalWidth > 0")
    secret = page.locator("#authenticator_secret").input_value()
    counter = next(iter(yield_hotp_counters_from_time()))
    page.fill("[name=code]", format_hotp_value(hotp_value(secret, counter)))
    page.get_by_role("button", name="Activate").click()

    page.wait_for_url("**/recovery-codes/**")
    assert len(page.locator("#recovery_codes").input_value().split()) == 10
    assert (visitor.overflow(), visitor.accessibility()) == (0, [])


def test_a_broken_policy_would_be_noticed(visitor: Visitor) -> None:
    page = visitor.open("/")

    page.evaluate("document.body.setAttribute('style', 'color: red')")
    page.reload()  # by then the console has spoken

    assert "Content Security Policy" in " ".join(visitor.complaints)
    visitor.complaints.clear()
