"""One tax for all: the rate of the knob `tax_basis_points`, on top of the price."""

from apps.sandbox.stripe.errors import Thing
from apps.sandbox.stripe.world import World

RATE = "txr_sandbox"


def tax_on(world: World, amount: int) -> int:
    """In cents, half a cent up; a credit's tax is the charge's with the other sign."""
    tax = (abs(amount) * world.knobs.tax_basis_points + 5_000) // 10_000
    return tax if amount >= 0 else -tax


def shown(amount: int, taxable: int) -> list[Thing]:
    """`taxes` of a line, `total_taxes` of an invoice."""
    return [
        {
            "amount": amount,
            "tax_behavior": "exclusive",
            "tax_rate_details": {"tax_rate": RATE},
            "taxability_reason": "standard_rated",
            "taxable_amount": taxable,
            "type": "tax_rate_details",
        }
    ]
