from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from apps.accounts.models import Workspace
from apps.billing import selectors
from apps.billing.models import CreditEntry, Wallet
from apps.billing.services import credits, movements
from apps.billing.services.caps import SpendLimitReached
from apps.core.errors import InvalidRequest
from apps.ops import audit
from tests.factories import WorkspaceFactory, identity

pytestmark = pytest.mark.django_db


def totals(workspace: Workspace) -> tuple[int, int]:
    wallet = Wallet.objects.of(workspace.pk).get()
    return wallet.available, wallet.held


@pytest.mark.parametrize(("points", "left"), [(30, 70), (100, 0), (0, 100)])
def test_hold_moves_points_from_available_to_held(points: int, left: int):
    workspace = WorkspaceFactory.create(points=100)

    credits.hold(identity=identity(workspace), points=points, reference="task:a")

    assert totals(workspace) == (left, points)
    entry = selectors.entries_of(workspace_id=workspace.pk, reference="task:a")[0]
    assert (entry.available_delta, entry.held_delta) == (-points, points)
    assert (entry.available_after, entry.held_after) == (left, points)


def test_hold_that_the_wallet_cannot_cover_moves_nothing():
    workspace = WorkspaceFactory.create(points=100)

    with pytest.raises(credits.InsufficientCredits) as refusal:
        credits.hold(identity=identity(workspace), points=101, reference="task:a")

    assert totals(workspace) == (100, 0)
    assert refusal.value.detail == {"needed_points": 101, "available_points": 100, "held_points": 0}
    assert selectors.entries_of(workspace_id=workspace.pk, reference="task:a") == []


def test_insufficient_credits_says_both_amounts_in_credits():
    workspace = WorkspaceFactory.create(points=571_428)

    with pytest.raises(credits.InsufficientCredits) as refusal:
        credits.hold(identity=identity(workspace), points=1_400_000, reference="task:a")

    assert str(refusal.value) == "Insufficient credits: this task needs 98, 39.99 are available."


def test_hold_repeated_with_the_same_reference_moves_nothing():
    workspace = WorkspaceFactory.create(points=100)
    who = identity(workspace)
    credits.hold(identity=who, points=30, reference="task:a")

    credits.hold(identity=who, points=30, reference="task:a")

    assert totals(workspace) == (70, 30)


@pytest.mark.parametrize(("cost", "left"), [(30, 70), (10, 90), (0, 100)])
def test_capture_spends_the_cost_and_gives_the_rest_back(cost: int, left: int):
    workspace = WorkspaceFactory.create(points=100)
    credits.hold(identity=identity(workspace), points=30, reference="task:a")

    credits.capture(workspace_id=workspace.pk, reference="task:a", cost=cost)
    credits.capture(workspace_id=workspace.pk, reference="task:a", cost=cost)

    assert totals(workspace) == (left, 0)
    assert audit.differences() == ["hold task:a has no task"]


def test_release_gives_everything_back_once():
    workspace = WorkspaceFactory.create(points=100)
    credits.hold(identity=identity(workspace), points=30, reference="task:a")

    credits.release(workspace_id=workspace.pk, reference="task:a")
    credits.release(workspace_id=workspace.pk, reference="task:a")

    assert totals(workspace) == (100, 0)


def test_released_hold_cannot_also_be_captured():
    workspace = WorkspaceFactory.create(points=100)
    credits.hold(identity=identity(workspace), points=30, reference="task:a")
    credits.release(workspace_id=workspace.pk, reference="task:a")

    with pytest.raises(credits.AlreadySettled):
        credits.capture(workspace_id=workspace.pk, reference="task:a", cost=30)

    assert totals(workspace) == (100, 0)


def test_capture_beyond_the_hold_is_refused_by_the_database():
    workspace = WorkspaceFactory.create(points=100)
    credits.hold(identity=identity(workspace), points=30, reference="task:a")

    with pytest.raises(IntegrityError):
        credits.capture(workspace_id=workspace.pk, reference="task:a", cost=31)

    assert totals(workspace) == (70, 30)


def test_settlement_that_does_not_fit_its_hold_is_refused_by_the_database():
    workspace = WorkspaceFactory.create(points=100)
    credits.hold(identity=identity(workspace), points=30, reference="task:a")

    with pytest.raises(IntegrityError, match="does not fit a hold"):
        CreditEntry.objects.create(
            workspace_id=workspace.pk,
            kind="RELEASE",
            reference="task:a",
            available_delta=40,
            held_delta=-40,
            available_after=110,
            held_after=0,
        )


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE billing_creditentry SET available_delta = 1",
        "DELETE FROM billing_creditentry",
    ],
)
def test_ledger_lines_cannot_be_changed_or_deleted(statement: str):
    WorkspaceFactory.create(points=100)

    with pytest.raises(DatabaseError, match="insert-only"), transaction.atomic():
        connection.cursor().execute(statement)


@pytest.mark.django_db(transaction=True)
def test_ledger_cannot_be_emptied():
    WorkspaceFactory.create(points=100)

    cursor = connection.cursor()
    cursor.execute("SET modelyard.allow_truncate = off")

    with pytest.raises(DatabaseError, match="insert-only"):
        cursor.execute("TRUNCATE billing_creditentry CASCADE")

    cursor.execute("SET modelyard.allow_truncate = on")


def test_grant_with_the_same_reference_moves_points_once():
    workspace = WorkspaceFactory.create(points=0)

    moved = [
        movements.grant(workspace_id=workspace.pk, points=50, reference="promo:1") for _ in "ab"
    ]

    assert moved == [True, False]
    assert totals(workspace) == (50, 0)


def test_adjustment_needs_a_reason_and_stays_above_zero():
    workspace = WorkspaceFactory.create(points=100)

    with pytest.raises(InvalidRequest, match="Say why"):
        movements.adjust(workspace_id=workspace.pk, points=1, reference="a", note=" ", actor=None)
    with pytest.raises(InvalidRequest, match="below zero"):
        movements.adjust(
            workspace_id=workspace.pk, points=-101, reference="b", note="x", actor=None
        )

    assert totals(workspace) == (100, 0)


@pytest.mark.parametrize("cap", ["cap_total_points", "cap_daily_points", "cap_monthly_points"])
def test_capped_key_spends_up_to_its_cap_and_not_a_point_more(cap: str):
    who = identity(WorkspaceFactory.create(points=1000), **{cap: 100})
    credits.hold(identity=who, points=60, reference="task:a")

    with pytest.raises(SpendLimitReached):
        credits.hold(identity=who, points=41, reference="task:b")
    credits.hold(identity=who, points=40, reference="task:c")


def test_released_hold_counts_no_longer_against_the_cap():
    workspace = WorkspaceFactory.create(points=1000)
    who = identity(workspace, cap_daily_points=100)
    credits.hold(identity=who, points=100, reference="task:a")
    credits.release(workspace_id=workspace.pk, reference="task:a")

    credits.hold(identity=who, points=100, reference="task:b")

    assert totals(workspace) == (900, 100)


def test_refused_hold_counts_nothing_against_the_cap():
    workspace = WorkspaceFactory.create(points=50)
    who = identity(workspace, cap_total_points=100)
    with pytest.raises(credits.InsufficientCredits):
        credits.hold(identity=who, points=90, reference="task:a")

    credits.hold(identity=who, points=50, reference="task:b")

    assert totals(workspace) == (0, 50)


def _spent(who: Any, workspace: Workspace, points: int) -> None:
    credits.hold(identity=who, points=points, reference="task:a")
    credits.capture(workspace_id=workspace.pk, reference="task:a", cost=points)


def test_refund_gives_back_at_most_what_was_captured_and_once():
    workspace, neighbour = WorkspaceFactory.create(points=100), WorkspaceFactory.create(points=7)
    _spent(identity(workspace), workspace, 60)

    def refund(points: int, of: Workspace = workspace, reference: str = "task:a") -> bool:
        return movements.refund(
            workspace_id=of.pk, reference=reference, points=points, note="Bad result", actor=None
        )

    for points, of, reference in (
        (61, workspace, "task:a"), (0, workspace, "task:a"), (-5, workspace, "task:a"),
        (1, workspace, "task:b"), (1, neighbour, "task:a"),
    ):  # fmt: skip
        with pytest.raises(InvalidRequest):
            refund(points, of, reference)
    assert [refund(60), refund(60), refund(1)] == [True, False, False]

    assert (totals(workspace), totals(neighbour)) == ((100, 0), (7, 0))
    entry = selectors.entries_of(workspace_id=workspace.pk, reference="task:a")[-1]
    assert (entry.kind, entry.note, entry.available_after) == ("REFUND", "Bad result", 100)


def test_refund_needs_a_reason():
    workspace = WorkspaceFactory.create(points=100)
    _spent(identity(workspace), workspace, 60)

    with pytest.raises(InvalidRequest, match="Say why"):
        movements.refund(
            workspace_id=workspace.pk, reference="task:a", points=1, note=" ", actor=None
        )


def test_what_is_held_or_released_is_not_refunded():
    workspace = WorkspaceFactory.create(points=100)
    who = identity(workspace)
    credits.hold(identity=who, points=10, reference="task:a")
    credits.hold(identity=who, points=10, reference="task:b")
    credits.release(workspace_id=workspace.pk, reference="task:b")

    for reference in ("task:a", "task:b"):
        with pytest.raises(InvalidRequest):
            movements.refund(
                workspace_id=workspace.pk, reference=reference, points=1, note="No", actor=None
            )

    assert totals(workspace) == (90, 10)


@pytest.mark.parametrize("cap", ["cap_total_points", "cap_daily_points", "cap_monthly_points"])
def test_refund_no_longer_counts_against_the_caps_of_the_key(cap: str):
    workspace = WorkspaceFactory.create(points=1000)
    who = identity(workspace, **{cap: 100})
    _spent(who, workspace, 100)

    for _ in range(2):
        movements.refund(
            workspace_id=workspace.pk, reference="task:a", points=40, note="Bad", actor=None
        )

    with pytest.raises(SpendLimitReached):
        credits.hold(identity=who, points=41, reference="task:b")
    credits.hold(identity=who, points=40, reference="task:b")
    assert totals(workspace) == (900, 40)


def _try_to_hold(who: object, reference: str, points: int) -> bool:
    try:
        credits.hold(identity=who, points=points, reference=reference)  # type: ignore[arg-type]
    except (credits.InsufficientCredits, SpendLimitReached):
        return False
    finally:
        connection.close()
    return True


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_concurrent_holds_never_overspend():
    workspace = WorkspaceFactory.create(points=1000)
    who = identity(workspace)

    with ThreadPoolExecutor(max_workers=16) as pool:
        held = list(pool.map(lambda n: _try_to_hold(who, f"task:{n}", 10), range(320)))

    assert held.count(True) == 100
    assert totals(workspace) == (0, 1000)


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_concurrent_holds_never_pass_a_cap():
    workspace = WorkspaceFactory.create(points=10_000)
    who = identity(workspace, cap_total_points=100, cap_daily_points=70)

    with ThreadPoolExecutor(max_workers=16) as pool:
        held = list(pool.map(lambda n: _try_to_hold(who, f"task:{n}", 10), range(64)))

    assert held.count(True) == 7
    assert totals(workspace) == (9_930, 70)


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_capture_and_release_at_once_settle_one_way():
    workspace = WorkspaceFactory.create(points=1000)
    who = identity(workspace)

    def settle(n: int) -> str:
        try:
            if n % 2:
                credits.capture(workspace_id=workspace.pk, reference="task:a", cost=10)
                return "captured"
            credits.release(workspace_id=workspace.pk, reference="task:a")
            return "released"
        except credits.AlreadySettled:
            return "refused"
        finally:
            connection.close()

    credits.hold(identity=who, points=10, reference="task:a")
    with ThreadPoolExecutor(max_workers=8) as pool:
        outcomes = set(pool.map(settle, range(16)))

    assert outcomes in ({"captured", "refused"}, {"released", "refused"})
    assert totals(workspace) == ((990 if "captured" in outcomes else 1000), 0)


def test_hold_of_an_earlier_day_that_is_released_today_frees_no_more_than_nothing():
    workspace = WorkspaceFactory.create(points=100)
    who = identity(workspace, cap_daily_points=50)
    wallet = Wallet.objects.of(workspace.pk)
    wallet.update(available=60, held=40)
    CreditEntry.objects.create(
        workspace_id=workspace.pk,
        kind="HOLD",
        reference="task:old",
        available_delta=-40,
        held_delta=40,
        available_after=60,
        held_after=40,
        api_key_id=who.key_id,
        created_at=timezone.now() - timedelta(days=2),
    )
    credits.release(workspace_id=workspace.pk, reference="task:old")

    credits.hold(identity=who, points=30, reference="task:new")
    with pytest.raises(SpendLimitReached):
        credits.hold(identity=who, points=30, reference="task:newer")

    assert totals(workspace) == (70, 30)
