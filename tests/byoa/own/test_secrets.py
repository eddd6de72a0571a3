"""An own account is nobody else's to see or change, and its credential nobody's to read."""

import logging
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from apps.accounts.models import AuditEvent, Workspace
from apps.byoa.models import Account, AccountEvent
from apps.byoa.services import accounts, checklist, own
from apps.byoa.services import seats as seating
from apps.byoa.services.terms import Terms
from apps.core.errors import DomainError, InvalidRequest, NotFound
from apps.notifications.models import Notice
from tests.byoa.own.helpers import CANARY, audited, connect, who
from tests.factories import WorkspaceFactory
from tests.factories.byoa import account, own_account, seats
from tests.upstream.running import Upstream

pytestmark = pytest.mark.django_db


# -------------------------------------------------------------------------------- tenancy
@pytest.mark.parametrize(
    "call",
    [
        lambda who: own.change(**who, weight="high"),
        lambda who: own.replace_credential(**who, credential="mine"),
        lambda who: own.pause(**who),
        lambda who: own.start(**who),
        lambda who: own.recheck(**who),
        lambda who: own.delete(**who),
        lambda who: checklist.run(workspace_id=who["workspace"].pk, account_id=who["account_id"]),
    ],
    ids=["change", "replace", "pause", "start", "recheck", "delete", "checklist"],
)
@pytest.mark.parametrize("whose", ["neighbour", "operator", "nobody"])
def test_account_of_somebody_else_is_not_found(
    workspace: Workspace, call: Callable[[dict[str, Any]], Any], whose: str
):
    theirs = account() if whose == "operator" else own_account(WorkspaceFactory.create())
    before = Account.objects.across_workspaces().values().get()
    target = theirs if whose != "nobody" else Account(pk=0)

    with pytest.raises(NotFound):
        call(who(workspace, target))

    assert Account.objects.across_workspaces().values().get() == before
    assert own.mine(workspace_id=workspace.pk) == []
    assert audited(workspace) == []


@pytest.mark.parametrize(
    "call",
    [
        lambda made: accounts.change(account_id=made.pk, weight="high"),
        lambda made: accounts.pause(account_id=made.pk),
        lambda made: accounts.check_now(account_id=made.pk),
        lambda made: accounts.remove(account_id=made.pk),
    ],
)
def test_customers_account_is_not_found_as_one_of_the_operators(
    workspace: Workspace, call: Callable[[Account], Any]
):
    made = own_account(workspace)

    with pytest.raises(NotFound):
        call(made)


def test_operators_pool_has_no_backups():
    terms = Terms(label="Up", base_url="https://up.example.com", is_backup=True)

    with pytest.raises(InvalidRequest, match="is_backup"):
        accounts.add_account(provider="federation", terms=terms, credential="key")


# --------------------------------------------------------------------------------- secrets
def test_credential_stands_nowhere_but_sealed(
    workspace: Workspace, upstream: Upstream, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    seats(workspace, "kling", 2)
    said: list[str] = []

    def attempt(step: Callable[[], Any]) -> Any:
        try:
            return step()
        except DomainError as error:
            said.append(f"{error!r} {error.detail}")
            return None

    made = connect(workspace, upstream, credential=CANARY)
    attempt(lambda: connect(workspace, upstream, credential=CANARY))
    upstream.knobs(everything="401")
    attempt(lambda: connect(workspace, upstream, credential=f"{CANARY}-2"))
    attempt(lambda: own.replace_credential(**who(workspace, made), credential=f"{CANARY}-3"))
    attempt(lambda: own.recheck(**who(workspace, made)))
    said += [str(checklist.run(workspace_id=workspace.pk, account_id=made.pk))]
    upstream.knobs(everything="")
    attempt(lambda: own.replace_credential(**who(workspace, made), credential=f"{CANARY}-4"))
    seats(workspace, "kling", 0)
    seating.sync(workspace_id=workspace.pk)

    assert len(said) == 5
    kept = [
        caplog.text,
        *said,
        *map(str, AuditEvent.objects.of(workspace.pk).values()),
        *map(str, AccountEvent.objects.values()),
        *map(str, Account.objects.across_workspaces().values()),
        *map(str, Notice.objects.across_workspaces().values()),
    ]
    assert [text for text in kept if "canary-credential" in text] == []
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM byoa_account a WHERE a::text LIKE '%canary-cred%'")
        assert cursor.fetchone() == (0,)
