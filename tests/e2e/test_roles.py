"""Every page that a role is led to, in a browser: all of them open, and none offers what the role may not do."""

import re
from collections import deque
from urllib.parse import urldefrag, urljoin, urlsplit

import pytest
from django.urls import Resolver404, resolve

from apps.accounts.models import Workspace
from tests.dashboard.test_access import PEOPLE, WORKSPACE_PAGES
from tests.e2e.conftest import Visitor
from tests.factories import UserFactory, WorkspaceFactory, member, owner_of
from tests.screens.world import lively

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

# One page stands for all that differ only by an id, by the model or by what the query asks for.
_IDS = re.compile(r"/(\d+|[0-9a-f-]{32,36}|g-\w+)(?=/|$)|(?<=/play/).+")
_FILES = re.compile(r"\.(csv|pdf|zip|md)$|/download$|/data/file")
_REFUSED = {403, 404}
_MENU = {
    "viewer": {"Playground", "Tasks", "Usage", "Billing", "Team"},
    "developer": {"Playground", "Tasks", "Usage", "Billing", "Team", "Keys", "Webhooks"},
    "billing": {"Tasks", "Usage", "Billing", "Team"},
    "admin": {"Playground", "Tasks", "Usage", "Billing", "Team", "Keys", "Webhooks", "Settings"},
    "owner": {"Playground", "Tasks", "Usage", "Billing", "Team", "Keys", "Webhooks", "Settings"},
}
_CHECKED = set.union(*_MENU.values())


@pytest.fixture
def acme() -> Workspace:
    workspace = lively()
    member(workspace, "admin")
    return workspace


def walk(visitor: Visitor, workspace: Workspace, role: str) -> dict[str, str]:
    """The pages that links lead to from the overview, by kind. Fails for what is refused or offered in vain."""
    start = f"/w/{workspace.slug}/"
    seen, left, wrong = {start: start}, deque([start]), []
    while left:
        path = left.popleft()
        answer = visitor.page.goto(f"{visitor.base_url}{path}")
        if answer is None or answer.status != 200:
            wrong.append((path, answer and answer.status))
            continue
        wrong += [(path, name) for name in _offered(visitor) if _is_refused(name, role)]
        for found in _linked(visitor, start):
            kind = _IDS.sub("/#", found)
            if kind not in seen and not _FILES.search(found):
                seen[kind] = found
                left.append(found)
    assert wrong == []
    return seen


def _linked(visitor: Visitor, within: str) -> list[str]:
    hrefs: list[str] = visitor.page.eval_on_selector_all(
        "a[href]", "all => all.map(one => one.getAttribute('href'))"
    )
    there = (urlsplit(urldefrag(urljoin(visitor.page.url, href)).url) for href in hrefs)
    return [
        one.path
        for one in there
        if visitor.base_url.endswith(one.netloc) and one.path.startswith(within)
    ]


def _offered(visitor: Visitor) -> list[str]:
    """The names of what the page's forms and htmx buttons would call. A disabled button is no offer: it says why."""
    addresses: list[str] = visitor.page.eval_on_selector_all(
        "form[method=post]:has(button:enabled:not([type=button])), [formaction]:enabled, button[hx-post]:enabled",
        "all => all.map(one => ['formaction', 'hx-post', 'action'].map(n => one.getAttribute(n)).find(Boolean))",
    )
    names = []
    for address in filter(None, addresses):
        try:
            names.append(resolve(urlsplit(address).path).url_name)
        except Resolver404:
            names.append(f"nothing at {address}")
    return names


def _is_refused(name: str, role: str) -> bool:
    if name.startswith("nothing at"):
        return True
    if name not in WORKSPACE_PAGES:
        return False
    answers = dict(zip(PEOPLE, WORKSPACE_PAGES[name][1], strict=True))
    return answers.get(role, answers["owner"]) in _REFUSED and answers["owner"] not in _REFUSED


@pytest.mark.parametrize("role", _MENU)
def test_whatever_a_role_is_led_to_is_open_to_it(
    visitor: Visitor, acme: Workspace, role: str
) -> None:
    visitor.sign_in(acme.memberships.filter(role=role).earliest("id").user, "correct horse")
    menu = visitor.page.locator(".navbar-vertical .nav-link").all_inner_texts()

    pages = walk(visitor, acme, role)

    assert {word.strip() for word in menu} & _CHECKED == _MENU[role]
    assert len(pages) > (12 if role == "billing" else 15)


def test_stranger_finds_no_page_of_another_workspace(visitor: Visitor, acme: Workspace) -> None:
    visitor.sign_in(owner_of(acme), "correct horse")
    pages = walk(visitor, acme, "owner")
    assert len(pages) > 35
    visitor.context.clear_cookies()

    asked = visitor.page.request.get(f"{visitor.base_url}/w/{acme.slug}/", max_redirects=0)
    assert (asked.status, urlsplit(asked.headers["location"]).path) == (302, "/auth/login/")

    stranger = owner_of(WorkspaceFactory.create())
    visitor.sign_in(stranger, "correct horse")
    for path in pages.values():
        answer = visitor.page.goto(f"{visitor.base_url}{path}")
        assert answer is not None
        text = visitor.page.inner_text("body")
        assert (path, answer.status) == (path, 404)
        assert acme.name not in text


def test_person_who_left_has_no_page_left(visitor: Visitor, acme: Workspace) -> None:
    user = UserFactory.create()
    membership = acme.memberships.create(user=user, role="developer")
    visitor.sign_in(user, "correct horse")
    visitor.open(f"/w/{acme.slug}/tasks")
    membership.delete()

    visitor.page.get_by_role("link", name="Usage").first.click()

    assert "There is nothing here" in visitor.page.inner_text("body")
