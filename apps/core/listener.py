"""Hearing from PostgreSQL that something changed, and knowing whether we still hear.

A process that keeps a copy of a row may believe it for as long as it would be told of a change. NOTIFY is part of the
transaction that changes the row, so nobody can forget to send it; a heartbeat through the same channel shows that
messages arrive. When it stops (connection lost, a pooler in between that cannot LISTEN), `hears` turns false within a
second, and copies are believed no longer than callers would without us.
"""

import logging
import os
import secrets
import threading
import time
from collections.abc import Callable

import psycopg
from django.conf import settings
from django.db import connection
from psycopg import sql

log = logging.getLogger(__name__)

_HEARTBEAT_SECONDS = 0.3
_SILENCE_SECONDS = 0.9
_RECONNECT_SECONDS = 1.0


class Listener:
    """Calls `on_change` for every message on a channel, from a thread of its own, started at first use."""

    def __init__(self, channel: str, on_change: Callable[[], None]) -> None:
        self._channel = channel
        self._on_change = on_change
        self._reset()
        os.register_at_fork(after_in_child=self._reset)

    def _reset(self) -> None:
        # After a fork the parent's thread does not exist here, its locks may be held by nobody, and what it heard
        # counts for nothing.
        self._lock = threading.Lock()
        self._heard_at = float("-inf")
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def hears(self) -> bool:
        """Whether a change made a second ago would have reached us. Starts listening when nobody does yet."""
        if self._thread is None:
            if not settings.LISTEN_FOR_CHANGES:
                return False
            self._start()
        return time.monotonic() - self._heard_at < _SILENCE_SECONDS

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            thread = threading.Thread(target=self._run, name="listen", daemon=True)
            thread.start()
            self._thread = thread

    def stop(self) -> None:
        """End the thread and its connection; the next `hears` starts anew."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._reset()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self._listen()
            except (psycopg.Error, OSError) as error:
                log.warning("not listening", extra={"error": type(error).__name__})
            self._heard_at = float("-inf")
            self._stop.wait(_RECONNECT_SECONDS)

    def _listen(self) -> None:
        own = f"{self._channel}_{secrets.token_hex(8)}"
        parameters = connection.get_connection_params()
        known = {
            "host",
            "port",
            "dbname",
            "user",
            "password",
            "sslmode",
            "sslrootcert",
            "sslcert",
            "sslkey",
        }
        options = {name: value for name, value in parameters.items() if name in known}
        with psycopg.connect(**options, autocommit=True, connect_timeout=5) as conn:
            # A heartbeat need not survive a crash of the database.
            conn.execute("SET synchronous_commit = off")
            for channel in (self._channel, own):
                conn.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            while not self._stop.is_set():
                self._beat(conn, own)

    def _beat(self, conn: "psycopg.Connection[tuple[object, ...]]", own: str) -> None:
        sent_at = time.monotonic()
        conn.execute(sql.SQL("NOTIFY {}").format(sql.Identifier(own)))
        answered = False
        for message in conn.notifies(timeout=_HEARTBEAT_SECONDS):
            if message.channel == self._channel:
                self._on_change()
            else:
                answered = True
        # Counted from the sending: what was committed before it has been delivered by now.
        self._heard_at = sent_at if answered else float("-inf")
