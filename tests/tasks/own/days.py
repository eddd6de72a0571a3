"""What happened to a workspace in a day, for tests of penalties."""

from typing import Any

import pytest

from apps.accounts.models import Workspace
from apps.core.errors import DomainError
from apps.notifications.models import Notice
from apps.tasks.models import Penalty, PenaltyDay
from tests.factories import WorkspaceFactory
from tests.tasks.own.helpers import midjourney, today
from tests.tasks.rows import plan

FAST, RELAX, DOLLAR = 700_000, 300_000, 10_000_000
BAD = "a cat --nothing 3"
PICTURE = "https://example.com/picture.png"


def shop(name: str = "premium", **fields: Any) -> Workspace:
    """A workspace on that plan that may have as many tasks under way as it likes."""
    made = WorkspaceFactory.create(plan=name, **{"points": 10 * DOLLAR, **fields})
    return plan(made, concurrency_override=1000)


def had(workspace: Workspace, **counts: Any) -> PenaltyDay:
    """So much has happened today."""
    return PenaltyDay.objects.create(workspace=workspace, **{"day": today(), **counts})


def counts(workspace: Workspace) -> tuple[int, int, int]:
    """Incorrect, relax and bonus of all days."""
    rows = PenaltyDay.objects.of(workspace.pk).values_list("incorrect", "relax", "bonus")
    incorrect, relax, bonus = (
        (sum(column) for column in zip(*rows, strict=True)) if rows else (0, 0, 0)
    )
    return incorrect, relax, bonus


def penalties(workspace: Workspace) -> list[tuple[str, int, int, int]]:
    """Kind, number, threshold and points, in order."""
    rows = Penalty.objects.of(workspace.pk).order_by("id")
    return list(rows.values_list("kind", "number", "threshold", "points"))


def told(workspace: Workspace) -> list[dict[str, Any]]:
    rows = Notice.objects.of(workspace.pk).filter(type="mj_penalty_triggered").order_by("id")
    return list(rows.values_list("detail", flat=True))


def reject(workspace: Workspace, prompt: str = BAD) -> str:
    with pytest.raises(DomainError) as caught:
        midjourney(workspace, prompt=prompt)
    return caught.value.type
