"""Points that come in and go out without a hold; what is owed is paid first."""

from datetime import UTC, datetime

import pytest

from apps.accounts.models import Workspace
from apps.billing import selectors
from apps.billing.models import CreditEntry, CreditLot, Wallet
from apps.billing.services import credits, movements
from tests.factories import WorkspaceFactory, identity

pytestmark = pytest.mark.django_db
WHEN = datetime(2027, 5, 1, tzinfo=UTC)


def wallet(workspace: Workspace) -> tuple[int, int, int]:
    """available, held, debt"""
    found = Wallet.objects.of(workspace.pk).get()
    return found.available, found.held, found.debt


def last_line(workspace: Workspace) -> tuple[str, str, int, int, int]:
    line = CreditEntry.objects.of(workspace.pk).order_by("-id")[0]
    return line.kind, line.reference, line.available_delta, line.debt_delta, line.available_after


def proven(workspace: Workspace) -> None:
    assert list(selectors.imbalances()) == []
    assert list(selectors.broken_balances()) == []


def test_purchase_is_a_line_and_a_lot_and_moves_once():
    workspace = WorkspaceFactory.create(points=0)

    moved = [
        movements.purchase(
            workspace_id=workspace.pk, points=500, reference="payment:a", expires_at=WHEN
        )
        for _ in range(3)
    ]

    assert moved == [True, False, False]
    assert wallet(workspace) == (500, 0, 0)
    assert last_line(workspace) == ("PURCHASE", "payment:a", 500, 0, 500)
    lots = CreditLot.objects.of(workspace.pk).values_list("points", "remaining", "expires_at")
    assert list(lots) == [(500, 500, WHEN)]
    proven(workspace)


def test_clawback_takes_what_is_there_and_the_rest_is_owed():
    workspace = WorkspaceFactory.create(points=300)

    moved = [
        movements.claw_back(workspace_id=workspace.pk, points=1000, reference="payment:a:1")
        for _ in range(2)
    ]

    assert moved == [True, False]
    assert wallet(workspace) == (0, 0, 700)
    assert last_line(workspace) == ("CLAWBACK", "payment:a:1", -300, 700, 0)
    proven(workspace)


@pytest.mark.parametrize(
    ("points", "after", "line"),
    [(400, (0, 0, 300), (0, -400)), (700, (0, 0, 0), (0, -700)), (1000, (300, 0, 0), (300, -700))],
)
def test_income_pays_the_debt_first(
    points: int, after: tuple[int, int, int], line: tuple[int, int]
):
    workspace = WorkspaceFactory.create(points=0)
    movements.claw_back(workspace_id=workspace.pk, points=700, reference="payment:a:1")

    movements.grant(workspace_id=workspace.pk, points=points, reference="promo")

    assert wallet(workspace) == after
    assert last_line(workspace)[2:4] == line
    lots = CreditLot.objects.of(workspace.pk).filter(remaining__gt=0)
    assert [lot.points for lot in lots] == ([after[0]] if after[0] else [])
    proven(workspace)


def test_reinstatement_pays_the_debt_that_the_clawback_made():
    workspace = WorkspaceFactory.create(points=300)
    movements.claw_back(workspace_id=workspace.pk, points=1000, reference="payment:a:1")

    movements.reinstate(workspace_id=workspace.pk, points=1000, reference="payment:a:2")

    assert wallet(workspace) == (300, 0, 0)
    proven(workspace)


@pytest.mark.parametrize(
    ("cost", "after"), [(None, (0, 0, 200)), (300, (0, 0, 500)), (500, (0, 0, 700))]
)
def test_what_a_hold_gives_back_pays_the_debt(cost: int | None, after: tuple[int, int, int]):
    workspace = WorkspaceFactory.create(points=500)
    credits.hold(identity=identity(workspace), points=500, reference="task:a")
    movements.claw_back(workspace_id=workspace.pk, points=700, reference="payment:a:1")
    assert wallet(workspace) == (0, 500, 700)

    if cost is None:
        credits.release(workspace_id=workspace.pk, reference="task:a")
    else:
        credits.capture(workspace_id=workspace.pk, reference="task:a", cost=cost)

    assert wallet(workspace) == after
    proven(workspace)


def test_repetition_of_a_settlement_repays_nothing_twice():
    workspace = WorkspaceFactory.create(points=500)
    credits.hold(identity=identity(workspace), points=500, reference="task:a")
    movements.claw_back(workspace_id=workspace.pk, points=700, reference="payment:a:1")

    for _ in range(3):
        credits.release(workspace_id=workspace.pk, reference="task:a")

    assert wallet(workspace) == (0, 0, 200)
    assert CreditEntry.objects.of(workspace.pk).filter(kind="REPAYMENT").count() == 1
    proven(workspace)


@pytest.mark.parametrize("move", ["purchase", "grant", "claw_back", "reinstate"])
def test_negative_movements_are_refused(move: str):
    workspace = WorkspaceFactory.create(points=100)

    with pytest.raises(ValueError, match="-1 points"):
        getattr(movements, move)(workspace_id=workspace.pk, points=-1, reference="a")

    assert wallet(workspace) == (100, 0, 0)


def test_neighbours_wallet_is_not_touched():
    mine, other = WorkspaceFactory.create(points=100), WorkspaceFactory.create(points=100)

    movements.claw_back(workspace_id=mine.pk, points=150, reference="payment:a:1")
    movements.purchase(workspace_id=mine.pk, points=70, reference="payment:b")

    assert wallet(mine) == (20, 0, 0)
    assert wallet(other) == (100, 0, 0)
