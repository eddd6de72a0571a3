"""One run: start, shoot while customers send, wait for rest, prove."""

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from tests.faults import customers, proof
from tests.faults.customers import Senders, Wish
from tests.faults.faults import Counts, Gunner, plan
from tests.faults.platform import PROJECT, Platform
from tests.faults.proof import Evidence, Verdict
from tests.upstream.running import Receiver, Upstream

_REST_SECONDS = 180
_TICK_SECONDS = 0.5
# Between two faults, drawn anew each time: some meet while the one before is still being mended.
_PAUSE_SECONDS = (1.0, 5.0)
_WAVES = 4  # of tasks between two faults
OWN = "Faults own"
# Workspace, share of the requests, options of `manage.py demo`.
_CUSTOMERS = (
    ("Faults one", 0.46, ()),
    (OWN, 0.10, ()),
    ("Faults two", 0.30, ()),
    ("Faults developer", 0.12, ("--plan", "developer")),
    ("Faults hobbyist", 0.02, ("--plan", "hobbyist")),
)
_POINTS = 1_000_000_000


@dataclass(frozen=True)
class Size:
    tasks: int = 2_000
    late: int = (
        20  # of them; a minute passes before the provider is asked again what became of such a one
    )
    seed: int = 1
    counts: Counts = field(default_factory=Counts)
    pause_seconds: tuple[float, float] = _PAUSE_SECONDS


@dataclass(frozen=True)
class Report:
    verdicts: list[Verdict]
    figures: dict[str, Any]

    @property
    def is_clean(self) -> bool:
        return not any(one.wrong for one in self.verdicts)


@contextmanager
def outside(module: str) -> Iterator[str]:
    """A server of tests/upstream as a process of its own; its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", module], cwd=PROJECT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def run(*, size: Size, folder: Path, say: Callable[[str], None]) -> Report:
    """All of it, in `folder`, which is left as it is afterwards for whoever wants to look."""
    with ExitStack() as stack:
        upstream = Upstream(stack.enter_context(outside("tests.upstream")))
        receiver = Receiver(stack.enter_context(outside("tests.upstream.receiver")))
        platform = Platform(folder=folder, LOCAL_ENGINE="false")
        stack.callback(platform.stop)
        say(f"Started in {platform.start():.1f} s, in {folder}.")
        chance = random.Random(size.seed)
        wishes = _prepared(platform, upstream, receiver, size, chance)
        return asyncio.run(_shoot(platform, upstream, receiver, wishes, size, chance, say))


def _prepared(
    platform: Platform, upstream: Upstream, receiver: Receiver, size: Size, chance: random.Random
) -> list[Wish]:
    # Two at a time: each is a process that has to load everything.
    with ThreadPoolExecutor() as preparing:
        accounts = preparing.submit(_add_accounts, platform, upstream)
        keys = preparing.submit(_workspaces, platform).result()
        accounts.result()
    _own_accounts(platform, upstream)
    wishes = customers.wishes(
        count=size.tasks, late=size.late, customers=keys, receiver_url=receiver.url, chance=chance
    )
    for wish in wishes:
        if wish.receiver_answers:
            receiver.answer(wish.receiver_answers, path=wish.path)
    return wishes


def _add_accounts(platform: Platform, upstream: Upstream) -> None:
    for number, config in enumerate(({}, {"callbacks": True}, {"callbacks": True}), start=1):
        platform.add_account(
            label=f"Pool {number}", url=upstream.url, slots=40, credential=f"key-{number}", **config
        )


def _own_accounts(platform: Platform, upstream: Upstream) -> None:
    """One of the customers works on accounts of its own."""
    platform.manage(
        "shell",
        "-c",
        f"from tests.faults.own_seed import seed; seed(workspace={OWN!r}, url={upstream.url!r})",
    )


def _workspaces(platform: Platform) -> list[tuple[str, float]]:
    return [
        (platform.workspace(name, "--points", str(_POINTS), *options), share)
        for name, share, options in _CUSTOMERS
    ]


async def _shoot(
    platform: Platform,
    upstream: Upstream,
    receiver: Receiver,
    wishes: list[Wish],
    size: Size,
    chance: random.Random,
    say: Callable[[str], None],
) -> Report:
    began, gunner = time.monotonic(), Gunner(platform, chance=chance)
    async with Senders(url=platform.url, wishes=wishes) as senders:
        await _battle(senders, gunner, size, chance, say)
        fired = time.monotonic() - began
        say(f"Fired {gunner.hits.total()} faults in {fired:.0f} s: {dict(gunner.by_role)}.")
        until = time.monotonic() + _REST_SECONDS
        await senders.all_answered(seconds=_REST_SECONDS)
        left = await _rest(platform, until)
        say(f"At rest after {time.monotonic() - began - fired:.0f} s more; left over: {left}.")
        evidence = Evidence(
            platform, upstream, receiver, senders.answered, senders.refused, len(wishes)
        )
        found = [Verdict("the supervisor never gave up", _fallen(platform))]
        found += await asyncio.to_thread(proof.verdicts, evidence)
        figures = await asyncio.to_thread(proof.summary, evidence)
    figures |= {
        "faults": dict(gunner.hits),
        "by_role": dict(gunner.by_role),
        "repeated_requests": dict(senders.repeats),
        "fired_seconds": round(fired),
        "seconds": round(time.monotonic() - began),
        "seed": size.seed,
    }
    return Report(found, figures)


def _fallen(platform: Platform) -> list[str]:
    return [] if platform.is_running() else [(platform.folder / "up.log").read_text()[-1500:]]


async def _battle(
    senders: Senders,
    gunner: Gunner,
    size: Size,
    chance: random.Random,
    say: Callable[[str], None],
) -> None:
    """Every fault, with the tasks spread evenly around them."""
    faults = plan(size.counts, chance=chance)
    rounds = (len(faults) + 1) * _WAVES
    released = 0
    for number in range(rounds):
        due = size.tasks * (number + 1) // rounds
        senders.release(due - released)
        released = due
        await asyncio.sleep(chance.uniform(*size.pause_seconds) / _WAVES)
        if number % _WAVES == _WAVES - 1 and number // _WAVES < len(faults):
            await _fire(gunner, *faults[number // _WAVES])
            if number // _WAVES % 20 == 19:
                say(f"{number // _WAVES + 1} faults, {released} tasks sent.")


async def _fire(gunner: Gunner, fault: str, role: str) -> None:
    """What is down just now comes back soon, and is hit then."""
    for _ in range(60):
        if await asyncio.to_thread(gunner.fire, fault, role):
            return
        await asyncio.sleep(_TICK_SECONDS)
    raise RuntimeError(f"there was no {role} to hit for half a minute")


async def _rest(platform: Platform, until: float) -> tuple[int, int, int] | None:
    """Wait until nothing is under way. What is, when the time is over first."""
    left = None
    while time.monotonic() < until:
        with suppress(psycopg.Error):
            left = await asyncio.to_thread(proof.open_work, platform)
            if left == (0, 0, 0):
                break
        await asyncio.sleep(_TICK_SECONDS)
    return left
