import time
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts import keys, selectors, services
from apps.accounts.models import ApiKey, Workspace
from apps.accounts.policies import PLAN_TERMS
from apps.accounts.selectors import Identity, InvalidApiKey, identify
from apps.core.errors import NotFound
from tests.factories import UserFactory, WorkspaceFactory, api_key, member, owner_of

pytestmark = pytest.mark.django_db


class Clock:
    """time.monotonic, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(time, "monotonic", clock)
    return clock


def revoke(workspace: Workspace, secret: str) -> None:
    """As another process does it: ours hears nothing."""
    ApiKey.objects.of(workspace.pk).filter(digest=keys.digest(secret)).update(
        revoked_at=timezone.now()
    )


def test_key_says_who_calls(workspace: Workspace):
    secret = api_key(
        workspace,
        scopes=("tasks", "files"),
        allowed_networks=("203.0.113.0/24",),
        rate_limit_per_minute=7,
        cap_total_points=1,
        cap_daily_points=2,
        cap_monthly_points=3,
    )

    assert identify(key=secret) == Identity(
        workspace_id=workspace.pk,
        workspace_slug=workspace.slug,
        plan="developer",
        is_enabled=True,
        concurrent_tasks=10,
        key_id=ApiKey.objects.of(workspace.pk).get().pk,
        scopes=frozenset({"tasks", "files"}),
        networks=(ip_network("203.0.113.0/24"),),
        rate_limit_per_minute=7,
        cap_total=1,
        cap_daily=2,
        cap_monthly=3,
        terms=PLAN_TERMS["developer"],
    )


@pytest.mark.parametrize(
    "text", ["", "my_live_", "x" * 57, "\x00", "ж" * 57, "my_live_" + "0" * 49]
)
def test_malformed_key_is_refused_without_asking_the_database(text: str):
    with CaptureQueriesContext(connection) as queries, pytest.raises(InvalidApiKey) as refused:
        identify(key=text)

    assert refused.value.message == "invalid API key"
    assert len(queries) == 0


def test_unknown_revoked_and_expired_keys_get_one_answer(workspace: Workspace):
    revoked = api_key(workspace)
    revoke(workspace, revoked)
    expired = api_key(workspace, expires_at=timezone.now() + timedelta(hours=1))
    ApiKey.objects.of(workspace.pk).filter(digest=keys.digest(expired)).update(
        created_at=timezone.now() - timedelta(days=2), expires_at=timezone.now() - timedelta(days=1)
    )

    for key in (keys.new_key(), revoked, expired):
        with pytest.raises(InvalidApiKey) as refused:
            identify(key=key)
        assert (refused.value.message, refused.value.detail) == ("invalid API key", None)


def test_lookup_is_believed_for_less_than_a_second(workspace: Workspace, clock: Clock):
    secret = api_key(workspace)
    identify(key=secret)
    revoke(workspace, secret)

    clock.now += 0.89
    with CaptureQueriesContext(connection) as queries:
        identify(key=secret)
    assert len(queries) == 0

    clock.now += 0.02
    with pytest.raises(InvalidApiKey):
        identify(key=secret)


def test_key_that_expires_while_it_is_believed_stops_at_once(workspace: Workspace, clock: Clock):
    secret = api_key(workspace, expires_at=timezone.now() + timedelta(seconds=0.5))
    identify(key=secret)
    revoke(workspace, secret)

    clock.now += 0.2
    identify(key=secret)
    clock.now += 0.3
    with pytest.raises(InvalidApiKey):
        identify(key=secret)


@pytest.mark.django_db(transaction=True)
def test_process_that_revokes_a_key_refuses_it_at_once(clock: Clock):
    workspace = WorkspaceFactory.create()
    secret = api_key(workspace)
    key_id = identify(key=secret).key_id
    assert key_id is not None

    services.revoke_key(workspace_id=workspace.pk, key_id=key_id, actor=None)

    with pytest.raises(InvalidApiKey):
        identify(key=secret)


def test_refusals_are_not_believed(workspace: Workspace):
    secret = api_key(workspace)
    ApiKey.objects.of(workspace.pk).update(revoked_at=timezone.now())
    with pytest.raises(InvalidApiKey):
        identify(key=secret)

    ApiKey.objects.of(workspace.pk).update(revoked_at=None)

    assert identify(key=secret).workspace_id == workspace.pk


def test_memory_of_lookups_is_bounded(workspace: Workspace, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(selectors, "_MAX_BELIEVED", 3)

    for _ in range(10):
        identify(key=api_key(workspace))
        assert len(selectors._believed) <= 3


@pytest.mark.parametrize(
    ("networks", "ip", "is_allowed"),
    [
        ((), "203.0.113.7", True),
        ((), "", True),
        (("203.0.113.0/24",), "203.0.113.7", True),
        (("203.0.113.0/24",), "203.0.114.7", False),
        (("203.0.113.0/24", "2001:db8::/32"), "2001:db8::7", True),
        (("203.0.113.0/24",), "2001:db8::7", False),
        (("203.0.113.0/24",), "", False),
        (("0.0.0.0/0",), "garbage", False),
    ],
)
def test_allow_list_of_a_key(networks: tuple[str, ...], ip: str, is_allowed: bool):
    identity = Identity(1, "acme", "hobbyist", True, 2, networks=tuple(map(ip_network, networks)))

    assert identity.allows_ip(ip) is is_allowed


@pytest.mark.parametrize(
    ("caps", "has_cap"),
    [({}, False), ({"cap_total": 0}, True), ({"cap_daily": 1}, True), ({"cap_monthly": 1}, True)],
)
def test_identity_knows_whether_it_is_capped(caps: dict[str, Any], has_cap: bool):
    assert Identity(1, "acme", "hobbyist", True, 2, **caps).has_cap is has_cap


def test_member_acts_without_a_key_and_with_every_scope(workspace: Workspace):
    person = member(workspace)

    identity = selectors.identity_of_member(workspace=workspace, user=person)

    assert (identity.workspace_id, identity.user_id, identity.key_id) == (
        workspace.pk,
        person.pk,
        None,
    )
    assert identity.scopes == {"tasks", "llm", "account", "files"}


def test_neighbours_keys_do_not_show(workspace: Workspace):
    neighbour = WorkspaceFactory.create()
    api_key(workspace, name="first")
    api_key(workspace, name="second")
    api_key(neighbour, name="theirs")
    theirs = ApiKey.objects.of(neighbour.pk).get()

    assert [key.name for key in selectors.newest_keys(workspace_id=workspace.pk)] == [
        "second",
        "first",
    ]
    with pytest.raises(NotFound):
        selectors.api_key(workspace_id=workspace.pk, key_id=theirs.pk)


@pytest.mark.parametrize("count", [1, 3])
def test_queries_do_not_grow_with_the_keys(
    workspace: Workspace, count: int, django_assert_num_queries: Any
):
    for _ in range(count):
        services.create_key(
            workspace_id=workspace.pk,
            terms=services.KeyTerms(name="x"),
            actor=owner_of(workspace),
        )

    with django_assert_num_queries(1):
        assert (
            len([key.created_by for key in selectors.newest_keys(workspace_id=workspace.pk)])
            == count
        )


def test_workspace_of_others_does_not_exist(workspace: Workspace):
    stranger = UserFactory.create()
    WorkspaceFactory.create(owner=stranger, name="Theirs")

    with pytest.raises(NotFound):
        selectors.membership(user=stranger, slug=workspace.slug)
    assert [m.workspace.name for m in selectors.memberships(user=stranger)] == ["Theirs"]
    assert selectors.membership(user=owner_of(workspace), slug=workspace.slug).role == "owner"
