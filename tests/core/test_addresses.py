from typing import Any

import pytest

from apps.core.addresses import client_ip


@pytest.mark.parametrize(
    ("proxies", "peer", "forwarded", "expected"),
    [
        (0, "198.51.100.7", "", "198.51.100.7"),
        (0, "198.51.100.7", "203.0.113.9", "198.51.100.7"),
        (1, "10.0.0.2", "203.0.113.9", "203.0.113.9"),
        (1, "10.0.0.2", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (2, "10.0.0.2", "6.6.6.6, 203.0.113.9, 10.0.0.3", "203.0.113.9"),
        (1, "10.0.0.2", "", "10.0.0.2"),
        (1, "10.0.0.2", "garbage", ""),
        (0, "", "", ""),
        (0, "::ffff:198.51.100.7", "", "198.51.100.7"),
        (0, "FE80::1%eth0", "", "fe80::1"),
    ],
)
def test_caller_is_who_our_outermost_proxy_saw(
    settings: Any, proxies: int, peer: str, forwarded: str, expected: str
):
    settings.TRUSTED_PROXIES = proxies

    assert client_ip({"REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": forwarded}) == expected
