"""Reading accounts: which routes can take work, what a workspace has of its own, how an account is reached."""

from apps.byoa.selectors.access import access
from apps.byoa.selectors.own import (
    NoSeat,
    best_prospect,
    own_account,
    own_accounts,
    own_prospect,
    seats_left,
)
from apps.byoa.selectors.pool import Overview, pool_overview
from apps.byoa.selectors.routes import (
    IMPLIED,
    NoRoute,
    forget_pool,
    is_available,
    no_route,
    required_route,
    routes,
    usable_route,
    usable_routes,
)

__all__ = [
    "IMPLIED",
    "NoRoute",
    "NoSeat",
    "Overview",
    "access",
    "best_prospect",
    "forget_pool",
    "is_available",
    "no_route",
    "own_account",
    "own_accounts",
    "own_prospect",
    "pool_overview",
    "required_route",
    "routes",
    "seats_left",
    "usable_route",
    "usable_routes",
]
