"""Double clicks, the back button, two tabs, an ended session, no network: safe, and said clearly."""

import pytest
from playwright.sync_api import Page, Route, expect

from apps.accounts.models import ApiKey, Workspace
from apps.tasks.models import Task
from tests.e2e.conftest import Visitor
from tests.factories import WorkspaceFactory, owner_of

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

PLAY = "play/modelyard/illustration/text-to-image"


@pytest.fixture
def acme() -> Workspace:
    return WorkspaceFactory.create()


@pytest.fixture
def page(visitor: Visitor, acme: Workspace) -> Page:
    visitor.sign_in(owner_of(acme), "correct horse")
    return visitor.page


def _tasks(workspace: Workspace) -> int:
    return Task.objects.of(workspace.pk).count()


def _slow(page: Page) -> list[str]:
    """Make the form's posts wait until the second click has come. The posts, as they are sent."""
    posts: list[str] = []

    def wait(route: Route) -> None:
        if route.request.method == "POST":
            posts.append(route.request.url)
            page.wait_for_timeout(400)
        route.continue_()

    page.route("**/play/**", wait)
    return posts


def test_double_click_runs_one_task(visitor: Visitor, page: Page, acme: Workspace) -> None:
    visitor.open(f"/w/{acme.slug}/{PLAY}")
    posts = _slow(page)

    page.get_by_role("button", name="Run task").dblclick()

    expect(page.locator("#headline")).to_contain_text("Waiting to start.")
    assert (len(posts), _tasks(acme)) == (1, 1)


def test_enter_pressed_twice_runs_one_task(visitor: Visitor, page: Page, acme: Workspace) -> None:
    visitor.open(f"/w/{acme.slug}/{PLAY}")
    posts = _slow(page)

    page.locator("[name=width][type=number]").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")

    # htmx would send what it had queued as soon as it has put the answer in its place.
    expect(page.locator("#headline")).to_contain_text("Waiting to start.")
    page.evaluate("() => new Promise(done => setTimeout(done))")
    assert (len(posts), _tasks(acme)) == (1, 1)


def test_double_click_creates_one_key_and_reloading_or_going_back_no_other(
    visitor: Visitor, page: Page, acme: Workspace
) -> None:
    visitor.open(f"/w/{acme.slug}/keys/new")
    page.fill("[name=name]", "laptop")

    page.get_by_role("button", name="Create key").dblclick()

    secret = page.locator("#secret").input_value()
    assert ApiKey.objects.of(acme.pk).count() == 1
    page.reload()
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Create key")).to_be_visible()
    page.go_forward()
    assert secret not in page.content()
    assert ApiKey.objects.of(acme.pk).count() == 1


def test_key_that_another_tab_has_revoked_cannot_be_rotated(
    visitor: Visitor, page: Page, acme: Workspace
) -> None:
    visitor.open(f"/w/{acme.slug}/keys/new")
    page.fill("[name=name]", "laptop")
    page.get_by_role("button", name="Create key").click()
    page.get_by_role("link", name="I have copied it").click()
    page.get_by_role("link", name="Rotate").click()
    other = visitor.context.new_page()
    other.goto(f"{visitor.base_url}/w/{acme.slug}/keys")
    other.get_by_role("link", name="Revoke").click()
    other.get_by_role("button", name="Revoke key").click()
    other.close()

    page.get_by_role("button", name="Rotate key").click()

    expect(page.locator("main")).to_contain_text("and that is for good.")


def test_session_that_ended_elsewhere_leads_to_sign_in_and_back(
    visitor: Visitor, page: Page, acme: Workspace
) -> None:
    visitor.open(f"/w/{acme.slug}/{PLAY}")
    visitor.context.clear_cookies(name="sessionid")

    page.get_by_role("button", name="Run task").click()

    page.wait_for_url("**/auth/login/**")
    assert _tasks(acme) == 0
    page.fill("[name=login]", owner_of(acme).email)
    page.fill("[name=password]", "correct horse")
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"**/w/{acme.slug}/{PLAY}**")


def test_without_a_network_the_page_says_so_and_the_input_stays(
    visitor: Visitor, page: Page, acme: Workspace
) -> None:
    visitor.open(f"/w/{acme.slug}/{PLAY}")
    page.fill("[name=prompt]", "a fox that waits for the network")
    page.wait_for_load_state("networkidle")
    visitor.context.set_offline(True)

    page.get_by_role("button", name="Run task").click()

    expect(page.locator("#toasts")).to_contain_text("No connection.")
    expect(page.get_by_role("button", name="Run task")).to_be_enabled()
    assert page.locator("[name=prompt]").input_value() == "a fox that waits for the network"
    visitor.context.set_offline(False)
    page.get_by_role("button", name="Run task").click()
    expect(page.locator("#headline")).to_contain_text("Waiting to start.")
    assert _tasks(acme) == 1
    # That the network was away is what the browser complains about.
    visitor.complaints.clear()


def test_going_back_from_a_result_shows_the_form_and_runs_nothing(
    visitor: Visitor, page: Page, acme: Workspace
) -> None:
    visitor.open(f"/w/{acme.slug}/{PLAY}")
    page.get_by_role("button", name="Run task").click()
    expect(page.locator("#headline")).to_contain_text("Waiting to start.")
    visitor.open(f"/w/{acme.slug}/tasks")

    page.go_back()

    expect(page.get_by_role("button", name="Run task")).to_be_visible()
    expect(page.locator("#headline")).to_contain_text("Waiting to start.")
    assert _tasks(acme) == 1
