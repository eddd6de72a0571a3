"""Who sits at a browser, as endpoints on the event loop find it: Django's session, its CSRF check, the role."""

import asyncio
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from apps.accounts.models import User, Workspace
from apps.accounts.selectors import Identity
from apps.core.errors import DomainError, NotFound
from apps.gateway import sessions
from apps.gateway.sessions import NotAllowed, SignedOut
from tests.factories import WorkspaceFactory, member, owner_of

pytestmark = pytest.mark.django_db(transaction=True)

TOKEN = "a" * 32


@pytest.fixture
def workspace(transactional_db: None) -> Workspace:
    """Committed: the session is read in another thread."""
    return WorkspaceFactory.create()


def cookies_of(user: User | None, *, token: str = TOKEN) -> str:
    client = Client()
    if user is not None:
        client.force_login(user)
    pairs = {name: morsel.value for name, morsel in client.cookies.items()}
    return "; ".join(f"{name}={value}" for name, value in (pairs | {"csrftoken": token}).items())


def scope_of(cookies: str, **headers: str) -> Any:
    given = {"host": "testserver", "cookie": cookies, "x-csrftoken": TOKEN} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    return {
        "type": "http",
        "method": "POST",
        "path": "/w/x/chat/stream",
        "scheme": "http",
        "server": ("testserver", 80),
        "client": ("127.0.0.1", 1),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }


def member_of(scope: Any, slug: str) -> Identity:
    return asyncio.run(sessions.member_of(scope, slug))


def refusal(scope: Any, slug: str) -> DomainError:
    with pytest.raises(DomainError) as caught:
        member_of(scope, slug)
    return caught.value


def test_a_member_is_found_with_their_limits(workspace: Workspace) -> None:
    user = owner_of(workspace)

    found = member_of(scope_of(cookies_of(user)), workspace.slug)

    assert (found.workspace_id, found.user_id, found.key_id) == (workspace.pk, user.pk, None)
    assert found.member_id == workspace.memberships.get().pk


def test_cookies_in_headers_of_their_own_are_one_header(workspace: Workspace) -> None:
    scope = scope_of("")
    scope["headers"] = [pair for pair in scope["headers"] if pair[0] != b"cookie"]
    for cookie in cookies_of(owner_of(workspace)).split("; "):
        scope["headers"].append((b"cookie", cookie.encode()))

    assert member_of(scope, workspace.slug).workspace_id == workspace.pk


@pytest.mark.parametrize("cookies", ["", "csrftoken=" + TOKEN, "sessionid=nonsense"])
def test_who_is_not_signed_in_is_refused(workspace: Workspace, cookies: str) -> None:
    found = refusal(scope_of(cookies), workspace.slug)

    assert (type(found), found.type) == (SignedOut, "invalid_api_key")


def test_a_session_that_was_ended_is_refused(workspace: Workspace) -> None:
    user = owner_of(workspace)
    cookies = cookies_of(user)
    user.set_password("another horse")
    user.save()

    assert type(refusal(scope_of(cookies), workspace.slug)) is SignedOut


def test_a_locked_person_is_refused(workspace: Workspace) -> None:
    user = owner_of(workspace)
    cookies = cookies_of(user)
    User.objects.filter(pk=user.pk).update(is_active=False)

    assert type(refusal(scope_of(cookies), workspace.slug)) is SignedOut


@pytest.mark.parametrize(
    "headers",
    [
        {"x_csrftoken": ""},
        {"x_csrftoken": "b" * 32},
        {"origin": "https://elsewhere.example"},
        {"origin": "null"},
    ],
)
def test_a_request_that_may_be_forged_is_refused(
    workspace: Workspace, headers: dict[str, str]
) -> None:
    scope = scope_of(cookies_of(owner_of(workspace)), **headers)

    assert type(refusal(scope, workspace.slug)) is NotAllowed


def test_a_request_from_our_own_page_is_taken(workspace: Workspace) -> None:
    scope = scope_of(cookies_of(owner_of(workspace)), origin="http://testserver")

    assert member_of(scope, workspace.slug).workspace_id == workspace.pk


def test_a_key_does_not_open_it(workspace: Workspace, key: str) -> None:
    assert type(refusal(scope_of("", x_api_key=key), workspace.slug)) is SignedOut


def test_workspace_of_others_does_not_exist(workspace: Workspace) -> None:
    stranger = owner_of(WorkspaceFactory.create())
    scope = scope_of(cookies_of(stranger))

    assert type(refusal(scope, workspace.slug)) is NotFound
    assert type(refusal(scope, "no-such-workspace")) is NotFound


@pytest.mark.parametrize(
    ("role", "may"),
    [("admin", True), ("developer", True), ("viewer", False), ("billing", False)],
)
def test_only_who_may_run_is_let_in(workspace: Workspace, role: str, may: bool) -> None:
    scope = scope_of(cookies_of(member(workspace, role)))

    if may:
        assert member_of(scope, workspace.slug).workspace_id == workspace.pk
    else:
        assert type(refusal(scope, workspace.slug)) is NotAllowed


def test_the_session_cookie_is_djangos() -> None:
    assert (settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME) == ("sessionid", "csrftoken")
