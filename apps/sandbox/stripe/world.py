"""The account that this server keeps: its objects, its clock, and how it tells of what happened."""

import secrets
import string
import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from apps.sandbox.stripe import errors
from apps.sandbox.stripe.errors import StripeError, Thing
from apps.sandbox.stripe.knobs import Knobs
from apps.sandbox.stripe.rendering import render
from apps.sandbox.stripe.store import Store

API_VERSION = "2026-10-28.endive"
Result = TypeVar("Result")
_ALPHABET = string.ascii_letters + string.digits


class World:
    """Handed to every call. All changes happen inside `store.transaction()`."""

    def __init__(
        self, *, database: str, public_url: str, webhook_url: str, webhook_secret: str
    ) -> None:
        self.store = Store(database)
        self.knobs = Knobs()
        self.public_url = public_url.rstrip("/")
        self.webhook_url = webhook_url
        self.webhook_secret = webhook_secret
        self.request: Thing = {"id": None, "idempotency_key": None}
        self.something_is_due = threading.Event()

    # ---- time

    def real_now(self) -> int:
        return int(time.time())

    def now(self) -> int:
        """What subscriptions and invoices call now: the real time and what the clock was moved by."""
        return self.real_now() + int(self.store.setting("clock_offset", 0))

    def move_clock_to(self, instant: int) -> None:
        """Never back."""
        offset = instant - self.real_now()
        if offset > int(self.store.setting("clock_offset", 0)):
            self.store.set("clock_offset", offset)

    # ---- objects

    def new_id(self, prefix: str) -> str:
        return prefix + "".join(secrets.choice(_ALPHABET) for _ in range(24))

    def new(self, kind: str, prefix: str, /, **fields: Any) -> Thing:
        """A stored object with the fields that all have."""
        thing = {
            "id": self.new_id(prefix),
            "object": kind,
            "created": self.real_now(),
            "livemode": False,
            **fields,
        }
        return self.store.put(thing)

    def save(self, thing: Thing, **changes: Any) -> Thing:
        thing.update(changes)
        return self.store.put(thing)

    def must(self, kind: str, name: str, *, param: str = "") -> Thing:
        """The object. Raises StripeError: 404, or 400 when the id came in a parameter."""
        thing = self.store.get(name, kind)
        if thing is None:
            raise errors.missing(kind, name, param=param or "id", status=400 if param else 404)
        return thing

    def attempt(self, do: Callable[[], Result]) -> tuple[Result | None, StripeError | None]:
        """Do it as one transaction: the result, or what Stripe says against it (kept or undone as the error wants)."""
        try:
            with self.store.transaction():
                try:
                    return do(), None
                except StripeError as error:
                    if not error.keeps:
                        raise
                    return None, error
        except StripeError as error:
            return None, error

    # ---- events

    def emit(self, type_: str, thing: Thing, *, previous: Thing | None = None) -> Thing:
        """Remember that it happened and queue it for the webhook."""
        data: Thing = {"object": render(self.store, thing)}
        if previous is not None:
            data["previous_attributes"] = previous
        event = self.new(
            "event",
            "evt_",
            api_version=API_VERSION,
            data=data,
            pending_webhooks=int(bool(self.webhook_url)),
            request=dict(self.request),
            type=type_,
        )
        self._queue(event)
        return event

    def _queue(self, event: Thing) -> None:
        state = "waiting" if self.webhook_url else "none"
        if self.webhook_url and self.knobs.drop > 0:
            self.knobs.drop -= 1
            state = "dropped"
        now = time.time()
        self.store.execute(
            "INSERT INTO deliveries VALUES (?, ?, ?, 0, NULL, ?, ?)",
            event["id"],
            event["type"],
            state,
            now + self.knobs.delay_seconds,
            now,
        )
        self.something_is_due.set()

    # ---- what happens by itself

    def later(self, what: str, thing: Thing) -> None:
        seconds = self.knobs.async_seconds
        at = time.time() + seconds if seconds is not None else float(2**52)
        self.store.execute(
            "INSERT INTO timers (at, what, object) VALUES (?, ?, ?)", at, what, thing["id"]
        )
        self.something_is_due.set()
