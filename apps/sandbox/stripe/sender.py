"""Webhooks: each event signed when it is sent, and again after a failure, with the faults that the knobs say."""

import hashlib
import hmac
import json
import logging
import random
import threading
import time

import httpx

from apps.sandbox.stripe import later, renewals
from apps.sandbox.stripe.errors import Thing
from apps.sandbox.stripe.rendering import render
from apps.sandbox.stripe.world import World

log = logging.getLogger(__name__)
_TIMEOUT_SECONDS = 20
_GIVE_UP_SECONDS = 3 * 86400
_LONGEST_PAUSE_SECONDS = 3600
_IDLE_SECONDS = 0.5
_BATCH = 50


class Sender:
    """A thread that delivers what is due and lets happen what happens by itself. Deliveries survive a restart."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def start(self) -> None:
        """May be called again."""
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="stripe-webhooks", daemon=True
                )
                self._thread.start()

    def stop(self) -> None:
        """Ends after the delivery it is at."""
        self._stopping.set()
        self._world.something_is_due.set()
        if self._thread is not None:
            self._thread.join(timeout=_TIMEOUT_SECONDS)

    def _run(self) -> None:
        with httpx.Client(timeout=_TIMEOUT_SECONDS, trust_env=False) as client:
            while not self._stopping.is_set():
                try:
                    is_busy = self._turn(client)
                except Exception:
                    log.exception("The webhook sender stumbled")
                    is_busy = False
                if not is_busy:
                    self._world.something_is_due.wait(_IDLE_SECONDS)
                    self._world.something_is_due.clear()

    def _turn(self, client: httpx.Client) -> bool:
        later.run_due(self._world, time.time())
        renewals.advance(self._world, self._world.now())
        due = self._due()
        for event, attempts, began_at in due:
            if self._stopping.is_set():
                break
            self._deliver(client, event, attempts, began_at)
        return bool(due)

    def _due(self) -> list[tuple[str, int, float]]:
        if self._world.knobs.hold or not self._world.webhook_url:
            return []
        rows = self._world.store.execute(
            "SELECT event, attempts, began_at FROM deliveries WHERE state = 'waiting' AND next_at <= ?"
            " ORDER BY next_at, rowid LIMIT ?",
            time.time(),
            _BATCH,
        )
        if self._world.knobs.shuffle:
            random.shuffle(rows)
        return rows

    def _deliver(self, client: httpx.Client, name: str, attempts: int, began_at: float) -> None:
        with self._world.store.transaction():
            body = webhook_body(self._world, self._world.must("event", name))
        status = None
        for _ in range(1 + self._world.knobs.duplicate):
            status = self._post(client, body)
        is_done = status is not None and 200 <= status < 300
        with self._world.store.transaction():
            self._note(name, attempts + 1, began_at, status, is_done)

    def _post(self, client: httpx.Client, body: bytes) -> int | None:
        headers = {
            "content-type": "application/json; charset=utf-8",
            "user-agent": "Stripe/1.0",
            "stripe-signature": self._signature(body),
        }
        try:
            return client.post(self._world.webhook_url, content=body, headers=headers).status_code
        except httpx.HTTPError as error:
            log.info("The webhook was not delivered: %s", type(error).__name__)
            return None

    def _signature(self, body: bytes) -> str:
        knobs = self._world.knobs
        secret = "whsec_wrong" if knobs.wrong_secret else self._world.webhook_secret
        return sign(body, secret, at=int(time.time()) + knobs.timestamp_offset)

    def _note(
        self, name: str, attempts: int, began_at: float, status: int | None, is_done: bool
    ) -> None:
        pause = min(
            self._world.knobs.retry_seconds * 2 ** min(attempts - 1, 20), _LONGEST_PAUSE_SECONDS
        )
        gives_up = time.time() - began_at > _GIVE_UP_SECONDS
        state = "delivered" if is_done else "failed" if gives_up else "waiting"
        self._world.store.execute(
            "UPDATE deliveries SET state = ?, attempts = ?, status = ?, next_at = ? WHERE event = ?",
            state,
            attempts,
            status,
            time.time() + pause,
            name,
        )
        if is_done:
            event = self._world.must("event", name)
            self._world.save(event, pending_webhooks=0)


def webhook_body(world: World, event: Thing) -> bytes:
    """The event as it is posted."""
    return json.dumps(render(world.store, event), indent=2).encode()


def sign(body: bytes, secret: str, *, at: int) -> str:
    """`Stripe-Signature` as https://docs.stripe.com/webhooks#verify-manually describes it."""
    code = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={code}"


def send_again(world: World, event: str) -> None:
    """Queue it once more, whatever became of it."""
    world.store.execute(
        "UPDATE deliveries SET state = 'waiting', next_at = ?, began_at = ? WHERE event = ?",
        time.time(),
        time.time(),
        event,
    )
    world.something_is_due.set()
