"""The only HTTP clients for addresses that somebody else gave us: customers' media and webhooks, accounts' providers.

Whatever they connect to is checked by `guard` where the connection is made. A test says that nothing else under
`apps/` imports an HTTP library.
"""

from apps.core.egress.exchange import Fetched
from apps.core.egress.guard import EgressError, Refused, has_exemptions, is_allowed, is_public
from apps.core.egress.opened import Opened
from apps.core.egress.session import OwnSession, Session
from apps.core.egress.sync import fetch, send

__all__ = [
    "EgressError",
    "Fetched",
    "Opened",
    "OwnSession",
    "Refused",
    "Session",
    "fetch",
    "has_exemptions",
    "is_allowed",
    "is_public",
    "send",
]
