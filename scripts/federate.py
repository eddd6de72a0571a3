"""Two Modelyards on this machine, one behind the other: the customer of the first gets the second's picture.

    scripts/federate.sh [--output FOLDER]

The first has no engine of its own; its pool is one account at the second, which runs the local engine. The second
knows the first as a customer like any other. Both live in temporary folders and are gone afterwards.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from config.up_task import MODEL, TASK_TYPE, Result, dollars, run_task
from tests.faults.platform import Platform

# What the second asks of its customers, less than its list price: an operator sets this in the admin.
_WHOLESALE = f"""
from django.utils import timezone
from apps.catalog.models import PriceOverride
PriceOverride.objects.create(model="{MODEL}", task_type="{TASK_TYPE}", points_per_unit=6_000, valid_from=timezone.now())
"""


@dataclass(frozen=True)
class Outcome:
    """Where the customer's picture is, and what the task cost whom, in points.

    `price` is what the customer paid the first, `bill` what the second took from the first, and `cost` what the first
    wrote down as its cost. `served_by` is the engine that the second used.
    """

    url: str
    picture: bytes
    price: int
    cost: int
    bill: int
    served_by: str

    @property
    def margin(self) -> int:
        return self.price - self.cost


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/federate.sh", description=__doc__)
    parser.add_argument(
        "--output", type=Path, default=Path("var/federated"), help="for the picture"
    )
    output: Path = parser.parse_args().output
    with tempfile.TemporaryDirectory(prefix="modelyard-federated-") as folder:
        print("Starting two Modelyards …", flush=True)
        with two_platforms(Path(folder)) as (first, second):
            print(f"First      {first.url}  (no engine, its pool is the second)")
            print(f"Second     {second.url}  (local engine)")
            outcome = federated_task(first, second)
    output.mkdir(parents=True, exist_ok=True)
    picture = output / Path(urlsplit(outcome.url).path).name
    picture.write_bytes(outcome.picture)
    print(f"\nResult     {outcome.url}, kept as {picture} ({len(outcome.picture):,} bytes)")
    print(f"First      the customer paid {dollars(outcome.price)}, the pool cost {dollars(outcome.cost)}, "
          f"margin {dollars(outcome.margin)}")  # fmt: skip
    print(
        f"Second     its customer, the first, paid {dollars(outcome.bill)} for work of its engine “{outcome.served_by}”"
    )
    return 0


@contextmanager
def two_platforms(folder: Path) -> Iterator[tuple[Platform, Platform]]:
    """Both running: the first, and the second that is to serve it."""
    first = Platform(folder=folder / "first", LOCAL_ENGINE="false")
    second = Platform(folder=folder / "second", LOCAL_ENGINE="true")
    try:
        with ThreadPoolExecutor() as starting:
            list(starting.map(Platform.start, (first, second)))
        yield first, second
    finally:
        with ThreadPoolExecutor() as stopping:
            list(stopping.map(Platform.stop, (first, second)))


def federated_task(first: Platform, second: Platform) -> Outcome:
    """Put the second into the first's pool, and send a customer's task to the first."""
    with ThreadPoolExecutor() as preparing:
        jobs: list[Future[Any]] = [
            preparing.submit(
                first.add_account,
                label="The second Modelyard",
                url=second.url,
                slots=10,
                credential=second.demo_key(),
                callbacks=True,
            ),
            preparing.submit(second.manage, "shell", "-c", _WHOLESALE),
        ]
    for job in jobs:
        job.result()
    result = None
    began = time.monotonic()
    for event in run_task(base_url=first.url, api_key=first.demo_key()):
        if isinstance(event, Result):
            result = event
        else:
            print(f"{time.monotonic() - began:6.1f} s   {event}", flush=True)
    if result is None:
        raise SystemExit("federate: the task ended without a result.")
    picture = httpx.get(result.url, trust_env=False).raise_for_status()
    [(cost,)] = first.rows("SELECT cost_points FROM tasks_attempt WHERE state = 'SUCCEEDED'")
    [(bill, provider)] = second.rows(
        "SELECT t.cost_points, a.provider FROM tasks_task t JOIN tasks_attempt a ON a.task_id = t.id"
        " WHERE a.state = 'SUCCEEDED' ORDER BY t.created_at DESC LIMIT 1"
    )
    return Outcome(result.url, picture.content, result.points, cost, bill, provider)


if __name__ == "__main__":
    sys.exit(main())
