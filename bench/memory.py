"""Resident memory: a web worker over 50,000 requests, and a Celery worker without the local engine."""

import os
import subprocess
import sys
import time
from typing import Any

from bench import data, load, server

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
    command = [sys.executable, "-m", "celery", "-A", "config.celery", "worker", "-Q", "default,provider,deliver",
               "-c", "2", "--without-mingle", "--without-gossip", "-l", "WARNING"]  # fmt: skip
    process = subprocess.Popen(
        command, env=os.environ | {"DJANGO_SETTINGS_MODULE": "bench.settings"}
    )
    try:
        _send_work()
        time.sleep(15)
        listing = subprocess.run(
            ["ps", "-o", "rss=", "--ppid", str(process.pid), "-p", str(process.pid)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return max(int(line) for line in listing.stdout.split()) / 1024
    finally:
        process.terminate()
        process.wait(30)


def _send_work() -> None:
    from apps.core.queue import send  # noqa: PLC0415 - needs Django to be set up

    for _ in range(50):
        send("tasks.dispatch")
