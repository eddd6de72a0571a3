"""The operator pauses a customer's account: with a reason, for its owner to read, once."""

import pytest

from apps.accounts.models import AuditEvent, Workspace
from apps.byoa.services import operator, own
from apps.core.errors import InvalidRequest, NotFound
from tests.factories.byoa import account, own_account
from tests.factories.gifts import operator as staff

pytestmark = pytest.mark.django_db


def test_account_is_paused_with_a_reason_that_its_owner_reads(workspace: Workspace):
    made, actor = own_account(workspace, label="Berlin"), staff()

    operator.pause(account_id=made.pk, actor=actor, reason=" It floods the bridge. ")

    made.refresh_from_db()
    assert made.is_paused
    words = "Paused by the operator: It floods the bridge."
    assert list(made.events.order_by("id").values_list("status", "reason"))[1:] == [
        ("active", words)
    ]
    event = AuditEvent.objects.of(workspace.pk).get()
    assert (event.action, event.actor, event.target) == (
        "account.paused_by_operator",
        actor,
        "Berlin",
    )
    assert event.detail == {
        "account": made.pk,
        "family": "midjourney",
        "reason": "It floods the bridge.",
    }


def test_backups_stand_in(workspace: Workspace):
    made = own_account(workspace)
    backup = own_account(workspace, is_backup=True)

    operator.pause(account_id=made.pk, actor=None, reason="Ticket 4711")

    backup.refresh_from_db()
    assert backup.backup_activated_at is not None


def test_pausing_again_is_refused_and_its_owner_may_start_it(workspace: Workspace):
    made = own_account(workspace)
    operator.pause(account_id=made.pk, actor=None, reason="Ticket 4711")

    with pytest.raises(InvalidRequest, match="paused already"):
        operator.pause(account_id=made.pk, actor=None, reason="Ticket 4711")

    own.start(workspace=workspace, actor=None, ip=None, account_id=made.pk)
    made.refresh_from_db()
    assert not made.is_paused


def test_pausing_needs_a_reason_and_a_customers_account(workspace: Workspace):
    made, ours = own_account(workspace), account()

    with pytest.raises(InvalidRequest):
        operator.pause(account_id=made.pk, actor=None, reason=" ")
    for account_id in (ours.pk, 0):
        with pytest.raises(NotFound):
            operator.pause(account_id=account_id, actor=None, reason="Ticket 4711")

    made.refresh_from_db()
    assert not made.is_paused
