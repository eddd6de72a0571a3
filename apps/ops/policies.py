"""Who may look at the machine."""

import ipaddress

from django.conf import settings


def may_read_metrics(*, peer: str, caller: str) -> bool:
    """Whether METRICS_ALLOW names both who connected to us and for whom.

    The peer alone could be our proxy on the same machine, which everybody reaches; the forwarded address alone could
    be made up by whoever reaches us directly.
    """
    return _is_listed(peer) and _is_listed(caller)


def _is_listed(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in ipaddress.ip_network(text, strict=False) for text in settings.METRICS_ALLOW)
