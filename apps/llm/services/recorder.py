"""Writing usage rows: durable before the customer gets the last byte, and together with whatever else ends then.

A connection of its own on the event loop: a thread would cost each call more than the statement does. Attempts that end
while a batch is being committed are the next batch, so under load the commits cost next to nothing each.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import orjson
import psycopg
from django.db import DataError, IntegrityError, connection, transaction
from psycopg import pq

from apps.llm.services.attempts import Attempt

log = logging.getLogger(__name__)

_MOST_ROWS = 1000
_PAUSE_SECONDS = 0.5
_CONNECT_SECONDS = 5
# Past the database's own limit of a statement nobody answers any more.
_LATE_SECONDS = 45.0
# A customer waits no longer for the row of an answer than this; the row is written all the same.
_PATIENCE_SECONDS = 30.0
_LOOK_SECONDS = 1.0
_NAME = b"llm_usage"
# Classes of SQLSTATE after which the same may go well: connection, rollback, resources, intervention, objects in use.
_PASSING = frozenset({"08", "40", "53", "55", "57", "58", "XX"})

# Charged only to a block that is open, and it stays open until this commits: whoever settles it waits for the lock. An
# attempt that comes too late costs nothing, but says so.
_INSERT = """
INSERT INTO llm_usage (attempt, call, number, workspace_id, api_key_id, user_id, block_id, account_id, price_id, model,
    operation, provider, service_mode, is_stream, "end", usage_source, input_tokens, cached_tokens, output_tokens,
    reasoning_tokens, units, points, written_off, first_ms, total_ms, request_id, error)
SELECT attempt, call, number, workspace_id, api_key_id, user_id, block_id, account_id, price_id, model,
    operation, provider, service_mode, is_stream, "end", usage_source, input_tokens, cached_tokens, output_tokens,
    reasoning_tokens, units, CASE WHEN charged.id IS NULL THEN 0 ELSE points END,
    written_off + CASE WHEN charged.id IS NULL THEN points ELSE 0 END, first_ms, total_ms, request_id, error
  FROM json_to_recordset($1::json) AS given (
        attempt uuid, call uuid, number smallint, workspace_id bigint, api_key_id bigint, user_id bigint, block_id uuid,
        account_id bigint, price_id text, model text, operation text, provider text, service_mode text,
        is_stream boolean, "end" text, usage_source text, input_tokens bigint, cached_tokens bigint,
        output_tokens bigint, reasoning_tokens bigint, units jsonb, points bigint, written_off bigint, first_ms int,
        total_ms int, request_id text, error text)
  LEFT JOIN LATERAL (
        SELECT id FROM llm_creditblock AS block WHERE block.id = given.block_id AND state = 'open' FOR KEY SHARE
       ) AS charged ON true
ON CONFLICT (attempt) DO NOTHING
"""
_PRICES = """
INSERT INTO llm_priceversion (version, model, rates, minimum_points)
SELECT version, model, rates, minimum_points
  FROM json_to_recordset(%s::json) AS v (version text, model text, rates jsonb, minimum_points bigint)
ON CONFLICT (version) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Priced:
    """A price as it is kept for whoever asks later what a call was charged by."""

    version: str
    model: str
    rates: Mapping[str, str]
    minimum_points: int

    def as_json(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "model": self.model,
            "rates": dict(self.rates),
            "minimum_points": self.minimum_points,
        }


class _Pending(NamedTuple):
    attempt: Attempt
    then: Callable[[bool], None]
    waiter: "asyncio.Future[bool]"
    since: float


class Recorder:
    """The one writer of usage rows of a gateway process. For one event loop.

    Speaks to libpq itself: every call waits for its row, and a coroutine per statement would cost it more than the
    statement does. At most one batch is under way.
    """

    def __init__(self) -> None:
        self._waiting: list[_Pending] = []
        self._batch: list[_Pending] = []
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._prices: dict[str, Priced] = {}
        self._known: set[str] = set()
        self._is_working = False
        # A statement is on its way to the database, for which its socket has had no room yet.
        self._is_flushing = False
        # So many of the waiting were in a batch that the database refused: each goes alone now.
        self._alone = 0
        self._recovering: asyncio.Task[None] | None = None
        # One timer for all who wait: nearly all are answered before it looks.
        self._looking: asyncio.TimerHandle | None = None
        self._sent_at = 0.0
        self._idle = asyncio.Event()
        self._idle.set()

    def know_price(self, price: Priced) -> None:
        """The price will be there when a row names it."""
        if price.version not in self._known:
            self._prices[price.version] = price

    def write(self, attempt: Attempt, *, then: Callable[[bool], None]) -> "asyncio.Future[bool]":
        """`then` hears whether the row is committed: False when the database refuses it, which is a fault of ours.

        While the database is away it waits, as long as this process lives. The future says the same to whoever waits
        for it, but False after half a minute; nobody needs to.
        """
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[bool] = loop.create_future()
        self._waiting.append(_Pending(attempt, then, waiter, loop.time()))
        if self._looking is None:
            self._looking = loop.call_later(_LOOK_SECONDS, self._look)
        if not self._is_working:
            self._is_working = True
            self._idle.clear()
            self._next()
        return waiter

    async def close(self) -> None:
        """Everything is written."""
        await self._idle.wait()
        if self._looking is not None:
            self._looking.cancel()
        await self._disconnect()

    # ------------------------------------------------------------------------- a batch
    def _next(self) -> None:
        if not self._waiting:
            self._is_working = False
            self._idle.set()
            return
        count = 1 if self._alone else _MOST_ROWS
        self._alone = max(0, self._alone - 1)
        self._batch, self._waiting = self._waiting[:count], self._waiting[count:]
        if self._connection is None or self._connection.closed or self._prices:
            self._recover(pause=0)
        else:
            self._send(self._connection.pgconn)

    def _send(self, pgconn: pq.abc.PGconn) -> None:
        rows = _rows([one.attempt for one in self._batch])
        self._sent_at = asyncio.get_running_loop().time()
        try:
            pgconn.send_query_prepared(_NAME, [rows])
            self._flush(pgconn)
        except psycopg.Error as error:
            self._broken(error)

    def _flush(self, pgconn: pq.abc.PGconn) -> None:
        """Send what the socket takes, and the rest when it takes more."""
        loop = asyncio.get_running_loop()
        if pgconn.flush():
            loop.add_writer(pgconn.socket, self._writable)
            self._is_flushing = True
        elif self._is_flushing:
            loop.remove_writer(pgconn.socket)
            self._is_flushing = False

    def _writable(self) -> None:
        if self._connection is not None:
            try:
                self._flush(self._connection.pgconn)
            except psycopg.Error as error:
                self._broken(error)

    def _readable(self) -> None:
        if self._connection is None:
            return
        pgconn = self._connection.pgconn
        try:
            pgconn.consume_input()
            if not self._batch or pgconn.is_busy():
                return
            failure: pq.abc.PGresult | None = None
            while (result := pgconn.get_result()) is not None:
                if result.status != pq.ExecStatus.COMMAND_OK:
                    failure = result
        except psycopg.Error as error:
            self._broken(error)
            return
        if failure is None:
            self._done(True)
        else:
            self._failed(failure)

    def _done(self, is_written: bool) -> None:
        batch, self._batch = self._batch, []
        for one in batch:
            if not one.waiter.done():
                one.waiter.set_result(is_written)
        self._next()
        # After whoever waits has gone on: an answer is not to wait for our own books.
        asyncio.get_running_loop().call_soon(_tell, batch, is_written)

    def _failed(self, result: pq.abc.PGresult) -> None:
        state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
        if state[:2] in _PASSING:
            self._broken(psycopg.OperationalError(state))
        elif len(self._batch) > 1:
            # A row that the database refuses must not take the others along.
            self._alone += len(self._batch)
            self._waiting, self._batch = self._batch + self._waiting, []
            self._next()
        else:
            attempt = self._batch[0].attempt
            log.error("usage refused", extra={"attempt": str(attempt.attempt), "error": state})
            self._done(False)

    # ------------------------------------------------------------------ the connection
    def _broken(self, error: Exception) -> None:
        """Whatever became of the batch, it can be sent again: a row that is there stays as it is."""
        log.warning("usage not written yet", extra={"error": type(error).__name__})
        # Without a batch it was idle, and the next one connects.
        self._recover(pause=_PAUSE_SECONDS if self._batch else 0, is_lost=True)

    def _look(self) -> None:
        """Nobody waits for ever: not a customer for a row, nor this for an answer of the database."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        for one in (*self._batch, *self._waiting):
            if now - one.since > _PATIENCE_SECONDS and not one.waiter.done():
                one.waiter.set_result(False)
        if self._batch and self._recovering is None and now - self._sent_at > _LATE_SECONDS:
            self._broken(TimeoutError("no answer"))
        is_waited_for = self._batch or self._waiting
        self._looking = loop.call_later(_LOOK_SECONDS, self._look) if is_waited_for else None

    def _recover(self, *, pause: float, is_lost: bool = False) -> None:
        if self._recovering is None:
            self._recovering = asyncio.create_task(self._recovered(pause, is_lost=is_lost))

    async def _recovered(self, pause: float, *, is_lost: bool) -> None:
        """A connection that stands and knows the prices; then the batch is sent on it."""
        if is_lost:
            await self._disconnect()
        while True:
            await asyncio.sleep(pause)
            try:
                pgconn = await self._connected()
                break
            except (psycopg.Error, OSError) as error:
                log.warning("usage not written yet", extra={"error": type(error).__name__})
                await self._disconnect()
                pause = _PAUSE_SECONDS
        self._recovering = None
        self._send(pgconn)

    async def _connected(self) -> pq.abc.PGconn:
        conn = self._connection
        loop = asyncio.get_running_loop()
        if conn is None or conn.closed:
            conn = await psycopg.AsyncConnection.connect(
                **connection_options(), autocommit=True, connect_timeout=_CONNECT_SECONDS
            )
            self._connection = conn
            conn.pgconn.prepare(_NAME, _INSERT.encode())
        loop.remove_reader(conn.pgconn.socket)
        if self._prices:
            prices = list(self._prices.values())
            rows = orjson.dumps([one.as_json() for one in prices]).decode()
            await conn.execute(_PRICES, [rows])
            for one in prices:
                self._known.add(one.version)
                self._prices.pop(one.version, None)
        loop.add_reader(conn.pgconn.socket, self._readable)
        return conn.pgconn

    async def _disconnect(self) -> None:
        conn, self._connection = self._connection, None
        if conn is None:
            return
        if not conn.closed:
            loop = asyncio.get_running_loop()
            loop.remove_reader(conn.pgconn.socket)
            loop.remove_writer(conn.pgconn.socket)
        self._is_flushing = False
        await conn.close()


def _tell(batch: list[_Pending], is_written: bool) -> None:
    for one in batch:
        try:
            one.then(is_written)
        except Exception:
            log.exception("what follows a row failed")


def _rows(attempts: list[Attempt]) -> bytes:
    """JSON for `_INSERT`, in the order in which whoever settles blocks locks them."""
    if len(attempts) > 1:
        attempts.sort(key=_block)
    return orjson.dumps([one.as_json() for one in attempts])


def _block(attempt: Attempt) -> int:
    return attempt.block_id.int if attempt.block_id else 0


_OPTIONS = frozenset(
    {
        "host", "port", "dbname", "user", "password", "sslmode", "sslrootcert", "sslcert", "sslkey", "options",
    }
)  # fmt: skip


def connection_options() -> dict[str, Any]:
    """How Django reaches the database, for a connection beside its own."""
    parameters = connection.get_connection_params()
    return {name: value for name, value in parameters.items() if name in _OPTIONS}


def insert_now(attempts: Sequence[Attempt]) -> None:
    """The same for code without an event loop, over Django's connection. A row that is refused is logged and left."""
    statement = _INSERT.replace("$1", "%s")
    for one in attempts:
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(statement, [_rows([one]).decode()])
        except (IntegrityError, DataError):
            log.exception("usage refused", extra={"attempt": str(one.attempt)})
