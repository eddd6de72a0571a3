"""Which addresses we connect to.

The guard sits where the connection is made: the name is resolved once, every answer is checked, and we connect to the
checked address, so neither a second look-up (rebinding) nor a redirect leads inside.
"""

import ipaddress
import socket

from django.conf import settings

_PORTS = frozenset({80, 443})
_NOT_PUBLIC = "The URL leads to an address that is not on the open internet."
# `is_global` calls some ranges global that lead inside through translation or tunnels. Of IPv6 only 2000::/3 is handed
# out at all; every other prefix is special (NAT64, IPv4 in disguise, site-local, …).
_UNICAST_V6 = ipaddress.ip_network("2000::/3")
_DENIED = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.88.99.0/24", "198.18.0.0/15", "240.0.0.0/4",
        "2001::/23", "2002::/16", "3fff::/20",
    )
)  # fmt: skip


class EgressError(Exception):
    """The address could not be fetched; the message is safe to show to whoever gave it."""


class Refused(EgressError):
    """The address leads somewhere we do not go."""


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip
    if ip.version == 6 and ip not in _UNICAST_V6:
        return False
    return (
        ip.is_global
        and not ip.is_multicast
        and not any(ip.version == net.version and ip in net for net in _DENIED)
    )


def _is_exempt(address: str) -> bool:
    """Whether the operator's EGRESS_ALLOW names the address; then any port of it is open too."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    return any(ip in ipaddress.ip_network(text, strict=False) for text in settings.EGRESS_ALLOW)


def is_allowed(address: str) -> bool:
    """Whether we may connect to the address at all: public, or exempted by the operator."""
    return _is_exempt(address) or is_public(address)


def has_exemptions() -> bool:
    return bool(settings.EGRESS_ALLOW)


def check(address: str, port: int) -> None:
    """Raises Refused unless we may connect there."""
    if _is_exempt(address):
        return
    if not is_public(address):
        raise Refused(_NOT_PUBLIC)
    if port not in _PORTS:
        raise Refused("The URL must use port 80 or 443.")


def checked_addresses(host: str, port: int) -> list[str]:
    """Every address of a name, all of them checked: one that leads inside refuses the name. Blocks on the resolver.

    Raises Refused, OSError when the name has no address, ValueError when it can be no name.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for address in addresses:
        check(address, port)
    if not addresses:
        raise OSError("the name has no address")
    return addresses
