"""A task in sentences: how it stands, what that means for the money, what happened when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, pgettext

from apps.billing.models import CreditEntry
from apps.core.money import format_usd
from apps.dashboard.task_words import told
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
    sentences = {
        Status.STAGED: _("Waiting for a free place. {money}"),
        Status.PENDING: _("Waiting to start. {money}"),
        Status.PROCESSING: _("Running, {percent} %. {money}"),
        Status.COMPLETED: _("Completed in {time}, {price}."),
        Status.FAILED: _("Failed, {not_charged}"),
        Status.CANCELLED: _("Cancelled before it started, {not_charged}"),
    }
    return sentences[Status(task.status)].format(
        money=_holding(task, paid),
        percent=task.progress,
        time=_took(task),
        price=_price(task, paid),
        not_charged=_not_charged(paid),
    )


def _holding(task: Task, paid: Money) -> str:
    if task.service_mode == PRIVATE:
        return _("On your own accounts, no credits used.")
    return _("{amount} is held.").format(amount=format_usd(paid.held)) if paid.held else _("Free.")


def _price(task: Task, paid: Money) -> str:
    if task.service_mode == PRIVATE:
        return _("on your own account")
    if not paid.charged:
        return _("free")
    return _("charged {amount}").format(amount=format_usd(paid.charged))


def _not_charged(paid: Money) -> str:
    if paid.charged:
        return _("and charged {amount}.").format(amount=format_usd(paid.charged))
    if paid.released:
        amount = format_usd(paid.released)
        return _("not charged; {amount} is back in your balance.").format(amount=amount)
    return _("not charged.")


def _took(task: Task) -> str:
    begun = task.started_at or task.created_at
    return duration(task.ended_at - begun) if task.ended_at else "–"


_NEXT_STEPS: dict[int, str] = {
    FailureCode.PROVIDER_FAILED: gettext_noop("Change the input, or run it again."),
    FailureCode.PROVIDER_TIMEOUT: gettext_noop("Run it again; a smaller input is quicker."),
    FailureCode.PROVIDER_MODERATED: gettext_noop(
        "Change the prompt or the picture and run it again."
    ),
    FailureCode.ACCOUNT_UNAVAILABLE: gettext_noop("Run it again in some minutes."),
    FailureCode.OUTPUT_UNAVAILABLE: gettext_noop("Run it again: the result could not be kept."),
    FailureCode.INTERNAL_ERROR: gettext_noop(
        "This is on our side. Run it again; tell us the task's id if it stays."
    ),
}


def next_step(task: Task) -> str:
    """What to do about a failure; empty when there is none."""
    if task.status != Status.FAILED:
        return ""
    if task.cost_points:
        return _(
            "The provider's filters refused it, and above a day's allowance of such tasks the held amount is kept. "
            "Check a prompt first, it is free: POST /mj/v2/validation."
        )
    return _(_NEXT_STEPS.get(task.error_code, ""))


@dataclass(frozen=True)
class Step:
    """One point of the timeline. `after` is the time since the step before it."""

    at: datetime
    title: str
    detail: str
    tone: str
    after: timedelta | None


_TITLES: dict[str, str] = {
    "created": gettext_noop("Created"),
    Status.STAGED: gettext_noop("Staged"),
    Status.PENDING: gettext_noop("Waiting"),
    Status.COMPLETED: gettext_noop("Completed"),
    Status.FAILED: gettext_noop("Failed"),
    Status.CANCELLED: gettext_noop("Cancelled"),
}


def endings() -> set[str]:
    """The titles of steps that end a task."""
    return {_(_TITLES[status]) for status in (Status.COMPLETED, Status.FAILED, Status.CANCELLED)}


def timeline(task: Task) -> list[Step]:
    """Events and attempts in the order they happened."""
    points = [_of_event(event, task) for event in task.events.all() if event.kind in _TITLES]
    for attempt in task.attempts.select_related("account"):
        points += _of_attempt(attempt, task)
    # The end is written in one transaction with its attempt's: it comes last whatever the clock says.
    last = endings()
    points.sort(key=lambda point: (point[1] in last, point[0]))
    steps: list[Step] = []
    for at, title, detail, tone in points:
        steps.append(
            Step(at, title, detail, tone, max(at - steps[-1].at, timedelta()) if steps else None)
        )
    return steps


Point = tuple[datetime, str, str, str]


def _of_event(event: TaskEvent, task: Task) -> Point:
    if event.data.get("failover"):
        return (
            event.created_at,
            _("Moved to pay-per-use"),
            _("no own account could take it"),
            "warn",
        )
    title = _(_TITLES[event.kind])
    if event.kind == "created" and task.failover_triggered:
        # Unless a later event says when.
        is_moved_later = any(other.data.get("failover") for other in task.events.all())
        why = "" if is_moved_later else _("for pay-per-use: no own account could take it")
        return event.created_at, title, why, "idle"
    tones: dict[str, str] = {Status.COMPLETED: "ok", Status.FAILED: "bad"}
    return event.created_at, title, "", tones.get(event.kind, "idle")


def _of_attempt(attempt: Attempt, task: Task) -> list[Point]:
    where = _where(attempt, task)
    if attempt.mode:
        where = _("{place}, {mode}").format(place=where, mode=attempt.mode)
    number = attempt.number
    name = (
        pgettext("task", "Started")
        if number == 1
        else _("Attempt {number} started").format(number=number)
    )
    points: list[Point] = [(attempt.started_at, name, _("on {place}").format(place=where), "run")]
    if attempt.ended_at and attempt.state in {Attempt.State.FAILED, Attempt.State.LOST}:
        if attempt.state == Attempt.State.FAILED:
            how = _("Attempt {number} ended without a result").format(number=number)
        else:
            how = _("Attempt {number} was lost").format(number=number)
        points.append((attempt.ended_at, how, told(attempt.error), "bad"))
    return points


def _where(attempt: Attempt, task: Task) -> str:
    """Whose account it was is told only to its owner."""
    if attempt.provider == "local":
        return _("the local engine")
    account = attempt.account
    if account is not None and account.workspace_id == task.workspace_id:
        return _("your account {name}").format(name=account.label)
    return attempt.provider
