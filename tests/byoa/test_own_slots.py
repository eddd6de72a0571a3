"""Whose account takes a private task, and at which speed: the rules of the private pool, one by one."""

import random
from collections import Counter
from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.byoa import selectors
from apps.byoa.models import Account
from apps.byoa.policies import Prospect
from apps.byoa.services import slots
from apps.byoa.services.slots import Booked, Wish
from apps.catalog import registry
from tests.byoa.test_slots import book, booked, database_now, later, lease
from tests.factories import WorkspaceFactory
from tests.factories.byoa import account, own_account

pytestmark = pytest.mark.django_db

IMAGINE = registry.spec_of("midjourney", "imagine")
BASIC = {"plan": "basic", "has_relax": False}
OUT = {"is_out_of_fast": True, "mode": "relax"}
RELAX = {"mode": "relax"}
NEVER = {"active_from": "00:00", "active_to": "00:01"}


def wish(workspace: Workspace, mode: str = "", **fields: Any) -> Wish:
    given = {"providers": ["federation"], "family": "midjourney", "workspace_id": workspace.pk}
    return Wish(**{**given, "mode": mode, **fields})


def opened(*workspaces: Workspace) -> slots.Pool:
    return slots.open_pool(workspace_ids=[one.pk for one in workspaces])


def given(workspace: Workspace, mode: str = "", **fields: Any) -> Booked | None:
    """What one task gets, from the next transaction's pool; nothing is kept."""
    return opened(workspace).book(
        wish(workspace, mode, **fields), holder="attempt:1", expires_at=later()
    )


# ------------------------------------------------------------------------ slow and fast work
@pytest.mark.parametrize(
    ("fields", "mode", "takes"),
    [
        ({}, "fast", True),
        ({}, "turbo", True),
        ({}, "relax", True),
        # Set to relax: everything on it is slow, and it never takes fast work.
        (RELAX, "fast", False),
        (RELAX, "turbo", False),
        (RELAX, "relax", True),
        # Without fast hours it has become one of those.
        (OUT, "fast", False),
        (OUT, "relax", True),
        # Basic has no relax time.
        (BASIC, "relax", False),
        (BASIC, "fast", True),
        ({**BASIC, **OUT}, "fast", False),
        ({**BASIC, **OUT}, "relax", False),
        # Families without speeds ask for none.
        (BASIC, "", True),
        (OUT, "", True),
    ],
)
def test_account_takes_the_speeds_that_it_has(
    workspace: Workspace, fields: dict[str, Any], mode: str, takes: bool
):
    made = own_account(workspace, **fields)

    assert given(workspace, mode) == (
        Booked(made.pk, "federation", mode) if takes else None
    )  # fmt: skip
    assert opened(workspace).has_room(wish(workspace, mode)) is takes
    assert opened(workspace).is_waited_for(wish(workspace, mode)) is takes


def test_fast_task_goes_to_the_account_with_fast_hours(workspace: Workspace):
    own_account(workspace, weight="high", **OUT)
    fast = own_account(workspace, weight="low", **BASIC)

    found = booked(
        5, family="midjourney", mode="fast", workspace_id=workspace.pk, workspace_ids=[workspace.pk]
    )

    assert found == [fast.pk] * 5


@pytest.mark.parametrize(
    ("fields", "mode", "runs_at"),
    [
        ({}, "fast", "fast"),
        (RELAX, "fast", "relax"),
        (OUT, "turbo", "relax"),
    ],
)
def test_whoever_names_an_account_takes_the_speed_that_it_has(
    workspace: Workspace, fields: dict[str, Any], mode: str, runs_at: str
):
    own_account(workspace)
    made = own_account(workspace, **fields)

    assert given(workspace, mode, only=made.pk) == Booked(made.pk, "federation", runs_at)


def test_naming_an_account_gives_it_no_relax_time(workspace: Workspace):
    made = own_account(workspace, **BASIC)

    assert given(workspace, "relax", only=made.pk) is None


@pytest.mark.parametrize(
    ("accounts", "mode", "hope"),
    [
        ([], "fast", Prospect.NONE),
        ([{}], "fast", Prospect.NOW),
        # Without fast hours a fast task runs as a slow one.
        ([OUT], "fast", Prospect.NOW),
        ([{**BASIC, **OUT}], "fast", Prospect.NONE),
        # Relax needs an account that is not on Basic.
        ([BASIC], "relax", Prospect.NONE),
        ([BASIC, {}], "relax", Prospect.NOW),
        ([BASIC, OUT], "fast", Prospect.NOW),
        ([{"is_paused": True}], "relax", Prospect.NONE),
        ([{"is_paused": True}, NEVER], "relax", Prospect.LATER),
        ([{"status": "captcha_required"}], "relax", Prospect.NONE),
        ([{"status": "invalid_credentials"}], "fast", Prospect.NONE),
        ([{"is_backup": True}], "fast", Prospect.NONE),
        (
            [{"is_backup": True, "backup_activated_at": "2026-01-01T00:00:00Z"}],
            "fast",
            Prospect.NOW,
        ),
        ([{"seat_ended_at": "2026-01-01T00:00:00Z"}], "fast", Prospect.NONE),
    ],
)
def test_private_task_hopes_for_what_its_accounts_can_give(
    workspace: Workspace, accounts: list[dict[str, Any]], mode: str, hope: Prospect
):
    own_account(WorkspaceFactory.create())
    for fields in accounts:
        own_account(workspace, **fields)

    found = selectors.own_prospect(workspace_id=workspace.pk, spec=IMAGINE, mode=mode)

    assert found == hope


def test_banned_account_is_hoped_for_when_the_ban_ends_within_a_day(workspace: Workspace):
    own_account(workspace, status="banned", block_until=later(3600))
    other = WorkspaceFactory.create()
    own_account(other, status="banned", block_until=later(3 * 24 * 3600))

    hopes = [
        selectors.own_prospect(workspace_id=one.pk, spec=IMAGINE, mode="fast")
        for one in (workspace, other)
    ]

    assert hopes == [Prospect.LATER, Prospect.NONE]


# ----------------------------------------------------------------------- what takes nothing
@pytest.mark.parametrize(
    "fields",
    [
        {"is_paused": True},
        {"is_backup": True},
        {"status": "banned"},
        {"status": "checking"},
        {"status": "cooling", "resume_at": "2999-01-01T00:00:00Z"},
        {"seat_ended_at": "2026-01-01T00:00:00Z"},
        {"daily_cap": 1, "day_count": 1},
        {"slots": 1},
    ],
)
def test_account_that_takes_no_new_task(workspace: Workspace, fields: dict[str, Any]):
    made = own_account(workspace, **{"day": database_now().date(), **fields})
    lease(made.pk)

    assert given(workspace, "fast") is None
    assert not opened(workspace).has_room(wish(workspace, "fast"))
    assert given(workspace, "fast", only=made.pk) is None


@pytest.mark.parametrize(
    ("fields", "is_waited_for"),
    [
        # Full, resting and being checked: it comes back in a moment.
        ({"slots": 1}, True),
        ({"status": "cooling", "resume_at": "2999-01-01T00:00:00Z"}, True),
        ({"is_paused": True}, False),
        ({"is_backup": True}, False),
        ({"status": "banned"}, False),
    ],
)
def test_account_that_is_there_is_waited_for(
    workspace: Workspace, fields: dict[str, Any], is_waited_for: bool
):
    made = own_account(workspace, **fields)
    lease(made.pk)

    assert opened(workspace).is_waited_for(wish(workspace, "fast")) is is_waited_for


# ------------------------------------------------------------------------------- follow-ups
@pytest.mark.parametrize(
    ("fields", "runs"),
    [
        ({"is_paused": True}, True),
        ({"daily_cap": 1, "day_count": 1}, True),
        ({"is_backup": True}, True),
        (NEVER, True),
        ({"is_flagged": True}, True),
        (OUT, True),
        ({"slots": 1}, False),
        ({"status": "banned"}, False),
        ({"status": "cooling", "resume_at": "2999-01-01T00:00:00Z"}, False),
        ({"seat_ended_at": "2026-01-01T00:00:00Z"}, False),
    ],
)
def test_follow_up_runs_on_its_parents_account_and_on_no_other(
    workspace: Workspace, fields: dict[str, Any], runs: bool
):
    made = own_account(workspace, **{"day": database_now().date(), **fields})
    own_account(workspace, weight="high")
    lease(made.pk)

    found = given(workspace, "fast", only=made.pk, is_follow_up=True, skips_flagged=True)

    assert (found and found.account_id) == (made.pk if runs else None)


def test_follow_ups_move_nobodys_turn(workspace: Workspace):
    first, second = own_account(workspace, slots=50), own_account(workspace, slots=50)
    pool = opened(workspace)
    for _ in range(20):
        book(pool, family="midjourney", workspace_id=workspace.pk, only=first.pk, is_follow_up=True)
    pool.save()

    shares = Counter(
        booked(20, family="midjourney", workspace_id=workspace.pk, workspace_ids=[workspace.pk])
    )

    assert shares == {first.pk: 10, second.pk: 10}


def test_flagged_account_is_skipped_where_its_owner_wants_that(workspace: Workspace):
    own_account(workspace, is_flagged=True)

    assert given(workspace, skips_flagged=True) is None
    assert given(workspace) is not None
    assert selectors.own_prospect(
        workspace_id=workspace.pk, spec=IMAGINE, mode="", skips_flagged=True
    ) == (Prospect.NONE)


# ---------------------------------------------------------------------------------- tenancy
def test_ten_thousand_private_tasks_are_shared_one_two_four(workspace: Workspace):
    made = {weight: own_account(workspace, weight=weight) for weight in ("low", "mid", "high")}
    Account.objects.of(workspace.pk).update(slots=100_000)
    account(slots=10_000)
    expires_at = later()

    taken: Counter[int | None] = Counter()
    for _ in range(10):
        pool = opened(workspace)
        taken.update(
            book(
                pool,
                family="midjourney",
                mode="fast",
                workspace_id=workspace.pk,
                expires_at=expires_at,
            )
            for _ in range(1_000)
        )
        pool.save()

    shares = {weight: round(taken[one.pk] / 10_000 * 7, 2) for weight, one in made.items()}
    assert shares == {"low": 1.0, "mid": 2.0, "high": 4.0}
    assert sum(taken.values()) == 10_000


def test_task_of_one_workspace_never_runs_on_anothers_account():
    """Whatever it wishes and whichever accounts are in the same pool."""
    chance = random.Random(5)
    workspaces = [WorkspaceFactory.create() for _ in range(5)]
    whose: dict[int, int | None] = {account(slots=9_000).pk: None}
    for one in workspaces:
        for family in ("midjourney", "midjourney", "kling"):
            fields = chance.choice([{}, {"is_paused": True}, OUT if family == "midjourney" else {}])
            whose[own_account(one, family, slots=9_000, **fields).pk] = one.pk
    pool, expires_at = opened(*workspaces), later()

    given_to: Counter[tuple[int | None, int | None]] = Counter()
    for _ in range(10_000):
        asks = chance.choice([*workspaces, None])
        family = chance.choice(["midjourney", "kling", "flux"])
        found = book(
            pool,
            family=family,
            mode=chance.choice(["relax", "fast", ""]),
            workspace_id=asks and asks.pk,
            only=chance.choice([None, None, *whose]),
            is_follow_up=chance.random() < 0.3,
            expires_at=expires_at,
        )
        if found is not None:
            given_to[asks and asks.pk, whose[found]] += 1

    assert {asked == got for asked, got in given_to} == {True}
    assert len(given_to) == 6


def test_pool_without_a_workspace_holds_none_of_its_accounts(workspace: Workspace):
    own_account(workspace)

    assert slots.open_pool().room() == 0
    assert not slots.open_pool().has_room(wish(workspace))
    assert opened(WorkspaceFactory.create()).book(
        wish(workspace), holder="attempt:1", expires_at=later()
    ) is None  # fmt: skip
