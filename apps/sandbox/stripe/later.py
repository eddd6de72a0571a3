"""What happens by itself after a while: refunds that end otherwise, debits that come through, sessions that expire."""

from collections.abc import Callable

from apps.sandbox.stripe.errors import Thing
from apps.sandbox.stripe.resources import attempts, checkout, refunds
from apps.sandbox.stripe.world import World

_DOING: dict[str, Callable[[World, Thing], None]] = {
    "finish_processing": attempts.finish_processing,
    "finish_refund": refunds.finish,
}


def run_due(world: World, until: float) -> int:
    """Everything whose time has come; how many."""
    with world.store.transaction():
        rows = world.store.execute(
            "SELECT id, what, object FROM timers WHERE at <= ? ORDER BY at, id", until
        )
        for row, what, name in rows:
            world.store.execute("DELETE FROM timers WHERE id = ?", row)
            thing = world.store.get(name)
            if thing is not None:
                _DOING[what](world, thing)
        checkout.expire_due(world)
    return len(rows)
