from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from apps.accounts import keys, selectors, services
from apps.accounts.models import ApiKey, AuditEvent, Membership, User, Workspace
from apps.accounts.services import KeyTerms
from apps.billing.models import Wallet
from apps.billing.services import onboarding
from apps.core.errors import InvalidRequest, NotFound
from tests.factories import UserFactory, WorkspaceFactory, owner_of

pytestmark = pytest.mark.django_db

TERMS = KeyTerms(name="build server")


def create(workspace: Workspace, **changes: Any) -> tuple[ApiKey, str]:
    return services.create_key(
        workspace_id=workspace.pk, terms=replace(TERMS, **changes), actor=owner_of(workspace)
    )


def test_create_key_keeps_its_terms(workspace: Workspace):
    expires_at = timezone.now() + timedelta(days=1)

    key, _ = create(
        workspace,
        name="  build server ",
        scopes=("files", "tasks", "tasks"),
        allowed_networks=(" 203.0.113.7 ", "198.51.100.9/24", "2001:DB8::1"),
        cap_total_points=3,
        cap_daily_points=0,
        cap_monthly_points=10**17,
        rate_limit_per_minute=60,
        expires_at=expires_at,
    )

    key.refresh_from_db()
    assert (key.workspace_id, key.created_by) == (workspace.pk, owner_of(workspace))
    assert key.name == "build server"
    assert key.scopes == ["tasks", "files"]
    assert key.allowed_networks == ["203.0.113.7/32", "198.51.100.0/24", "2001:db8::1/128"]
    assert (key.cap_total_points, key.cap_daily_points, key.cap_monthly_points) == (3, 0, 10**17)
    assert (key.rate_limit_per_minute, key.expires_at) == (60, expires_at)
    assert key.state == "active"


def test_key_is_kept_as_a_digest_and_nowhere_in_clear(workspace: Workspace):
    key, secret = create(workspace)
    services.note_key_use(key_id=key.pk, ip="203.0.113.7")
    services.revoke_key(workspace_id=workspace.pk, key_id=key.pk, actor=None)

    found = {place for place, value in _everything() if secret[13:-4] in value}

    assert found == set()
    key.refresh_from_db()
    assert bytes(key.digest) == keys.digest(secret)
    assert key.masked == f"{secret[:12]}…{secret[-4:]}"


def _everything() -> Iterator[tuple[str, str]]:
    """Every value of every row of every table, as text; bytes as text where they are some."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - names of our own tables
            for row in cursor.fetchall():
                for value in row:
                    is_bytes = isinstance(value, bytes | memoryview)
                    yield table, bytes(value).decode("latin-1") if is_bytes else str(value)


def test_the_search_of_every_table_finds_what_is_there(workspace: Workspace):
    create(workspace, name="canary-name")

    found = {table for table, value in _everything() if "canary-name" in value}

    assert found == {"accounts_apikey", "accounts_auditevent"}


def test_creating_and_revoking_leave_audit_events(workspace: Workspace):
    owner = owner_of(workspace)
    key, _ = services.create_key(
        workspace_id=workspace.pk, terms=TERMS, actor=owner, ip="203.0.113.7"
    )
    services.revoke_key(workspace_id=workspace.pk, key_id=key.pk, actor=owner, ip="203.0.113.8")

    events = AuditEvent.objects.of(workspace.pk).order_by("id")

    assert [(e.actor, e.action, e.target, e.ip, e.detail) for e in events] == [
        (owner, "key.created", key.masked, "203.0.113.7", {"name": "build server"}),
        (owner, "key.revoked", key.masked, "203.0.113.8", {"name": "build server"}),
    ]


def test_revoked_key_is_refused_and_says_who_ended_it(workspace: Workspace):
    key, secret = create(workspace)
    assert selectors.identify(key=secret).key_id == key.pk

    revoked = services.revoke_key(
        workspace_id=workspace.pk, key_id=key.pk, actor=owner_of(workspace)
    )

    selectors.forget_believed_keys()
    assert (revoked.state, revoked.revoked_by) == ("revoked", owner_of(workspace))
    with pytest.raises(selectors.InvalidApiKey):
        selectors.identify(key=secret)


def test_revoking_twice_changes_nothing_more(workspace: Workspace):
    key, _ = create(workspace)
    first = services.revoke_key(workspace_id=workspace.pk, key_id=key.pk, actor=None)

    second = services.revoke_key(
        workspace_id=workspace.pk, key_id=key.pk, actor=owner_of(workspace)
    )

    assert (second.revoked_at, second.revoked_by) == (first.revoked_at, None)
    assert AuditEvent.objects.of(workspace.pk).filter(action="key.revoked").count() == 1


def test_another_workspaces_key_cannot_be_revoked(workspace: Workspace):
    theirs, secret = create(WorkspaceFactory.create())

    with pytest.raises(NotFound):
        services.revoke_key(workspace_id=workspace.pk, key_id=theirs.pk, actor=None)

    assert selectors.identify(key=secret).key_id == theirs.pk


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("name", {"name": ""}),
        ("name", {"name": "  "}),
        ("name", {"name": "x" * 101}),
        ("scopes", {"scopes": ()}),
        ("scopes", {"scopes": ("tasks", "everything")}),
        ("expires_at", {"expires_at": timezone.now() - timedelta(seconds=1)}),
        ("cap_total_points", {"cap_total_points": -1}),
        ("cap_daily_points", {"cap_daily_points": 10**17 + 1}),
        ("cap_monthly_points", {"cap_monthly_points": 2**70}),
        ("rate_limit_per_minute", {"rate_limit_per_minute": 0}),
        ("rate_limit_per_minute", {"rate_limit_per_minute": 1_000_001}),
        ("allowed_networks", {"allowed_networks": ["example.com"]}),
        ("allowed_networks", {"allowed_networks": ["203.0.113.0/33"]}),
        ("allowed_networks", {"allowed_networks": [""]}),
        ("allowed_networks", {"allowed_networks": ["fe80::1%" + "x" * 100]}),
        ("allowed_networks", {"allowed_networks": ["203.0.113.7"] * 51}),
    ],
)
def test_terms_that_cannot_be_are_refused_by_field(
    workspace: Workspace, field: str, changes: dict[str, Any]
):
    with pytest.raises(InvalidRequest) as refused:
        create(workspace, **changes)

    assert refused.value.detail == {"field": field}
    assert ApiKey.objects.of(workspace.pk).count() == 0
    assert AuditEvent.objects.of(workspace.pk).count() == 0


def test_workspace_has_at_most_its_number_of_live_keys(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(services.api_keys, "MAX_KEYS_PER_WORKSPACE", 2)
    first, _ = create(workspace)
    create(workspace)
    create(WorkspaceFactory.create())

    with pytest.raises(InvalidRequest, match="at most 2 keys"):
        create(workspace)

    services.revoke_key(workspace_id=workspace.pk, key_id=first.pk, actor=None)
    create(workspace)


def test_audit_events_cannot_be_changed(workspace: Workspace):
    create(workspace)
    events = AuditEvent.objects.of(workspace.pk)

    with pytest.raises(IntegrityError), transaction.atomic():
        events.update(action="nothing")

    assert events.get().action == "key.created"


def test_workspace_is_made_with_its_owner():
    owner = UserFactory.create()

    workspace = services.create_workspace(owner=owner, name="Ünïcode & Söhne GmbH")

    assert (workspace.slug, workspace.name) == ("unicode-sohne-gmbh", "Ünïcode & Söhne GmbH")
    assert [(m.user, m.role) for m in Membership.objects.filter(workspace=workspace)] == [
        (owner, "owner")
    ]


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("api", "api-team"),
        ("W", "w-team"),
        ("!!!", "workspace"),
        ("日本", "workspace"),
        ("x" * 100, "x" * 40),
        ("a" * 39 + " b", "a" * 39),
    ],
)
def test_slug_fits_into_urls(name: str, slug: str):
    assert services.create_workspace(owner=UserFactory.create(), name=name).slug == slug


def test_taken_slug_gets_a_suffix():
    owner = UserFactory.create()
    services.create_workspace(owner=owner, name="Acme")

    second = services.create_workspace(owner=owner, name="Acme")

    assert second.name == "Acme"
    assert second.slug.startswith("acme-")
    assert len(second.slug) == len("acme-") + 6


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_sign_ups_for_one_name_at_once_all_get_a_workspace():
    people = [UserFactory.create() for _ in range(8)]
    start = Barrier(8)

    def sign_up(person: User) -> str:
        try:
            start.wait(10)
            return onboarding.open_workspace(owner=person, name="Acme").slug
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=8) as pool:
        slugs = list(pool.map(sign_up, people))

    assert len(set(slugs)) == 8
    assert slugs.count("acme") == 1
    assert Wallet.objects.across_workspaces().count() == 8


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_keys_made_at_once_never_pass_the_limit(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(services.api_keys, "MAX_KEYS_PER_WORKSPACE", 3)
    workspace = WorkspaceFactory.create()
    start = Barrier(8)

    def make(_: int) -> bool:
        try:
            start.wait(10)
            create(workspace)
        except InvalidRequest:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(max_workers=8) as pool:
        made = list(pool.map(make, range(8)))

    assert made.count(True) == 3
    assert ApiKey.objects.of(workspace.pk).count() == 3
