"""Letting a day of Midjourney's penalties pass: nothing more of it is punished, and what it cost is given back.

Two steps, each safe to repeat. The day is marked under its lock, after which no penalty of that day is written any
more; then each task gives back what its penalties took. A task that still runs does so when it has ended, by a sweep.
"""

import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Sum
from django.db.models.functions import Now

from apps.accounts.models import User
from apps.accounts.services import audit
from apps.billing import words
from apps.billing.models import CreditEntry
from apps.billing.services import movements
from apps.core.errors import InvalidRequest, NotFound
from apps.tasks.models import Penalty, PenaltyDay, Task

log = logging.getLogger(__name__)

# A task ends within a day of its creation, or within two where a provider takes its time.
_LOOK_BACK_DAYS = 4


def waive(*, day_id: int, actor: User | None, reason: str) -> int:
    """Let the day pass, and say how many points were given back now. Never inside a transaction.

    A day that was waived before stays so; what was not given back yet is given back. Raises InvalidRequest without a
    reason, and NotFound.
    """
    if not reason.strip():
        raise InvalidRequest.field("reason", "Say why; it is kept with the workspace.")
    return _give_back(_marked(day_id, actor, reason))


def give_back_due() -> int:
    """The same for tasks that still ran when their day was waived. Says how many points were given back."""
    since = datetime.now(UTC).date() - timedelta(days=_LOOK_BACK_DAYS)
    days = PenaltyDay.objects.across_workspaces().filter(day__gte=since, waived_at__isnull=False)
    return sum(_give_back(day) for day in days.select_related("waived_by").order_by("pk"))


@dataclass(frozen=True)
class Owed:
    """What penalties of a day took and nobody has given back: of tasks that ended, and how many still run."""

    points: int
    running: int


def owed(*, day: PenaltyDay) -> Owed:
    """Reads only."""
    found = _debts(day)
    return Owed(
        points=sum(one.points for one in found if one.task.is_finished),
        running=sum(not one.task.is_finished for one in found),
    )


@transaction.atomic
def _marked(day_id: int, actor: User | None, reason: str) -> PenaltyDay:
    day = PenaltyDay.objects.across_workspaces().select_for_update().filter(pk=day_id).first()
    if day is None:
        raise NotFound("There is no such day.")
    if day.waived_at is None:
        PenaltyDay.objects.across_workspaces().filter(pk=day.pk).update(
            waived_at=Now(), waived_by=actor
        )
        audit(
            workspace_id=day.workspace_id,
            actor=actor,
            action="penalties.waived",
            target=f"{day.day}",
            detail={"reason": reason.strip()[:200], "incorrect": day.incorrect, "relax": day.relax},
        )
        day.refresh_from_db()
    return day


@dataclass(frozen=True)
class _Debt:
    """What a task has cost because of its penalties of the day; of one that runs nothing yet."""

    task: Task
    points: int


def _debts(day: PenaltyDay) -> Sequence[_Debt]:
    kept = _kept_of(day)
    rows = Task.objects.of(day.workspace_id).filter(pk__in=kept)
    tasks = list(rows.order_by("created_at", "id"))
    references = [task.reference for task in tasks]
    refunds = CreditEntry.objects.of(day.workspace_id).filter(
        kind=CreditEntry.Kind.REFUND, reference__in=references
    )
    done = set(refunds.values_list("reference", flat=True))
    found = [
        # A relax task that cost double and then failed for good is no dearer than its price.
        _Debt(task, min(kept[task.pk], task.cost_points))
        for task in tasks
        if task.reference not in done
    ]
    return [one for one in found if one.points or not one.task.is_finished]


def _kept_of(day: PenaltyDay) -> dict[uuid.UUID, int]:
    rows = (
        Penalty.objects.of(day.workspace_id)
        .filter(day=day.day, points__gt=0, task__isnull=False)
        .values_list("task")
        .annotate(points=Sum("points"))
    )
    return dict(rows)


def _give_back(day: PenaltyDay) -> int:
    given = 0
    for debt in _debts(day):
        # What has ended stays as it is, so nothing needs a lock; a reference is refunded once.
        if debt.task.is_finished and movements.refund(
            workspace_id=day.workspace_id,
            reference=debt.task.reference,
            points=debt.points,
            note=words.penalties_waived(day=day.day),
            actor=day.waived_by,
        ):
            given += debt.points
    if given:
        log.info("penalties given back", extra={"workspace": day.workspace_id, "points": given})
    return given
