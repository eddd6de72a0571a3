"""Which events are told by which ways, and mails that are collected."""

from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.models import AuditEvent, Workspace
from apps.core.errors import InvalidRequest
from apps.notifications import jobs, selectors
from apps.notifications.events import EVENTS, Channel
from apps.notifications.models import Email, Notice, NotificationPreference
from apps.notifications.services import preferences
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, owner_of
from tests.notifications.account.helpers import hooked, mails, noisy, sent, shown, tell

pytestmark = pytest.mark.django_db


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
    hooked(workspace)
    _want(workspace, channel)

    assert tell(workspace)

    told = {
        Channel.WEBHOOK: len(sent(workspace)),
        Channel.EMAIL: len(mails(workspace)),
        Channel.BELL: len(shown(workspace)),
    }
    assert told == {one: int(one == channel) for one in Channel}


def test_unwanted_event_is_told_nowhere_and_its_key_is_used_up(workspace: Workspace) -> None:
    hooked(workspace)
    _want(workspace)

    assert tell(workspace)
    _want(workspace, *Channel)

    assert not tell(workspace)
    assert (sent(workspace), mails(workspace), shown(workspace)) == ([], [], [])


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


def _an_hour_later(workspace: Workspace) -> None:
    Notice.objects.of(workspace.pk).filter(mailed_at__isnull=False).update(
        mailed_at=timezone.now() - timedelta(hours=1, seconds=1)
    )


def testnoisy_events_are_collected_into_one_mail_an_hour(workspace: Workspace) -> None:
    neighbour = WorkspaceFactory.create()
    for n in range(3):
        noisy(workspace, n)
    noisy(workspace, 9, "mj_penalty_triggered")
    noisy(neighbour, 1)
    assert mails(workspace) == []

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

    noisy(workspace, 10)
    jobs.digest()
    assert Email.objects.of(workspace.pk).count() == 1
    _an_hour_later(workspace)
    jobs.digest()
    assert "1 × Work moved to pay-per-use" in Email.objects.of(workspace.pk).latest("id").text


def testnoisy_event_without_mail_is_not_collected(workspace: Workspace) -> None:
    noisy(workspace, 1, "account_recovered")

    jobs.digest()

    assert (mails(workspace), len(shown(workspace))) == ([], 1)


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_collecting_at_once_with_new_events_writes_one_mail() -> None:
    workspace = WorkspaceFactory.create()
    noisy(workspace, 0)

    problems = at_once(
        *[jobs.digest] * 4, *[lambda n=n: noisy(workspace, n) for n in (1, 2, 3)], times=3
    )

    assert problems == []
    assert Email.objects.of(workspace.pk).count() == 1
    _an_hour_later(workspace)
    jobs.digest()
    assert not Notice.objects.of(workspace.pk).filter(mail_waits=True).exists()
