"""Tasks from POST to the last webhook, through a provider that answers at once, over the wire on one machine.

Three parts on the processes of a small installation: how soon an idle platform submits, how many tasks a second it
finishes, and what it costs to follow thousands that take long. That is web with two workers, Celery with two processes
for providers (one in the third part) and one each for dispatch and deliveries, and beat. `tests.upstream` is the
provider and the receiver.
"""

import json
import statistics
import time
import urllib.request
from contextlib import ExitStack
from typing import Any

from django.db import connection

from apps.byoa.models import Account
from apps.byoa.services import accounts
from bench import data, load, server, workers

_WARM_UP_TASKS = 20
_IDLE_TASKS = 200
_IDLE_PAUSE_SECONDS = 0.15
_TASKS = 2_000
_IN_FLIGHT = 5_000
_WATCH_SECONDS = 20
_PATIENCE_SECONDS = 180
_WORKSPACES = 20


def run() -> dict[str, Any]:
    data.migrate()
    tenants = data.tenants(_WORKSPACES)
    with ExitStack() as running:
        upstream = running.enter_context(workers.helper("tests.upstream"))
        receiver = running.enter_context(workers.helper("tests.upstream.receiver"))
        account = accounts.add_account(
            provider="federation",
            terms=accounts.Terms(label="Bench", base_url=upstream, slots=10_000),
            credential="bench",
        )
        web = running.enter_context(server.web())
        running.enter_context(workers.celery("default"))
        running.enter_context(workers.celery("deliver"))
        running.enter_context(workers.beat())
        with workers.celery("provider", processes=2):
            _warm_up(web.port, tenants, receiver)
            figures = _idle(web.port, tenants) | _flow(web.port, tenants, receiver)
        with workers.celery("provider") as provider:
            return figures | _many(web.port, tenants, account, provider, upstream)


def _warm_up(port: int, tenants: list[data.Tenant], receiver: str) -> None:
    """Until every process has imported what it needs and opened its connections."""
    _send(port, tenants, "[delay=0]", receiver, count=50)
    for number in range(_WARM_UP_TASKS):
        _send(port, tenants, "[delay=0.3]", receiver, count=1, first=number)
        time.sleep(_IDLE_PAUSE_SECONDS)
    _wait(_unfinished, 0)


def _idle(port: int, tenants: list[data.Tenant]) -> dict[str, Any]:
    """One task at a time, with pauses: from its creation until its provider has said that it has it."""
    newest = _newest_task()
    for number in range(_IDLE_TASKS):
        _send(port, tenants, "[delay=0.3]", "", count=1, first=number)
        time.sleep(_IDLE_PAUSE_SECONDS)
    _wait(_unfinished, 0)
    waits = _milliseconds(
        "SELECT a.accepted_at - t.created_at FROM tasks_attempt a JOIN tasks_task t ON t.id = a.task_id"
        " WHERE t.created_at > %s",
        newest,
    )
    return {"submit_p50_ms": _percentile(waits, 50), "submit_p99_ms": _percentile(waits, 99)}


def _flow(port: int, tenants: list[data.Tenant], receiver: str) -> dict[str, Any]:
    """From the first request until every task has ended and every webhook was received."""
    newest = _newest_task()
    began = time.perf_counter()
    _send(port, tenants, "[delay=0]", receiver, count=_TASKS)
    accepted = time.perf_counter()
    _wait(_unfinished, 0)
    ended = time.perf_counter()
    _wait(_undelivered, 0)
    delivered = time.perf_counter()
    delays = _milliseconds(
        "SELECT ended_at - occurred_at FROM notifications_delivery WHERE occurred_at > %s", newest
    )
    return {
        "tasks_per_s": round(_TASKS / (delivered - began), 1),
        "create_per_s": round(_TASKS / (accepted - began), 1),
        "ended_per_s": round(_TASKS / (ended - began), 1),
        "webhooks": len(delays),
        "webhook_p99_ms": _percentile(delays, 99),
        "failed": _count(
            "SELECT count(*) FROM tasks_task WHERE status = 'failed' AND created_at > %s", newest
        ),
    }


def _many(
    port: int,
    tenants: list[data.Tenant],
    account: Account,
    provider: workers.Worker,
    upstream: str,
) -> dict[str, Any]:
    """Thousands at the provider, each asked about every five seconds by one worker."""
    accounts.change(account_id=account.pk, config={"poll_seconds": 5})
    _send(port, tenants, "[delay=600]", "", count=_IN_FLIGHT)
    _wait(_accepted, _IN_FLIGHT)
    time.sleep(6)  # the first round is over
    polls, began = _polls(upstream), time.perf_counter()
    memory = []
    while time.perf_counter() - began < _WATCH_SECONDS:
        memory.append(provider.rss_mb())
        time.sleep(1)
    per_second = (_polls(upstream) - polls) / (time.perf_counter() - began)
    return {
        "inflight_polled": _accepted(),
        "polls_per_s": round(per_second, 1),
        "poll_interval_s": round(_IN_FLIGHT / per_second, 2),
        "provider_rss_mb": round(max(memory), 1),
    }


def _send(
    port: int,
    tenants: list[data.Tenant],
    prompt: str,
    receiver: str,
    *,
    count: int,
    first: int = 0,
) -> None:
    config = {"webhook_config": {"endpoint": receiver and f"{receiver}/hook", "secret": "bench"}}
    body = json.dumps(
        {
            "model": "Qubico/flux1-schnell",
            "task_type": "txt2img",
            "input": {"prompt": f"a fox in a forest {prompt}"},
            "config": config if receiver else {},
        }
    ).encode()

    def request(number: int) -> bytes:
        key = tenants[(first + number) % len(tenants)].key
        return load.http("POST", "/api/v1/task", headers={"X-Api-Key": key}, body=body)

    seen = load.drive(
        port=port, request=request, seconds=600, limit=count, connections=min(count, 12)
    )
    assert seen.statuses == {200: count}, seen.statuses


def _wait(figure: Any, wanted: int) -> None:
    until = time.monotonic() + _PATIENCE_SECONDS
    while figure() != wanted:
        if time.monotonic() > until:
            raise SystemExit(f"bench: {figure.__name__.strip('_')} is {figure()}, not {wanted}.")
        time.sleep(0.02)


def _unfinished() -> int:
    return _count("SELECT count(*) FROM tasks_task WHERE ended_at IS NULL AND family = 'flux'")


def _undelivered() -> int:
    return _count("SELECT count(*) FROM notifications_delivery WHERE state = 'WAITING'")


def _accepted() -> int:
    return _count("SELECT count(*) FROM tasks_attempt WHERE state = 'ACCEPTED'")


def _newest_task() -> Any:
    return _value("SELECT max(created_at) FROM tasks_task")


def _polls(upstream: str) -> int:
    with urllib.request.urlopen(f"{upstream}/_seen?totals=1", timeout=30) as answer:  # noqa: S310
        return int(json.load(answer)["totals"]["polls"])


def _count(sql: str, *parameters: Any) -> int:
    return int(_value(sql, *parameters))


def _value(sql: str, *parameters: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0]


def _milliseconds(sql: str, *parameters: Any) -> list[float]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [found.total_seconds() * 1000 for (found,) in cursor.fetchall() if found is not None]


def _percentile(values: list[float], percent: int) -> float:
    return round(statistics.quantiles(values, n=100)[percent - 1], 1)
