"""Writing usage rows: durable before the customer gets the last byte, and together with whatever else ends then.

A connection of its own on the event loop: a thread would cost each call more than the statement does. Attempts that end
while a batch is being committed are the next batch, so under load the commits cost next to nothing each.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg
from django.db import DataError, IntegrityError, connection, transaction

from apps.core.batching import Batcher
from apps.llm.services.attempts import Attempt

log = logging.getLogger(__name__)

_MOST_ROWS = 1000
_PAUSE_SECONDS = 0.5
_CONNECT_SECONDS = 5

# Charged only to a block that is open, and it stays open until this commits: whoever settles it waits for the lock. An
# attempt that comes too late costs nothing, but says so. Says of every attempt what it was charged.
_INSERT = """
WITH given AS (
    SELECT * FROM json_to_recordset($1::json) AS v (
        attempt uuid, call uuid, number smallint, workspace_id bigint, api_key_id bigint, user_id bigint, block_id uuid,
        account_id bigint, price_id text, model text, operation text, provider text, service_mode text,
        is_stream boolean, "end" text, usage_source text, input_tokens bigint, cached_tokens bigint,
        output_tokens bigint, reasoning_tokens bigint, units jsonb, points bigint, written_off bigint, first_ms int,
        total_ms int, request_id text, error text)
), charged AS MATERIALIZED (
    SELECT id FROM llm_creditblock WHERE id IN (SELECT block_id FROM given) AND state = 'open'
     ORDER BY id FOR KEY SHARE
)
INSERT INTO llm_usage (attempt, call, number, workspace_id, api_key_id, user_id, block_id, account_id, price_id, model,
    operation, provider, service_mode, is_stream, "end", usage_source, input_tokens, cached_tokens, output_tokens,
    reasoning_tokens, units, points, written_off, first_ms, total_ms, request_id, error)
SELECT given.attempt, call, number, workspace_id, api_key_id, user_id, block_id, account_id, price_id, model,
    operation, provider, service_mode, is_stream, "end", usage_source, input_tokens, cached_tokens, output_tokens,
    reasoning_tokens, units, CASE WHEN charged.id IS NULL THEN 0 ELSE points END,
    written_off + CASE WHEN charged.id IS NULL THEN points ELSE 0 END, first_ms, total_ms, request_id, error
  FROM given LEFT JOIN charged ON charged.id = given.block_id
ON CONFLICT (attempt) DO NOTHING
"""
_PRICES = """
INSERT INTO llm_priceversion (version, model, rates, minimum_points)
SELECT version, model, rates, minimum_points
  FROM json_to_recordset($1::json) AS v (version text, model text, rates jsonb, minimum_points bigint)
ON CONFLICT (version) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Priced:
    """A price as it is kept for whoever asks later what a call was charged by."""

    version: str
    model: str
    rates: Mapping[str, str]
    minimum_points: int


class Recorder:
    """The one writer of usage rows of a gateway process. For one event loop."""

    def __init__(self) -> None:
        self._batches: Batcher[Attempt, bool] = Batcher(self._write, most=_MOST_ROWS)
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._prices: dict[str, Priced] = {}
        self._written: set[str] = set()

    def know_price(self, price: Priced) -> None:
        """The price will be there when a row names it."""
        if price.version not in self._written:
            self._prices[price.version] = price

    def write(self, attempt: Attempt) -> "asyncio.Future[bool]":
        """True when the row is committed, False when the database refuses it, which is a fault of ours.

        While the database is away it waits, as long as this process lives.
        """
        return self._batches.put(attempt)

    async def close(self) -> None:
        await self._batches.drained()
        await self._disconnect()

    async def _write(self, attempts: Sequence[Attempt]) -> Sequence[bool]:
        rows = orjson.dumps([one.as_json() for one in attempts])
        while True:
            try:
                await self._execute(rows)
            except (psycopg.OperationalError, psycopg.InterfaceError, OSError) as error:
                log.warning("usage not written yet", extra={"error": type(error).__name__})
                await self._disconnect()
                await asyncio.sleep(_PAUSE_SECONDS)
            except psycopg.Error:
                await self._disconnect()
                if len(attempts) > 1:
                    # A row that the database refuses must not take the others along.
                    return [(await self._write([one]))[0] for one in attempts]
                log.exception("usage refused", extra={"attempt": str(attempts[0].attempt)})
                return [False]
            else:
                return [True] * len(attempts)

    async def _execute(self, rows: bytes) -> None:
        conn = await self._connected()
        if self._prices:
            prices, self._prices = self._prices, {}
            try:
                await self._execute_prices(conn, list(prices.values()))
            except BaseException:
                self._prices = prices | self._prices
                raise
            self._written |= prices.keys()
        await conn.execute(_INSERT, [rows.decode()], prepare=True)

    async def _execute_prices(
        self, conn: "psycopg.AsyncConnection[Any]", prices: Sequence[Priced]
    ) -> None:
        rows = [
            {
                "version": one.version,
                "model": one.model,
                "rates": dict(one.rates),
                "minimum_points": one.minimum_points,
            }
            for one in prices
        ]
        await conn.execute(_PRICES, [orjson.dumps(rows).decode()])

    async def _connected(self) -> "psycopg.AsyncConnection[Any]":
        if self._connection is None or self._connection.closed:
            self._connection = await psycopg.AsyncConnection.connect(
                **connection_options(),
                autocommit=True,
                connect_timeout=_CONNECT_SECONDS,
                cursor_factory=psycopg.AsyncRawCursor,
            )
        return self._connection

    async def _disconnect(self) -> None:
        if self._connection is not None:
            try:
                await self._connection.close()
            finally:
                self._connection = None


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
                cursor.execute(statement, [orjson.dumps([one.as_json()]).decode()])
        except (IntegrityError, DataError):
            log.exception("usage refused", extra={"attempt": str(one.attempt)})
