"""How many events may be on their way at once: per lane, per workspace, in all.

A lane (workspace and host) starts slowly and earns its share: its window doubles with every acknowledged event and
falls to one with a failure. Lanes whose last word was not a success get little room together, so that a customer with
a hundred dead hosts delays nobody. What is known of lanes lives in this process and is only advice: a process that
knows nothing of a dead lane wastes a few requests to find out.
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass

IN_FLIGHT = 512
PER_WORKSPACE = 128
# Of a workspace, in lanes that have not answered well so far or of late.
UNPROVEN = 32
FIRST_WINDOW, WIDEST_WINDOW = 4, 32
# After failures in a row the lane rests, a little longer each time: a dead one costs a request in five seconds.
_FIRST_REST, _LONGEST_REST = 0.1, 5.0
_LONGEST_ASKED_REST = 60.0
_REMEMBERED = 20_000


@dataclass
class _Lane:
    window: int = FIRST_WINDOW
    in_flight: int = 0
    is_proven: bool = False
    failures: int = 0  # since the last success
    rests_until: float = 0


class Lanes:
    """What is in flight, and how each lane has been answering. Times are `time.monotonic()`."""

    def __init__(self) -> None:
        self._lanes: dict[str, _Lane] = {}
        self._busy: Counter[str] = Counter()
        self._unproven: Counter[str] = Counter()
        self.in_flight = 0

    def share(self, due: Iterable[str], *, now: float) -> dict[str, int]:
        """How many events to take from each of these lanes, workspaces and lanes in turn, until nothing more fits."""
        queues = self._queues(due, now)
        shares: Counter[str] = Counter()
        free = IN_FLIGHT - self.in_flight
        round_ = deque(sorted(queues, key=lambda workspace: self._busy[workspace]))
        while free > 0 and round_:
            workspace = round_.popleft()
            lane = queues[workspace].next(shares)
            if lane is not None:
                shares[lane] += 1
                free -= 1
                round_.append(workspace)
        return dict(shares)

    def _queues(self, due: Iterable[str], now: float) -> dict[str, "_Queue"]:
        queues: dict[str, _Queue] = {}
        for name in due:
            lane = self._lanes.get(name) or _Lane()
            if lane.rests_until > now or lane.in_flight >= lane.window:
                continue
            workspace = workspace_of(name)
            if workspace not in queues:
                queues[workspace] = _Queue(
                    room=PER_WORKSPACE - self._busy[workspace],
                    unproven_room=UNPROVEN - self._unproven[workspace],
                )
            queues[workspace].lanes.append((name, lane))
        return queues

    def started(self, name: str) -> None:
        lane = self._known(name)
        lane.in_flight += 1
        self._count(name, lane, 1)

    def succeeded(self, name: str) -> None:
        """Acknowledged: the lane may have twice as many at once."""
        lane = self._landed(name)
        self._move(name, lane, is_proven=True)
        lane.failures, lane.rests_until = 0, 0
        lane.window = min(lane.window * 2, WIDEST_WINDOW)

    def failed(self, name: str, *, now: float, asked_rest: float = 0) -> None:
        """Not acknowledged: one at a time, after a rest. `asked_rest`: what the receiver asked for, in seconds."""
        lane = self._landed(name)
        self._move(name, lane, is_proven=False)
        lane.failures += 1
        rest = min(_FIRST_REST * 2.0 ** min(lane.failures - 1, 16), _LONGEST_REST)
        lane.rests_until = now + max(rest, min(asked_rest, _LONGEST_ASKED_REST))
        lane.window = 1

    def dropped(self, name: str) -> None:
        """No longer waited for, and nothing learnt."""
        self._landed(name)

    def _known(self, name: str) -> _Lane:
        if name not in self._lanes:
            self._forget_some()
            self._lanes[name] = _Lane()
        return self._lanes[name]

    def _landed(self, name: str) -> _Lane:
        lane = self._lanes[name]
        lane.in_flight -= 1
        self._count(name, lane, -1)
        return lane

    def _count(self, name: str, lane: _Lane, change: int) -> None:
        workspace = workspace_of(name)
        self.in_flight += change
        self._busy[workspace] += change
        if not lane.is_proven:
            self._unproven[workspace] += change

    def _move(self, name: str, lane: _Lane, *, is_proven: bool) -> None:
        if lane.is_proven != is_proven:
            lane.is_proven = is_proven
            self._unproven[workspace_of(name)] += -lane.in_flight if is_proven else lane.in_flight

    def _forget_some(self) -> None:
        if len(self._lanes) >= _REMEMBERED:
            self._lanes = {name: lane for name, lane in self._lanes.items() if lane.in_flight}
            self._busy, self._unproven = +self._busy, +self._unproven


class _Queue:
    """A workspace's lanes, one after the other, while the workspace has room."""

    def __init__(self, *, room: int, unproven_room: int) -> None:
        self.lanes: deque[tuple[str, _Lane]] = deque()
        self._room = room
        self._unproven_room = unproven_room

    def next(self, shares: Counter[str]) -> str | None:
        """The lane whose turn it is; None when the workspace may have no more."""
        while self.lanes and self._room > 0:
            name, lane = self.lanes.popleft()
            is_full = lane.in_flight + shares[name] >= lane.window
            if is_full or not (lane.is_proven or self._unproven_room > 0):
                continue
            self._room -= 1
            self._unproven_room -= not lane.is_proven
            self.lanes.append((name, lane))
            return name
        return None


def workspace_of(lane: str) -> str:
    return lane.partition("|")[0]
