"""Disputes: a bank takes a payment back, and the account may win it again."""

from typing import Literal

from stripe import params as declared

from apps.sandbox.stripe.endpoints import Endpoint, listing, metadata, reading
from apps.sandbox.stripe.errors import Thing, wrong_state
from apps.sandbox.stripe.rendering import render
from apps.sandbox.stripe.resources import balance
from apps.sandbox.stripe.world import World

_DAYS_TO_ANSWER = 7
_OPEN = ("needs_response", "under_review", "warning_needs_response", "warning_under_review")


def open_dispute(
    world: World,
    charge: Thing,
    *,
    reason: str = "fraudulent",
    amount: int | None = None,
    is_warning: bool = False,
) -> Thing:
    """A warning (an inquiry) takes no money yet; `escalate` makes it a dispute."""
    if charge["disputed"]:
        raise wrong_state("charge_already_disputed", f"Charge {charge['id']} is disputed already.")
    sum_ = charge["amount"] - charge["amount_refunded"] if amount is None else amount
    due = world.real_now() + _DAYS_TO_ANSWER * 86400
    dispute = world.new(
        "dispute",
        "du_",
        amount=sum_,
        balance_transactions=[],
        charge=charge["id"],
        currency=charge["currency"],
        customer=charge["customer"],
        enhanced_eligibility_types=[],
        evidence={},
        metadata={},
        evidence_details={
            "due_by": due,
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
        },
        is_charge_refundable=is_warning,
        network_reason_code="10.4",
        payment_intent=charge["payment_intent"],
        payment_method_details={
            "type": "card",
            "card": {"brand": "visa", "case_type": "chargeback", "network_reason_code": "10.4"},
        },
        reason=reason,
        status="warning_needs_response" if is_warning else "needs_response",
    )
    world.save(charge, disputed=True)
    world.emit("charge.dispute.created", dispute)
    if not is_warning:
        _withdraw(world, dispute)
    return dispute


def escalate(world: World, dispute: Thing) -> Thing:
    """An inquiry becomes a dispute: now the money goes."""
    if dispute["status"].startswith("warning_"):
        world.save(dispute, status="needs_response", is_charge_refundable=False)
        world.emit("charge.dispute.updated", dispute)
        _withdraw(world, dispute)
    return dispute


def submit(world: World, dispute: Thing) -> Thing:
    """Evidence was given; the bank looks at it."""
    if dispute["status"] in ("needs_response", "warning_needs_response"):
        prefix = "warning_" if dispute["status"].startswith("warning_") else ""
        previous = {"status": dispute["status"]}
        dispute["evidence_details"].update(has_evidence=True, submission_count=1)
        world.save(dispute, status=f"{prefix}under_review")
        world.emit("charge.dispute.updated", dispute, previous=previous)
    return dispute


def decide(world: World, dispute: Thing, outcome: Literal["won", "lost"]) -> Thing:
    """The end; a won dispute brings the money back. Nothing when it has ended already."""
    if dispute["status"] not in _OPEN:
        return dispute
    is_warning = dispute["status"].startswith("warning_")
    world.save(
        dispute,
        status="warning_closed" if is_warning else outcome,
        is_charge_refundable=outcome == "won",
    )
    world.emit("charge.dispute.closed", dispute)
    if is_warning:
        charge = world.must("charge", dispute["charge"])
        world.save(charge, disputed=False)
    elif outcome == "won":
        _move(world, dispute, balance.reinstated(world, dispute), "charge.dispute.funds_reinstated")
    return dispute


def _withdraw(world: World, dispute: Thing) -> None:
    _move(world, dispute, balance.withdrawn(world, dispute), "charge.dispute.funds_withdrawn")


def _move(world: World, dispute: Thing, line: Thing, event: str) -> None:
    dispute["balance_transactions"].append(render(world.store, line))
    world.store.put(dispute)
    world.emit(event, dispute)


def _update(world: World, given: Thing, *, name: str) -> Thing:
    dispute = world.must("dispute", name)
    dispute["evidence"].update(given.get("evidence") or {})
    world.save(dispute, metadata=metadata(given, dispute["metadata"]))
    if given.get("submit", True) and given.get("evidence"):
        return submit(world, dispute)
    world.emit("charge.dispute.updated", dispute)
    return dispute


def _close(world: World, _: Thing, *, name: str) -> Thing:
    dispute = world.must("dispute", name)
    if dispute["status"] not in _OPEN:
        raise wrong_state("dispute_already_closed", "This dispute is already closed.")
    return decide(world, dispute, "lost")


ENDPOINTS = (
    listing(
        "dispute",
        "/v1/disputes",
        declared.DisputeListParams,
        filters={"charge": "charge", "payment_intent": "payment_intent"},
    ),
    reading("dispute", "/v1/disputes/{name}", declared.DisputeRetrieveParams),
    Endpoint("POST", "/v1/disputes/{name}", declared.DisputeUpdateParams, _update),
    Endpoint("POST", "/v1/disputes/{name}/close", declared.DisputeCloseParams, _close),
)
