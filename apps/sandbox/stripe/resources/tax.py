"""Tax calculations: what comes on top of a sum that is charged without a page."""

from stripe.params import tax as declared

from apps.sandbox.stripe.endpoints import Endpoint
from apps.sandbox.stripe.errors import Thing, invalid
from apps.sandbox.stripe.resources import customers
from apps.sandbox.stripe.taxes import tax_on
from apps.sandbox.stripe.world import World


def create(world: World, given: Thing) -> Thing:
    if "customer" not in given:
        raise invalid("Only customers are taxed here.", param="customer")
    customers.existing(world, given["customer"], param="customer")
    amounts = [line["amount"] * line.get("quantity", 1) for line in given["line_items"]]
    tax = sum(tax_on(world, amount) for amount in amounts)
    return world.new(
        "tax.calculation",
        "taxcalc_",
        amount_total=sum(amounts) + tax,
        currency=given["currency"],
        customer=given["customer"],
        tax_amount_exclusive=tax,
        tax_amount_inclusive=0,
        tax_date=world.real_now(),
    )


ENDPOINTS = (Endpoint("POST", "/v1/tax/calculations", declared.CalculationCreateParams, create),)
