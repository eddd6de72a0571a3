"""Account events: what is told, to whom, by which ways, and once."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from apps.accounts.models import AuditEvent, User, Workspace
from apps.core import sealing
from apps.core.errors import InvalidRequest, NotFound, PlanRequired
from apps.notifications import jobs, selectors
from apps.notifications.events import EVENTS, Channel
from apps.notifications.models import AccountHook, Delivery, Email, Notice, NotificationPreference
from apps.notifications.services import account_events, hooks, notices, preferences
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, member, owner_of
from tests.notifications.receiver import Got, Receiver, status

pytestmark = pytest.mark.django_db
Pump = Callable[..., bool]
URL = "https://hooks.example.com/account?token=ours"

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
}


def _tell(workspace: Workspace, **changes: Any) -> bool:
    return account_events.tell(
        **{
            "workspace_id": workspace.pk,
            "type": "mj_bot_banned",
            "message": "Midjourney has banned the account “Studio”.",
            "detail": {"bot_id": 7, "bot_name": "Studio", "reason": "spam", "block_until": 1},
            "key": "ban:7:1",
            **changes,
        }
    )


def _hook(workspace: Workspace, url: str = URL) -> str:
    return hooks.set_hook(workspace_id=workspace.pk, url=url, actor=owner_of(workspace))


def _sent(workspace: Workspace) -> list[tuple[str, Any]]:
    rows = Delivery.objects.of(workspace.pk).order_by("id")
    return [(row.kind, json.loads(row.body)["detail"]) for row in rows]


def _mails(workspace: Workspace) -> list[tuple[str, str]]:
    rows = Email.objects.of(workspace.pk).order_by("id")
    return [(row.kind, row.to) for row in rows]


def _shown(workspace: Workspace, user: User | None = None) -> list[tuple[str, bool]]:
    user_id = (user or owner_of(workspace)).pk
    page = selectors.notices(workspace_id=workspace.pk, user_id=user_id, limit=50)
    return [(line.notice.message, line.is_unread) for line in page.items]


def _signature(secret: str, got: Got) -> str:
    """As a receiver reckons it, without any code of ours."""
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


def test_table_has_every_event_with_its_keys() -> None:
    assert {name: list(event.detail) for name, event in EVENTS.items()} == DETAILS
    assert all(len(name) <= 32 for name in EVENTS)  # what a delivery keeps


@pytest.mark.parametrize("type", DETAILS)
def test_event_reaches_a_receiver_with_its_keys_and_a_valid_signature(
    workspace: Workspace, receiver: Receiver, pump: Pump, type: str
) -> None:
    secret = _hook(workspace, receiver.url())

    assert _tell(workspace, type=type, detail={}, message="It happened.")
    pump()

    (got,) = receiver.got
    body = json.loads(got.body)
    assert list(body) == ["type", "time", "message", "detail"]
    assert (body["type"], body["message"]) == (type, "It happened.")
    assert abs(body["time"] - time.time()) < 60
    assert list(body["detail"]) == DETAILS[type]
    assert got.headers["x-webhook-secret"] == secret
    assert got.headers["webhook-signature"] == _signature(secret, got)


def test_detail_is_sent_as_given_and_mail_and_bell_say_it_in_words(workspace: Workspace) -> None:
    admin, _ = member(workspace, "admin"), member(workspace, "developer")
    switched_off = member(workspace, "admin")
    User.objects.filter(pk=switched_off.pk).update(is_active=False)
    _hook(workspace)

    _tell(workspace, url="/w/x/accounts/midjourney/7")

    detail = {"bot_id": 7, "bot_name": "Studio", "reason": "spam", "block_until": 1}
    assert _sent(workspace) == [("mj_bot_banned", detail)]
    assert _mails(workspace) == [
        ("account_event", owner_of(workspace).email),
        ("account_event", admin.email),
    ]
    mail = Email.objects.of(workspace.pk).earliest("id")
    assert mail.subject == f"Midjourney account banned: {workspace.name}"
    assert "Midjourney has banned the account “Studio”." in mail.text
    assert "http://testserver/w/x/accounts/midjourney/7" in mail.text
    assert f"/w/{workspace.slug}/notifications/settings" in mail.html
    assert _shown(workspace) == [("Midjourney has banned the account “Studio”.", True)]
    notice = Notice.objects.of(workspace.pk).get()
    assert (notice.type, notice.detail, notice.url) == (
        "mj_bot_banned",
        detail,
        "/w/x/accounts/midjourney/7",
    )


def test_hobbyist_gets_no_webhook_but_mail_and_bell(workspace: Workspace) -> None:
    _hook(workspace)
    Workspace.objects.filter(pk=workspace.pk).update(plan="hobbyist")

    for type in DETAILS:
        assert _tell(workspace, type=type, key=type, detail={})

    assert _sent(workspace) == []
    assert len(_shown(workspace)) == len(DETAILS)
    assert ("account_event", owner_of(workspace).email) in _mails(workspace)


def test_without_address_nothing_is_sent(workspace: Workspace) -> None:
    assert _tell(workspace)

    assert (_sent(workspace), len(_shown(workspace))) == ([], 1)


def test_repeated_key_tells_nothing_more(workspace: Workspace) -> None:
    _hook(workspace)
    neighbour = WorkspaceFactory.create()

    told = [
        _tell(workspace),
        _tell(workspace, message="Another sentence."),
        _tell(neighbour),
        _tell(workspace, key="ban:7:2"),
    ]

    assert told == [True, False, True, True]
    assert [kind for kind, _ in _sent(workspace)] == ["mj_bot_banned"] * 2
    assert len(_mails(workspace)) == len(_shown(workspace)) == 2


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_eight_at_once_tell_once() -> None:
    workspace = WorkspaceFactory.create()
    _hook(workspace)
    told: list[bool] = []

    problems = at_once(*[lambda: told.append(_tell(workspace))] * 8)

    assert problems == []
    assert sorted(told) == [False] * 7 + [True]
    assert len(_sent(workspace)) == len(_mails(workspace)) == len(_shown(workspace)) == 1


@pytest.mark.django_db(transaction=True)
def test_what_is_undone_was_never_told() -> None:
    workspace = WorkspaceFactory.create()
    _hook(workspace)

    with transaction.atomic():
        assert _tell(workspace)
        transaction.set_rollback(True)

    assert (_sent(workspace), _mails(workspace), _shown(workspace)) == ([], [], [])
    assert _tell(workspace)


def test_unknown_type_is_a_fault_of_ours(workspace: Workspace) -> None:
    with pytest.raises(KeyError):
        _tell(workspace, type="mj_bot_happy")


def test_odd_letters_of_a_provider_do_not_undo_what_is_told(workspace: Workspace) -> None:
    _hook(workspace)

    assert _tell(workspace, message="a\0b\ud800" + "c" * 600, detail={"reason": "x\0\ud800"})

    (shown,) = Notice.objects.of(workspace.pk)
    assert (shown.message[:4], len(shown.message), shown.detail["reason"]) == ("ab?c", 500, "x?")


def test_neighbour_sees_nothing(workspace: Workspace) -> None:
    neighbour = WorkspaceFactory.create()
    _hook(workspace)
    _hook(neighbour, "https://neighbour.example.com/")
    _tell(workspace)
    theirs = owner_of(neighbour)
    delivery = Delivery.objects.of(workspace.pk).get()

    assert _sent(neighbour) == _mails(neighbour) == _shown(neighbour) == []
    assert selectors.unread_count(workspace_id=neighbour.pk, user_id=theirs.pk) == 0
    assert selectors.hook_deliveries(workspace_id=neighbour.pk).items == []
    with pytest.raises(NotFound):
        hooks.replay(workspace_id=neighbour.pk, event_id=delivery.event_id)
    # Who is no member has nothing new to read there either, and marks nothing.
    assert selectors.unread_count(workspace_id=workspace.pk, user_id=theirs.pk) == 0
    notices.mark_read(workspace_id=neighbour.pk, user_id=theirs.pk, upto=10**9)
    assert _shown(workspace) == [("Midjourney has banned the account “Studio”.", True)]


# ------------------------------------------------------------------ preferences


def _want(workspace: Workspace, *channels: Channel, event: str = "mj_bot_banned") -> int:
    return preferences.set_preferences(
        workspace_id=workspace.pk,
        wanted={event: frozenset(channels)},
        actor=owner_of(workspace),
        ip="203.0.113.9",
    )


@pytest.mark.parametrize("channel", Channel)
def test_only_what_is_wanted_is_told(workspace: Workspace, channel: Channel) -> None:
    _hook(workspace)
    _want(workspace, channel)

    assert _tell(workspace)

    told = {
        Channel.WEBHOOK: len(_sent(workspace)),
        Channel.EMAIL: len(_mails(workspace)),
        Channel.BELL: len(_shown(workspace)),
    }
    assert told == {one: int(one == channel) for one in Channel}


def test_unwanted_event_is_told_nowhere_and_its_key_is_used_up(workspace: Workspace) -> None:
    _hook(workspace)
    _want(workspace)

    assert _tell(workspace)
    _want(workspace, *Channel)

    assert not _tell(workspace)
    assert (_sent(workspace), _mails(workspace), _shown(workspace)) == ([], [], [])


def test_preferences_start_as_the_table_says_and_changes_are_audited(workspace: Workspace) -> None:
    neighbour = WorkspaceFactory.create()
    before = selectors.preferences(workspace_id=workspace.pk)
    assert [(one.event.type, one.channels) for one in before] == [
        (name, event.channels) for name, event in EVENTS.items()
    ]

    changed = _want(workspace, Channel.BELL)
    again = _want(workspace, Channel.BELL)

    assert (changed, again) == (2, 0)
    after = {
        one.event.type: one.channels for one in selectors.preferences(workspace_id=workspace.pk)
    }
    assert after == {
        **{name: event.channels for name, event in EVENTS.items()},
        "mj_bot_banned": {Channel.BELL},
    }
    event = AuditEvent.objects.of(workspace.pk).get(action="notifications.changed")
    assert (event.actor, event.ip, event.detail) == (
        owner_of(workspace),
        "203.0.113.9",
        {"mj_bot_banned webhook": False, "mj_bot_banned email": False},
    )
    assert selectors.preferences(workspace_id=neighbour.pk) == before


def test_unknown_event_is_refused_and_nothing_kept(workspace: Workspace) -> None:
    with pytest.raises(InvalidRequest):
        _want(workspace, event="mj_bot_happy")

    assert not NotificationPreference.objects.of(workspace.pk).exists()


# ------------------------------------------------------------------ collected mails


def _noisy(workspace: Workspace, n: int, type: str = "account_failover") -> None:
    _tell(workspace, type=type, key=f"{type}:{n}", message=f"Number {n}.", detail={})


def _an_hour_later(workspace: Workspace) -> None:
    Notice.objects.of(workspace.pk).filter(mailed_at__isnull=False).update(
        mailed_at=timezone.now() - timedelta(hours=1, seconds=1)
    )


def test_noisy_events_are_collected_into_one_mail_an_hour(workspace: Workspace) -> None:
    neighbour = WorkspaceFactory.create()
    for n in range(3):
        _noisy(workspace, n)
    _noisy(workspace, 9, "mj_penalty_triggered")
    _noisy(neighbour, 1)
    assert _mails(workspace) == []

    jobs.digest()
    jobs.digest()

    (mail,) = Email.objects.of(workspace.pk)
    assert (mail.kind, mail.to, mail.subject) == (
        "account_event_digest",
        owner_of(workspace).email,
        f"4 notifications: {workspace.name}",
    )
    assert "3 × Work moved to pay-per-use\n    Number 2." in mail.text
    assert "1 × Midjourney penalty\n    Number 9." in mail.text
    assert "Number 0." not in mail.text
    assert Email.objects.of(neighbour.pk).get().subject == (
        f"Work moved to pay-per-use: {neighbour.name}"
    )

    _noisy(workspace, 10)
    jobs.digest()
    assert Email.objects.of(workspace.pk).count() == 1
    _an_hour_later(workspace)
    jobs.digest()
    assert "1 × Work moved to pay-per-use" in Email.objects.of(workspace.pk).latest("id").text


def test_noisy_event_without_mail_is_not_collected(workspace: Workspace) -> None:
    _noisy(workspace, 1, "account_recovered")

    jobs.digest()

    assert (_mails(workspace), len(_shown(workspace))) == ([], 1)


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_collecting_at_once_with_new_events_writes_one_mail() -> None:
    workspace = WorkspaceFactory.create()
    _noisy(workspace, 0)

    problems = at_once(
        *[jobs.digest] * 4, *[lambda n=n: _noisy(workspace, n) for n in (1, 2, 3)], times=3
    )

    assert problems == []
    assert Email.objects.of(workspace.pk).count() == 1
    _an_hour_later(workspace)
    jobs.digest()
    assert not Notice.objects.of(workspace.pk).filter(mail_waits=True).exists()


# ------------------------------------------------------------------ the bell


def test_each_member_reads_by_themselves(workspace: Workspace) -> None:
    owner, viewer = owner_of(workspace), member(workspace, "viewer")
    for n in range(3):
        _noisy(workspace, n)
    first, second, third = Notice.objects.of(workspace.pk).order_by("id")

    marked = [
        notices.mark_read(workspace_id=workspace.pk, user_id=owner.pk, upto=second.pk)
        for _ in range(2)
    ]

    assert marked == [2, 0]
    assert _shown(workspace, owner) == [
        (third.message, True),
        (second.message, False),
        (first.message, False),
    ]
    counts = [
        selectors.unread_count(workspace_id=workspace.pk, user_id=person.pk)
        for person in (owner, viewer)
    ]
    assert counts == [1, 3]


def test_what_was_told_before_a_member_came_is_not_new_to_them(workspace: Workspace) -> None:
    _noisy(workspace, 1)
    Notice.objects.of(workspace.pk).update(created_at=timezone.now() - timedelta(days=1))
    newcomer = member(workspace)

    assert _shown(workspace, newcomer) == [("Number 1.", False)]
    assert selectors.unread_count(workspace_id=workspace.pk, user_id=newcomer.pk) == 0


def test_pages_of_the_bell_go_on_where_they_ended(workspace: Workspace) -> None:
    for n in range(5):
        _noisy(workspace, n)
    asked = {"workspace_id": workspace.pk, "user_id": owner_of(workspace).pk, "limit": 3}

    first = selectors.notices(**asked)
    _noisy(workspace, 5)
    second = selectors.notices(**asked, after=first.next)

    words = [[line.notice.message for line in page.items] for page in (first, second)]
    assert words == [["Number 4.", "Number 3.", "Number 2."], ["Number 1.", "Number 0."]]
    assert second.next is None


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_members_who_read_at_once_lose_nobodys_mark() -> None:
    workspace = WorkspaceFactory.create()
    for n in range(20):
        _noisy(workspace, n)
    people = [owner_of(workspace), *(member(workspace) for _ in range(5))]

    problems = at_once(
        *[
            lambda person=person: notices.mark_read(
                workspace_id=workspace.pk, user_id=person.pk, upto=10**9
            )
            for person in people
        ],
        times=2,
    )

    assert problems == []
    everybody = sorted(person.pk for person in people)
    assert [sorted(row.read_by) for row in Notice.objects.of(workspace.pk)] == [everybody] * 20


def test_notices_are_forgotten_after_90_days(workspace: Workspace) -> None:
    for n, days in enumerate((91, 89)):
        _noisy(workspace, n)
        Notice.objects.of(workspace.pk).filter(key=f"account_failover:{n}").update(
            created_at=timezone.now() - timedelta(days=days)
        )

    jobs.forget()

    assert [one.message for one in Notice.objects.of(workspace.pk)] == ["Number 1."]


# ------------------------------------------------------------------ the address and its secret


def test_address_is_kept_with_a_sealed_secret_that_is_given_once(workspace: Workspace) -> None:
    secret = _hook(workspace)
    again = _hook(workspace, "https://other.example.com/")

    hook = AccountHook.objects.of(workspace.pk).get()
    assert (secret[:6], len(base64.b64decode(secret[6:])), again) == ("whsec_", 32, "")
    assert secret not in hook.secret
    assert sealing.unseal(hook.secret, bound_to=hook.sealed_to) == secret
    state = selectors.hook(workspace=Workspace.objects.get(pk=workspace.pk))
    assert (state.url, state.host, state.is_in_plan) == (
        "https://other.example.com/",
        "other.example.com",
        True,
    )
    audited = AuditEvent.objects.of(workspace.pk).filter(action="notification_hook.set")
    assert list(audited.order_by("id").values_list("target", "detail")) == [
        ("hooks.example.com", {}),
        ("other.example.com", {}),
    ]


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.com/",
        "example.com",
        "https://user:word@example.com/",
        "https://example.com:8443/",
        "http://127.0.0.1/",
        "http://[::1]/",
        "http://169.254.169.254/latest",
        "http://10.0.0.1/",
        "https://localhost/",
        "https://a.localhost./",
        "https://example.com/\0",
        "https://example.com/" + "a" * 2048,
    ],
)
def test_address_that_cannot_be_is_refused_and_changes_nothing(
    workspace: Workspace, url: str
) -> None:
    _hook(workspace)

    with pytest.raises(InvalidRequest) as refused:
        _hook(workspace, url)

    assert refused.value.detail == {"field": "url"}
    assert Workspace.objects.get(pk=workspace.pk).notification_hook_url == URL


def test_plan_without_webhooks_can_only_remove_the_address(workspace: Workspace) -> None:
    _hook(workspace)
    Workspace.objects.filter(pk=workspace.pk).update(plan="hobbyist")

    for refused in (
        lambda: _hook(workspace, "https://other.example.com/"),
        lambda: hooks.send_test(workspace_id=workspace.pk),
    ):
        with pytest.raises(PlanRequired):
            refused()
    _hook(workspace, "")

    assert Workspace.objects.get(pk=workspace.pk).notification_hook_url == ""


def test_hobbyist_cannot_replay_what_an_earlier_plan_left(workspace: Workspace) -> None:
    _hook(workspace)
    _tell(workspace)
    event_id = Delivery.objects.of(workspace.pk).get().event_id
    Workspace.objects.filter(pk=workspace.pk).update(plan="hobbyist")

    with pytest.raises(PlanRequired):
        hooks.replay(workspace_id=workspace.pk, event_id=event_id)


def test_waiting_events_follow_the_address_and_end_with_it(
    workspace: Workspace, receiver: Receiver, other_receiver: Receiver, pump: Pump
) -> None:
    receiver.answers["/hook"] = status(500)
    _hook(workspace, receiver.url())
    _tell(workspace)
    pump()
    _tell(workspace, key="second")

    _hook(workspace, other_receiver.url())
    pump()
    assert [json.loads(got.body)["type"] for got in other_receiver.got] == ["mj_bot_banned"]
    _hook(workspace, "")
    states = Delivery.objects.of(workspace.pk).order_by("id").values_list("state", flat=True)

    assert list(states) == ["STOPPED", "DELIVERED"]
    assert len(receiver.got) == 1


def test_both_secrets_sign_after_a_rotation_and_one_after_the_overlap(
    workspace: Workspace, receiver: Receiver, pump: Pump
) -> None:
    old = _hook(workspace, receiver.url())
    _tell(workspace)

    new = hooks.rotate_secret(workspace_id=workspace.pk, actor=owner_of(workspace))
    _tell(workspace, key="second")
    pump()
    AccountHook.objects.of(workspace.pk).update(
        previous_until=timezone.now() - timedelta(seconds=1)
    )
    _tell(workspace, key="third")
    pump()

    signed = [got.headers["webhook-signature"].split() for got in receiver.got]
    expected = [[_signature(new, got), _signature(old, got)] for got in receiver.got]
    assert signed == [expected[0], expected[1], expected[2][:1]]
    assert {got.headers["x-webhook-secret"] for got in receiver.got} == {new}
    assert (
        AuditEvent.objects.of(workspace.pk)
        .filter(action="notification_hook.secret_rotated")
        .exists()
    )


def test_rotated_secret_signs_what_is_replayed(
    workspace: Workspace, receiver: Receiver, pump: Pump
) -> None:
    _hook(workspace, receiver.url())
    _tell(workspace)
    pump()
    new = hooks.rotate_secret(workspace_id=workspace.pk, actor=None)

    event_id = Delivery.objects.of(workspace.pk).get().event_id
    hooks.replay(workspace_id=workspace.pk, event_id=event_id)
    pump()

    first, second = receiver.got
    assert first.body == second.body
    assert second.headers["webhook-signature"].split()[0] == _signature(new, second)


def test_secret_that_cannot_be_read_undoes_nothing(
    workspace: Workspace, settings: Any, receiver: Receiver, pump: Pump
) -> None:
    _hook(workspace, receiver.url())
    hooks.rotate_secret(workspace_id=workspace.pk, actor=None)
    settings.SEALING_KEYS = ["another key"]

    assert _tell(workspace)
    pump()

    row = Delivery.objects.of(workspace.pk).get()
    assert (row.state, receiver.got) == ("FAILED", [])


def test_address_from_before_secrets_is_told_unsigned_until_one_is_made(
    workspace: Workspace, receiver: Receiver, pump: Pump
) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(notification_hook_url=receiver.url())
    _tell(workspace)
    pump()

    secret = hooks.rotate_secret(workspace_id=workspace.pk, actor=None)
    _tell(workspace, key="second")
    pump()

    assert "webhook-signature" not in receiver.got[0].headers
    assert receiver.got[1].headers["webhook-signature"] == _signature(secret, receiver.got[1])


def test_test_event_is_sent_and_stands_in_the_log_alone(
    workspace: Workspace, receiver: Receiver, pump: Pump
) -> None:
    with pytest.raises(InvalidRequest):
        hooks.send_test(workspace_id=workspace.pk)
    _hook(workspace, receiver.url())
    receiver.answers["/hook"] = status(500)
    hooks.send_test(workspace_id=workspace.pk)
    pump()
    del receiver.answers["/hook"]

    hooks.send_test(workspace_id=workspace.pk)
    pump()

    assert [json.loads(got.body)["type"] for got in receiver.got] == ["test", "test"]
    page = selectors.hook_deliveries(workspace_id=workspace.pk)
    assert [(row.kind, row.state, row.log[-1]["status"]) for row in page.items] == [
        ("test", "DELIVERED", 200),
        ("test", "STOPPED", 500),
    ]
    assert (_shown(workspace), _mails(workspace)) == ([], [])


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_first_addresses_at_once_leave_one_secret() -> None:
    workspace = WorkspaceFactory.create()
    given: list[str] = []

    problems = at_once(
        *[
            lambda n=n: given.append(_hook(workspace, f"https://h{n}.example.com/"))
            for n in range(6)
        ]
    )

    assert problems == []
    hook = AccountHook.objects.of(workspace.pk).get()
    (secret,) = [one for one in given if one]
    assert sealing.unseal(hook.secret, bound_to=hook.sealed_to) == secret


def test_told_costs_few_queries_and_repeating_fewer(
    workspace: Workspace, django_assert_max_num_queries: Any
) -> None:
    _hook(workspace)
    with django_assert_max_num_queries(10):
        _tell(workspace)
    with django_assert_max_num_queries(2):
        _tell(workspace)
