"""A burst on a nearly empty wallet, with a gateway killed in the middle: who pays for what was served, to the point."""

import os
import signal
import time
from contextlib import ExitStack
from typing import Any

from bench.llm import books, ours
from bench.llm.client import Load
from bench.llm.processes import Place, Program
from bench.llm.rounds import wait_ready

# A cent, at 4.5 points a token: some two hundred of the streams below.
_POINTS = 100_000
_CHUNKS = 100
_PROMPT = f"[chunks={_CHUNKS} delay=0.02]"
_CONNECTIONS = 32  # of clients that say how much they want, and as many that do not
_SECONDS = 10.0
_KILL_AFTER_SECONDS = 2.5
# The gateways that live on look for what a dead one left every few seconds.
_RECOVERY_SECONDS = 8.0


def run(place: Place) -> dict[str, Any]:
    """Two gateway processes, two kinds of clients, one kill -9."""
    served = ours.customer(_POINTS)
    with ours.gateway(place, served, workers=2) as target:
        assert target.program is not None
        wait_ready(place, "the gateway", target)
        received: dict[str, int] = {}
        with ExitStack() as clients:
            running = [
                clients.enter_context(place.client(_load(target.port, served, name, most)))
                for name, most in (("bounded", _CHUNKS), ("unbounded", 0))
            ]
            time.sleep(_KILL_AFTER_SECONDS)
            _kill(target.program)
            seen = [client.result() for client in running]
        time.sleep(_RECOVERY_SECONDS)
    for one in seen:
        received |= one.received
    closed = books.close(served, received)
    return {
        "unbilled": round(closed.unbilled_share, 6),
        "overdraft": closed.overdraft,
        "burst_served_points": closed.served,
        "burst_billed_points": closed.charged,
        # What a killed process had sent and nobody received.
        "burst_billed_not_received": closed.beyond,
        "burst_miscounted_rows": closed.miscounted,
        "burst_wallet_missing": closed.missing,
        "burst_left_points": closed.available,
        "burst_blocks_left_open": closed.left_open,
        "burst_ends": dict(closed.ends),
        "burst_refused": sum(sum(one.refused.values()) for one in seen),
    }


def _load(port: int, served: ours.Customer, name: str, max_tokens: int) -> Load:
    return Load(
        port=port,
        headers=served.headers,
        prompt=_PROMPT,
        is_stream=True,
        max_tokens=max_tokens,
        chunks=_CHUNKS,
        connections=_CONNECTIONS,
        seconds=_SECONDS,
        name=name,
    )


def _kill(program: Program) -> None:
    os.kill(program.workers()[0], signal.SIGKILL)
