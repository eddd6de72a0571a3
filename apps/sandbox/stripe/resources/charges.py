"""Charges: each attempt to take money, whether it succeeded or not."""

from stripe import params as declared

from apps.sandbox.stripe import errors
from apps.sandbox.stripe.endpoints import Endpoint, listing, metadata, reading
from apps.sandbox.stripe.errors import Thing
from apps.sandbox.stripe.resources import balance
from apps.sandbox.stripe.world import World


def new(world: World, intent: Thing, method: Thing, *, status: str, reason: str = "") -> Thing:
    """The charge of one attempt; `reason` is why the bank declined. No event yet."""
    kind = method["type"]
    charge = world.new(
        "charge",
        "ch_",
        amount=intent["amount"],
        amount_captured=0,
        amount_refunded=0,
        application=None,
        application_fee=None,
        application_fee_amount=None,
        balance_transaction=None,
        billing_details=method["billing_details"],
        calculated_statement_descriptor="TEST",
        captured=False,
        currency=intent["currency"],
        customer=intent["customer"],
        description=intent["description"],
        disputed=False,
        failure_balance_transaction=None,
        failure_code=None,
        failure_message=None,
        fraud_details={},
        metadata=dict(intent["metadata"]),
        on_behalf_of=None,
        outcome=_outcome(reason),
        paid=False,
        payment_intent=intent["id"],
        payment_method=method["id"],
        payment_method_details={"type": kind, kind: _details(intent, method)},
        radar_options={},
        receipt_email=intent["receipt_email"],
        receipt_number=None,
        receipt_url=None,
        refunded=False,
        review=None,
        shipping=None,
        source=None,
        source_transfer=None,
        statement_descriptor=None,
        statement_descriptor_suffix=None,
        status=status,
        transfer_data=None,
        transfer_group=None,
    )
    if reason:
        said = errors.decline(reason)
        charge.update(failure_code=said["code"], failure_message=said["message"])
    return world.store.put(charge)


def succeed(world: World, charge: Thing) -> Thing:
    charge.update(
        status="succeeded",
        paid=True,
        captured=True,
        amount_captured=charge["amount"],
        receipt_url=f"{world.public_url}/receipts/{charge['id']}",
    )
    charge["balance_transaction"] = balance.charged(world, charge)["id"]
    world.store.put(charge)
    world.emit("charge.succeeded", charge)
    return charge


def _details(intent: Thing, method: Thing) -> Thing:
    details = {**method[method["type"]]}
    if method["type"] == "card":
        details.pop("networks", None)
        details |= {
            "network": details["brand"],
            "amount_authorized": intent["amount"],
            "three_d_secure": None,
        }
    return details


def _outcome(reason: str) -> Thing:
    if not reason:
        return {
            "network_status": "approved_by_network",
            "reason": None,
            "risk_level": "normal",
            "seller_message": "Payment complete.",
            "type": "authorized",
        }
    return {
        "network_status": "declined_by_network",
        "reason": reason,
        "risk_level": "normal",
        "seller_message": "The bank declined the payment.",
        "type": "issuer_declined",
    }


def _update(world: World, given: Thing, *, name: str) -> Thing:
    charge = world.must("charge", name)
    plain = {field: given[field] for field in ("description", "receipt_email") if field in given}
    world.save(charge, **plain, metadata=metadata(given, charge["metadata"]))
    world.emit("charge.updated", charge)
    return charge


ENDPOINTS = (
    listing(
        "charge",
        "/v1/charges",
        declared.ChargeListParams,
        filters={"customer": "customer", "payment_intent": "payment_intent"},
    ),
    reading("charge", "/v1/charges/{name}", declared.ChargeRetrieveParams),
    Endpoint("POST", "/v1/charges/{name}", declared.ChargeUpdateParams, _update),
)
