"""Who gets in: keys, headers, scopes, addresses."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django import Settings

from apps.accounts import keys, selectors, services
from apps.accounts.models import ApiKey, Workspace
from tests.api.conftest import Caller, caller_of
from tests.factories import api_key

pytestmark = pytest.mark.django_db
TASKS = "/api/v1/tasks"


@pytest.mark.parametrize("path", [TASKS, "/account/info", "/api/v1/models"])
@pytest.mark.parametrize(
    ("header", "prefix"),
    [
        ("HTTP_X_API_KEY", ""),
        ("HTTP_AUTHORIZATION", "Bearer "),
        ("HTTP_AUTHORIZATION", "bearer "),
        ("HTTP_AUTHORIZATION", "BEARER  "),
    ],
)
def test_key_is_taken_from_either_header(key: str, path: str, header: str, prefix: str):
    assert Caller().get(path, **{header: prefix + key}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"HTTP_X_API_KEY": ""},
        {"HTTP_X_API_KEY": "my_live_x"},
        {"HTTP_X_API_KEY": "é" * 57},
        {"HTTP_AUTHORIZATION": "Bearer"},
        {"HTTP_AUTHORIZATION": "Bearer "},
        {"HTTP_X_API_KEY": keys.new_key()},
    ],
)
def test_missing_or_wrong_key_is_one_generic_401(headers: dict[str, str]):
    response = Caller().get(TASKS, **headers)

    assert response.status_code == 401
    assert response.json()["message"] == "invalid API key"
    assert response.json()["error"]["detail"] is None
    assert response["WWW-Authenticate"] == "Bearer"


def test_basic_credentials_are_no_key(key: str):
    assert Caller().get(TASKS, HTTP_AUTHORIZATION=f"Basic {key}").status_code == 401


@pytest.mark.parametrize("name", ["key", "api_key", "x-api-key", "access_token"])
def test_key_in_the_query_string_is_refused(key: str, name: str):
    assert Caller().get(f"{TASKS}?{name}={key}").status_code == 401


def test_cookie_of_a_signed_in_person_opens_nothing(workspace: Workspace):
    caller = Caller()
    caller.client.force_login(workspace.members.get())

    assert caller.get(TASKS).status_code == 401


def test_revoked_and_expired_keys_are_refused(workspace: Workspace):
    revoked, expired = api_key(workspace), api_key(workspace)
    services.revoke_key(
        workspace_id=workspace.pk, key_id=selectors.identify(key=revoked).key_id or 0, actor=None
    )
    ApiKey.objects.of(workspace.pk).filter(digest=keys.digest(expired)).update(
        created_at=timezone.now() - timedelta(days=2), expires_at=timezone.now() - timedelta(days=1)
    )
    selectors.forget_believed_keys()

    assert [Caller(key).get(TASKS).status_code for key in (revoked, expired)] == [401, 401]


def test_wrong_key_on_an_open_route_is_still_wrong():
    assert Caller().get("/api/v1/models").status_code == 200
    assert Caller("wrong").get("/api/v1/models").status_code == 401


@pytest.mark.parametrize(
    ("scope", "opened"),
    [("tasks", [200, 403, 403]), ("account", [403, 200, 403]), ("files", [403, 403, 400])],
)
def test_scope_opens_its_own_routes_only(workspace: Workspace, scope: str, opened: list[int]):
    caller = caller_of(workspace, scopes=[scope])

    found = [
        caller.get(TASKS).status_code,
        caller.get("/account/info").status_code,
        caller.post("/api/ephemeral_resource").status_code,
    ]

    assert found == opened


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "status"),
    [
        (0, "203.0.113.7", "", 200),
        (0, "198.51.100.1", "203.0.113.7", 403),
        (1, "10.0.0.1", "203.0.113.7", 200),
        (1, "10.0.0.1", "203.0.113.7, 198.51.100.1", 403),
        (1, "10.0.0.1", "198.51.100.1, 203.0.113.7", 200),
        (2, "10.0.0.1", "203.0.113.7, 10.0.0.2", 200),
        (1, "203.0.113.7", "", 200),
        (1, "10.0.0.1", "nonsense", 403),
        (0, "", "", 403),
    ],
)
def test_address_list_believes_only_our_own_proxies(
    workspace: Workspace,
    settings: Settings,
    proxies: int,
    peer: str,
    forwarded: str,
    status: int,
):
    settings.TRUSTED_PROXIES = proxies
    caller = caller_of(workspace, allowed_networks=["203.0.113.0/24"])

    response = caller.get(TASKS, REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)

    assert response.status_code == status


def test_use_of_a_key_is_noted_once_a_minute(
    workspace: Workspace, django_assert_max_num_queries: object
):
    caller = caller_of(workspace)
    caller.get(TASKS, REMOTE_ADDR="198.51.100.9")
    found = ApiKey.objects.of(workspace.pk).get(digest=keys.digest(caller.key))
    first = found.last_used_at

    caller.get(TASKS, REMOTE_ADDR="198.51.100.10")

    found.refresh_from_db()
    assert first is not None
    assert (found.last_used_at, found.last_used_ip) == (first, "198.51.100.9")
