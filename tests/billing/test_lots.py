"""Lots: what spending takes from, what expires, and who is told before."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.accounts.models import Workspace
from apps.billing import policies
from apps.billing.models import CreditEntry, CreditLot, Wallet
from apps.billing.policies import LotRest, Stretch
from apps.billing.selectors import broken_balances, imbalances
from apps.billing.selectors.lots import LotImbalance, expiring, lot_imbalances
from apps.billing.services import credits, lots, movements
from apps.notifications.models import Email
from tests.byoa.threads import at_once
from tests.factories import WorkspaceFactory, identity, member, owner_of

NOW = datetime(2027, 1, 10, 12, tzinfo=UTC)
SOON, LATER = NOW + timedelta(days=3), NOW + timedelta(days=30)


def _rests(workspace: Workspace) -> list[int]:
    """Of each lot, the oldest first, after a fold."""
    lots.fold(workspace_id=workspace.pk)
    rows = CreditLot.objects.of(workspace.pk).order_by("entry_id")
    return list(rows.values_list("remaining", flat=True))


def _income(workspace: Workspace, points: int, until: datetime | None, name: str) -> None:
    movements.purchase(workspace_id=workspace.pk, points=points, reference=name, expires_at=until)


def _spend(workspace: Workspace, points: int, name: str, held: int | None = None) -> None:
    credits.hold(identity=identity(workspace), points=held or points, reference=name)
    credits.capture(workspace_id=workspace.pk, reference=name, cost=points)


def _proven() -> None:
    assert list(lot_imbalances()) == []
    assert list(imbalances()) == []
    assert list(broken_balances()) == []


# ------------------------------------------------------------------------------ rules
def test_spending_takes_from_the_lot_that_expires_first_then_from_the_oldest() -> None:
    known = [
        LotRest(1, "a", None, 100),
        LotRest(2, "b", LATER, 100),
        LotRest(3, "c", SOON, 100),
        LotRest(4, "d", SOON, 100),
    ]

    assert policies.lots_after(known, [Stretch(5, spent=250)]) == {1: 100, 2: 50, 3: 0, 4: 0}
    assert policies.lots_after(known, [Stretch(5, spent=350)]) == {1: 50, 2: 0, 3: 0, 4: 0}


def test_spending_never_takes_from_a_lot_that_came_later() -> None:
    known = [LotRest(1, "a", None, 100), LotRest(5, "b", SOON, 100)]

    left = policies.lots_after(known, [Stretch(2, spent=30), Stretch(5, spent=50)])

    assert left == {1: 70, 5: 50}


def test_what_a_payment_takes_back_comes_first_from_what_it_brought() -> None:
    known = [LotRest(1, "grant", SOON, 100), LotRest(2, "payment:x", LATER, 100)]

    taken = [
        policies.lots_after(known, [Stretch(3, spent=0, clawed=points, payment="payment:x")])
        for points in (60, 150)
    ]

    assert taken == [{1: 100, 2: 40}, {1: 50, 2: 0}]


@pytest.mark.parametrize(
    ("expired", "held", "available", "goes"),
    [(100, 0, 100, 100), (100, 30, 70, 70), (100, 100, 50, 0), (100, 0, 60, 60), (0, 0, 50, 0)],
)
def test_expirable_leaves_what_is_held(expired: int, held: int, available: int, goes: int) -> None:
    assert policies.expirable(expired_points=expired, held=held, available=available) == goes


# ------------------------------------------------------------------------------ folding
@pytest.mark.django_db
def test_fold_follows_the_ledger_through_every_kind_of_line() -> None:
    workspace = WorkspaceFactory.create(points=1000)
    _income(workspace, 500, LATER, "payment:a")
    _spend(workspace, 200, "task:1", held=300)
    credits.hold(identity=identity(workspace), points=100, reference="task:2")
    credits.release(workspace_id=workspace.pk, reference="task:2")
    movements.refund(
        workspace_id=workspace.pk, reference="task:1", points=50, note="bad", actor=None
    )
    movements.adjust(
        workspace_id=workspace.pk, points=-150, reference="adjust:1", note="typo", actor=None
    )
    movements.claw_back(workspace_id=workspace.pk, points=100, reference="payment:a:1")

    # 1000 welcome, 500 bought − 200 spent − 150 corrected − 100 taken back, 50 refunded
    assert _rests(workspace) == [1000, 50, 50]
    _proven()


@pytest.mark.django_db
def test_fold_in_steps_of_any_size_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = WorkspaceFactory.create(points=1000)
    for n in range(6):
        _income(workspace, 100, SOON if n % 2 else LATER, f"payment:{n}")
        _spend(workspace, 70, f"task:{n}")
    monkeypatch.setattr(lots, "_MOST_LINES", 2)

    in_steps = _rests(workspace)

    monkeypatch.undo()
    _reset(workspace)
    assert _rests(workspace) == in_steps
    assert sum(in_steps) == 1180


def _reset(workspace: Workspace) -> None:
    """As if nothing had been folded yet."""
    for lot in CreditLot.objects.of(workspace.pk):
        CreditLot.objects.of(workspace.pk).filter(pk=lot.pk).update(remaining=lot.points)
    Wallet.objects.of(workspace.pk).update(lots_folded_to=0)


@pytest.mark.django_db
def test_fold_after_a_repaid_debt_knows_only_what_was_left_of_the_income() -> None:
    workspace = WorkspaceFactory.create(points=0)
    _income(workspace, 100, None, "payment:a")
    _spend(workspace, 80, "task:1")
    movements.claw_back(workspace_id=workspace.pk, points=100, reference="payment:a:1")
    _income(workspace, 200, LATER, "payment:b")

    assert _rests(workspace) == [0, 120]
    _proven()


@pytest.mark.django_db
def test_fold_all_leaves_no_wallet_behind_and_another_workspace_as_it_was() -> None:
    ours, theirs = WorkspaceFactory.create(points=100), WorkspaceFactory.create(points=100)
    _spend(ours, 40, "task:1")

    lots.fold_all()

    found = [list(CreditLot.objects.of(w.pk).values_list("remaining")) for w in (ours, theirs)]
    assert found == [[(60,)], [(100,)]]
    last = CreditEntry.objects.of(ours.pk).latest("id").pk
    assert Wallet.objects.of(ours.pk).get().lots_folded_to == last


@pytest.mark.django_db
def test_lot_imbalances_tell_of_a_lot_that_says_something_else() -> None:
    workspace = WorkspaceFactory.create(points=100)
    _spend(workspace, 40, "task:1")
    _proven()

    CreditLot.objects.of(workspace.pk).update(remaining=90)

    assert list(lot_imbalances()) == [LotImbalance(workspace.pk, 60, 50)]


# ------------------------------------------------------------------------------ expiry
@pytest.mark.django_db
def test_expire_takes_the_rest_once_and_leaves_a_line() -> None:
    workspace = WorkspaceFactory.create(points=1000)
    _income(workspace, 500, SOON, "payment:a")
    _spend(workspace, 200, "task:1")

    took = [lots.expire_due(now=SOON + timedelta(seconds=n)) for n in (-1, 0, 1)]

    assert took == [0, 1, 0]
    line = CreditEntry.objects.of(workspace.pk).latest("id")
    assert (line.kind, line.available_delta, line.available_after) == ("EXPIRY", -300, 1000)
    assert _rests(workspace) == [1000, 0]
    _proven()


@pytest.mark.django_db
def test_expire_leaves_what_is_held_until_its_task_has_ended() -> None:
    workspace = WorkspaceFactory.create(points=0)
    _income(workspace, 500, SOON, "payment:a")
    credits.hold(identity=identity(workspace), points=200, reference="task:1")

    lots.expire_due(now=LATER)
    after_first = Wallet.objects.of(workspace.pk).get()
    assert (after_first.available, after_first.held) == (0, 200)

    credits.release(workspace_id=workspace.pk, reference="task:1")
    lots.expire_due(now=LATER)

    references = CreditEntry.objects.of(workspace.pk).filter(kind="EXPIRY").order_by("id")
    assert list(references.values_list("available_delta", flat=True)) == [-300, -200]
    assert _rests(workspace) == [0]
    _proven()


@pytest.mark.django_db
def test_expire_does_not_touch_credits_that_last() -> None:
    workspace = WorkspaceFactory.create(points=1000)
    _income(workspace, 500, LATER, "payment:a")

    assert lots.expire_due(now=SOON) == 0
    assert Wallet.objects.of(workspace.pk).get().available == 1500


@pytest.mark.concurrency
@pytest.mark.django_db(transaction=True)
def test_expire_at_once_with_spending_takes_each_point_once() -> None:
    workspace = WorkspaceFactory.create(points=0)
    _income(workspace, 1000, SOON, "payment:a")
    who = identity(workspace)
    names = iter(range(1000))

    def spend() -> None:
        name = f"task:{next(names)}"
        try:
            credits.hold(identity=who, points=10, reference=name)
        except credits.InsufficientCredits:
            return
        credits.capture(workspace_id=workspace.pk, reference=name, cost=7)

    problems = at_once(
        spend, spend, spend, lambda: lots.expire_due(now=SOON), lambda: lots.expire_due(now=SOON)
    )
    lots.expire_due(now=SOON)

    assert problems == []
    wallet = Wallet.objects.of(workspace.pk).get()
    assert (wallet.available, wallet.held) == (0, 0)
    assert _rests(workspace) == [0]
    _proven()


@pytest.mark.django_db
def test_purchase_expiry_is_days_from_now_or_never(settings: Any) -> None:
    settings.CREDITS_EXPIRE_DAYS = 180
    assert lots.purchase_expiry(NOW) == NOW + timedelta(days=180)
    settings.CREDITS_EXPIRE_DAYS = 0
    assert lots.purchase_expiry(NOW) is None


# ------------------------------------------------------------------------------ telling
@pytest.mark.django_db
def test_expiring_shows_what_is_left_by_time_of_this_workspace_without_writing() -> None:
    workspace, other = WorkspaceFactory.create(points=1000), WorkspaceFactory.create(points=0)
    _income(workspace, 500, SOON, "payment:a")
    _income(workspace, 300, LATER, "payment:b")
    _income(workspace, 40, LATER, "payment:c")
    _income(other, 9, SOON, "payment:d")
    _spend(workspace, 450, "task:1")

    found = [(one.expires_at, one.points) for one in expiring(workspace_id=workspace.pk)]

    assert found == [(SOON, 50), (LATER, 340)]
    assert Wallet.objects.of(workspace.pk).get().lots_folded_to == 0


@pytest.mark.django_db
def test_warn_writes_one_mail_for_what_expires_within_a_week_once() -> None:
    workspace = WorkspaceFactory.create(points=0)
    payer = member(workspace, "billing")
    member(workspace, "developer")
    _income(workspace, 200_000_000, SOON, "payment:a")
    _income(workspace, 100_000_000, SOON + timedelta(days=1), "payment:b")
    _income(workspace, 400_000, SOON, "payment:small")
    _income(workspace, 10_000_000, LATER, "payment:c")

    for _ in range(2):
        lots.warn(now=NOW)

    found = list(Email.objects.of(workspace.pk).order_by("id"))
    assert [mail.to for mail in found] == [owner_of(workspace).email, payer.email]
    assert {mail.subject for mail in found} == {"Credits worth $30.00 expire from 13 Jan 2027"}
    assert "- $20.00 on 13 Jan 2027, 12:00 UTC\n- $10.00 on 14 Jan 2027" in found[0].text


@pytest.mark.django_db
def test_warn_says_nothing_of_credits_that_were_spent() -> None:
    workspace = WorkspaceFactory.create(points=0)
    _income(workspace, 200_000_000, SOON, "payment:a")
    _spend(workspace, 199_900_000, "task:1")

    lots.warn(now=NOW)

    assert list(Email.objects.of(workspace.pk)) == []


@given(data=st.data())
def test_lots_after_takes_exactly_what_was_spent(data: st.DataObject) -> None:
    points = data.draw(st.lists(st.integers(1, 50), min_size=1, max_size=6))
    ends = st.sampled_from([None, SOON, LATER])
    known = [LotRest(n * 2, f"payment:{n}", data.draw(ends), p) for n, p in enumerate(points)]
    spent = data.draw(st.integers(0, sum(points)))
    clawed = data.draw(st.integers(0, sum(points) - spent))

    left = policies.lots_after(known, [Stretch(99, spent, clawed, "payment:0")])

    assert sum(left.values()) == sum(points) - spent - clawed
    assert left[0] <= max(points[0] - clawed, 0)
