"""Webhooks: signed as the SDK wants them, repeated until they are taken, and wrong in every way a test may ask for."""

import time
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.payments.stripe_server import WEBHOOK_SECRET, StripeServer, serving
from tests.upstream.running import Receiver


@pytest.fixture
def sending(stripe_server: StripeServer, receiver: Receiver) -> StripeServer:
    stripe_server.webhook_url = f"{receiver.url}/hooks"
    return stripe_server


def verified(request: dict[str, Any]) -> stripe.Event:
    """Raises SignatureVerificationError."""
    signature = request["headers"]["stripe-signature"]
    return stripe.Webhook.construct_event(request["body"], signature, WEBHOOK_SECRET)


def customers(server: StripeServer, count: int) -> list[str]:
    """So many, and the ids of the events that tell of them."""
    for _ in range(count):
        server.client().v1.customers.create({})
    return [event["id"] for event in server.events()]


def test_event_arrives_signed_and_is_marked_delivered(sending: StripeServer, receiver: Receiver):
    customers(sending, 1)
    sending.wait_until_delivered()

    request = receiver.requests()[0]
    event = verified(request)
    assert event.type == "customer.created"
    assert event.data.object.object == "customer"
    sdk = sending.client()
    assert sdk.v1.events.retrieve(event.id).pending_webhooks == 0
    assert sdk.v1.events.list({"delivery_success": False}).data == []
    listed = sdk.v1.events.list({"types": ["customer.created"], "delivery_success": True}).data
    assert [one.id for one in listed] == [event.id]


def test_event_is_sent_again_until_it_is_taken(sending: StripeServer, receiver: Receiver):
    receiver.answer("500 302=http://nowhere.test 200")
    customers(sending, 1)
    sending.wait_until_delivered()

    requests = receiver.requests()
    assert len(requests) == 3
    assert len({verified(request).id for request in requests}) == 1


def test_events_are_duplicated_dropped_and_shuffled(sending: StripeServer, receiver: Receiver):
    sending.knobs.hold, sending.knobs.shuffle = True, True
    sending.knobs.duplicate, sending.knobs.drop = 2, 1
    events = customers(sending, 12)
    assert receiver.counts()["total"] == 0
    sending.knobs.hold = False
    sending.wait_until_delivered()

    told = [verified(request).id for request in receiver.requests()]
    assert sorted(told) == sorted(events[1:] * 3)
    assert told[::3] != events[1:]
    assert sending.deliveries()[events[0]] == "dropped"
    assert [one.id for one in sending.client().v1.events.list({"limit": 20}).data] == events[::-1]


@pytest.mark.parametrize("knob", [{"wrong_secret": True}, {"timestamp_offset": -400}])
def test_bad_signatures_are_bad(sending: StripeServer, receiver: Receiver, knob: dict[str, Any]):
    sending.knobs.turn(knob)
    customers(sending, 1)
    sending.wait_until_delivered()

    with pytest.raises(stripe.SignatureVerificationError):
        verified(receiver.requests()[0])


def test_delayed_event_waits(sending: StripeServer, receiver: Receiver):
    sending.knobs.delay_seconds = 0.6
    began = time.time()
    customers(sending, 1)
    sending.wait_until_delivered()
    assert receiver.requests()[0]["at"] - began >= 0.6


def test_signed_helper_is_what_is_posted(stripe_server: StripeServer):
    customers(stripe_server, 1)
    body, signature = stripe_server.signed(stripe_server.events()[0])

    assert (
        stripe.Webhook.construct_event(body, signature, WEBHOOK_SECRET).type == "customer.created"
    )
    body, signature = stripe_server.signed(stripe_server.events()[0], at=int(time.time()) - 301)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(body, signature, WEBHOOK_SECRET)


def test_undelivered_event_survives_a_restart(tmp_path: Path, receiver: Receiver):
    database = str(tmp_path / "stripe.sqlite3")
    with serving(database, receiver.url) as server:
        server.knobs.hold = True
        events = customers(server, 1)
    with serving(database, receiver.url) as server:
        server.wait_until_delivered()
    assert [verified(request).id for request in receiver.requests()] == events
