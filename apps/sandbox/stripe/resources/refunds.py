"""Refunds, whole or in part; some succeed later or fail in the end."""

from stripe import params as declared

from apps.sandbox.stripe.endpoints import Endpoint, listing, metadata, reading
from apps.sandbox.stripe.errors import Thing, invalid, wrong_state
from apps.sandbox.stripe.resources import balance, methods
from apps.sandbox.stripe.wording import dollars
from apps.sandbox.stripe.world import World


def create(world: World, given: Thing) -> Thing:
    charge = _charge(world, given)
    left = charge["amount"] - charge["amount_refunded"]
    if left == 0:
        raise wrong_state(
            "charge_already_refunded", f"Charge {charge['id']} has already been refunded."
        )
    if charge["disputed"] and not _is_won(world, charge):
        raise wrong_state(
            "charge_disputed",
            f"Charge {charge['id']} has been charged back; cannot issue a refund.",
        )
    amount = given.get("amount", left)
    if amount < 1:
        raise invalid("Invalid positive integer", param="amount", code="parameter_invalid_integer")
    if amount > left:
        message = f"Refund amount ({dollars(amount)}) is greater than unrefunded amount on charge ({dollars(left)})"
        raise invalid(message, param="amount")
    return refund(world, charge, amount, given)


def refund(world: World, charge: Thing, amount: int, given: Thing) -> Thing:
    """Give back `amount` cents of a charge."""
    method = world.must("payment_method", charge["payment_method"])
    card = methods.card_of(method)
    waits = card is not None and card.refund_waits
    one = world.new(
        "refund",
        "re_",
        amount=amount,
        balance_transaction=None,
        charge=charge["id"],
        currency=charge["currency"],
        customer=charge["customer"],
        destination_details={"type": "card", "card": {"type": "refund"}},
        failure_balance_transaction=None,
        failure_reason=None,
        metadata=metadata(given),
        payment_intent=charge["payment_intent"],
        payment_method=charge["payment_method"],
        pending_reason="processing" if waits else None,
        reason=given.get("reason"),
        receipt_number=None,
        source_transfer_reversal=None,
        status="pending" if waits else "succeeded",
        transfer_reversal=None,
    )
    world.save(one, balance_transaction=balance.refunded(world, one)["id"])
    _count(world, charge, amount)
    world.emit("refund.created", one)
    world.emit("charge.refunded", charge)
    if waits or (card is not None and card.refund_fails):
        world.later("finish_refund", one)
    return one


def finish(world: World, one: Thing) -> None:
    """What the card makes of a refund after a while."""
    card = methods.card_of(world.must("payment_method", one["payment_method"]))
    if card is not None and card.refund_fails:
        fail(world, one)
    elif one["status"] == "pending":
        world.save(one, status="succeeded", pending_reason=None)
        world.emit("refund.updated", one, previous={"status": "pending"})
        world.emit("charge.refund.updated", one, previous={"status": "pending"})


def fail(world: World, one: Thing, *, reason: str = "expired_or_canceled_card") -> Thing:
    """The money came back: the charge counts it as not refunded. Nothing when it has failed already."""
    if one["status"] not in ("pending", "succeeded"):
        return one
    previous = {"status": one["status"]}
    world.save(one, status="failed", failure_reason=reason, pending_reason=None)
    world.save(one, failure_balance_transaction=balance.refund_failed(world, one)["id"])
    charge = world.must("charge", one["charge"])
    _count(world, charge, -one["amount"])
    for type_ in ("refund.updated", "charge.refund.updated"):
        world.emit(type_, one, previous=previous)
    world.emit("refund.failed", one)
    world.emit("charge.updated", charge)
    return one


def _count(world: World, charge: Thing, amount: int) -> None:
    refunded = charge["amount_refunded"] + amount
    world.save(charge, amount_refunded=refunded, refunded=refunded == charge["amount"])


def _charge(world: World, given: Thing) -> Thing:
    if "payment_intent" in given:
        intent = world.must("payment_intent", given["payment_intent"], param="payment_intent")
        if intent["status"] != "succeeded":
            raise invalid(
                f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
                param="payment_intent",
            )
        return world.must("charge", intent["latest_charge"])
    if "charge" not in given:
        raise invalid(
            "One of the following params should be provided: payment_intent or charge.",
            param="charge",
        )
    charge = world.must("charge", given["charge"], param="charge")
    if charge["status"] != "succeeded":
        raise invalid(
            f"The charge {charge['id']} has not succeeded, so it cannot be refunded.",
            param="charge",
        )
    return charge


def _is_won(world: World, charge: Thing) -> bool:
    return all(one["status"] == "won" for one in world.store.every("dispute", charge=charge["id"]))


def _update(world: World, given: Thing, *, name: str) -> Thing:
    one = world.must("refund", name)
    world.save(one, metadata=metadata(given, one["metadata"]))
    world.emit("refund.updated", one)
    return one


ENDPOINTS = (
    Endpoint("POST", "/v1/refunds", declared.RefundCreateParams, create),
    listing(
        "refund",
        "/v1/refunds",
        declared.RefundListParams,
        filters={"charge": "charge", "payment_intent": "payment_intent"},
    ),
    reading("refund", "/v1/refunds/{name}", declared.RefundRetrieveParams),
    Endpoint("POST", "/v1/refunds/{name}", declared.RefundUpdateParams, _update),
)
