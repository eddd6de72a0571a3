"""Reading accounts: which routes can take work, what a workspace has of its own, how an account is reached."""

from apps.byoa.selectors.access import access
from apps.byoa.selectors.live import LiveAccount, hopeful, live_accounts
from apps.byoa.selectors.own import (
    NoSeat,
    best_prospect,
    in_need,
    own_account,
    own_accounts,
    own_prospect,
    require_seat,
    seats_left,
)
from apps.byoa.selectors.pool import Overview, pool_overview
from apps.byoa.selectors.routes import (
    IMPLIED,
    NoRoute,
    engine_can,
    forget_pool,
    is_available,
    no_route,
    required_route,
    routes,
    usable_route,
    usable_routes,
)
from apps.byoa.selectors.seats import (
    FAILOVER_FAMILIES,
    SeatFamily,
    family_title,
    out_of_step,
    providers_for,
    seat_families,
)

__all__ = [
    "FAILOVER_FAMILIES",
    "IMPLIED",
    "LiveAccount",
    "NoRoute",
    "NoSeat",
    "Overview",
    "SeatFamily",
    "access",
    "best_prospect",
    "engine_can",
    "family_title",
    "forget_pool",
    "hopeful",
    "in_need",
    "is_available",
    "live_accounts",
    "no_route",
    "out_of_step",
    "own_account",
    "own_accounts",
    "own_prospect",
    "pool_overview",
    "providers_for",
    "require_seat",
    "required_route",
    "routes",
    "seat_families",
    "seats_left",
    "usable_route",
    "usable_routes",
]
