"""Balance transactions: the account's own statement, against which a platform can check its books."""

from stripe import params as declared

from apps.sandbox.stripe.endpoints import Endpoint, listing, reading
from apps.sandbox.stripe.errors import Thing
from apps.sandbox.stripe.world import World

_DISPUTE_FEE = 1500
_DAYS_UNTIL_AVAILABLE = 2


def record(
    world: World, type_: str, source: Thing, amount: int, *, fee: int = 0, category: str = ""
) -> Thing:
    """A line; `amount` is what the account gains before the fee, in cents."""
    details = (
        [
            {
                "amount": fee,
                "application": None,
                "currency": "usd",
                "description": "Stripe processing fees",
                "type": "stripe_fee",
            }
        ]
        if fee
        else []
    )
    now = world.real_now()
    return world.new(
        "balance_transaction",
        "txn_",
        amount=amount,
        available_on=now + _DAYS_UNTIL_AVAILABLE * 86400,
        balance_type="payments",
        currency=source["currency"],
        description=source.get("description"),
        exchange_rate=None,
        fee=fee,
        fee_details=details,
        net=amount - fee,
        reporting_category=category or type_,
        source=source["id"],
        status="pending",
        type=type_,
    )


def charged(world: World, charge: Thing) -> Thing:
    """2.9 % and 30 cents, Stripe's price for cards."""
    fee = (charge["amount"] * 29 + 500) // 1000 + 30
    return record(world, "charge", charge, charge["amount"], fee=fee)


def refunded(world: World, refund: Thing) -> Thing:
    return record(world, "refund", refund, -refund["amount"])


def refund_failed(world: World, refund: Thing) -> Thing:
    return record(world, "refund_failure", refund, refund["amount"])


def withdrawn(world: World, dispute: Thing) -> Thing:
    return record(
        world, "adjustment", dispute, -dispute["amount"], fee=_DISPUTE_FEE, category="dispute"
    )


def reinstated(world: World, dispute: Thing) -> Thing:
    return record(
        world,
        "adjustment",
        dispute,
        dispute["amount"],
        fee=-_DISPUTE_FEE,
        category="dispute_reversal",
    )


def _balance(world: World, _: Thing) -> Thing:
    net = sum(line["net"] for line in world.store.every("balance_transaction"))
    line = [{"amount": net, "currency": "usd", "source_types": {"card": net}}]
    nothing = [{"amount": 0, "currency": "usd", "source_types": {"card": 0}}]
    return {"object": "balance", "available": nothing, "livemode": False, "pending": line}


_FILTERS = {"type": "type", "source": "source", "currency": "currency"}
ENDPOINTS = (
    Endpoint("GET", "/v1/balance", declared.BalanceRetrieveParams, _balance),
    listing(
        "balance_transaction",
        "/v1/balance_transactions",
        declared.BalanceTransactionListParams,
        filters=_FILTERS,
    ),
    reading(
        "balance_transaction",
        "/v1/balance_transactions/{name}",
        declared.BalanceTransactionRetrieveParams,
    ),
)
