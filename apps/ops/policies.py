"""Who may look at the machine."""

import ipaddress

from django.conf import settings


def may_read_metrics(address: str) -> bool:
    """Whether the peer's address is in METRICS_ALLOW. The peer's, not a forwarded one: a header proves nothing here."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in ipaddress.ip_network(text, strict=False) for text in settings.METRICS_ALLOW)
