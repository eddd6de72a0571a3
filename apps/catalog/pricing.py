"""What an input costs: the spec's rates (or an operator's), counted by the spec's formula, rounded up once."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from apps.catalog.inputs import TaskInput
from apps.catalog.models import PriceOverride
from apps.catalog.spec import Charge, TaskSpec
from apps.core.money import POINTS_PER_USD, points_rounded_up


@dataclass(frozen=True)
class Line:
    """One summand: so many units at so many points each."""

    rate: str
    unit: str
    quantity: Decimal
    points_per_unit: Decimal

    @property
    def points(self) -> Decimal:
        return self.quantity * self.points_per_unit


@dataclass(frozen=True)
class Quote:
    """A price in points with the sum behind it. What a task holds is exactly this."""

    points: int
    lines: tuple[Line, ...]

    def as_json(self) -> list[dict[str, Any]]:
        """For the task's row: the numbers as exact decimal text."""
        return [
            {
                "rate": line.rate,
                "unit": line.unit,
                "quantity": f"{line.quantity.normalize():f}",
                "points_per_unit": f"{line.points_per_unit.normalize():f}",
            }
            for line in self.lines
        ]


def quote(*, spec: TaskSpec, values: TaskInput, workspace_id: int | None, plan: str) -> Quote:
    """The price of this input for this workspace (None: for whoever has none yet), now."""
    rates = rates_for(spec=spec, workspace_id=workspace_id, plan=plan)
    lines = tuple(_line(spec, charge, rates) for charge in spec.charges(values))
    return Quote(points_rounded_up(sum((line.points for line in lines), Decimal(0))), lines)


def rates_for(
    *, spec: TaskSpec, workspace_id: int | None = None, plan: str = ""
) -> dict[str, Decimal]:
    """Points per unit by rate name, as they are for this workspace now."""
    points = {rate.name: Decimal(rate.usd) * POINTS_PER_USD for rate in spec.rates}
    return points | overridden(spec.name, points, workspace_id, plan)


def overridden(
    priced: tuple[str, str], rates: Iterable[str], workspace_id: int | None, plan: str
) -> dict[str, Decimal]:
    """Of these rates of a (model, task_type) those that the operator has set for this workspace, now."""
    rows = overrides().get(priced, ())
    now = datetime.now(UTC)
    found = {rate: _override(rows, rate, workspace_id, plan, now) for rate in rates} if rows else {}
    return {rate: points for rate, points in found.items() if points is not None}


def _line(spec: TaskSpec, charge: Charge, rates: dict[str, Decimal]) -> Line:
    return Line(
        charge.rate, spec.rate(charge.rate).unit, Decimal(charge.quantity), rates[charge.rate]
    )


def _override(
    rows: tuple[PriceOverride, ...],
    rate: str,
    workspace_id: int | None,
    plan: str,
    now: datetime,
) -> Decimal | None:
    fitting = [
        row
        for row in rows
        if row.rate == rate
        and row.valid_from <= now
        and (row.valid_to is None or row.valid_to > now)
        and row.workspace_id in (None, workspace_id)
        and row.plan in ("", plan)
    ]
    if not fitting:
        return None
    best = max(
        fitting,
        key=lambda row: (row.workspace_id is not None, row.plan != "", row.valid_from, row.pk),
    )
    return best.points_per_unit


# Overrides are few and change rarely; every process reads them anew after this long.
_KEPT_SECONDS = 2.0
_kept: tuple[float, dict[tuple[str, str], tuple[PriceOverride, ...]]] = (0.0, {})
_lock = threading.Lock()


def overrides() -> dict[tuple[str, str], tuple[PriceOverride, ...]]:
    """By (model, task_type). What is made from one reading holds while the next answer is the same object."""
    global _kept
    until, found = _kept
    if time.monotonic() < until:
        return found
    with _lock:
        until, found = _kept
        if time.monotonic() < until:  # another thread has been faster
            return found
        by_name: dict[tuple[str, str], list[PriceOverride]] = {}
        for row in PriceOverride.objects.all():
            by_name.setdefault((row.model, row.task_type), []).append(row)
        found = {name: tuple(rows) for name, rows in by_name.items()}
        _kept = (time.monotonic() + _KEPT_SECONDS, found)
    return found


def forget_overrides() -> None:
    """Read the overrides again at the next quote (tests, and the process that changed one)."""
    global _kept
    _kept = (0.0, {})
