"""What the usage page costs a workspace with ten thousand tasks, and one with a million, in 180 days (docs/usage.md).

The tasks are of 12 models, 6 keys, 3 persons and 2 pools, at all hours; what they came to is summed by the statement
that the service uses.
"""

import statistics
import time
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone

from apps.tasks.selectors import slices
from apps.tasks.services import slice_sql
from bench import data, load, server

_SIZES = {"10k": 10_000, "1m": 1_000_000}
_REQUESTS = 30
_RUNS = 9
# A tenth of it failed; times are spread over three orders of magnitude.
_EVENTS = """
SELECT %(workspace)s::bigint, now() - n * (interval '180 days' / %(count)s), 'model-' || n %% 12,
       (1 + n / 12 %% 6)::bigint,
       (1 + n / 12 %% 3)::bigint, CASE WHEN n / 72 %% 4 = 0 THEN 'private' ELSE 'public' END, n %% 12 > 8, 1,
       CASE WHEN n %% 11 = 0 THEN 'refused' ELSE 'completed' END, CASE WHEN n %% 11 = 0 THEN 0 ELSE 10000 END::bigint,
       0::bigint, 100::bigint, 100::bigint, interval '1 second' * random(),
       interval '1 second' * exp(7 * random()), interval '1 second' * random()
  FROM generate_series(1, %(count)s) n
"""
_SPLITS = ("model", "key", "error")


def run() -> dict[str, Any]:
    data.migrate()
    tenants = dict(zip(_SIZES, data.tenants(len(_SIZES)), strict=True))
    figures: dict[str, Any] = {}
    for name, count in _SIZES.items():
        figures[f"sum_seconds_{name}"] = _fill(tenants[name], count)
    for name, tenant in tenants.items():
        figures |= _selectors(name, tenant)
    with server.web() as web:
        for days in ("7d", "90d"):
            for name, tenant in tenants.items():
                figures[f"page_{days}_p50_ms_{name}"] = _page(web.port, tenant, days)
    return figures


def _fill(tenant: data.Tenant, count: int) -> float:
    started = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        cursor.execute(
            slice_sql.sum_of(_EVENTS),
            {**slice_sql.FACTS, "workspace": tenant.workspace_id, "count": count},
        )
        took = round(time.perf_counter() - started, 1)
        cursor.execute("VACUUM ANALYZE tasks_usageslice")
    return took


def _selectors(size: str, tenant: data.Tenant) -> dict[str, float]:
    """Medians in milliseconds of what the page asks for, 90 days and the 90 before; and how many rows there are."""
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    now = slices.Span(today - timedelta(days=89), today + timedelta(days=1), "day")
    both = slices.Span(now.start - timedelta(days=90), now.end, "day")
    found: dict[str, float] = {
        f"rows_of_days_{size}": slices._rows(
            tenant.workspace_id, both, slices.SliceFilter()
        ).count()
    }
    for split in _SPLITS:
        scope: dict[str, Any] = {"workspace_id": tenant.workspace_id, "span": both, "split": split}
        found[f"cells_{split}_ms_{size}"] = _median(lambda scope=scope: slices.cells(**scope))
        found[f"times_{split}_ms_{size}"] = _median(
            lambda scope=scope: slices.times(**scope, subjects_from=now.start)
        )
    return found


def _median(ask: Any) -> float:
    taken = []
    for _ in range(_RUNS):
        started = time.perf_counter()
        ask()
        taken.append(time.perf_counter() - started)
    return round(statistics.median(taken) * 1000, 1)


def _page(port: int, tenant: data.Tenant, days: str) -> float:
    client = Client()
    client.force_login(tenant.user)
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    request = load.http("GET", f"/w/{tenant.slug}/usage?range={days}", headers={"Cookie": cookie})
    found = load.drive(
        port=port, request=lambda _: request, seconds=60, connections=1, limit=_REQUESTS
    )
    if set(found.statuses) != {200}:
        raise SystemExit(f"bench: answered {found.statuses}; only 200 would be comparable.")
    return round(found.percentile(50) * 1000, 1)
