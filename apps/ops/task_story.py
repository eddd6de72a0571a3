"""What happened to one task, for whoever has to explain it: every table that knows of it, in order of time.

Without what it was about: inputs, outputs and secrets of customers are not read here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.accounts.models import AuditEvent
from apps.billing import selectors as billing
from apps.billing.models import CreditEntry
from apps.core.money import format_usd
from apps.notifications import selectors as notifications
from apps.notifications.models import Delivery
from apps.tasks.models import Attempt, Task, TaskEvent


@dataclass(frozen=True)
class Moment:
    """Something that happened: where it is written, and one sentence."""

    at: datetime
    source: str
    text: str


@dataclass(frozen=True)
class Told:
    """A delivery: to which host, and how the newest attempt went."""

    delivery: Delivery
    host: str
    last: str


@dataclass(frozen=True)
class Story:
    """One task's whole story. `refundable_points` is what a refund would give back now; 0 when nothing."""

    moments: Sequence[Moment]
    attempts: Sequence[Attempt]
    deliveries: Sequence[Told]
    refundable_points: int


def story(*, task: Task) -> Story:
    """Read it now."""
    entries = billing.entries_of(workspace_id=task.workspace_id, reference=task.reference)
    attempts = list(Attempt.objects.filter(task=task).select_related("account").order_by("number"))
    told = notifications.deliveries_of(workspace_id=task.workspace_id, subject=task.reference)
    moments = [*_events(task), *map(_of_ledger, entries), *_of_attempts(attempts), *_actions(task)]
    is_refunded = any(entry.kind == CreditEntry.Kind.REFUND for entry in entries)
    return Story(
        # Sorting keeps the order of what happened in one transaction.
        moments=sorted(moments, key=lambda one: one.at),
        attempts=attempts,
        deliveries=[_told(one) for one in told],
        refundable_points=0 if is_refunded else task.cost_points,
    )


def _events(task: Task) -> Iterator[Moment]:
    for event in TaskEvent.objects.filter(task=task).order_by("id"):
        number = event.data.get("attempt")
        yield Moment(
            event.created_at, "task", event.kind + (f", attempt {number}" if number else "")
        )


def _of_ledger(entry: CreditEntry) -> Moment:
    moved = f"available {format_usd(entry.available_delta)}, held {format_usd(entry.held_delta)}"
    note = f" ({entry.note})" if entry.note else ""
    return Moment(
        entry.created_at, "ledger", f"{entry.get_kind_display()} {entry.pk}: {moved}{note}"
    )


def _of_attempts(attempts: Sequence[Attempt]) -> Iterator[Moment]:
    for one in attempts:
        where = one.provider if one.account is None else f"{one.account} #{one.account_id}"
        yield Moment(one.started_at, "attempt", f"{one.number} opened at {where}")
        if one.accepted_at:
            yield Moment(one.accepted_at, "attempt", f"{one.number} accepted")
        if one.ended_at:
            yield Moment(one.ended_at, "attempt", f"{one.number} {one.get_state_display().lower()}")


def _actions(task: Task) -> Iterator[Moment]:
    done = AuditEvent.objects.of(task.workspace_id).filter(target=task.reference)
    for event in done.select_related("actor").order_by("id"):
        who = event.actor.email if event.actor else "somebody"
        yield Moment(
            event.created_at, "operator", f"{event.action} by {who}: {event.detail.get('reason')}"
        )


def _told(delivery: Delivery) -> Told:
    newest: dict[str, Any] = delivery.log[-1] if delivery.log else {}
    said = newest.get("error") or newest.get("status") or "–"
    return Told(delivery, delivery.lane.partition("|")[2], str(said))
