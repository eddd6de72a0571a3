"""The local Stripe on a thread of a test, and a test's hands on it."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import pytest
import stripe
import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from apps.sandbox.stripe import later, paying, renewals, sender
from apps.sandbox.stripe.errors import Thing
from apps.sandbox.stripe.knobs import Fault, Knobs
from apps.sandbox.stripe.rendering import render
from apps.sandbox.stripe.resources import checkout, disputes, refunds
from apps.sandbox.stripe.server import create_app
from apps.sandbox.stripe.world import World

SECRET_KEY = "sk_test_sandbox"
WEBHOOK_SECRET = "whsec_sandbox"
PREFIX = "/sandbox/stripe"
_SECONDS = 10
VISA = "4242424242424242"


class StripeServer:
    """Everything here is done as the person, the bank or Stripe would; a test's own calls go through the SDK.

    No webhook is sent until `webhook_url` is set; `events()` has them all and `signed()` makes one ready to post.
    """

    secret_key = SECRET_KEY
    webhook_secret = WEBHOOK_SECRET

    def __init__(self, url: str, app: Starlette) -> None:
        self.url = url
        self.world: World = app.state.world
        self.knobs: Knobs = self.world.knobs
        self.knobs.async_seconds = None
        self.knobs.retry_seconds = 0.05

    @property
    def webhook_url(self) -> str:
        return self.world.webhook_url

    @webhook_url.setter
    def webhook_url(self, url: str) -> None:
        self.world.webhook_url = url

    def client(self, **options: Any) -> stripe.StripeClient:
        """The official SDK, without retries unless asked for."""
        options.setdefault("max_network_retries", 0)
        return stripe.StripeClient(SECRET_KEY, base_addresses={"api": self.url}, **options)

    # ---- the person

    def pay(self, session: str, *, card: str = VISA, saves: bool = False) -> Thing:
        """Pay a Checkout Session. Raises StripeError when the card is declined; 3-D Secure leaves it open."""
        paid, problem = self.world.attempt(
            lambda: self._shown(paying.pay(self.world, session, card, saves=saves))
        )
        if paid is None:
            raise problem or AssertionError
        return paid

    def authenticate(self, intent: str, *, passes: bool = True) -> None:
        """Answer the 3-D Secure page of a PaymentIntent or SetupIntent."""
        _, problem = self.world.attempt(
            lambda: paying.authenticate(self.world, intent, passes=passes)
        )
        if problem is not None:
            raise problem

    def expire(self, session: str) -> Thing:
        with self.changing():
            return self._shown(checkout.expire(self.world, {}, name=session))

    # ---- the bank

    def next_charge(self, customer: str, reason: str = "generic_decline") -> None:
        """The customer's next charge is declined for this reason; "" lets it succeed."""
        self.knobs.next_charge[customer] = reason

    def dispute(
        self, payment_intent: str, *, amount: int | None = None, is_warning: bool = False
    ) -> Thing:
        with self.changing():
            charge = self._charge(payment_intent)
            return self._shown(
                disputes.open_dispute(self.world, charge, amount=amount, is_warning=is_warning)
            )

    def decide(self, dispute: str, outcome: Literal["won", "lost"]) -> Thing:
        with self.changing():
            return self._shown(
                disputes.decide(self.world, self.world.must("dispute", dispute), outcome)
            )

    def refund(self, payment_intent: str, *, amount: int | None = None) -> Thing:
        """As from Stripe's own dashboard."""
        given = {"payment_intent": payment_intent} | ({"amount": amount} if amount else {})
        with self.changing():
            return self._shown(refunds.create(self.world, given))

    def fail_refund(self, refund: str) -> Thing:
        with self.changing():
            return self._shown(refunds.fail(self.world, self.world.must("refund", refund)))

    def advance(self, *, days: float = 0, to: int | None = None) -> int:
        """Move the clock of subscriptions and invoices; renewals and retries happen on the way. How many things."""
        until = to if to is not None else self.world.now() + int(days * 86400)
        return renewals.advance(self.world, until)

    def renew(self, subscription: str) -> Thing:
        """Move the clock to the end of the subscription's period. The subscription."""
        with self.changing():
            at = renewals.next_renewal(self.world, self.world.must("subscription", subscription))
        self.advance(to=at)
        return self.get(subscription)

    def run_timers(self) -> int:
        """Whatever would happen by itself after a while, now; how many things."""
        return later.run_due(self.world, float("inf"))

    # ---- what happened

    def get(self, name: str) -> Thing:
        """Any object by its id, as the API shows it."""
        with self.changing():
            found = self.world.store.get(name)
            if found is None:
                raise KeyError(name)
            return self._shown(found)

    def events(self, *types: str) -> list[Thing]:
        """All so far, or those of some types, oldest first."""
        with self.changing():
            found = self.world.store.every("event")
            return [self._shown(event) for event in found if not types or event["type"] in types]

    def signed(
        self, event: Thing, *, secret: str = WEBHOOK_SECRET, at: int | None = None
    ) -> tuple[bytes, str]:
        """The body and the Stripe-Signature of one event, as they are posted."""
        body = sender.webhook_body(self.world, event)
        return body, sender.sign(body, secret, at=int(time.time()) if at is None else at)

    def deliveries(self) -> dict[str, str]:
        """Event id -> waiting, delivered, dropped, failed or none."""
        return dict(self.world.store.execute("SELECT event, state FROM deliveries ORDER BY rowid"))

    def wait_until_delivered(self, seconds: float = _SECONDS) -> None:
        """Until no webhook is waiting. Raises TimeoutError."""
        until = time.monotonic() + seconds
        pause = threading.Event()
        while "waiting" in self.deliveries().values():
            if time.monotonic() > until:
                raise TimeoutError(self.deliveries())
            pause.wait(0.01)

    def fault(self, match: str, answer: str = "500", **more: Any) -> None:
        """The next call that begins so ("POST /v1/refunds") goes wrong; see `Fault`."""
        self.knobs.faults.append(Fault(match, answer, **more))  # type: ignore[arg-type]

    @contextmanager
    def changing(self) -> Iterator[None]:
        with self.world.store.transaction():
            yield

    def _charge(self, payment_intent: str) -> Thing:
        intent = self.world.must("payment_intent", payment_intent)
        return self.world.must("charge", intent["latest_charge"])

    def _shown(self, thing: Thing) -> Thing:
        return render(self.world.store, thing)


@contextmanager
def serving(database: str = ":memory:", webhook_url: str = "") -> Iterator[StripeServer]:
    """A server until the block ends; the same file again has the same memory."""
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}{PREFIX}"
    app = create_app(
        secret_key=SECRET_KEY,
        webhook_url=webhook_url,
        webhook_secret=WEBHOOK_SECRET,
        database=database,
        public_url=url,
    )
    outer = Starlette(routes=[Mount(PREFIX, app)])
    config = uvicorn.Config(outer, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    app.state.sender.start()
    try:
        yield StripeServer(url, app)
    finally:
        server.should_exit = True
        thread.join(timeout=_SECONDS)
        listener.close()
        app.state.sender.stop()
        app.state.world.store.close()


@pytest.fixture
def stripe_server() -> Iterator[StripeServer]:
    """A Stripe account of this test's own; nothing in it yet."""
    with serving() as server:
        yield server
