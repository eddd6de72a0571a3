"""Looking after what waits in vain for own accounts: it goes to the public pool where that is wanted, or ends.

While an account may come back by itself a task waits. What is bound to an account that is gone, or whose seat has
ended, ends at once: it must not run anywhere else.
"""

import logging
import uuid
from collections.abc import Sequence

from django.db import transaction

from apps.accounts import selectors as accounts
from apps.accounts.models import Workspace
from apps.accounts.selectors import Identity
from apps.billing.services import caps, credits
from apps.billing.services.caps import SpendLimitReached
from apps.billing.services.credits import InsufficientCredits
from apps.byoa import selectors as byoa
from apps.byoa.models import Account
from apps.byoa.policies import Prospect
from apps.catalog import pricing, registry
from apps.core.errors import DomainError
from apps.core.sentences import sentence
from apps.notifications.services import account_events
from apps.tasks.models import FailureCode, Status, Task, TaskEvent
from apps.tasks.policies import PRIVATE, PUBLIC
from apps.tasks.services import finish, loads, notices, own_queue, penalties, routing, wakes
from apps.tasks.services.finish import Ending, Failure
from apps.tasks.services.local_queue import LOCAL
from apps.tasks.services.own_queue import Queue
from apps.tasks.services.penalties import Beyond

log = logging.getLogger(__name__)

_AT_ONCE = 200
_GONE = sentence("The account that it must run on was removed. Nothing was charged.")
_NO_SEAT = sentence("The seat of the account that it must run on has ended. Nothing was charged.")
_NO_ACCOUNT = "None of the workspace's own accounts could take it."
_NONE_LEFT = sentence("None of your own accounts can take it any more. Nothing was charged.")
_NO_CREDITS = sentence("No own account could take it, and the public pool needs credits.")
_FREE = sentence("Nothing was charged.")
_NO_MODEL = sentence("Its model is not offered any more. Nothing was charged.")


def look_after() -> int:
    """Move or end what waits in vain. Says how many tasks; safe to repeat, to interrupt and to run twice at once."""
    return sum(_looked_after(queue) for queue in own_queue.waiting_queues())


def _looked_after(queue: Queue) -> int:
    if queue.account_id is not None:
        reason = _why_never(queue.account_id)
        return _end(own_queue.in_queue(queue, limit=_AT_ONCE), reason) if reason else 0
    ids = own_queue.in_queue(queue, limit=_AT_ONCE)
    waiting = Task.objects.of(queue.workspace_id).filter(pk__in=ids, service_mode=PRIVATE)
    # The oldest first: credits and the plan's room may not be enough for all.
    oldest_first = waiting.exclude(bound_provider=LOCAL).order_by("created_at", "id")
    return sum(_moved_or_ended(task) for task in oldest_first)


def _why_never(account_id: int) -> str:
    account = Account.objects.across_workspaces().filter(pk=account_id).first()
    if account is None:
        return _GONE
    return _NO_SEAT if account.seat_ended_at is not None else ""


def _moved_or_ended(task: Task) -> int:
    spec = registry.all_specs().get((task.model, task.task_type))
    if spec is None:
        return _end([task.id], _NO_MODEL)
    found = routing.own_prospect(workspace_id=task.workspace_id, spec=spec, mode=task.asked_mode)
    if found == Prospect.NOW:
        return 0
    workspace = Workspace.objects.get(pk=task.workspace_id)
    if task.family in workspace.failover_families and byoa.usable_route(spec, task.asked_mode):
        return _to_public(task.id)
    return _end([task.id], _NONE_LEFT) if found == Prospect.NONE else 0


def _end(task_ids: Sequence[uuid.UUID], message: str) -> int:
    failure = Failure(FailureCode.ACCOUNT_UNAVAILABLE, message)
    return len(finish.end_many([Ending(task_id, failure) for task_id in task_ids]))


def _to_public(task_id: uuid.UUID) -> int:
    """Hold its price and let it wait for the public pool; without credits it ends."""
    try:
        return _moved(task_id)
    except (InsufficientCredits, SpendLimitReached) as error:
        return _end([task_id], f"{_NO_CREDITS} {error.message} {_FREE}")
    except DomainError as error:
        log.warning("task not moved", extra={"task_id": str(task_id), "error": error.type})
        return 0


@transaction.atomic
def _moved(task_id: uuid.UUID) -> int:
    rows = Task.objects.across_workspaces().select_related("workspace", "api_key")
    task = rows.select_for_update(of=("self",), skip_locked=True).filter(pk=task_id).first()
    waits = task is not None and task.status in (Status.PENDING, Status.STAGED)
    if task is None or not waits or task.service_mode != PRIVATE or task.provider:
        return 0
    identity = accounts.identity_of_work(
        workspace=task.workspace, key_id=task.api_key_id, user_id=task.created_by_id
    )
    penalties.admit(identity=identity, family=task.family, pool=PUBLIC)
    task.service_mode, task.failover_triggered = PUBLIC, True
    _price(task)
    # Locks in the order of a creation: the day's counts, caps, the family's load, and the wallet last.
    beyond = _counted_relax(identity, task)
    caps.reserve(identity=identity, points=task.price_points)
    is_staged = loads.move_to_public(task)
    task.status = Status.STAGED if is_staged else Status.PENDING
    task.save(
        update_fields=[
            "status", "service_mode", "failover_triggered", "price_points", "price_lines", "relax_points",
        ]
    )  # fmt: skip
    TaskEvent.objects.create(task=task, kind=task.status, data={"failover": True})
    points = task.price_points
    credits.hold(identity=identity, points=points, reference=task.reference, is_reserved=True)
    tell(task)
    penalties.tell([beyond] if beyond else [])
    notices.changed([task.id])
    wakes.DISPATCH.after_commit()
    return 1


def _counted_relax(identity: Identity, task: Task) -> Beyond | None:
    """From here on it is a relax task of the public pool, of the day on which it was created."""
    if not penalties.counts_relax(task):
        return None
    return penalties.count_relax(identity=identity, task=task, day=task.created_at.date())


@transaction.atomic
def tell(task: Task) -> None:
    """Tell the workspace that the task left its own accounts, once."""
    slug = Workspace.objects.values_list("slug", flat=True).get(pk=task.workspace_id)
    account_events.tell(
        workspace_id=task.workspace_id,
        type="account_failover",
        message=sentence(
            "No own account could take a {family} task; it went to pay-per-use.", family=task.family
        ),
        detail={"family": task.family, "task_id": str(task.id), "reason": _NO_ACCOUNT},
        key=f"failover:{task.id}",
        url=f"/w/{slug}/tasks/{task.id}",
    )


def _price(task: Task) -> None:
    """What it costs in the public pool, by today's prices."""
    spec = registry.spec_of(task.model, task.task_type)
    values = spec.parse(task.input)
    plan = task.workspace.plan
    quote = pricing.quote(spec=spec, values=values, workspace_id=task.workspace_id, plan=plan)
    slower = spec.slower(values) if spec.slower is not None else None
    task.price_points, task.price_lines = quote.points, quote.as_json()
    if slower is not None:
        slow = pricing.quote(spec=spec, values=slower, workspace_id=task.workspace_id, plan=plan)
        task.relax_points = min(slow.points, quote.points)
