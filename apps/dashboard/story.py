"""A task in sentences: how it stands, what that means for the money, what happened when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.billing.models import CreditEntry
from apps.core.money import format_usd
from apps.dashboard.templatetags.dashboard import duration
from apps.tasks.models import Attempt, FailureCode, Status, Task, TaskEvent
from apps.tasks.policies import PRIVATE

Kind = CreditEntry.Kind


@dataclass(frozen=True)
class Money:
    """What the ledger says of one task, in points."""

    held: int
    charged: int
    released: int
    entries: Sequence[CreditEntry]

    @property
    def is_settled(self) -> bool:
        return any(entry.kind in {Kind.CAPTURE, Kind.RELEASE} for entry in self.entries)


def money(entries: Sequence[CreditEntry]) -> Money:
    """From the ledger lines of the task's reference; the task's own columns are not asked."""
    held = sum(entry.held_delta for entry in entries if entry.kind == Kind.HOLD)
    # A settlement takes the hold away and gives back what was not spent.
    charged = sum(
        -entry.held_delta - entry.available_delta for entry in entries if entry.kind == Kind.CAPTURE
    )
    released = sum(
        entry.available_delta for entry in entries if entry.kind in {Kind.CAPTURE, Kind.RELEASE}
    )
    return Money(held, charged, released, entries)


def headline(task: Task, paid: Money) -> str:
    """State and money in one sentence."""
    holding = _OWN if task.service_mode == PRIVATE else _holding(paid)
    sentences = {
        Status.STAGED: f"Waiting for a free place. {holding}",
        Status.PENDING: f"Waiting to start. {holding}",
        Status.PROCESSING: f"Running, {task.progress} %. {holding}",
        Status.COMPLETED: f"Completed in {_took(task)}, {_price(task, paid)}.",
        Status.FAILED: f"Failed, {_not_charged(paid)}",
        Status.CANCELLED: f"Cancelled before it started, {_not_charged(paid)}",
    }
    return sentences[Status(task.status)]


def _holding(paid: Money) -> str:
    return f"{format_usd(paid.held)} is held." if paid.held else "Free."


def _price(task: Task, paid: Money) -> str:
    if task.service_mode == PRIVATE:
        return "on your own account"
    return f"charged {format_usd(paid.charged)}" if paid.charged else "free"


def _not_charged(paid: Money) -> str:
    if paid.charged:
        return f"and charged {format_usd(paid.charged)}."
    if paid.released:
        return f"not charged; {format_usd(paid.released)} is back in your balance."
    return "not charged."


def _took(task: Task) -> str:
    begun = task.started_at or task.created_at
    return duration(task.ended_at - begun) if task.ended_at else "–"


_OWN = "On your own accounts, no credits used."
_NEXT_STEPS: dict[int, str] = {
    FailureCode.PROVIDER_FAILED: "Change the input, or run it again.",
    FailureCode.PROVIDER_TIMEOUT: "Run it again; a smaller input is quicker.",
    FailureCode.PROVIDER_MODERATED: "Change the prompt or the picture and run it again.",
    FailureCode.ACCOUNT_UNAVAILABLE: "Run it again in some minutes.",
    FailureCode.OUTPUT_UNAVAILABLE: "Run it again: the result could not be kept.",
    FailureCode.INTERNAL_ERROR: "This is on our side. Run it again; tell us the task's id if it stays.",
}


def next_step(task: Task) -> str:
    """What to do about a failure; empty when there is none."""
    if task.status == Status.FAILED and task.cost_points:
        return (
            "The provider's filters refused it, and above a day's allowance of such tasks the held amount is kept. "
            "Check a prompt first, it is free: POST /mj/v2/validation."
        )
    return _NEXT_STEPS.get(task.error_code, "") if task.status == Status.FAILED else ""


@dataclass(frozen=True)
class Step:
    """One point of the timeline. `after` is the time since the step before it."""

    at: datetime
    title: str
    detail: str
    tone: str
    after: timedelta | None


_TITLES: dict[str, str] = {
    "created": "Created",
    Status.STAGED: "Staged",
    Status.PENDING: "Waiting",
    Status.COMPLETED: "Completed",
    Status.FAILED: "Failed",
    Status.CANCELLED: "Cancelled",
}


_NO_OWN = "no own account could take it"
_PUBLIC = f"for pay-per-use: {_NO_OWN}"
_ENDINGS = {_TITLES[status] for status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED)}


def timeline(task: Task) -> list[Step]:
    """Events and attempts in the order they happened."""
    points = [_of_event(event, task) for event in task.events.all() if event.kind in _TITLES]
    for attempt in task.attempts.select_related("account"):
        points += _of_attempt(attempt, task)
    # The end is written in one transaction with its attempt's: it comes last whatever the clock says.
    points.sort(key=lambda point: (point[1] in _ENDINGS, point[0]))
    steps: list[Step] = []
    for at, title, detail, tone in points:
        steps.append(
            Step(at, title, detail, tone, max(at - steps[-1].at, timedelta()) if steps else None)
        )
    return steps


Point = tuple[datetime, str, str, str]


def _of_event(event: TaskEvent, task: Task) -> Point:
    if event.data.get("failover"):
        return event.created_at, "Moved to pay-per-use", _NO_OWN, "warn"
    if event.kind == "created" and task.failover_triggered:
        # Unless a later event says when.
        is_moved_later = any(other.data.get("failover") for other in task.events.all())
        return event.created_at, _TITLES[event.kind], "" if is_moved_later else _PUBLIC, "idle"
    tones: dict[str, str] = {Status.COMPLETED: "ok", Status.FAILED: "bad"}
    return event.created_at, _TITLES[event.kind], "", tones.get(event.kind, "idle")


def _of_attempt(attempt: Attempt, task: Task) -> list[Point]:
    where = _where(attempt, task) + (f", {attempt.mode}" if attempt.mode else "")
    name = "Started" if attempt.number == 1 else f"Attempt {attempt.number} started"
    points: list[Point] = [(attempt.started_at, name, f"on {where}", "run")]
    if attempt.ended_at and attempt.state in {Attempt.State.FAILED, Attempt.State.LOST}:
        how = "ended without a result" if attempt.state == Attempt.State.FAILED else "was lost"
        points.append((attempt.ended_at, f"Attempt {attempt.number} {how}", attempt.error, "bad"))
    return points


def _where(attempt: Attempt, task: Task) -> str:
    """Whose account it was is told only to its owner."""
    if attempt.provider == "local":
        return "the local engine"
    account = attempt.account
    if account is not None and account.workspace_id == task.workspace_id:
        return f"your account {account.label}"
    return attempt.provider
