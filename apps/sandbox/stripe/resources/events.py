"""Events as they can be looked up, and the one webhook endpoint of this account."""

from stripe import params as declared

from apps.sandbox.stripe.endpoints import Endpoint, metadata, paged, reading
from apps.sandbox.stripe.errors import Thing, invalid
from apps.sandbox.stripe.rendering import listed
from apps.sandbox.stripe.world import World


def _list(world: World, given: Thing) -> Thing:
    equal: Thing = {}
    if "type" in given:
        equal["type"] = given["type"]
    if "types" in given:
        equal["type"] = given["types"]
    if "delivery_success" in given:
        equal["pending_webhooks"] = int(not given["delivery_success"])
    return paged(world, "event", "/v1/events", given, equal)


def _create_endpoint(world: World, given: Thing) -> Thing:
    """From now on events go there, signed with a new secret."""
    if not given["url"].startswith(("http://", "https://")):
        raise invalid(
            "Invalid URL: An explicit scheme (such as https) must be provided.", param="url"
        )
    world.webhook_url, world.webhook_secret = given["url"], world.new_id("whsec_")
    endpoint = world.new(
        "webhook_endpoint",
        "we_",
        api_version=None,
        application=None,
        description=given.get("description"),
        enabled_events=given["enabled_events"],
        metadata=metadata(given),
        status="enabled",
        url=given["url"],
    )
    return {**endpoint, "secret": world.webhook_secret}


def _list_endpoints(world: World, _: Thing) -> Thing:
    return listed("/v1/webhook_endpoints", world.store.every("webhook_endpoint"))


ENDPOINTS = (
    Endpoint("GET", "/v1/events", declared.EventListParams, _list),
    reading("event", "/v1/events/{name}", declared.EventRetrieveParams),
    Endpoint(
        "POST", "/v1/webhook_endpoints", declared.WebhookEndpointCreateParams, _create_endpoint
    ),
    Endpoint("GET", "/v1/webhook_endpoints", declared.WebhookEndpointListParams, _list_endpoints),
    reading(
        "webhook_endpoint", "/v1/webhook_endpoints/{name}", declared.WebhookEndpointRetrieveParams
    ),
)
