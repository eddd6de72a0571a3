"""A random walk through everything that moves points: the invariants hold after every step."""

from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from apps.billing import selectors
from apps.billing.models import Wallet
from apps.billing.services import credits, movements
from apps.core.errors import InvalidRequest
from tests.factories import WorkspaceFactory, identity

POINTS = st.integers(min_value=0, max_value=500)
REFERENCES = st.integers(min_value=0, max_value=20).map(lambda n: f"task:{n}")


class Ledger(RuleBasedStateMachine):
    """The model beside the real thing: what should be available and held."""

    def __init__(self) -> None:
        super().__init__()
        self.workspace = WorkspaceFactory.create(points=1000)
        self.who = identity(self.workspace)
        self.available = 1000
        self.open: dict[str, int] = {}
        self.seen: dict[str, int] = {}
        self.closed: dict[str, tuple[str, int]] = {}
        self.grants: set[str] = set()
        self.refunds: set[str] = set()

    @rule(points=POINTS, reference=REFERENCES)
    def hold(self, points: int, reference: str) -> None:
        covered = points <= self.available
        try:
            credits.hold(identity=self.who, points=points, reference=reference)
        except credits.InsufficientCredits:
            assert not covered
            return
        if reference in self.seen:
            return
        assert covered
        self.available -= points
        self.open[reference] = self.seen[reference] = points

    @rule(reference=REFERENCES, share=st.floats(min_value=0, max_value=1))
    def capture(self, reference: str, share: float) -> None:
        cost = int(self.seen.get(reference, 0) * share)
        self._settle(
            reference,
            ("CAPTURE", cost),
            lambda: credits.capture(workspace_id=self.workspace.pk, reference=reference, cost=cost),
        )

    @rule(reference=REFERENCES)
    def release(self, reference: str) -> None:
        self._settle(
            reference,
            ("RELEASE", 0),
            lambda: credits.release(workspace_id=self.workspace.pk, reference=reference),
        )

    def _settle(self, reference: str, way: tuple[str, int], settle: Any) -> None:
        if reference not in self.seen:
            return
        try:
            settle()
        except credits.AlreadySettled:
            assert self.closed[reference] != way
            return
        if reference in self.open:
            self.available += self.open.pop(reference) - way[1]
            self.closed[reference] = way

    @rule(points=st.integers(min_value=-1, max_value=400), reference=REFERENCES)
    def refund(self, points: int, reference: str) -> None:
        way, captured = self.closed.get(reference, ("", 0))
        fits = way == "CAPTURE" and 0 < points <= captured
        try:
            moved = movements.refund(
                workspace_id=self.workspace.pk,
                reference=reference,
                points=points,
                note="test",
                actor=None,
            )
        except InvalidRequest:
            assert not fits
            return
        assert fits
        assert moved == (reference not in self.refunds)
        self.refunds.add(reference)
        self.available += points if moved else 0

    @rule(points=POINTS, name=st.integers(min_value=0, max_value=5))
    def grant(self, points: int, name: int) -> None:
        if movements.grant(
            workspace_id=self.workspace.pk, points=points, reference=f"promo:{name}"
        ):
            assert f"promo:{name}" not in self.grants
            self.grants.add(f"promo:{name}")
            self.available += points

    @rule(points=st.integers(min_value=-300, max_value=300), name=st.uuids())
    def adjust(self, points: int, name: Any) -> None:
        try:
            movements.adjust(
                workspace_id=self.workspace.pk,
                points=points,
                reference=str(name),
                note="test",
                actor=None,
            )
        except InvalidRequest:
            assert self.available + points < 0
            return
        self.available += points

    @invariant()
    def wallet_is_what_the_model_says_and_the_ledger_proves(self) -> None:
        wallet = Wallet.objects.of(self.workspace.pk).get()
        assert (wallet.available, wallet.held) == (self.available, sum(self.open.values()))
        assert list(selectors.imbalances()) == []
        assert list(selectors.broken_balances()) == []


@pytest.mark.django_db
def test_ledger_holds_its_invariants_in_every_order_of_movements():
    run_state_machine_as_test(
        Ledger,
        settings=settings(
            max_examples=40,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
