"""How often one process asks an account how its work goes."""

import time

_BURST_SECONDS = 10.0


class Pace:
    """A token bucket per account, for accounts with a limit of requests a minute.

    New tasks are counted exactly, in the database (`apps.byoa`); what follows them is counted here, by each process
    that follows. It holds ten seconds' worth, as that one does.
    """

    def __init__(self) -> None:
        self._full_at: dict[int, float] = {}

    def seconds_to_wait(self, *, account_id: int, per_minute: int | None) -> float:
        """0 and one request less, or how long until there is one."""
        if not per_minute:
            return 0.0
        now, interval = time.monotonic(), 60.0 / per_minute
        full_at = max(self._full_at.get(account_id, now), now)
        # One request must always fit, however rare they are.
        over = full_at + interval - now - max(_BURST_SECONDS, interval)
        if over > 0:
            return over
        self._full_at[account_id] = full_at + interval
        return 0.0
