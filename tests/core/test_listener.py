"""The listener hears of changes made by other connections, and knows when it does not."""

import time

import pytest
from django.db import connection

from apps.accounts import selectors, services
from apps.accounts.models import Workspace
from apps.core.listener import Listener
from tests.factories import WorkspaceFactory, api_key


def wait_until(condition: object, seconds: float = 10) -> bool:
    """Polls, because what is waited for happens in another thread."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():  # type: ignore[operator]
            return True
        time.sleep(0.01)
    return False


@pytest.fixture
def listening(settings, monkeypatch: pytest.MonkeyPatch):
    """A listener of this test's own, whose connection is gone before the database is dropped."""
    settings.LISTEN_FOR_CHANGES = True
    listener = Listener("accounts_identity", selectors.forget_believed_keys)
    monkeypatch.setattr(selectors, "_listener", listener)
    yield listener
    listener.stop()


@pytest.mark.django_db(transaction=True)
def test_change_of_a_key_by_plain_sql_is_heard_within_a_second(listening: Listener):
    workspace = WorkspaceFactory.create()
    key = api_key(workspace)
    assert wait_until(listening.hears)
    identity = selectors.identify(key=key)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE accounts_apikey SET revoked_at = now() WHERE id = %s", [identity.key_id]
        )

    assert wait_until(lambda: not _is_known(key), seconds=1)


@pytest.mark.django_db(transaction=True)
def test_change_of_the_plan_is_heard_within_a_second(listening: Listener):
    workspace = WorkspaceFactory.create(plan="hobbyist")
    key = api_key(workspace)
    assert wait_until(listening.hears)
    assert selectors.identify(key=key).plan == "hobbyist"
    Workspace.objects.filter(pk=workspace.pk).update(plan="premium")

    assert wait_until(lambda: selectors.identify(key=key).plan == "premium", seconds=1)


@pytest.mark.django_db(transaction=True)
def test_lookup_is_kept_while_the_listener_hears(
    listening: Listener, django_assert_num_queries, monkeypatch: pytest.MonkeyPatch
):
    workspace = WorkspaceFactory.create()
    key = api_key(workspace)
    services.create_key(
        workspace_id=workspace.pk, terms=services.KeyTerms(name="other"), actor=None
    )
    assert wait_until(listening.hears)
    selectors.identify(key=key)
    monkeypatch.setattr(selectors, "_BELIEVED_SECONDS", 0.0)

    with django_assert_num_queries(0):
        selectors.identify(key=key)


@pytest.mark.django_db(transaction=True)
def test_listener_whose_connection_is_killed_says_so_and_comes_back(listening: Listener):
    assert wait_until(listening.hears)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE pid <> pg_backend_pid() AND datname = current_database() AND query LIKE 'NOTIFY%'"
        )

    assert wait_until(lambda: not listening.hears(), seconds=2)
    assert wait_until(listening.hears)


def _is_known(key: str) -> bool:
    try:
        selectors.identify(key=key)
    except selectors.InvalidApiKey:
        return False
    return True
