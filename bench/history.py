"""What a long history costs: list and overview of a workspace with ten thousand tasks and with a million."""

import statistics
import time
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client

from bench import data, load, server

_SIZES = {"10k": 10_000, "1m": 1_000_000}
_REQUESTS = 200
_ROUNDS = 3

# Finished tasks over the last year with their quarter hours, as the services would have left them.
_TASKS = """
INSERT INTO tasks_task (id, workspace_id, model, task_type, family, status, input, output, price_points, price_lines,
                        cost_points, progress, attempt, deadline_at, created_at, started_at, ended_at, error_code)
SELECT gen_random_uuid(), %(workspace)s, 'modelyard/illustration', 'text-to-image', 'local',
       CASE WHEN n %% 20 = 0 THEN 'failed' ELSE 'completed' END, '{"prompt": "a fox"}', '{"image_url": "http://x/y.png"}',
       10000, '[]', CASE WHEN n %% 20 = 0 THEN 0 ELSE 10000 END, 100, 1, at + interval '5 minutes', at, at, at,
       CASE WHEN n %% 20 = 0 THEN 11000 ELSE 0 END
  FROM (SELECT n, now() - n * (interval '365 days' / %(count)s) AS at FROM generate_series(1, %(count)s) n) AS times
"""
_BUCKETS = """
INSERT INTO tasks_usagebucket (workspace_id, starts_at, family, completed, failed, cancelled, cost_points)
SELECT workspace_id, date_bin('15 minutes', ended_at, TIMESTAMPTZ '2000-01-01 00:00:00+00'), family,
       count(*) FILTER (WHERE status = 'completed'), count(*) FILTER (WHERE status = 'failed'), 0, sum(cost_points)
  FROM tasks_task WHERE workspace_id = %(workspace)s GROUP BY 1, 2, 3
"""


def run() -> dict[str, Any]:
    data.migrate()
    tenants = dict(zip(_SIZES, data.tenants(len(_SIZES)), strict=True))
    for name, count in _SIZES.items():
        fill(tenants[name], count)
    with server.web() as web:
        pages = {
            name: {"list": _list(tenant), "overview": _overview(tenant)}
            for name, tenant in tenants.items()
        }
        return _figures(web.port, pages)


def fill(tenant: data.Tenant, count: int) -> None:
    """So many tasks of the last year."""
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for statement in (_TASKS, _BUCKETS):
            cursor.execute(statement, {"workspace": tenant.workspace_id, "count": count})
        cursor.execute("ANALYZE")


def _list(tenant: data.Tenant) -> bytes:
    return load.http("GET", "/api/v1/tasks?limit=20", headers={"X-Api-Key": tenant.key})


def _overview(tenant: data.Tenant) -> bytes:
    client = Client()
    client.force_login(tenant.user)
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    return load.http("GET", f"/w/{tenant.slug}/", headers={"Cookie": cookie})


def _figures(port: int, pages: dict[str, dict[str, bytes]]) -> dict[str, Any]:
    medians: dict[tuple[str, str], list[float]] = {}
    for number in range(_ROUNDS + 1):
        for size, kinds in pages.items():
            for kind, request in kinds.items():
                seen = _measure(port, request)
                if number:
                    medians.setdefault((kind, size), []).append(seen)
    p50 = {name: statistics.median(values) * 1000 for name, values in medians.items()}
    figures: dict[str, Any] = {
        f"{kind}_p50_ms_{size}": round(value, 2) for (kind, size), value in p50.items()
    }
    for kind in ("list", "overview"):
        figures[f"{kind}_ratio"] = round(p50[kind, "1m"] / p50[kind, "10k"], 2)
    return figures


def _measure(port: int, request: bytes) -> float:
    time.sleep(0.2)
    found = load.drive(
        port=port, request=lambda _: request, seconds=60, connections=1, limit=_REQUESTS
    )
    if set(found.statuses) != {200}:
        raise SystemExit(f"bench: answered {found.statuses}; only 200 would be comparable.")
    return found.percentile(50)
