"""Account events: what is told, to whom, by which ways, and once."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction

from apps.accounts.models import User, Workspace
from apps.core.errors import NotFound
from apps.notifications import selectors
from apps.notifications.events import EVENTS
from apps.notifications.models import Delivery, Email, Notice
from apps.notifications.services import hooks, notices
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, member, owner_of
from tests.notifications.account.helpers import hooked, mails, sent, shown, signature, tell
from tests.notifications.receiver import Receiver

pytestmark = pytest.mark.django_db
Pump = Callable[..., bool]

# The public contract's keys, and those of ours: written down here once more, so that none is lost.
DETAILS = {
    "credits_exhausted": ["quota_type", "credis_remain", "credits_remain"],
    "mj_penalty_triggered": ["penalty_type", "task_id", "threshold", "cap_usage"],
    "mj_bot_banned": ["bot_id", "bot_name", "reason", "block_until"],
    "mj_bot_subscription_expired": ["bot_id", "bot_name"],
    "mj_bot_captcha_required": ["bot_id", "bot_name"],
    "no_active_mj_bot": [],
    "mj_bot_no_fasthour": ["bot_id", "bot_name", "subscription_plan"],
    "gpt_account_unavailable": ["gpt_account_id", "gpt_account_name", "reason"],
    "gpt_usage_limit_reached": ["gpt_account_id", "gpt_account_name", "limit_until"],
    "account_unavailable": [
        "account_id",
        "account_name",
        "family",
        "status",
        "reason",
        "until",
    ],
    "account_recovered": ["account_id", "account_name", "family"],
    "account_failover": ["family", "task_id", "reason"],
    "account_backup_activated": ["family", "account_ids", "reason"],
    "seat_ended": ["family", "seats", "account_ids", "keep_until"],
    "webhook_failing": ["endpoint_id", "host", "failures", "status", "since"],
    "webhook_recovered": ["endpoint_id", "host"],
    "webhook_stopped": ["endpoint_id", "host"],
}


def test_table_has_every_event_with_its_keys() -> None:
    assert {name: list(event.detail) for name, event in EVENTS.items()} == DETAILS
    assert all(len(name) <= 32 for name in EVENTS)  # what a delivery keeps


@pytest.mark.parametrize("type", DETAILS)
def test_event_reaches_a_receiver_with_its_keys_and_a_valid_signature(
    workspace: Workspace, receiver: Receiver, pump: Pump, type: str
) -> None:
    secret = hooked(workspace, receiver.url())

    assert tell(workspace, type=type, detail={}, message="It happened.")
    pump()

    (got,) = receiver.got
    body = json.loads(got.body)
    assert list(body) == ["type", "time", "message", "detail"]
    assert (body["type"], body["message"]) == (type, "It happened.")
    assert abs(body["time"] - time.time()) < 60
    assert list(body["detail"]) == DETAILS[type]
    assert got.headers["x-webhook-secret"] == secret
    assert got.headers["webhook-signature"] == signature(secret, got)


def test_detail_is_sent_as_given_and_mail_and_bell_say_it_in_words(workspace: Workspace) -> None:
    admin, _ = member(workspace, "admin"), member(workspace, "developer")
    switched_off = member(workspace, "admin")
    User.objects.filter(pk=switched_off.pk).update(is_active=False)
    hooked(workspace)

    tell(workspace, url="/w/x/accounts/midjourney/7")

    detail = {"bot_id": 7, "bot_name": "Studio", "reason": "spam", "block_until": 1}
    assert sent(workspace) == [("mj_bot_banned", detail)]
    assert mails(workspace) == [
        ("account_event", owner_of(workspace).email),
        ("account_event", admin.email),
    ]
    mail = Email.objects.of(workspace.pk).earliest("id")
    assert mail.subject == f"Midjourney account banned: {workspace.name}"
    assert "Midjourney has banned the account “Studio”." in mail.text
    assert "http://testserver/w/x/accounts/midjourney/7" in mail.text
    assert f"/w/{workspace.slug}/notifications/settings" in mail.html
    assert shown(workspace) == [("Midjourney has banned the account “Studio”.", True)]
    notice = Notice.objects.of(workspace.pk).get()
    assert (notice.type, notice.detail, notice.url) == (
        "mj_bot_banned",
        detail,
        "/w/x/accounts/midjourney/7",
    )


def test_hobbyist_gets_no_webhook_but_mail_and_bell(workspace: Workspace) -> None:
    hooked(workspace)
    Workspace.objects.filter(pk=workspace.pk).update(plan="hobbyist")

    for type in DETAILS:
        assert tell(workspace, type=type, key=type, detail={})

    assert sent(workspace) == []
    assert len(shown(workspace)) == len(DETAILS)
    assert ("account_event", owner_of(workspace).email) in mails(workspace)


def test_without_address_nothing_is_sent(workspace: Workspace) -> None:
    assert tell(workspace)

    assert (sent(workspace), len(shown(workspace))) == ([], 1)


def test_repeated_key_tells_nothing_more(workspace: Workspace) -> None:
    hooked(workspace)
    neighbour = WorkspaceFactory.create()

    told = [
        tell(workspace),
        tell(workspace, message="Another sentence."),
        tell(neighbour),
        tell(workspace, key="ban:7:2"),
    ]

    assert told == [True, False, True, True]
    assert [kind for kind, _ in sent(workspace)] == ["mj_bot_banned"] * 2
    assert len(mails(workspace)) == len(shown(workspace)) == 2


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_eight_at_once_tell_once() -> None:
    workspace = WorkspaceFactory.create()
    hooked(workspace)
    told: list[bool] = []

    problems = at_once(*[lambda: told.append(tell(workspace))] * 8)

    assert problems == []
    assert sorted(told) == [False] * 7 + [True]
    assert len(sent(workspace)) == len(mails(workspace)) == len(shown(workspace)) == 1


@pytest.mark.django_db(transaction=True)
def test_what_is_undone_was_never_told() -> None:
    workspace = WorkspaceFactory.create()
    hooked(workspace)

    with transaction.atomic():
        assert tell(workspace)
        transaction.set_rollback(True)

    assert (sent(workspace), mails(workspace), shown(workspace)) == ([], [], [])
    assert tell(workspace)


def test_unknown_type_is_a_fault_of_ours(workspace: Workspace) -> None:
    with pytest.raises(KeyError):
        tell(workspace, type="mj_bot_happy")


def test_odd_letters_of_a_provider_do_not_undo_what_is_told(workspace: Workspace) -> None:
    hooked(workspace)

    assert tell(workspace, message="a\0b\ud800" + "c" * 600, detail={"reason": "x\0\ud800"})

    (shown,) = Notice.objects.of(workspace.pk)
    assert (shown.message[:4], len(shown.message), shown.detail["reason"]) == ("ab?c", 500, "x?")


def test_neighbour_sees_nothing(workspace: Workspace) -> None:
    neighbour = WorkspaceFactory.create()
    hooked(workspace)
    hooked(neighbour, "https://neighbour.example.com/")
    tell(workspace)
    theirs = owner_of(neighbour)
    delivery = Delivery.objects.of(workspace.pk).get()

    assert sent(neighbour) == mails(neighbour) == shown(neighbour) == []
    assert selectors.unread_count(workspace_id=neighbour.pk, user_id=theirs.pk) == 0
    assert selectors.hook_deliveries(workspace_id=neighbour.pk).items == []
    with pytest.raises(NotFound):
        hooks.replay(workspace_id=neighbour.pk, event_id=delivery.event_id)
    # Who is no member has nothing new to read there either, and marks nothing.
    assert selectors.unread_count(workspace_id=workspace.pk, user_id=theirs.pk) == 0
    notices.mark_read(workspace_id=neighbour.pk, user_id=theirs.pk, upto=10**9)
    assert shown(workspace) == [("Midjourney has banned the account “Studio”.", True)]


def test_told_costs_few_queries_and_repeating_fewer(
    workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    hooked(workspace)
    with django_assert_max_num_queries(10):
        tell(workspace)
    with django_assert_max_num_queries(2):
        tell(workspace)
