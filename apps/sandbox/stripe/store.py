"""Everything the server remembers, in one SQLite file: objects, idempotency keys, deliveries and settings."""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from apps.sandbox.stripe.errors import Thing

_TABLES = """
CREATE TABLE IF NOT EXISTS objects (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT UNIQUE NOT NULL, kind TEXT NOT NULL, created INTEGER NOT NULL,
    customer TEXT, payment_intent TEXT, body TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS objects_kind ON objects (kind, seq);
CREATE INDEX IF NOT EXISTS objects_customer ON objects (customer, kind, seq);
CREATE INDEX IF NOT EXISTS objects_payment ON objects (payment_intent, kind, seq);
CREATE TABLE IF NOT EXISTS idempotency (
    key TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, status INTEGER NOT NULL, body TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS deliveries (
    event TEXT PRIMARY KEY, type TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, status INTEGER,
    next_at REAL NOT NULL, began_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (state, next_at);
CREATE TABLE IF NOT EXISTS timers (id INTEGER PRIMARY KEY, at REAL NOT NULL, what TEXT NOT NULL, object TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
# Conditions are appended by `_conditions`: names are ours, values are bound.
_SELECT = "SELECT id, body FROM objects"
_SEQ_OF = "(SELECT named.seq FROM objects AS named WHERE named.id = ?)"
_COLUMNS = ("customer", "payment_intent")
# Fields that calls and followers look for; an index each.
_SOUGHT = ("_intent", "_subscription", "charge", "invoice", "lookup_key", "status", "subscription")


@dataclass(frozen=True, slots=True)
class Range:
    """Bounds of `created`, each None or inclusive."""

    least: int | None = None
    most: int | None = None


class Store:
    """One connection under one lock. Within a transaction an id is always the same dict: a change is seen at once."""

    def __init__(self, path: str) -> None:
        self.lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;")
        self._connection.executescript(_TABLES)
        for field in _SOUGHT:
            self._connection.execute(
                f"CREATE INDEX IF NOT EXISTS objects_by_{field} ON objects (kind, json_extract(body, '$.{field}'))"
            )
        self._known: dict[str, Thing] = {}
        self._depth = 0

    def close(self) -> None:
        with self.lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; may be nested."""
        with self.lock:
            mark = f"s{self._depth}"
            self._connection.execute(f"SAVEPOINT {mark}")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._connection.execute(f"ROLLBACK TO {mark}")
                self._known.clear()
                raise
            finally:
                self._depth -= 1
                self._connection.execute(f"RELEASE {mark}")
                if not self._depth:
                    self._known.clear()

    def execute(self, sql: str, *values: Any) -> list[Any]:
        with self.lock:
            return self._connection.execute(sql, values).fetchall()

    # ---- objects

    def put(self, thing: Thing) -> Thing:
        """New or changed; the same dict."""
        if self._depth:
            self._known[thing["id"]] = thing
        row = (thing["id"], thing["object"], thing.get("created", 0))
        refs = tuple(_id_of(thing.get(column)) for column in _COLUMNS)
        self.execute(
            "INSERT INTO objects (id, kind, created, customer, payment_intent, body) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (id) DO UPDATE SET created=excluded.created, customer=excluded.customer,"
            " payment_intent=excluded.payment_intent, body=excluded.body",
            *row,
            *refs,
            json.dumps(thing),
        )
        return thing

    def get(self, name: str, kind: str | None = None) -> Thing | None:
        if name in self._known:
            thing: Thing | None = self._known[name]
        else:
            rows = self.execute("SELECT id, body FROM objects WHERE id = ?", name)
            thing = self._load(rows[0]) if rows else None
        return thing if thing is not None and kind in (None, thing["object"]) else None

    def forget(self, name: str) -> None:
        self._known.pop(name, None)
        self.execute("DELETE FROM objects WHERE id = ?", name)

    def every(self, kind: str, **equal: Any) -> list[Thing]:
        """All of a kind, oldest first."""
        where, values = _conditions(kind, equal, Range())
        return [
            self._load(row)
            for row in self.execute(f"{_SELECT} WHERE {where} ORDER BY seq", *values)
        ]

    def page(
        self, kind: str, *, equal: Thing, created: Range, limit: int, after: str, before: str
    ) -> tuple[list[Thing], bool]:
        """Newest first, and whether more follow in the direction of paging."""
        where, values = _conditions(kind, equal, created)
        order = "DESC"
        if after or before:
            sign, order = ("<", "DESC") if after else (">", "ASC")
            where += f" AND seq {sign} {_SEQ_OF}"
            values.append(after or before)
        rows = self.execute(
            f"{_SELECT} WHERE {where} ORDER BY seq {order} LIMIT ?", *values, limit + 1
        )
        found = [self._load(row) for row in rows[:limit]]
        return (found if order == "DESC" else found[::-1]), len(rows) > limit

    def _load(self, row: tuple[str, str]) -> Thing:
        name, body = row
        if name in self._known:
            return self._known[name]
        thing: Thing = json.loads(body)
        if self._depth:
            self._known[name] = thing
        return thing

    # ---- settings

    def setting(self, name: str, default: Any = None) -> Any:
        rows = self.execute("SELECT value FROM settings WHERE name = ?", name)
        return json.loads(rows[0][0]) if rows else default

    def set(self, name: str, value: Any) -> None:
        self.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", name, json.dumps(value))


def _id_of(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _conditions(kind: str, equal: Thing, created: Range) -> tuple[str, list[Any]]:
    parts = ["kind = ?"]
    values: list[Any] = [kind]
    for path, value in equal.items():
        column = path if path in _COLUMNS else f"json_extract(body, '$.{path}')"
        if isinstance(value, list):
            parts.append(f"{column} IN ({','.join('?' * len(value))})")
            values.extend(value)
        else:
            parts.append(f"{column} IS ?")
            values.append(value)
    for sign, bound in ((">=", created.least), ("<=", created.most)):
        if bound is not None:
            parts.append(f"created {sign} ?")
            values.append(bound)
    return " AND ".join(parts), values
