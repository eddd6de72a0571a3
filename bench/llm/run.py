"""`./run bench llm`: the gateway next to Portkey and LiteLLM, then its weight, then its books."""

import contextlib
import platform
import signal
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.conf import settings

from bench import data
from bench.llm import exact, ours, rounds, streams
from bench.llm.namespace import network
from bench.llm.peers import PEERS, Missing, Target
from bench.llm.processes import Mock, Place, use_files
from scripts import python_build

OURS, OURS_ONE = "modelyard", "modelyard_1_worker"


def run(*, quick: bool = False) -> dict[str, Any]:
    """All figures, the lines of the table last. With `quick` too short to say more than that everything works."""
    signal.signal(signal.SIGTERM, _leave)
    use_files()
    data.migrate()
    try:
        return _run(quick)
    except Missing as reason:
        raise SystemExit(f"bench: {reason}") from None


def _run(quick: bool) -> dict[str, Any]:
    with contextlib.ExitStack() as running:
        place = running.enter_context(_place())
        mock = running.enter_context(place.mock())
        ours.serve_from(mock.port)
        missing: dict[str, str] = {}
        cells = _compare(place, mock, rounds.QUICK if quick else rounds.Plan(), missing)
        return {
            **_figures(cells),
            **streams.run(place, mock, quick=quick),
            **exact.run(place),
            "missing": missing,
            "python": f"{platform.python_version()}, {'' if python_build.is_optimised() else 'not '}optimised",
            "table": [cell.row() for cell in cells],
        }


def _leave(number: int, _frame: object) -> None:
    raise SystemExit(128 + number)


@contextlib.contextmanager
def _place() -> Iterator[Place]:
    """A network of its own, if the gateway reaches its servers from inside, which is by sockets in the file system."""
    host = str(settings.DATABASES["default"]["HOST"])
    if not host.startswith("/") or not settings.REDIS_URL.startswith("unix:"):
        yield Place(reason="PostgreSQL and Valkey could not be reached from inside it")
        return
    with network() as place:
        yield place


def _compare(
    place: Place, mock: Mock, plan: rounds.Plan, missing: dict[str, str]
) -> list[rounds.Cell]:
    """Everybody is started before anybody is measured. Who cannot be is in `missing`, with the reason."""
    with contextlib.ExitStack() as running:
        served = ours.customer()
        targets = {
            "floor": Target(mock.port, program=mock.program),
            OURS: running.enter_context(ours.gateway(place, served)),
            OURS_ONE: running.enter_context(ours.gateway(place, served, workers=1)),
        }
        for name, target in targets.items():
            rounds.wait_ready(place, name, target)
        for name, start in PEERS.items():
            try:
                peer = running.enter_context(start(place, mock.port))
                rounds.wait_ready(place, name, peer)
            except Missing as reason:
                missing[name] = str(reason)
                print(f"bench: no {name}: {reason}")
            else:
                targets[name] = peer
        return rounds.measure(place, targets, plan)


def _figures(cells: Sequence[rounds.Cell]) -> dict[str, Any]:
    figures: dict[str, Any] = {}
    for name in PEERS:
        found = rounds.ratios(cells, OURS, name)
        # The headline is the worst of all loads.
        figures[f"ratio_to_{name}"] = _least(found)
        figures[f"ratios_to_{name}"] = found
        figures[f"ratio_to_{name}_1_worker"] = _least(rounds.ratios(cells, OURS_ONE, name))
    figures["added_p50_ms"] = rounds.added_ms(cells, OURS, is_stream=False, name="p50_ms")
    figures["added_ttft_ms"] = rounds.added_ms(cells, OURS, is_stream=True, name="ttft_p50_ms")
    return figures


def _least(ratios: Mapping[str, float] | None) -> float | None:
    return min(ratios.values()) if ratios else None
