"""Why an account takes tasks or does not."""

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.byoa.models import Account
from apps.byoa.services import checklist, health, seats
from apps.byoa.services.checklist import Line, explain
from apps.providers.base import AccountNeedsOwner, Need
from apps.tasks.models import AccountHour
from tests.byoa.test_health import again
from tests.byoa.test_slots import database_now, lease
from tests.factories.byoa import own_account
from tests.factories.byoa import seats as rent
from tests.upstream.running import Upstream

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ORDER = [
    "seat", "reach", "credential", "plan", "captcha", "blocked", "time", "started", "period", "cap", "slot",
    "private", "last",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _local_servers(settings: Any) -> None:
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


def run(made: Account) -> dict[str, Line]:
    found = checklist.run(workspace_id=made.workspace_id or 0, account_id=made.pk)
    assert [line.name for line in found] == ORDER
    # What is red says what to do, what is green needs nothing.
    assert [line for line in found if line.state == "bad" and not line.do] == []
    assert [line for line in found if line.state == "ok" and line.do] == []
    return {line.name: line for line in found}


def states(lines: dict[str, Line], *names: str) -> list[str]:
    return [lines[name].state for name in names]


def bridged(workspace: Workspace, bridge: Any, **fields: Any) -> Account:
    rent(workspace)
    given = {"provider": "midjourney_bridge", "base_url": bridge.url, "slots": 3}
    return own_account(workspace, **{**given, **fields})


# ---------------------------------------------------------------------------- the checklist
def test_account_that_works_is_green_and_learns(workspace: Workspace, bridge: Any):
    bridge.knobs(plan="pro", fast_hours=7.5)
    Workspace.objects.filter(pk=workspace.pk).update(private_families=["midjourney"])
    made = bridged(workspace, bridge)
    AccountHour.objects.create(
        account=made, hour=NOW, attempts=5, succeeded=4, run_ms=1, fast_ms=1, errors={"x": 1}
    )

    found = run(made)

    assert {line.state for line in found.values()} == {"ok", "off"}
    assert states(found, "period", "cap") == ["off", "off"]
    assert found["plan"].says == "Plan pro."
    assert found["time"].says == "7.5 fast hours left. It takes relax tasks."
    assert found["slot"].says == "0 of 3 are busy."
    assert found["last"].says == "In the hour from 2026-11-20 12:00 (UTC) 4 of 5 went well."
    assert (again(made).plan, float(again(made).fast_hours or 0)) == ("pro", 7.5)


@pytest.mark.parametrize(
    ("answer", "expected", "status"),
    [
        ("503", ["bad", "unknown", "unknown", "unknown", "unknown"], "active"),
        ("html", ["bad", "unknown", "unknown", "unknown", "unknown"], "active"),
        ("401", ["ok", "bad", "unknown", "unknown", "unknown"], "invalid_credentials"),
        ("402", ["ok", "ok", "bad", "unknown", "unknown"], "no_balance"),
    ],
)
def test_line_that_the_provider_makes_red_leaves_the_next_ones_open(
    workspace: Workspace, upstream: Upstream, answer: str, expected: list[str], status: str
):
    rent(workspace, "kling")
    made = own_account(workspace, "kling", base_url=upstream.url)
    upstream.knobs(everything=answer)

    found = run(made)

    assert states(found, "reach", "credential", "plan", "captcha", "blocked") == expected
    assert states(found, "time", "slot", "last") == ["off", "ok", "unknown"]
    assert again(made).status == status


@pytest.mark.parametrize(
    ("knobs", "red", "status"),
    [
        ({"captcha": True}, "captcha", "captcha_required"),
        ({"banned_until": 4_000_000_000}, "blocked", "banned"),
    ],
)
def test_what_a_bridge_reports_is_red(
    workspace: Workspace, bridge: Any, knobs: dict[str, Any], red: str, status: str
):
    made = bridged(workspace, bridge)
    bridge.knobs(**knobs)

    found = run(made)

    live = ["reach", "credential", "plan", "captcha", "blocked"]
    assert [name for name in live if found[name].state == "bad"] == [red]
    assert found["time"].state == "unknown"
    assert again(made).status == status


def test_fast_hours_that_are_used_up_are_red_and_nothing_else(workspace: Workspace, bridge: Any):
    made = bridged(workspace, bridge)
    bridge.knobs(fast_hours=0.0)

    found = run(made)

    assert [name for name, line in found.items() if line.state == "bad"] == ["time"]
    assert found["time"].says == "The fast hours are used up. It takes relax tasks."


def test_plan_without_relax_time_set_to_relax_is_red(workspace: Workspace, bridge: Any):
    bridge.knobs(plan="basic")
    made = bridged(workspace, bridge, mode="relax")

    assert run(made)["time"] == Line(
        "time",
        "Fast or relax time left",
        "bad",
        "You have set it to relax. Its plan has no relax time.",
        "Set its mode to fast.",
    )


def test_account_without_a_seat_is_not_asked(workspace: Workspace, upstream: Upstream):
    made = own_account(workspace, "kling", base_url="http://127.0.0.1:9")
    seats.sync(workspace_id=workspace.pk)

    found = run(made)

    assert states(found, "seat", "reach", "blocked") == ["bad", "unknown", "unknown"]
    assert "Its credential is kept until" in found["seat"].says
    assert again(made).checked_at is None


@pytest.mark.parametrize(
    ("fields", "name", "state"),
    [
        ({"is_paused": True}, "started", "bad"),
        ({"is_backup": True}, "started", "off"),
        ({"is_backup": True, "backup_activated_at": NOW}, "started", "ok"),
        ({"daily_cap": 2, "day_count": 2}, "cap", "bad"),
        ({"daily_cap": 2, "day_count": 1}, "cap", "ok"),
        ({"daily_cap": 2, "day_count": 2, "day": "2020-01-01"}, "cap", "ok"),
        ({"slots": 1}, "slot", "bad"),
        ({"slots": 2}, "slot", "ok"),
    ],
)
def test_what_its_owner_has_set_is_a_line(
    workspace: Workspace, upstream: Upstream, fields: dict[str, Any], name: str, state: str
):
    rent(workspace, "kling")
    given = {"day": database_now().date(), **fields}
    made = own_account(workspace, "kling", base_url=upstream.url, **given)
    lease(made.pk)

    assert run(made)[name].state == state


@pytest.mark.parametrize(("hours", "state"), [((-1, 1), "ok"), ((1, 2), "bad")])
def test_period_is_a_line(
    workspace: Workspace, upstream: Upstream, hours: tuple[int, int], state: str
):
    start, end = ((database_now() + timedelta(hours=one)).time() for one in hours)
    period = {"active_from": start, "active_to": end}
    made = own_account(workspace, "kling", base_url=upstream.url, **period)

    assert run(made)["period"].state == state


def test_hour_in_which_everything_failed_is_red(workspace: Workspace, upstream: Upstream):
    made = own_account(workspace, "kling", base_url=upstream.url)
    for hour, succeeded in ((NOW - timedelta(hours=1), 5), (NOW, 0)):
        AccountHour.objects.create(
            account=made, hour=hour, attempts=5, succeeded=succeeded, run_ms=0, fast_ms=0
        )

    assert run(made)["last"].state == "bad"


# -------------------------------------------------------------------------------- sentences
def card(**fields: Any) -> tuple[str, str, str, str]:
    given = {"status_since": NOW - timedelta(days=1), "label": "Ours", "families": ["midjourney"]}
    made = Account(**{**given, **fields})
    made.workspace_id = 1
    made.in_use = 2  # type: ignore[attr-defined]
    found = explain(made, now=NOW)
    return found.state.value, found.tone, found.text, found.next_step


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"slots": 3}, ("active", "ok", "Takes tasks. 2 of 3 slots busy.", "")),
        (
            {"status": "checking", "status_since": NOW - timedelta(minutes=1)},
            ("checking", "run", "Being checked since 11:59; that usually takes 20 s.", ""),
        ),
        (
            {"active_from": time(8), "active_to": time(10), "time_zone": "Europe/Berlin"},
            (
                "outside_active_period",
                "idle",
                "Resting until 21 Nov, 08:00 (your setting).",
                "Change the period",
            ),
        ),
        (
            {"is_backup": True},
            ("backup", "idle", "Waits until no active account can serve.", ""),
        ),
        (
            {"is_paused": True},
            ("paused", "idle", "You paused it; follow-ups of its tasks still run.", "Start"),
        ),
        (
            {"is_out_of_fast": True},
            (
                "no_fast_hours",
                "warn",
                "Fast hours are used up; it takes relax tasks only.",
                "Buy fast hours at the provider, then check",
            ),
        ),
        (
            {"status": "cooling", "resume_at": NOW + timedelta(minutes=10)},
            (
                "rate_limited",
                "warn",
                "The provider asked to slow down; again at 12:10, by itself.",
                "",
            ),
        ),
        (
            {"status": "captcha_required"},
            (
                "captcha_required",
                "bad",
                "The provider wants to see a person.",
                "Solve it in your own account, then say: I solved it",
            ),
        ),
        (
            {
                "status": "banned",
                "block_until": NOW + timedelta(days=13, hours=-2),
                "status_reason": "Too {many}.",
                "time_zone": "America/New_York",
            },
            (
                "banned",
                "bad",
                "The provider has blocked it until 3 Dec, 05:00, when it returns by itself."
                " It said: “Too {many}.”",
                "Settle it there, then check",
            ),
        ),
        (
            {"status": "banned"},
            ("banned", "bad", "The provider has blocked it.", "Settle it there, then check"),
        ),
        (
            {"status": "subscription_expired"},
            (
                "subscription_expired",
                "bad",
                "The provider's plan ended 19 Nov.",
                "Renew it there, then check",
            ),
        ),
        (
            {"status": "invalid_credentials", "is_paused": True},
            ("invalid_credentials", "bad", "The sign-in was refused.", "Replace the credential"),
        ),
        (
            {"status": "no_balance"},
            ("no_balance", "bad", "The account has no balance left.", "Pay in there, then check"),
        ),
        (
            {"status": "setup_required", "status_reason": "Turned off."},
            (
                "setup_required",
                "bad",
                "It is not set up for use. It said: “Turned off.”",
                "Put that right, then check",
            ),
        ),
        (
            {"status": "banned", "seat_ended_at": NOW},
            (
                "seat_ended",
                "bad",
                "Its seat has ended; it takes no tasks."
                " Its credential is kept for a while, in case a seat comes back.",
                "Rent a seat",
            ),
        ),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_card_says_what_the_state_is_and_what_to_do(
    fields: dict[str, Any], expected: tuple[str, str, str, str]
):
    assert card(**fields) == expected


def test_card_follows_the_account(workspace: Workspace):
    made = own_account(workspace)
    health.failed(account_id=made.pk, error=AccountNeedsOwner("Prove it.", need=Need.CAPTCHA))

    found = explain(again(made), now=database_now())

    assert (found.state, found.tone) == ("captcha_required", "bad")
