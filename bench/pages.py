"""What pages cost: server time of each with a million tasks in the workspace, and what Lighthouse makes of four.

Lighthouse needs Node and a Chromium (`CHROMIUM=/path/to/it` where it is not found). Without them its part is left out,
and the figures say so.
"""

import json
import os
import shutil
import statistics
import subprocess
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.test import Client

from bench import data, history, load, server
from scripts import chromium

TASKS = 1_000_000
LIGHTHOUSE_VERSION = "12.8.2"
_ROUNDS = 30
_LIGHTHOUSE_RUNS = 3
_FOLDER = Path(__file__).resolve().parents[1] / "var" / "bench"
_INSTALL_SECONDS = 600
# Pages of a workspace, and those that everybody may see.
_INSIDE = (
    "", "tasks", "tasks?status=failed", "tasks?q=fox", "models", "play/modelyard/illustration/text-to-image", "usage",
    "usage?days=90d", "keys", "team", "settings", "settings/audit", "webhooks", "notifications", "accounts", "billing",
    "billing/transactions", "billing/invoices", "billing/budgets", "llm/calls", "conversations", "chat",
)  # fmt: skip
_PUBLIC = (
    "/",
    "/models",
    "/models/kling/video_generation",
    "/pricing",
    "/docs/",
    "/docs/webhooks",
    "/status",
)
_JUDGED = {
    "landing": "/",
    "model": "/models/modelyard/illustration/text-to-image",
    "overview": "/w/{slug}/",
    "tasks": "/w/{slug}/tasks",
}
_CHROME_FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-background-networking --disable-component-update"
_CATEGORIES = ("performance", "accessibility", "best-practices", "seo")


def run() -> dict[str, Any]:
    data.migrate()
    call_command("collectstatic", interactive=False, verbosity=0)
    (tenant,) = data.tenants(1)
    history.fill(tenant, TASKS)
    cookie = _cookie(tenant)
    with server.web() as web:
        times = {
            **{path: _p50(web.port, path, "") for path in _PUBLIC},
            **{f"w/{path}": _p50(web.port, f"/w/{tenant.slug}/{path}", cookie) for path in _INSIDE},
        }
        for path, found in times.items():
            print(f"{found:7.1f} ms  {path}", flush=True)
        slowest = max(times, key=lambda path: times[path])
        return {
            "slowest_p50_ms": times[slowest],
            "slowest": slowest,
            "median_p50_ms": round(statistics.median(times.values()), 1),
            **_lighthouse(web.port, tenant, cookie),
            "pages": [{"path": path, "p50_ms": found} for path, found in times.items()],
        }


def _cookie(tenant: data.Tenant) -> str:
    client = Client()
    client.force_login(tenant.user)
    return f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"


def _p50(port: int, path: str, cookie: str) -> float:
    request = load.http("GET", path, headers={"Cookie": cookie} if cookie else {})
    # Two processes: each has to have seen it.
    load.drive(port=port, request=lambda _: request, seconds=30, connections=2, limit=6)
    found = load.drive(
        port=port, request=lambda _: request, seconds=60, connections=1, limit=_ROUNDS
    )
    if set(found.statuses) != {200}:
        raise SystemExit(f"bench: {path} answered {found.statuses}; only 200 would be comparable.")
    return round(found.percentile(50) * 1000, 1)


# ----------------------------------------------------------------------------- Lighthouse
def _lighthouse(port: int, tenant: data.Tenant, cookie: str) -> dict[str, Any]:
    """Scores of 0 to 100, each the median of some runs on a simulated phone, which is Lighthouse's default."""
    browser = chromium.find()
    if not shutil.which("npm") or browser is None:
        return {"lighthouse": "left out: it needs npm and a Chromium"}
    script = _installed()
    figures: dict[str, Any] = {}
    for name, path in _JUDGED.items():
        url = f"http://127.0.0.1:{port}{path.format(slug=tenant.slug)}"
        runs = [_judged(script, browser, url, cookie) for _ in range(_LIGHTHOUSE_RUNS)]
        for category in _CATEGORIES:
            figures[f"{name}_{category}"] = statistics.median(one[category] for one in runs)
        figures[f"{name}_kb"] = statistics.median(one["kb"] for one in runs)
        findings = sorted({finding for one in runs for finding in one["findings"]})
        print(f"{name}: {figures[f'{name}_kb']} kB, {findings or 'nothing found'}", flush=True)
    return figures


def _installed() -> Path:
    folder = _FOLDER / f"lighthouse-{LIGHTHOUSE_VERSION}"
    script = folder / "node_modules" / "lighthouse" / "cli" / "index.js"
    if not script.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [
            "npm",
            "install",
            "--prefix",
            str(folder),
            "--no-audit",
            "--no-fund",
            f"lighthouse@{LIGHTHOUSE_VERSION}",
        ]
        subprocess.run(command, check=True, timeout=_INSTALL_SECONDS, capture_output=True)
    return script


def _judged(script: Path, browser: str, url: str, cookie: str) -> dict[str, Any]:
    command = [
        "node", str(script), url, "--quiet", "--output=json", f"--extra-headers={json.dumps({'Cookie': cookie})}",
        f"--chrome-flags={_CHROME_FLAGS}",
    ]  # fmt: skip
    said = subprocess.run(
        command,
        check=False,
        timeout=300,
        capture_output=True,
        env=os.environ | {"CHROME_PATH": browser},
    )
    if said.returncode:
        raise SystemExit(f"bench: Lighthouse on {url}: {said.stderr.decode()[-600:]}")
    report = json.loads(said.stdout)
    categories = report["categories"]
    weighty = {
        reference["id"]
        for category in _CATEGORIES
        for reference in categories[category]["auditRefs"]
        if reference["weight"]
    }
    return {
        **{name: round(100 * categories[name]["score"]) for name in _CATEGORIES},
        "kb": round(report["audits"]["total-byte-weight"]["numericValue"] / 1000),
        "findings": [
            audit["id"]
            for audit in report["audits"].values()
            if audit["id"] in weighty and audit["score"] is not None and audit["score"] < 0.9
        ],
    }
