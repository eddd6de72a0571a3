"""Sessions of the billing portal."""

from stripe.params import billing_portal as declared

from apps.sandbox.stripe.endpoints import Endpoint
from apps.sandbox.stripe.errors import Thing, invalid
from apps.sandbox.stripe.resources import customers
from apps.sandbox.stripe.world import World


def _create(world: World, given: Thing) -> Thing:
    if "customer" not in given:
        raise invalid(
            "Missing required param: customer.", param="customer", code="parameter_missing"
        )
    customer = customers.existing(world, given["customer"], param="customer")
    session = world.new(
        "billing_portal.session",
        "bps_",
        configuration="bpc_sandbox",
        customer=customer["id"],
        flow=given.get("flow_data"),
        locale=given.get("locale"),
        on_behalf_of=None,
        return_url=given.get("return_url"),
    )
    return world.save(session, url=f"{world.public_url}/portal/{session['id']}")


ENDPOINTS = (
    Endpoint("POST", "/v1/billing_portal/sessions", declared.SessionCreateParams, _create),
)
