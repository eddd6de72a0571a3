"""`./run faults llm`: thousands of calls of language models while gateways and workers are killed.

The platform as `./run up` starts it, two gateway processes more in front of the customers, and a scripted provider.
Streams and whole answers run from many clients; some leave, some providers break off. At the end the books must be
exact: what was served is billed, what was not is free, and nothing is held.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg

from tests.faults import llm_proof, processes
from tests.faults.llm_calls import Callers, wishes
from tests.faults.platform import PROJECT, Platform, free_port
from tests.faults.proof import Verdict, table
from tests.faults.run import outside

_WORKSPACE = "Faults of calls"
_POINTS = 10_000_000_000
_GATEWAYS = 2
_ACCOUNTS = 24
_READY_SECONDS = 120
_REST_SECONDS = 180
# Of three faults two hit a gateway.
_VICTIMS = ("gateway", "gateway", "worker")
_SETTINGS = {"LOCAL_ENGINE": "false", "EGRESS_ALLOW": "127.0.0.0/8"}


@dataclass(frozen=True)
class Size:
    streams: int = 5_000
    kills: int = 20
    seed: int = 1
    at_once: int = 48


@dataclass(frozen=True)
class Report:
    verdicts: list[Verdict]
    figures: dict[str, Any]

    @property
    def is_clean(self) -> bool:
        return not any(one.wrong for one in self.verdicts)


class Gateways:
    """The processes that serve customers, below one that starts them anew."""

    def __init__(self, process: "subprocess.Popen[bytes]", url: str) -> None:
        self._process = process
        self.url = url

    def pids(self) -> list[int]:
        found = processes.descendants(self._process.pid)
        return [pid for pid, command in found.items() if "spawn_main" in command]

    def wait_ready(self) -> None:
        until = time.monotonic() + _READY_SECONDS
        while time.monotonic() < until:
            with suppress(httpx.HTTPError):
                if (
                    httpx.get(f"{self.url}/v1/models", timeout=5, trust_env=False).status_code
                    == 401
                ):
                    return
            time.sleep(0.2)
        raise TimeoutError("no gateway came up")


@contextmanager
def gateways(platform: Platform) -> Iterator[Gateways]:
    port = free_port()
    server = [
        sys.executable, "-m", "uvicorn", "config.asgi:application", "--http", "apps.gateway.http:Protocol",
        "--port", str(port), "--workers", str(_GATEWAYS),
        "--no-access-log", "--log-level", "warning", "--timeout-graceful-shutdown", "5",
    ]  # fmt: skip
    kept = {
        name: os.environ[name]
        for name in ("PATH", "HOME", "LANG", "TMPDIR", "PG_BIN")
        if name in os.environ
    }
    with (platform.folder / "gateways.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "config.embedded_run", "--", *server],
            cwd=PROJECT,
            env=kept | _SETTINGS | {"DATA_DIR": str(platform.folder)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Gateways(process, f"http://127.0.0.1:{port}")
    finally:
        left = set(processes.descendants(process.pid))
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(30)
        for pid in processes.alive(left):
            processes.kill(pid)
        process.kill()
        process.wait()


def run(*, size: Size, folder: Path) -> Report:
    """All of it, in `folder`, which is left as it is."""
    platform = Platform(folder=folder, **_SETTINGS)
    with outside("tests.llm_upstream") as provider:
        try:
            platform.start()
            key = platform.workspace(_WORKSPACE, "--points", str(_POINTS))
            platform.manage(
                "shell",
                "-c",
                f"from tests.faults.llm_seed import seed; seed(url={provider!r}, count={_ACCOUNTS})",
            )
            before = _available(platform)
            with gateways(platform) as found:
                found.wait_ready()
                callers, hits, seconds = asyncio.run(_shoot(platform, found, key, size))
                rest = _rest(platform)
            books = llm_proof.books(platform, callers.seen, points=before, workspace=_WORKSPACE)
            figures = llm_proof.figures(books) | {
                "kills": dict(hits),
                "seconds": round(seconds),
                "seconds_to_rest": round(rest, 1),
                "seed": size.seed,
            }
            return Report(llm_proof.verdicts(books), figures)
        finally:
            platform.stop()


def _available(platform: Platform) -> int:
    [(points,)] = platform.rows(
        "SELECT available FROM billing_wallet w JOIN accounts_workspace a ON a.id = w.workspace_id WHERE a.name = %s",
        _WORKSPACE,
    )
    return int(points)


async def _shoot(
    platform: Platform, found: Gateways, key: str, size: Size
) -> tuple[Callers, Counter[str], float]:
    """All calls, and the kills spread evenly among them."""
    chance, hits, began = random.Random(size.seed), Counter[str](), time.monotonic()
    wanted = wishes(size.streams, chance)
    callers = Callers(url=found.url, key=key, wanted=wanted, at_once=size.at_once)
    calling = asyncio.create_task(callers.run())
    while hits.total() < size.kills and not calling.done():
        due = size.streams * (hits.total() + 1) // (size.kills + 1)
        if len(callers.seen) >= due:
            await _kill(platform, found, chance, hits)
        await asyncio.sleep(0.02)
    await calling
    return callers, hits, time.monotonic() - began


async def _kill(
    platform: Platform, found: Gateways, chance: random.Random, hits: Counter[str]
) -> None:
    role = chance.choice(_VICTIMS)
    if role == "gateway":
        targets = found.pids()
    else:
        roles = ("worker", "pool process", "web")
        parts = await asyncio.to_thread(platform.parts)
        targets = [pid for pid, is_ in parts.items() if is_ in roles]
    if targets and processes.kill(chance.choice(targets)):
        hits[role] += 1


def _rest(platform: Platform) -> float:
    """Until no block is open: those of dead processes are found by the living."""
    began = time.monotonic()
    while time.monotonic() - began < _REST_SECONDS:
        with suppress(psycopg.Error):
            if not platform.rows("SELECT FROM llm_creditblock WHERE state = 'open' LIMIT 1"):
                break
        time.sleep(0.5)
    return time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(prog="./run faults llm", description=__doc__)
    parser.add_argument(
        "--streams", type=int, default=Size.streams, help="calls, whole and streamed"
    )
    parser.add_argument(
        "--kills", type=int, default=Size.kills, help="kill -9 of a gateway or worker"
    )
    parser.add_argument("--seed", type=int, default=Size.seed)
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="modelyard-llm-"))
    report = run(size=Size(**vars(options)), folder=folder)
    _print(json.dumps(report.figures, indent=2))
    _print(table(report.verdicts))
    if report.is_clean:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        _print(f"The database and all logs are kept in {folder}.")
    return 0 if report.is_clean else 1


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
