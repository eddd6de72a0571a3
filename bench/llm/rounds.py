"""Everybody in turn, in short rounds, so that whatever else the machine does falls on all of them."""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.llm.client import Load, Seen
from bench.llm.peers import Missing, Target
from bench.llm.processes import Place

_START_SECONDS = 90
_WARM_CONNECTIONS = 16


@dataclass(frozen=True)
class Plan:
    """How long and how often."""

    rounds: int = 5
    seconds: float = 1.2
    warm_seconds: float = 5.0  # Node compiles for seconds what is asked often
    connections: tuple[int, ...] = (1, 16, 64)


QUICK = Plan(rounds=1, seconds=0.3, warm_seconds=0.3)


@dataclass(frozen=True)
class Cell:
    """One target's rounds at one load."""

    target: str
    is_stream: bool
    connections: int
    seen: Sequence[Seen]
    cpu_ms: Sequence[float]

    def median(self, name: str) -> float:
        values: list[float] = [getattr(one, name) for one in self.seen]
        return statistics.median(values)

    def row(self) -> dict[str, Any]:
        names = [
            "per_second",
            "p50_ms",
            "p99_ms",
            *(["ttft_p50_ms", "ttft_p99_ms"] * self.is_stream),
        ]
        failed = sum(one.cut + one.lost + sum(one.refused.values()) for one in self.seen)
        return {
            "target": self.target,
            "stream": self.is_stream,
            "connections": self.connections,
            **{name: round(self.median(name), 2) for name in names},
            "cpu_ms": round(statistics.median(self.cpu_ms), 3),
            "failed": failed,
        }


def wait_ready(place: Place, name: str, target: Target) -> None:
    """Until it answers. Raises Missing with the last that it said."""
    load = Load(port=target.port, headers=target.headers, limit=1, patience_seconds=_START_SECONDS)
    seen = place.drive(load)
    if not seen.complete:
        said = target.program.tail() if target.program else ""
        raise Missing(
            f"{name} does not answer: {seen.refused or seen.refusal} {seen.refusal}\n{said}"
        )


def measure(place: Place, targets: Mapping[str, Target], plan: Plan) -> list[Cell]:
    """All targets at every load; prints what it finds as it goes."""
    for is_stream in (False, True):
        for target in targets.values():
            _round(place, target, is_stream, _WARM_CONNECTIONS, plan.warm_seconds)
    cells = []
    for is_stream in (False, True):
        for connections in plan.connections:
            found = _cells(place, targets, plan, is_stream, connections)
            for cell in found:
                print(json.dumps(cell.row()), flush=True)
            cells += found
    return cells


def _cells(
    place: Place, targets: Mapping[str, Target], plan: Plan, is_stream: bool, connections: int
) -> list[Cell]:
    found: dict[str, list[tuple[Seen, float]]] = {name: [] for name in targets}
    for _ in range(plan.rounds):
        for name, target in targets.items():
            found[name].append(_round(place, target, is_stream, connections, plan.seconds))
    return [
        Cell(name, is_stream, connections, *map(list, zip(*rounds, strict=True)))
        for name, rounds in found.items()
    ]


def _round(
    place: Place, target: Target, is_stream: bool, connections: int, seconds: float
) -> tuple[Seen, float]:
    """What was seen, and what one answer cost the target's processes of the processors, in milliseconds."""
    before = _cpu_seconds(target)
    seen = place.drive(
        Load(
            port=target.port,
            headers=target.headers,
            is_stream=is_stream,
            connections=connections,
            seconds=seconds,
        )
    )
    return seen, 1000 * (_cpu_seconds(target) - before) / max(seen.complete, 1)


def _cpu_seconds(target: Target) -> float:
    return target.program.cpu_seconds() if target.program else 0.0


# --------------------------------------------------------------------------------- figures
def ratios(cells: Sequence[Cell], mine: str, other: str) -> dict[str, float] | None:
    """Requests a second of one over those of another at each load, each round compared with its neighbour."""
    pairs = {
        _load(cell): (cell, _find(cells, other, cell)) for cell in cells if cell.target == mine
    }
    found = {load: _ratio(one, two) for load, (one, two) in pairs.items() if two is not None}
    return {load: ratio for load, ratio in found.items() if ratio is not None} or None


def added_ms(cells: Sequence[Cell], mine: str, *, is_stream: bool, name: str) -> float | None:
    """What going through us adds at one connection to a percentile that the mock alone has."""
    for cell in cells:
        if (cell.target, cell.is_stream, cell.connections) == (mine, is_stream, 1):
            floor = _find(cells, "floor", cell)
            assert floor is not None
            added: list[float] = [
                getattr(one, name) - getattr(least, name)
                for one, least in zip(cell.seen, floor.seen, strict=True)
            ]
            return round(statistics.median(added), 2)
    return None


def _load(cell: Cell) -> str:
    return f"{'stream' if cell.is_stream else 'plain'}_{cell.connections}"


def _find(cells: Sequence[Cell], target: str, like: Cell) -> Cell | None:
    for cell in cells:
        if cell.target == target and _load(cell) == _load(like):
            return cell
    return None


def _ratio(mine: Cell, other: Cell) -> float | None:
    pairs = [(a.per_second, b.per_second) for a, b in zip(mine.seen, other.seen, strict=True)]
    if not all(b for _, b in pairs):
        return None
    return round(statistics.median(a / b for a, b in pairs), 2)
