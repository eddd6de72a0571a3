"""Changing a subscription: what costs more now, what costs less from the next period on.

Every change asks Stripe how the subscription is, changes it there, and then reads it back with `sync`; our row is never
written from what we asked for. `client_key` comes with the form and names the request at Stripe, so that a form sent
twice is one change. Raises InvalidRequest for what does not fit how things are, PaymentFailed with the bank's reason,
and PlansUnavailable.
"""

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.accounts import services as accounts
from apps.accounts.models import Plan, PlanVersion, User, Workspace
from apps.billing.gateways import stripe, stripe_subscriptions
from apps.billing.gateways.stripe_subscriptions import Change
from apps.billing.models import Subscription
from apps.billing.selectors.subscriptions import subscription_of
from apps.billing.services.subscriptions import events, prices, reading
from apps.billing.services.subscriptions.reading import KEEP_PLAN, KEEP_SEATS, Reading
from apps.billing.services.subscriptions.start import check_client_key, explained, plan_for_sale
from apps.billing.services.subscriptions.sync import read, sync
from apps.core.errors import InvalidRequest
from apps.core.sentences import sentence

State = Subscription.State
_CHANGE_WAITS = sentence("A change waits for the end of the period. Take it back first.")


@dataclass(frozen=True)
class Asked:
    """Who asks for a change, and the name of the form it came with."""

    workspace: Workspace
    actor: User | None
    client_key: str
    ip: str | None = None


@dataclass(frozen=True)
class Preview:
    """What a plan would cost: now, tax included, for the rest of the period, and then by the month without tax."""

    version: PlanVersion
    today_points: int
    tax_points: int
    monthly_points: int
    period_ends_at: datetime | None
    lines: Sequence[tuple[str, int]]


def current(*, workspace: Workspace, must_be_paid: bool = True) -> Subscription:
    """The live subscription. Raises InvalidRequest when there is none or, by default, a renewal is unpaid."""
    row = subscription_of(workspace_id=workspace.pk)
    if row is None:
        raise InvalidRequest(sentence("This workspace has no subscription."))
    if must_be_paid and row.state != State.ACTIVE:
        raise InvalidRequest(sentence("Pay the open invoice first; then the plan can be changed."))
    return row


# ------------------------------------------------------------------------------- preview
def preview(*, workspace: Workspace, plan: str) -> Preview:
    """What an upgrade would charge now."""
    row = current(workspace=workspace)
    with explained():
        version = plan_for_sale(plan)
        told = read(ref=row.ref)
        _check_upgrade(told, version)
        asked = stripe_subscriptions.preview(row.ref, [_plan_change(told, version)])
    return Preview(
        version=version,
        today_points=max(asked.total_points, 0),
        tax_points=asked.tax_points,
        monthly_points=version.price_points,
        period_ends_at=told.period_ends_at,
        lines=[(line.text, line.points) for line in asked.lines],
    )


def _plan_change(told: Reading, version: PlanVersion) -> Change:
    item = told.plan_item
    return Change(prices.plan_price(version), 1, ref=item.ref if item else "")


def _check_upgrade(told: Reading, version: PlanVersion) -> None:
    if told.next_version_id is not None or told.cancels:
        raise InvalidRequest(_CHANGE_WAITS)
    billed = told.billed_version
    if billed is not None and billed.pk == version.pk:
        raise InvalidRequest(
            sentence("This workspace is on {plan} already.", plan=Plan(version.plan).label)
        )
    if billed is not None and billed.price_points >= version.price_points:
        raise InvalidRequest(
            sentence("That plan costs no more than this one: it can follow at period end.")
        )


# ------------------------------------------------------------------------------- upgrade
def upgrade(*, asked: Asked, plan: str) -> Subscription:
    """A dearer plan at once, charged for the rest of the period. Nothing changes unless that is paid.

    When the bank wants to see the owner, the answer's `pay_url` is where that happens; the old plan stays until then.
    """
    row = current(workspace=asked.workspace)
    with explained():
        version = plan_for_sale(plan)
        told = read(ref=row.ref)
        if told.version_id == version.pk and told.next_version_id is None:
            return sync(ref=row.ref)  # done before: another tab, or an answer that got lost
        _check_upgrade(told, version)
        row = charge(asked, row, [_plan_change(told, version)], what=f"plan:{version.pk}")
    if row.plan_version_id == version.pk:
        note(asked, "plan.upgraded", version.plan, {"version": version.version})
    return row


def charge(
    asked: Asked, row: Subscription, changes: Sequence[Change], *, what: str
) -> Subscription:
    """Make a change that is charged now. Where the bank wants to see the owner, it waits at `pay_url`."""
    name = key(asked, row, what)
    try:
        stripe_subscriptions.charge_change(row.ref, changes, waits=False, idempotency_key=name)
    except stripe.NeedsAuthentication:
        stripe_subscriptions.charge_change(
            row.ref, changes, waits=True, idempotency_key=f"{name}:waits"
        )
    return events.look_with_invoice(ref=row.ref) or row


def key(asked: Asked, row: Subscription, what: str) -> str:
    """The name of a request at Stripe."""
    check_client_key(asked.client_key)
    facts = f"{row.ref} {asked.client_key} {what}"
    return f"change:{hashlib.sha256(facts.encode()).hexdigest()[:40]}"


# ------------------------------------------------------------------ at the end of the period
def downgrade(*, asked: Asked, plan: str) -> Subscription:
    """A cheaper plan from the next period on; until then everything stays as it was paid for."""
    row = current(workspace=asked.workspace)
    with explained():
        version = plan_for_sale(plan)
        told = read(ref=row.ref)
        billed = told.billed_version
        if told.next_version_id == version.pk:
            return sync(ref=row.ref)
        if told.cancels or told.next_version_id is not None:
            raise InvalidRequest(_CHANGE_WAITS)
        if billed is None or billed.price_points <= version.price_points:
            raise InvalidRequest(sentence("That plan costs no less than this one."))
        kept = {KEEP_PLAN: _until_end(billed.pk, told)}
        row = later(asked, row, [_plan_change(told, version)], kept, what=f"plan:{version.pk}")
    note(asked, "plan.downgrade_planned", version.plan, {"version": version.version})
    return row


def cancel(*, asked: Asked) -> Subscription:
    """No plan from the next period on. Seats stay: what is cancelled is the plan, unless it is all there is.

    What is unpaid ends at once, seats too.
    """
    row = current(workspace=asked.workspace, must_be_paid=False)
    if row.state != State.ACTIVE:
        return _end(asked, row)
    with explained():
        told = read(ref=row.ref)
        billed = told.billed_version
        if told.cancels:
            return sync(ref=row.ref)
        if billed is None:
            raise InvalidRequest(sentence("There is no plan to cancel."))
        if told.next_version_id is not None:
            raise InvalidRequest(_CHANGE_WAITS)
        if _has_seats(told) and told.plan_item is not None:
            gone = Change("", 0, ref=told.plan_item.ref)
            kept = {KEEP_PLAN: _until_end(billed.pk, told)}
            row = later(asked, row, [gone], kept, what="no plan")
        else:
            row = set_cancelling(asked, row, cancels=True)
    note(asked, "plan.cancel_planned", billed.plan, {})
    return row


def _end(asked: Asked, row: Subscription) -> Subscription:
    with explained():
        # Refused: it has ended before.
        with contextlib.suppress(stripe.Refused):
            stripe_subscriptions.cancel(row.ref, idempotency_key=key(asked, row, "end"))
        row = sync(ref=row.ref)
    note(asked, "plan.ended", row.plan_version.plan if row.plan_version else "seats", {})
    return row


def resume(*, asked: Asked) -> Subscription:
    """Take back what waits for the end of the period: a cheaper plan or the cancellation. Costs nothing now."""
    row = current(workspace=asked.workspace)
    with explained():
        told = read(ref=row.ref)
        if told.ends_whole:
            row = set_cancelling(asked, row, cancels=False)
        elif told.next_version_id is not None or told.cancels:
            version = PlanVersion.objects.get(pk=told.version_id or 0)
            change = _plan_change(told, version)
            row = later(asked, row, [change], {KEEP_PLAN: ""}, what=f"keep:{version.pk}")
        else:
            return sync(ref=row.ref)
    note(asked, "plan.resumed", row.plan_version.plan if row.plan_version else "", {})
    return row


def _has_seats(told: Reading) -> bool:
    return any(read_.parts for read_ in told.seats.values())


def _until_end(value: int, told: Reading) -> str:
    if told.period_ends_at is None:
        raise InvalidRequest(sentence("The subscription has no period yet. Try again in a moment."))
    return reading.keep(value, told.period_ends_at)


def keep_seats(family: str, seats: int, told: Reading) -> dict[str, str]:
    """The metadata that keeps so many seats until the end of the period; 0 takes the word out."""
    return {f"{KEEP_SEATS}{family}": _until_end(seats, told) if seats else ""}


def set_cancelling(asked: Asked, row: Subscription, *, cancels: bool) -> Subscription:
    """Let the whole subscription end with its period, or not."""
    stripe_subscriptions.change_for_later(
        row.ref, cancels=cancels, idempotency_key=key(asked, row, f"cancels:{cancels}")
    )
    return sync(ref=row.ref)


def later(
    asked: Asked,
    row: Subscription,
    changes: Sequence[Change],
    metadata: Mapping[str, str],
    *,
    what: str,
) -> Subscription:
    """Make a change that is billed from the next period on, and read the result back."""
    stripe_subscriptions.change_for_later(
        row.ref, changes=changes, metadata=metadata, idempotency_key=key(asked, row, what)
    )
    return sync(ref=row.ref)


def note(asked: Asked, action: str, target: str, detail: dict[str, Any]) -> None:
    accounts.audit(
        workspace_id=asked.workspace.pk,
        actor=asked.actor,
        action=action,
        target=target,
        ip=asked.ip,
        detail=detail,
    )
