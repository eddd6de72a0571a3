"""Resident memory: a web worker over 50,000 requests, and a Celery worker without the local engine."""

import time
from typing import Any

from bench import data, load, server, workers

_REQUESTS = 50_000
_STEP = 5_000


def run() -> dict[str, Any]:
    data.migrate()
    tenants = data.tenants(20)
    with server.web() as web:
        _ask(web.port, tenants, 2_000)  # every module that is imported late is in by now
        seen = [max(web.workers_rss_mb())]
        for _ in range(_REQUESTS // _STEP):
            _ask(web.port, tenants, _STEP)
            seen.append(max(web.workers_rss_mb()))
    return {
        "web_worker_start_mb": round(seen[0], 1),
        "web_worker_end_mb": round(seen[-1], 1),
        # Between the middle and the end: caches have filled by then, a leak has not stopped.
        "growth_second_half_mb": round(seen[-1] - seen[len(seen) // 2], 1),
        "celery_worker_mb": round(_celery_worker(), 1),
    }


def _ask(port: int, tenants: list[data.Tenant], count: int) -> None:
    def request(number: int) -> bytes:
        return load.http(
            "GET", "/api/v1/tasks?limit=5", headers={"X-Api-Key": tenants[number % 20].key}
        )

    load.drive(port=port, request=request, seconds=600, limit=count)


def _celery_worker() -> float:
    """The largest process of a worker on the queues without local models, after it was asked to work."""
    with workers.celery("default,provider,deliver", processes=2) as worker:
        _send_work()
        time.sleep(15)
        return worker.rss_mb()


def _send_work() -> None:
    from apps.core.queue import send  # noqa: PLC0415 - needs Django to be set up

    for _ in range(50):
        send("tasks.dispatch")
