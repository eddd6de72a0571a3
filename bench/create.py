"""POST /api/v1/task against the floor, on the same server and database, in turns.

Both are driven in short rounds one after the other, so that whatever else the machine does falls on both; the figures
are medians over the rounds.
"""

import json
import statistics
from typing import Any

from bench import data, load, server

_ROUNDS = 7
_SECONDS = 3.0
_WORKSPACES = 200
_BODY = json.dumps(
    {
        "model": "modelyard/illustration",
        "task_type": "text-to-image",
        "input": {"prompt": "a fox in a forest at sunset", "width": 512, "height": 512, "seed": 7},
        "config": {"webhook_config": {"endpoint": "", "secret": ""}},
    }
).encode()


def run() -> dict[str, Any]:
    data.migrate()
    tenants = data.tenants(_WORKSPACES)
    with server.web() as web:
        rounds: dict[str, list[load.Round]] = {
            "floor": [],
            "create": [],
            "floor_one": [],
            "one": [],
        }
        kinds = {
            "floor": lambda n: _floor(tenants[n % _WORKSPACES]),
            "create": lambda n: _create(tenants[n % _WORKSPACES]),
            "floor_one": lambda _: _floor(tenants[0]),
            "one": lambda _: _create(tenants[0]),
        }
        for number in range(_ROUNDS + 1):
            for name, request in kinds.items():
                found = load.drive(
                    port=web.port, request=request, seconds=_SECONDS if number else 1.0
                )
                _check(name, found)
                if number:  # the first one warms up
                    rounds[name].append(found)
    return _figures(rounds)


def _create(tenant: data.Tenant) -> bytes:
    return load.http("POST", "/api/v1/task", headers={"X-Api-Key": tenant.key}, body=_BODY)


def _floor(tenant: data.Tenant) -> bytes:
    return load.http(
        "POST", "/bench/floor", headers={"X-Workspace": str(tenant.workspace_id)}, body=_BODY
    )


def _check(name: str, found: load.Round) -> None:
    if set(found.statuses) != {200}:
        raise SystemExit(f"bench: {name} answered {found.statuses}; only 200 would be comparable.")


def _figures(rounds: dict[str, list[load.Round]]) -> dict[str, Any]:
    speed = {
        name: statistics.median(found.per_second for found in group)
        for name, group in rounds.items()
    }
    # Each round is compared with the floor's round next to it.
    ratio = statistics.median(
        mine.per_second / least.per_second
        for mine, least in zip(rounds["create"], rounds["floor"], strict=True)
    )
    return {
        "ratio_to_floor": round(ratio, 3),
        "requests_per_s": round(speed["create"]),
        "floor_per_s": round(speed["floor"]),
        "p50_ms": round(1000 * statistics.median(r.percentile(50) for r in rounds["create"]), 1),
        "p99_ms": round(1000 * statistics.median(r.percentile(99) for r in rounds["create"]), 1),
        "one_workspace_per_s": round(speed["one"]),
        "one_workspace_floor_per_s": round(speed["floor_one"]),
    }
