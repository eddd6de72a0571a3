"""Connecting own accounts, against real servers that speak the contract or a bridge's interface."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from apps.accounts.models import AuditEvent, User, Workspace
from apps.byoa import selectors
from apps.byoa.models import Account
from apps.byoa.selectors import NoSeat
from apps.byoa.services import own
from apps.byoa.services.terms import Terms, terms_of
from apps.notifications.models import Notice
from tests.byoa.own.helpers import CANARY, KLING, audited, connect, refused
from tests.factories import WorkspaceFactory
from tests.factories.byoa import seats
from tests.upstream.running import Upstream

pytestmark = pytest.mark.django_db


# ------------------------------------------------------------------------------ connecting
def test_account_is_connected_on_a_seat_and_audited_without_its_credential(
    workspace: Workspace, upstream: Upstream, owner: User
):
    seats(workspace, "kling")
    terms = Terms(
        label="Ours",
        base_url=upstream.url,
        weight="high",
        slots=4,
        tags=("berlin",),
        is_backup=True,
    )

    made = connect(workspace, upstream, terms=terms, credential=f" {CANARY}\n")

    assert terms_of(made) == replace(terms, families=("kling",))
    assert (made.workspace_id, made.created_by, made.status) == (workspace.pk, owner, "active")
    assert made.confirmed_at is not None
    assert made.checked_at is not None
    assert (made.plan, selectors.access(made).credential) == ("premium", CANARY)
    assert list(made.events.values_list("status", "reason")) == [("active", "Connected.")]
    event = AuditEvent.objects.of(workspace.pk).get(action="account.connected")
    assert (event.actor, event.ip, event.target) == (owner, "203.0.113.9", "Ours")
    assert event.detail == {
        "account": made.pk,
        "family": "kling",
        "provider": "federation",
        "host": "127.0.0.1",
    }


def test_check_before_says_what_the_provider_says_and_stores_nothing(
    workspace: Workspace, upstream: Upstream
):
    seats(workspace, "kling")
    terms = Terms(label="Ours", base_url=upstream.url)

    found = own.check_before(workspace=workspace, terms=terms, **KLING)

    assert found.plan == "premium"
    assert Account.objects.across_workspaces().count() == 0
    assert audited(workspace) == []


def test_account_needs_a_free_seat_of_its_family(workspace: Workspace, upstream: Upstream):
    seats(workspace, "flux", 5)
    seats(WorkspaceFactory.create(), "kling", 5)
    with pytest.raises(NoSeat) as caught:
        connect(workspace, upstream)
    assert caught.value.type == "no_seat"

    seats(workspace, "kling")
    connect(workspace, upstream)

    with pytest.raises(NoSeat):
        connect(workspace, upstream, credential="another")
    assert Account.objects.of(workspace.pk).count() == 1
    assert upstream.totals()["tasks"] == 0


def test_owner_must_confirm(workspace: Workspace, upstream: Upstream):
    seats(workspace, "kling")

    field, _ = refused(lambda: connect(workspace, upstream, confirmed=False))

    assert field == "confirmed"
    assert Account.objects.of(workspace.pk).count() == 0


@pytest.mark.parametrize(
    ("fields", "terms", "field"),
    [
        ({"provider": "local"}, {}, "provider"),
        ({"provider": "somebody"}, {}, "provider"),
        ({}, {"label": " "}, "label"),
        ({}, {"weight": "heavy"}, "weight"),
        ({}, {"mode": "fast"}, "mode"),
        ({}, {"tags": ("x" * 31,)}, "tags"),
        ({}, {"tags": ("",)}, "tags"),
        ({}, {"tags": (" padded",)}, "tags"),
        ({}, {"tags": tuple(str(number) for number in range(21))}, "tags"),
        ({}, {"base_url": ""}, "base_url"),
        ({}, {"base_url": "http://10.1.2.3"}, "base_url"),
        ({}, {"base_url": "http://localhost:9"}, "base_url"),
        ({}, {"base_url": "http://169.254.169.254"}, "base_url"),
        ({}, {"base_url": "https://user:pw@example.com"}, "base_url"),
        ({"credential": " "}, {}, "credential"),
        ({"credential": "a\nb"}, {}, "credential"),
        ({"credential": "bad"}, {}, "credential"),
    ],
)
def test_account_that_makes_no_sense_is_not_connected(
    workspace: Workspace,
    upstream: Upstream,
    fields: dict[str, Any],
    terms: dict[str, Any],
    field: str,
):
    seats(workspace, "kling")
    given = Terms(**{"label": "Ours", "base_url": upstream.url, **terms})

    assert refused(lambda: connect(workspace, upstream, terms=given, **fields))[0] == field
    assert Account.objects.of(workspace.pk).count() == 0
    assert audited(workspace) == []


@pytest.mark.parametrize(
    ("answer", "field"),
    [("401", "credential"), ("402", "credential"), ("503", "base_url"), ("html", "base_url")],
)
def test_account_that_its_provider_does_not_accept_is_not_connected(
    workspace: Workspace, upstream: Upstream, answer: str, field: str
):
    seats(workspace, "kling")
    upstream.knobs(everything=answer)

    found, words = refused(lambda: connect(workspace, upstream, credential=CANARY))

    assert found == field
    assert words.startswith(f"{field}: The provider says: ")
    assert CANARY not in words
    assert Account.objects.of(workspace.pk).count() == 0


def test_private_address_is_refused_unless_the_operator_allows_it(
    workspace: Workspace, upstream: Upstream, settings: Any
):
    seats(workspace, "kling")
    settings.EGRESS_ALLOW = []

    assert refused(lambda: connect(workspace, upstream))[0] == "base_url"


# ------------------------------------------------------------------------ what a bridge tells
def test_bridge_tells_plan_hours_and_slots(workspace: Workspace, bridge: Any):
    seats(workspace)
    bridge.knobs(plan="basic", fast_hours=2.5, slots=3)

    made = connect(workspace, bridge, family="midjourney", provider="midjourney_bridge")

    assert (made.mode, made.plan, made.fast_hours, made.has_relax, made.slots) == (
        "fast",
        "basic",
        Decimal("2.50"),
        False,
        3,
    )


@pytest.mark.parametrize(("wanted", "slots"), [(10, 5), (2, 2), (9, 5)])
def test_account_has_no_more_slots_than_its_provider_allows(
    workspace: Workspace, bridge: Any, wanted: int, slots: int
):
    seats(workspace)
    bridge.knobs(slots=5)
    terms = Terms(label="Ours", base_url=bridge.url, slots=wanted)

    made = connect(
        workspace, bridge, terms=terms, family="midjourney", provider="midjourney_bridge"
    )

    assert made.slots == slots


def test_account_without_fast_hours_is_connected_for_slow_work(workspace: Workspace, bridge: Any):
    seats(workspace)
    bridge.knobs(fast_hours=0.0)

    made = connect(workspace, bridge, family="midjourney", provider="midjourney_bridge")

    assert (made.status, made.mode, made.is_out_of_fast) == ("active", "relax", True)
    told = Notice.objects.of(workspace.pk).get()
    assert (told.type, told.detail) == (
        "mj_bot_no_fasthour",
        {"bot_id": made.pk, "bot_name": "Ours", "subscription_plan": "standard"},
    )
