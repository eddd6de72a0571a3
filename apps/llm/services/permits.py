"""Counts that all processes share, taken in advance: a process takes a few permits at once and gives them out itself.

A counter in Valkey says how many of a window are taken; it never goes beyond the limit by what anybody gave out. Far
from the limit a process takes many at a time, near it one by one, so that nobody is refused while another process sits
on permits. What a process has left when the window ends, or when it dies, is lost with the window.
"""

import time
from dataclasses import dataclass

from apps.core.shared_counts import SharedCounts
from apps.core.throttling import Window
from apps.core.values import frozen

# Of what is left of a window a process takes this part, so that the others find some.
_PART = 32
_KEPT_WINDOWS = 2
_MOST_KEPT = 50_000


@dataclass(slots=True)
class _Stock:
    """What this process has of one window. `taken` is what all processes have, as last heard."""

    left: int = 0
    taken: int = 0
    ends_at: float = 0.0
    # What went since more was taken: about as much will go again.
    gone: int = 0


@frozen
class Permit:
    """`granted`: it may be. `used` is the window's count as the caller is told it; None: nobody could count."""

    granted: bool
    used: int | None


class Permits:
    """The permits of one process. For one event loop."""

    def __init__(self, counts: SharedCounts) -> None:
        self._counts = counts
        self._stocks: dict[str, _Stock] = {}

    def at_once(self, window: Window, amount: int) -> Permit | None:
        """A permit from what is here, without asking anybody; None: `take` has to ask."""
        stock = self._stocks.get(window.name)
        if stock is None or stock.left < amount:
            return None
        stock.left -= amount
        stock.gone += amount
        return Permit(True, max(0, stock.taken - stock.left))

    async def take(self, window: Window, amount: int) -> Permit:
        """So many of the window's permits, or none."""
        if (found := self.at_once(window, amount)) is not None:
            return found
        stock = self._stock(window)
        wanted = amount + self._ahead(window, stock, amount)
        taken = await self._counts.add(window.name, wanted, seconds=_lifetime(window))
        if taken is None:
            return Permit(True, None)
        over = min(wanted, max(0, taken - window.limit))
        granted = wanted - over
        stock.taken = taken
        stock.left += granted
        if over:
            self._counts.add(window.name, -over, seconds=_lifetime(window))
        if stock.left < amount:
            return Permit(False, min(taken, window.limit) + 1)
        stock.left -= amount
        stock.gone += amount
        return Permit(True, max(0, min(taken, window.limit) - stock.left))

    def correct(self, window: Window, amount: int) -> None:
        """More (or, below zero, less) was used than was taken for it; whoever asks next sees."""
        stock = self._stocks.get(window.name)
        if stock is None:
            self._counts.add(window.name, amount, seconds=_lifetime(window))
            return
        stock.left -= amount
        stock.gone += amount
        if stock.left < 0:
            # More than was taken in advance: the others have to know.
            self._counts.add(window.name, -stock.left, seconds=_lifetime(window))
            stock.left = 0

    def _ahead(self, window: Window, stock: _Stock, amount: int) -> int:
        """How many to take for calls to come: twice what the last ones needed, but a small part of what is left."""
        room = max(0, window.limit - stock.taken - amount) // _PART
        gone, stock.gone = stock.gone, 0
        return min(room, 2 * gone)

    def _stock(self, window: Window) -> _Stock:
        stock = self._stocks.get(window.name)
        if stock is None:
            if len(self._stocks) >= _MOST_KEPT:
                now = time.monotonic()
                self._stocks = {
                    name: one for name, one in self._stocks.items() if one.ends_at > now
                }
            stock = _Stock(ends_at=time.monotonic() + window.reset_seconds)
            self._stocks[window.name] = stock
        return stock


def _lifetime(window: Window) -> int:
    return window.window_seconds * _KEPT_WINDOWS
