"""A nearly empty wallet, a burst, a gateway killed in the middle of it: who pays for what was served, to the point."""

import os
import signal
import time
from pathlib import Path
from typing import Any

from bench.llm import books, ours
from bench.llm.client import Load, Seen
from bench.llm.peers import Target
from bench.llm.processes import Place, Program
from bench.llm.rounds import wait_ready

# A cent, at 4.5 points a token.
_POINTS = 100_000
_CONNECTIONS = 64
# First, two seconds each: streams that say how long they may get, so that all of them have what they need.
_BOUNDED = {"prompt": "[chunks=100 delay=0.02]", "chunks": 100, "max_tokens": 100, "seconds": 5.0}
_INTO_THE_STREAMS_SECONDS = 0.7
# Then streams that do not say it: for each of them there is less than it might need, until nothing is left.
_UNBOUNDED = {"prompt": "[chunks=3000 delay=0.001]", "chunks": 3_000, "seconds": 8.0}


def run(place: Place) -> dict[str, Any]:
    """Two gateway processes, two bursts, one kill -9."""
    served = ours.customer(_POINTS)
    with ours.gateway(place, served, workers=2) as target:
        wait_ready(place, "the gateway", target)
        killed = _burst_with_a_kill(place, target)
        drained = place.drive(_load(target, "unbounded", _UNBOUNDED))
    closed = books.close(served, killed.received | drained.received)
    return {
        "unbilled": round(closed.unbilled_share, 6),
        "overdraft": closed.overdraft,
        "burst_served_points": closed.served,
        "burst_billed_points": closed.billed,
        # What the killed process had sent and nobody received.
        "burst_billed_not_received": closed.beyond,
        "burst_miscounted_rows": closed.miscounted,
        "burst_wallet_missing": closed.missing,
        "burst_left_points": closed.available,
        "burst_blocks_left_open": closed.left_open,
        "burst_ends": dict(closed.ends),
        "burst_cut": drained.cut,
        "burst_refused": sum(killed.refused.values()) + sum(drained.refused.values()),
    }


def _burst_with_a_kill(place: Place, target: Target) -> Seen:
    assert target.program is not None
    with place.client(_load(target, "bounded", _BOUNDED)) as client:
        client.wait_open()
        time.sleep(_INTO_THE_STREAMS_SECONDS)
        os.kill(_busiest(target.program), signal.SIGKILL)
        return client.result()


def _load(target: Target, name: str, terms: dict[str, Any]) -> Load:
    return Load(
        port=target.port,
        headers=target.headers,
        is_stream=True,
        connections=_CONNECTIONS,
        name=name,
        **terms,
    )


def _busiest(program: Program) -> int:
    """The process with the most connections: the kernel does not deal them out evenly."""
    return max(program.workers(), key=lambda pid: len(list(Path(f"/proc/{pid}/fd").iterdir())))
