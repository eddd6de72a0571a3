"""A thousand streams open at once on one gateway process: what that weighs, and whether each is settled exactly."""

from typing import Any

from bench.llm import books, ours
from bench.llm.client import Load
from bench.llm.mock import CHUNKS
from bench.llm.processes import Mock, Place
from bench.llm.rounds import wait_ready

_STREAMS = 1_000
_QUICK_STREAMS = 100


def run(place: Place, mock: Mock, *, quick: bool) -> dict[str, Any]:
    """Every stream is half-way when the mock waits; then memory is read and they all end."""
    count = _QUICK_STREAMS if quick else _STREAMS
    served = ours.customer()
    with ours.gateway(place, served, workers=1) as target:
        assert target.program is not None
        wait_ready(place, "the gateway", target)
        idle_mb = target.program.rss_mb()
        load = Load(
            port=target.port,
            headers=served.headers,
            prompt=f"[chunks={CHUNKS} hold]",
            is_stream=True,
            connections=count,
            limit=count,
            name="streams",
        )
        with place.client(load) as client:
            is_open = client.wait_open()
            open_mb = target.program.rss_mb()
            mock.release()
            seen = client.result()
    closed = books.close(served, seen.received)
    return {
        "open_streams": is_open,
        "open_streams_rss_mb": round(open_mb, 1),
        "idle_rss_mb": round(idle_mb, 1),
        "streams_complete": seen.complete,
        "streams_settled": closed.ends.get("completed", 0) - 1,  # one was to see whether it answers
        "streams_off_points": closed.unbilled + abs(closed.missing) + closed.miscounted,
    }
