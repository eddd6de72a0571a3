"""What is done to the platform, drawn by a seed."""

import random
from collections import Counter
from dataclasses import dataclass

from tests.faults import processes
from tests.faults.platform import Platform

KILL, FLUSH, DATABASE, RESTART = "kill", "flush", "database kill", "restart"
_DATABASE_ROLES = ("database session", "postmaster")
_OTHER_ROLES = (
    "web",
    "worker",
    "provider worker",
    "delivery worker",
    "pool process",
    "pool process",
    "beat",
    "valkey",
)
# Of the random kills so many hit the database: each makes all of its sessions start anew.
_DATABASE_SHARE = 0.08
_LEAST_DATABASE_KILLS = 5


@dataclass(frozen=True)
class Counts:
    """How much of each."""

    kills: int = 100
    flushes: int = 10
    databases: int = 5
    restarts: int = 3


def plan(counts: Counts, *, chance: random.Random) -> list[tuple[str, str]]:
    """Faults in a drawn order, each with the role it is aimed at. Restarts are spread evenly, not at the ends."""
    of_database = min(
        counts.kills, max(_LEAST_DATABASE_KILLS, round(counts.kills * _DATABASE_SHARE))
    )
    if counts.kills < 4 * _LEAST_DATABASE_KILLS:
        of_database = min(1, counts.kills)
    faults = [(KILL, chance.choice(_DATABASE_ROLES)) for _ in range(of_database)]
    faults += [(KILL, chance.choice(_OTHER_ROLES)) for _ in range(counts.kills - of_database)]
    faults += [(FLUSH, "valkey")] * counts.flushes
    faults += [(DATABASE, "postmaster")] * counts.databases
    chance.shuffle(faults)
    step = len(faults) // (counts.restarts + 1)
    for number in range(counts.restarts, 0, -1):
        faults.insert(number * step, (RESTART, "everything"))
    return faults


class Gunner:
    """Does to the platform what is planned, and counts what really happened."""

    def __init__(self, platform: Platform, *, chance: random.Random) -> None:
        self._platform = platform
        self._chance = chance
        self.hits: Counter[str] = Counter()
        self.by_role: Counter[str] = Counter()

    def fire(self, fault: str, role: str) -> bool:
        """Do it. False when there was nothing to hit just now: it is down from the fault before."""
        if fault == RESTART:
            self._platform.kill_everything()
            self._platform.start()
            hit = True
        elif fault == FLUSH:
            hit = self._platform.flush()
        else:
            hit = self._kill(role)
        if hit:
            self.hits[fault] += 1
            self.by_role[role] += 1
        return hit

    def _kill(self, role: str) -> bool:
        targets = [pid for pid, is_a in self._platform.parts().items() if is_a == role]
        return bool(targets) and processes.kill(self._chance.choice(targets))
