"""Midjourney's rules against waste of the public pool: incorrect tasks, and relax tasks beyond a day's allowance.

Days are UTC, by the database's clock. Counts are exact: each is raised under its row's lock, in the transaction of what
is counted, after the lock of a task and before those of caps, loads and wallets.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection, transaction

from apps.accounts.models import Plan, Workspace
from apps.accounts.selectors import Identity
from apps.catalog.pricing import Line, Quote
from apps.core.errors import RateLimited
from apps.core.sentences import sentence
from apps.notifications.services import account_events
from apps.tasks.models import Penalty, Status, Task
from apps.tasks.policies import PUBLIC, SLOW_MODE
from apps.tasks.services.request import Prepared

FAMILY = "midjourney"
# A day's allowance by plan: incorrect tasks, relax tasks.
INCORRECT = {Plan.HOBBYIST: 30, Plan.DEVELOPER: 60, Plan.PREMIUM: 60}
RELAX = {Plan.HOBBYIST: 100, Plan.DEVELOPER: 500, Plan.PREMIUM: 1500}
_RELAX_RATE = f"_{SLOW_MODE}"
# How sentences about failures end.
_FREE = "Nothing was charged."
# A picture at these speeds brings a relax task more.
_BONUS_TYPES, _BONUS_MODES = ("imagine", "blend"), ("fast", "turbo")


@dataclass(frozen=True)
class Beyond:
    """A task beyond the allowance of its day: the `number`th, of which `threshold` are free of consequences."""

    workspace_id: int
    task: Task | None
    kind: str
    day: date
    number: int
    threshold: int
    points: int


_COUNT = """
INSERT INTO tasks_penaltyday AS d (workspace_id, day, incorrect, relax, bonus)
VALUES (%(workspace)s, COALESCE(%(day)s::date, (statement_timestamp() AT TIME ZONE 'UTC')::date),
        GREATEST(%(incorrect)s, 0), GREATEST(%(relax)s, 0), %(bonus)s)
ON CONFLICT (workspace_id, day) DO UPDATE
   SET incorrect = d.incorrect + %(incorrect)s, relax = GREATEST(d.relax + %(relax)s, 0), bonus = d.bonus + %(bonus)s
RETURNING day, incorrect, relax, bonus, waived_at IS NOT NULL
"""


@dataclass(frozen=True)
class _Day:
    day: date
    incorrect: int
    relax: int
    bonus: int
    is_waived: bool


def _count(
    workspace_id: int,
    *,
    incorrect: int = 0,
    relax: int = 0,
    bonus: int = 0,
    day: date | None = None,
) -> _Day:
    """Add to the day, today if none is given, and hold its row to the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNT,
            {
                "workspace": workspace_id,
                "day": day,
                "incorrect": incorrect,
                "relax": relax,
                "bonus": bonus,
            },
        )
        return _Day(*cursor.fetchone())


_TODAY = """
SELECT incorrect, relax, bonus FROM tasks_penaltyday
 WHERE workspace_id = %s AND day = (statement_timestamp() AT TIME ZONE 'UTC')::date AND waived_at IS NULL
"""


# --------------------------------------------------------------------------------- incorrect
def admit(*, identity: Identity, family: str, pool: str) -> None:
    """Raises RateLimited for a free workspace that had more incorrect tasks today than it may."""
    if family != FAMILY or pool != PUBLIC or identity.plan != Plan.HOBBYIST:
        return
    with connection.cursor() as cursor:
        cursor.execute(_TODAY, [identity.workspace_id])
        row = cursor.fetchone()
    if row is not None and row[0] > INCORRECT[Plan.HOBBYIST]:
        raise _blocked(row[0])


def count_refused(*, identity: Identity, pool: str) -> None:
    """A prompt was refused at creation: it counts, and costs nothing. Raises RateLimited beyond a free allowance."""
    if pool != PUBLIC:
        return
    with transaction.atomic():
        beyond = _incorrect(identity.workspace_id, identity.plan, None)
        if beyond is not None:
            tell([beyond])
    if beyond is not None and identity.plan == Plan.HOBBYIST:
        raise _blocked(beyond.number)


def _incorrect(workspace_id: int, plan: str, task: Task | None) -> Beyond | None:
    found = _count(workspace_id, incorrect=1)
    threshold = INCORRECT[Plan(plan)]
    if found.is_waived or found.incorrect <= threshold:
        return None
    keeps = task is not None and plan != Plan.HOBBYIST
    points = task.price_points if task is not None and keeps else 0
    kind = Penalty.Kind.ERROR
    return Beyond(workspace_id, task, kind, found.day, found.incorrect, threshold, points)


def _blocked(number: int) -> RateLimited:
    threshold = INCORRECT[Plan.HOBBYIST]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT ceil(EXTRACT(EPOCH FROM date_trunc('day', now() AT TIME ZONE 'UTC') + interval '1 day'"
            " - now() AT TIME ZONE 'UTC'))::int"
        )
        seconds: int = cursor.fetchone()[0]
    return RateLimited(
        sentence(
            "There were {number} incorrect Midjourney tasks today. Above {threshold} a day no public one is taken until"
            " 00:00 UTC. Nothing was created or charged.",
            number=number,
            threshold=threshold,
        ),
        detail={"limit": threshold, "used": number, "family": FAMILY},
        retry_after=max(1, seconds),
    )


# ------------------------------------------------------------------------------------- relax
def counts_relax(task: Task) -> bool:
    """Whether it is a relax task of the public pool. What costs the same at every speed (a seed, U1) is none."""
    rates = [str(line.get("rate", "")) for line in task.price_lines]
    return _is_relax(task.family, task.service_mode, task.asked_mode, rates)


def _is_relax(family: str, pool: str, mode: str, rates: Sequence[str]) -> bool:
    is_slow = (family, pool, mode) == (FAMILY, PUBLIC, SLOW_MODE)
    return is_slow and any(_RELAX_RATE in rate for rate in rates)


def count_relax(*, identity: Identity, task: Task, day: date | None = None) -> Beyond | None:
    """Count a relax task in the transaction that holds its price; beyond the allowance that is doubled here.

    `day` is that of its creation, which is today unless it has waited for an own account before.
    """
    found = _count(identity.workspace_id, relax=1, day=day)
    threshold = RELAX[Plan(identity.plan)] + found.bonus
    if found.is_waived or found.relax <= threshold:
        return None
    points = task.price_points
    task.price_points += points
    task.price_lines = [*task.price_lines, *Quote(0, (_surcharge(points),)).as_json()]
    kind = Penalty.Kind.RELAX
    return Beyond(identity.workspace_id, task, kind, found.day, found.relax, threshold, points)


def expected(*, identity: Identity, prepared: Prepared) -> Quote:
    """What it would hold now: its quote, doubled where the day's allowance is used up. Reads only."""
    quote = prepared.quote
    rates = [line.rate for line in quote.lines]
    if not _is_relax(prepared.spec.family, prepared.service_mode, prepared.asked_mode, rates):
        return quote
    with connection.cursor() as cursor:
        cursor.execute(_TODAY, [identity.workspace_id])
        row = cursor.fetchone()
    if row is None or row[1] < RELAX[Plan(identity.plan)] + row[2]:
        return quote
    return Quote(2 * quote.points, (*quote.lines, _surcharge(quote.points)))


def _surcharge(points: int) -> Line:
    return Line("beyond_relax_allowance", "task", Decimal(1), Decimal(points))


# -------------------------------------------------------------------------------- tasks end
def judge(ended: Sequence[tuple[Task, bool]]) -> list[Beyond]:
    """What tasks that end mean for their days; with each whether it was incorrect. Gives a cost to those punished.

    The tasks' new states are set and not written yet.
    """
    ours = [
        (task, is_fault)
        for task, is_fault in ended
        if task.family == FAMILY and task.service_mode == PUBLIC
    ]
    found = []
    for task, is_fault in sorted(ours, key=_by_day):
        beyond = _judged(task, is_fault)
        if beyond is not None:
            found.append(beyond)
            _punish(task, beyond)
    return found


def _by_day(judged: tuple[Task, bool]) -> tuple[int, bool, datetime]:
    """In the order of their days, so that nobody waits in a circle: what is given back may be yesterday's."""
    task, is_fault = judged
    return task.workspace_id, is_fault or task.status == Status.COMPLETED, task.created_at


def _punish(task: Task, beyond: Beyond) -> None:
    """Keep what was held, and say so instead of what its failure says."""
    task.cost_points = beyond.points
    if beyond.points:
        said = task.error_message.removesuffix(_FREE).rstrip()
        task.error_message = f"{said} {_kept(beyond)}"


def _judged(task: Task, is_fault: bool) -> Beyond | None:
    if task.status == Status.COMPLETED:
        if task.task_type in _BONUS_TYPES and task.process_mode in _BONUS_MODES:
            _count(task.workspace_id, bonus=1)
        return None
    if task.status == Status.FAILED and is_fault:
        return _incorrect(task.workspace_id, task.plan or task.workspace.plan, task)
    if counts_relax(task):
        # It came to nothing, and that was not its customer's fault.
        _count(task.workspace_id, relax=-1, day=task.created_at.date())
    return None


# ------------------------------------------------------------------------------------ telling
def tell(beyond: Sequence[Beyond]) -> None:
    """Write the penalties down and tell the workspaces, in the transaction that counted them, at its end."""
    for one in beyond:
        row = Penalty.objects.create(
            workspace_id=one.workspace_id,
            task=one.task,
            kind=one.kind,
            day=one.day,
            number=one.number,
            threshold=one.threshold,
            points=one.points,
        )
        account_events.tell(
            workspace_id=one.workspace_id,
            type="mj_penalty_triggered",
            message=_words(one),
            detail={
                "penalty_type": str(one.kind),
                "task_id": str(one.task.id) if one.task else "",
                "threshold": one.threshold,
                "cap_usage": one.number,
            },
            key=f"penalty:{row.pk}",
            url=_page(one),
        )


def _words(one: Beyond) -> str:
    if one.points and one.kind != Penalty.Kind.RELAX:
        return _kept(one)
    if one.kind == Penalty.Kind.RELAX:
        return sentence(
            "Relax task {number} of today: above {threshold} a day they cost double.",
            number=one.number,
            threshold=one.threshold,
        )
    return sentence(
        "Incorrect prompt {number} of today: more than {threshold} a day have consequences.",
        number=one.number,
        threshold=one.threshold,
    )


def _kept(one: Beyond) -> str:
    return sentence(
        "Incorrect task {number} of today: above {threshold} a day the held amount is kept.",
        number=one.number,
        threshold=one.threshold,
    )


def _page(one: Beyond) -> str:
    slug: Any = Workspace.objects.values_list("slug", flat=True).get(pk=one.workspace_id)
    return f"/w/{slug}/tasks/{one.task.id}" if one.task else f"/w/{slug}/tasks"
