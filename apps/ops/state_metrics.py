"""The state of the platform at /metrics, read from the database when somebody asks.

Counters that a worker keeps in its memory are not seen by the process that answers /metrics; rows are. Labels are
families, providers, statuses and the numbers of the operator's own accounts, never a customer's.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from django.db import DatabaseError, connection, transaction
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from apps.billing.selectors import crypto as billing_crypto
from apps.billing.selectors import payments as billing_payments
from apps.byoa import selectors as byoa
from apps.byoa.models import Status
from apps.llm.selectors.blocks import open_blocks
from apps.ops import pool_report

log = logging.getLogger(__name__)

# However many servers scrape, the database is asked once in this time, and less often the longer it takes to answer:
# never more than one part in twenty of one connection.
_LEAST_SECONDS = 5.0
_PARTS = 20
_TIMEOUT_MS = 3_000

Part = Callable[[], Iterable[Metric]]


def _queues() -> Iterator[Metric]:
    depth = GaugeMetricFamily(
        "modelyard_queue_tasks", "Unfinished tasks", labels=["family", "status"]
    )
    oldest = GaugeMetricFamily(
        "modelyard_queue_oldest_pending_seconds",
        "Age of the oldest pending task",
        labels=["family"],
    )
    for queue in pool_report.queues():
        depth.add_metric([queue.family, "staged"], queue.staged)
        depth.add_metric([queue.family, "pending"], queue.pending)
        depth.add_metric([queue.family, "processing"], queue.processing)
        oldest.add_metric([queue.family], queue.oldest_seconds)
    yield from (depth, oldest)


def _deliveries() -> Iterator[Metric]:
    found = pool_report.deliveries()
    values = {
        "modelyard_deliveries_waiting": ("Events that are still to be told", found.waiting),
        "modelyard_deliveries_due": ("Of those, the ones that are due now", found.due),
        "modelyard_deliveries_oldest_seconds": ("Age of the oldest", found.oldest_seconds),
        "modelyard_deliveries_overdue_seconds": (
            "How late the most overdue is",
            found.overdue_seconds,
        ),
        "modelyard_deliveries_failed_day": ("Given up in the last 24 hours", found.failed),
    }
    for name, (words, value) in values.items():
        yield GaugeMetricFamily(name, words, value=value)


_ACCOUNT = ["account", "provider"]


def _accounts() -> Iterator[Metric]:
    gauges = {
        "slots": GaugeMetricFamily("modelyard_account_slots", "Tasks at once", labels=_ACCOUNT),
        "in_use": GaugeMetricFamily(
            "modelyard_account_slots_in_use", "Slots in use", labels=_ACCOUNT
        ),
        "today": GaugeMetricFamily(
            "modelyard_account_taken_today", "Tasks taken since 00:00 UTC", labels=_ACCOUNT
        ),
        "cooling": GaugeMetricFamily(
            "modelyard_account_cooling", "1 while the account rests after failures", labels=_ACCOUNT
        ),
        "paused": GaugeMetricFamily(
            "modelyard_account_paused", "1 while the operator has paused it", labels=_ACCOUNT
        ),
    }
    status = GaugeMetricFamily(
        "modelyard_account_status", "1 for the status it has", labels=[*_ACCOUNT, "status"]
    )
    for seen in byoa.pool_overview():
        account = seen.account
        labels = [str(account.pk), account.provider]
        gauges["slots"].add_metric(labels, account.slots)
        gauges["in_use"].add_metric(labels, seen.in_use)
        gauges["today"].add_metric(labels, seen.today)
        gauges["cooling"].add_metric(labels, account.status == Status.COOLING)
        gauges["paused"].add_metric(labels, account.is_paused)
        status.add_metric([*labels, account.status], 1)
    yield from gauges.values()
    yield status
    yield GaugeMetricFamily(
        "modelyard_slot_leases_expired",
        "Slots past their time that were not cleared away",
        value=pool_report.expired_leases(),
    )


def _attempts() -> Iterator[Metric]:
    """Counters that begin anew at 00:00 UTC, which `rate` and `increase` understand as they do a restart."""
    ended = CounterMetricFamily(
        "modelyard_attempts", "Attempts that ended, since 00:00 UTC", labels=[*_ACCOUNT, "outcome"]
    )
    cost = CounterMetricFamily(
        "modelyard_attempt_cost_points", "What they cost us, since 00:00 UTC", labels=_ACCOUNT
    )
    revenue = CounterMetricFamily(
        "modelyard_attempt_revenue_points", "What customers paid, since 00:00 UTC", labels=_ACCOUNT
    )
    found = pool_report.outcomes_today()
    for one in found:
        ended.add_metric([*_labels(one), one.state.lower()], one.attempts)
    by_account: dict[tuple[str, str], list[pool_report.Outcome]] = {}
    for one in found:
        by_account.setdefault(_labels(one), []).append(one)
    for labels, mine in by_account.items():
        sums = pool_report.money(mine)
        cost.add_metric(labels, sums.cost_points)
        revenue.add_metric(labels, sums.revenue_points)
    yield from (ended, cost, revenue)


def _labels(one: pool_report.Outcome) -> tuple[str, str]:
    return ("" if one.account_id is None else str(one.account_id), one.provider)


def _payment_events() -> Iterator[Metric]:
    """What payment providers told us and nobody has placed: an alarm belongs on the age."""
    count = GaugeMetricFamily(
        "modelyard_payment_events", "Events of payment providers to look at", labels=["state"]
    )
    age = GaugeMetricFamily(
        "modelyard_payment_events_oldest_seconds", "Age of the oldest of them", labels=["state"]
    )
    for one in billing_payments.unplaced():
        count.add_metric([one.state], one.count)
        age.add_metric([one.state], one.oldest_seconds)
    yield from (count, age)


def _chains() -> Iterator[Metric]:
    """How well chains are read: alarms belong on the problem, the silence and the age of what was held back."""
    problem = GaugeMetricFamily(
        "modelyard_chain_problem", "1 while a chain cannot be read or believed", labels=["chain"]
    )
    behind = GaugeMetricFamily(
        "modelyard_chain_behind_blocks", "Blocks still to be read", labels=["chain"]
    )
    silent = GaugeMetricFamily(
        "modelyard_chain_silent_seconds", "Since the chain was last read", labels=["chain"]
    )
    for one in billing_crypto.chain_states():
        problem.add_metric([one.chain], one.has_problem)
        behind.add_metric([one.chain], one.behind_blocks)
        if one.silent_seconds is not None:
            silent.add_metric([one.chain], one.silent_seconds)
    count = GaugeMetricFamily(
        "modelyard_deposits", "Token transfers that are not credited yet", labels=["state"]
    )
    age = GaugeMetricFamily(
        "modelyard_deposits_oldest_seconds", "Age of the oldest of them", labels=["state"]
    )
    for row in billing_crypto.waiting():
        count.add_metric([row.state], row.count)
        age.add_metric([row.state], row.oldest_seconds)
    yield from (problem, behind, silent, count, age)


def _blocks() -> Iterator[Metric]:
    """What gateways hold for LLM calls: an alarm belongs on what is left behind and on the age."""
    found = open_blocks()
    values = {
        "modelyard_llm_blocks_open": ("Credit blocks held by gateways", found.count),
        "modelyard_llm_blocks_points": ("Points in them", found.points),
        "modelyard_llm_blocks_gateways": ("Gateway processes that hold some", found.gateways),
        "modelyard_llm_blocks_oldest_seconds": ("Age of the oldest", found.oldest_seconds),
        "modelyard_llm_blocks_left_behind": ("Of those, past their lease", found.left_behind),
    }
    for name, (words, value) in values.items():
        yield GaugeMetricFamily(name, words, value=value)


PARTS: dict[str, Part] = {
    "queues": _queues,
    "deliveries": _deliveries,
    "accounts": _accounts,
    "attempts": _attempts,
    "payment_events": _payment_events,
    "chains": _chains,
    "blocks": _blocks,
}


class State(Collector):
    """What `PARTS` read, each remembered for a while. A part that cannot be read is left out and said to be."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, list[Metric] | None]] = {}
        self._lock = threading.Lock()

    def collect(self) -> Iterator[Metric]:
        readable = GaugeMetricFamily(
            "modelyard_state_readable",
            "0 for a part that the database did not tell",
            labels=["part"],
        )
        for name, part in PARTS.items():
            found = self._current(name, part)
            readable.add_metric([name], found is not None)
            yield from found or ()
        yield readable

    def forget(self) -> None:
        """Ask the database again at the next question."""
        self._kept.clear()

    def _current(self, name: str, part: Part) -> list[Metric] | None:
        with self._lock:
            until, found = self._kept.get(name, (0.0, None))
            if time.monotonic() < until:
                return found
            started = time.monotonic()
            found = _read(name, part)
            took = time.monotonic() - started
            self._kept[name] = (time.monotonic() + max(_LEAST_SECONDS, _PARTS * took), found)
            return found


def _read(name: str, part: Part) -> list[Metric] | None:
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {_TIMEOUT_MS}")
            return list(part())
    except DatabaseError as error:
        log.warning("state not read", extra={"path": name, "error": type(error).__name__})
        return None


STATE = State()
