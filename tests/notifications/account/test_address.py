"""The address that account events are sent to, and the secrets that sign them."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.accounts.models import AuditEvent, Workspace
from apps.core import sealing
from apps.core.errors import InvalidRequest, PlanRequired
from apps.notifications import selectors
from apps.notifications.models import AccountHook, Delivery
from apps.notifications.services import hooks
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, owner_of
from tests.notifications.account.helpers import URL, hooked, mails, shown, signature, tell
from tests.notifications.receiver import Receiver, status

pytestmark = pytest.mark.django_db
Pump = Callable[..., bool]


def test_address_is_kept_with_a_sealed_secret_that_is_given_once(workspace: Workspace) -> None:
    secret = hooked(workspace)
    again = hooked(workspace, "https://other.example.com/")

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
    hooked(workspace)

    with pytest.raises(InvalidRequest) as refused:
        hooked(workspace, url)

    assert refused.value.detail == {"field": "url"}
    assert Workspace.objects.get(pk=workspace.pk).notification_hook_url == URL


def test_plan_without_webhooks_can_only_remove_the_address(workspace: Workspace) -> None:
    hooked(workspace)
    Workspace.objects.filter(pk=workspace.pk).update(plan="hobbyist")

    for refused in (
        lambda: hooked(workspace, "https://other.example.com/"),
        lambda: hooks.send_test(workspace_id=workspace.pk),
    ):
        with pytest.raises(PlanRequired):
            refused()
    hooked(workspace, "")

    assert Workspace.objects.get(pk=workspace.pk).notification_hook_url == ""


def test_hobbyist_cannot_replay_what_an_earlier_plan_left(workspace: Workspace) -> None:
    hooked(workspace)
    tell(workspace)
    event_id = Delivery.objects.of(workspace.pk).get().event_id
    Workspace.objects.filter(pk=workspace.pk).update(plan="hobbyist")

    with pytest.raises(PlanRequired):
        hooks.replay(workspace_id=workspace.pk, event_id=event_id)


def test_waiting_events_follow_the_address_and_end_with_it(
    workspace: Workspace, receiver: Receiver, other_receiver: Receiver, pump: Pump
) -> None:
    receiver.answers["/hook"] = status(500)
    hooked(workspace, receiver.url())
    tell(workspace)
    pump()
    tell(workspace, key="second")

    hooked(workspace, other_receiver.url())
    pump()
    assert [json.loads(got.body)["type"] for got in other_receiver.got] == ["mj_bot_banned"]
    hooked(workspace, "")
    states = Delivery.objects.of(workspace.pk).order_by("id").values_list("state", flat=True)

    assert list(states) == ["STOPPED", "DELIVERED"]
    assert len(receiver.got) == 1


def test_both_secrets_sign_after_a_rotation_and_one_after_the_overlap(
    workspace: Workspace, receiver: Receiver, pump: Pump
) -> None:
    old = hooked(workspace, receiver.url())
    tell(workspace)

    new = hooks.rotate_secret(workspace_id=workspace.pk, actor=owner_of(workspace))
    tell(workspace, key="second")
    pump()
    AccountHook.objects.of(workspace.pk).update(
        previous_until=timezone.now() - timedelta(seconds=1)
    )
    tell(workspace, key="third")
    pump()

    signed = [got.headers["webhook-signature"].split() for got in receiver.got]
    expected = [[signature(new, got), signature(old, got)] for got in receiver.got]
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
    hooked(workspace, receiver.url())
    tell(workspace)
    pump()
    new = hooks.rotate_secret(workspace_id=workspace.pk, actor=None)

    event_id = Delivery.objects.of(workspace.pk).get().event_id
    hooks.replay(workspace_id=workspace.pk, event_id=event_id)
    pump()

    first, second = receiver.got
    assert first.body == second.body
    assert second.headers["webhook-signature"].split()[0] == signature(new, second)


def test_secret_that_cannot_be_read_undoes_nothing(
    workspace: Workspace, settings: Any, receiver: Receiver, pump: Pump
) -> None:
    hooked(workspace, receiver.url())
    hooks.rotate_secret(workspace_id=workspace.pk, actor=None)
    settings.SEALING_KEYS = ["another key"]

    assert tell(workspace)
    pump()

    row = Delivery.objects.of(workspace.pk).get()
    assert (row.state, receiver.got) == ("FAILED", [])


def test_address_from_before_secrets_is_told_unsigned_until_one_is_made(
    workspace: Workspace, receiver: Receiver, pump: Pump
) -> None:
    Workspace.objects.filter(pk=workspace.pk).update(notification_hook_url=receiver.url())
    tell(workspace)
    pump()

    secret = hooks.rotate_secret(workspace_id=workspace.pk, actor=None)
    tell(workspace, key="second")
    pump()

    assert "webhook-signature" not in receiver.got[0].headers
    assert receiver.got[1].headers["webhook-signature"] == signature(secret, receiver.got[1])


def test_test_event_is_sent_and_stands_in_the_log_alone(
    workspace: Workspace, receiver: Receiver, pump: Pump
) -> None:
    with pytest.raises(InvalidRequest):
        hooks.send_test(workspace_id=workspace.pk)
    hooked(workspace, receiver.url())
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
    assert (shown(workspace), mails(workspace)) == ([], [])


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_first_addresses_at_once_leave_one_secret() -> None:
    workspace = WorkspaceFactory.create()
    given: list[str] = []

    problems = at_once(
        *[
            lambda n=n: given.append(hooked(workspace, f"https://h{n}.example.com/"))
            for n in range(6)
        ]
    )

    assert problems == []
    hook = AccountHook.objects.of(workspace.pk).get()
    (secret,) = [one for one in given if one]
    assert sealing.unseal(hook.secret, bound_to=hook.sealed_to) == secret
