"""Our row and the workspace's plan in line with the subscription at Stripe."""

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts import services as accounts
from apps.accounts.models import Plan, PlanVersion, Workspace
from apps.accounts.selectors import forget_believed_keys
from apps.billing.gateways import stripe, stripe_subscriptions
from apps.billing.models import PaymentCustomer, Seats, Subscription
from apps.billing.services.inbox.registry import NotOurs, Unmatched
from apps.billing.services.subscriptions import notices, prices, reading
from apps.billing.services.subscriptions.reading import Reading, SeatsRead, State
from apps.core import queue

# How often the row may change while we ask Stripe before we leave it to the next look.
_TRIES = 6
LIVE = (State.INCOMPLETE, State.ACTIVE, State.PAST_DUE)


class SecondSubscription(Exception):
    """The workspace has a live subscription, and this is another one."""

    def __init__(self, ref: str, workspace_id: int) -> None:
        super().__init__(f"{ref} is a second subscription of workspace #{workspace_id}")
        self.ref = ref
        self.workspace_id = workspace_id


def sync(*, ref: str) -> Subscription:
    """Read a subscription at Stripe and write what it means. Safe to repeat, at once and in any order.

    An answer is only written when nobody wrote a newer one while we asked. Raises SecondSubscription, Unmatched for a
    customer or price we do not know, NotOurs for one that never began, and the gateway's errors.
    """
    for _ in range(_TRIES):
        seen = _written_at(ref)
        told = read(ref=ref)
        try:
            row = _write(told, ref, seen)
        except IntegrityError:
            continue  # somebody was first with this subscription
        if row is not None:
            return row
    raise stripe.Unavailable("The subscription changes faster than we read it.")


def read(*, ref: str) -> Reading:
    """What Stripe says now, without writing it. Raises Unmatched and the gateway's errors."""
    return understood(stripe_subscriptions.subscription(ref))


def understood(facts: stripe_subscriptions.Facts) -> Reading:
    try:
        return reading.read(facts, prices.meanings(item.price for item in facts.items))
    except reading.UnknownPrice as error:
        raise Unmatched(str(error)) from None


def _written_at(ref: str) -> datetime | None:
    found = Subscription.objects.across_workspaces().filter(ref=ref)
    return found.values_list("updated_at", flat=True).first()


@transaction.atomic
def _write(told: Reading, ref: str, seen: datetime | None) -> Subscription | None:
    """The row as it is now; None when it changed since `seen`."""
    found = Subscription.objects.across_workspaces().filter(ref=ref)
    row = found.select_for_update().first()
    if (row.updated_at if row else None) != seen:
        return None
    if row is not None and row.state == State.ENDED:
        return row  # nothing comes after the end, and the workspace may have another by now
    before = row.state if row is not None else None
    had = row.plan_version_id if row is not None else None
    row = row or _new(told, ref)
    _take_over(row, told)
    _write_seats(row, told.seats)
    _apply_plan(row, had, told)
    notices.tell(row, before=before)
    return row


def _new(told: Reading, ref: str) -> Subscription:
    customer = told.facts.customer if told.facts else ""
    known = PaymentCustomer.objects.across_workspaces().filter(ref=customer).first()
    if known is None:
        raise Unmatched(f"{ref} belongs to {customer or 'nobody'}, who is no customer of ours")
    if told.state == State.ENDED and told.version_id is None and not told.seats:
        raise NotOurs(f"{ref} has ended and held nothing")
    mine = Subscription.objects.of(known.workspace_id)
    # Two at once: the constraint stops the later one, which then comes here again and finds the earlier.
    if told.state in LIVE and mine.filter(state__in=LIVE).exists():
        raise SecondSubscription(ref, known.workspace_id)
    return Subscription(workspace_id=known.workspace_id, ref=ref)


def _take_over(row: Subscription, told: Reading) -> None:
    row.state = told.state
    row.plan_version_id = told.version_id
    row.next_version_id = told.next_version_id
    row.cancels_at_period_end = told.cancels
    row.period_starts_at = told.period_starts_at
    row.period_ends_at = told.period_ends_at
    row.pay_url = told.pay_url
    if told.state == State.PAST_DUE:
        row.past_due_since = row.past_due_since or timezone.now()
    elif told.state != State.ENDED:
        row.past_due_since = row.dunned_day = None
    if told.state == State.ENDED:
        ended_at = told.facts.ended_at if told.facts else None
        row.ended_at = ended_at or timezone.now()
        row.next_version_id = None
    row.save()


def _write_seats(row: Subscription, seats: Mapping[str, SeatsRead]) -> None:
    # After the end there are none, however many were paid for.
    present = seats if row.state in (State.ACTIVE, State.PAST_DUE) else {}
    known = {one.family: one for one in Seats.objects.of(row.workspace_id).filter(subscription=row)}
    for family in set(known) - set(present):
        known[family].delete()
    for family, read_ in present.items():
        if read_.quantity == 0:
            continue
        one = known.get(family) or Seats(
            subscription=row, workspace_id=row.workspace_id, family=family
        )
        one.quantity, one.next_quantity = read_.quantity, read_.next_quantity
        first, further = _agreed(family, read_, one)
        one.first_points, one.further_points = first, further
        one.save()


def _agreed(family: str, read_: SeatsRead, known: Seats) -> tuple[int, int]:
    """What the first seat and each further one cost: as billed, as agreed before, or as sold today."""
    billed = {part.which: part.points for part in read_.parts}
    if "each" in billed:
        return billed["each"], billed["each"]
    if not known._state.adding:
        before = (known.first_points, known.further_points)
    else:
        sold = settings.SEAT_PRICES.get(family, (0, 0))
        before = (sold[0], sold[1])
    return billed.get("first", before[0]), billed.get("further", before[1])


def _apply_plan(row: Subscription, had: int | None, told: Reading) -> None:
    """Give the workspace the plan it pays for, or take away the one it paid for. By hand stays by hand."""
    has = row.plan_version_id if row.state in (State.ACTIVE, State.PAST_DUE) else None
    if has is None and had is None:
        return
    version = PlanVersion.objects.get(pk=has) if has is not None else None
    workspace = Workspace.objects.select_for_update(no_key=True).get(pk=row.workspace_id)
    if version is None and workspace.plan_version_id != had:
        return
    set_plan(workspace, version=version, plan=version.plan if version else Plan.HOBBYIST.value)


def set_plan(workspace: Workspace, *, version: PlanVersion | None, plan: str) -> bool:
    """Put a locked workspace on a plan; without a version on its newest terms. Says whether that was a change.

    What waits behind the old limits starts once the transaction has committed.
    """
    version_id = version.pk if version else None
    if (workspace.plan, workspace.plan_version_id) == (plan, version_id):
        return False
    before = workspace.plan
    workspace.plan, workspace.plan_version = plan, version
    workspace.save(update_fields=["plan", "plan_version", "updated_at"])
    accounts.audit(
        workspace_id=workspace.pk,
        actor=None,
        action="plan.changed",
        target=plan,
        detail={"from": before, "to": plan, "version": version.version if version else None},
    )
    transaction.on_commit(forget_believed_keys)
    queue.enqueue("tasks.sweep")
    return True
