import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from apps.core import egress
from apps.core.egress import EgressError, Fetched, Refused
from tests.core.conftest import PUBLIC, Fetch, Net
from tests.core.servers import Served, redirect, reply, serving

LIMIT = 1_000_000

# Where our own canary listens, in every way of writing it that some resolver or client understands.
TO_THE_CANARY = [
    "http://127.0.0.1:{port}/",
    "http://127.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0x7f.0x0.0x0.0x1:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://017700000001:{port}/",
    "http://0:{port}/",
    "http://0.0.0.0:{port}/",
    "http://127.255.255.254:{port}/",
    "http://localhost:{port}/",
    "http://localhost.:{port}/",
    "http://LOCALHOST:{port}/",
    "http://[::1]:{port}/",
    "http://[0:0:0:0:0:0:0:1]:{port}/",
    "http://[::]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://example.com@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}#@example.com/",
    "http://127.0.0.1:{port}\\@example.com/",
    "http://①②⑦.⓪.⓪.①:{port}/",
    "http://127。0。0。1:{port}/",
    "http://loopback.test:{port}/",
    "http://loopback6.test:{port}/",
    "http://mapped.test:{port}/",
    "http://mixed.test:{port}/",
    "http://rebind.test:{port}/",
    "http://loopback.test.:{port}/",
]

# Where no canary can listen here: an attempt to connect would be the fault.
ELSEWHERE_INSIDE = [
    "http://169.254.169.254/latest/",
    "http://169.254.170.2/",
    "http://[fd00:ec2::254]/",
    "http://metadata.test/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.0.1/",
    "http://100.100.100.200/",
    "http://192.0.0.192/",
    "http://198.18.0.1/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://240.0.0.1/",
    "http://192.0.2.1/",
    "http://[fc00::1]/",
    "http://[fe80::1]/",
    "http://[ff02::1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[64:ff9b::a9fe:a9fe]/",
    "http://[64:ff9b:1::7f00:1]/",
    "http://[2002:7f00:1::]/",
    "http://[2002:a00:1::]/",
    "http://[2001:0:7f00:1::]/",
    "http://[::7f00:1]/",
    "http://[::ffff:10.0.0.1]/",
    "http://[::ffff:0:7f00:1]/",
]


@pytest.fixture(scope="module")
def canaries() -> Iterator[list[Served]]:
    with serving(reply(b"canary")) as v4, serving(reply(b"canary"), host="::1") as v6:
        yield [v4, v6]


@pytest.mark.parametrize("template", TO_THE_CANARY)
def test_no_spelling_of_loopback_reaches_it(
    reach: Fetch, net: Net, canaries: list[Served], template: str
):
    for canary in canaries:
        with pytest.raises(EgressError):
            reach(template.format(port=canary.port), max_bytes=LIMIT, seconds=5)

    assert [canary.paths for canary in canaries] == [[], []]
    assert net.tried == []


@pytest.mark.parametrize("url", ELSEWHERE_INSIDE)
def test_no_address_inside_is_connected_to(reach: Fetch, net: Net, url: str):
    with pytest.raises(Refused, match="not on the open internet"):
        reach(url, max_bytes=LIMIT, seconds=5)

    assert net.tried == []


def test_public_address_is_connected_to(reach: Fetch, net: Net):
    with pytest.raises(EgressError, match="cannot be reached"):
        reach("http://public.test/", max_bytes=LIMIT)

    assert (net.asked, net.tried) == (["public.test"], [PUBLIC])


def test_name_is_asked_for_once_and_the_checked_address_is_used(reach: Fetch, net: Net):
    with pytest.raises(EgressError, match="cannot be reached"):
        reach("http://rebind.test/", max_bytes=LIMIT)

    assert (net.asked, net.tried) == (["rebind.test"], [PUBLIC])


def test_other_ports_of_public_addresses_are_refused(reach: Fetch, net: Net):
    with pytest.raises(Refused, match="The URL must use port 80 or 443"):
        reach("http://public.test:6379/", max_bytes=LIMIT)

    assert net.tried == []


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_public(address: str):
    assert egress.is_public(address)


@pytest.mark.usefixtures("allowed")
def test_exempted_range_is_reached_on_any_port(reach: Fetch):
    with serving(reply(b"hello", Content_Type="image/png")) as server:
        found = reach(server.url("/a.png?x=1"), max_bytes=5)

    assert found == Fetched(b"hello", "image/png")
    assert server.paths == ["/a.png?x=1"]


@pytest.mark.usefixtures("allowed")
def test_exemption_opens_nothing_else(reach: Fetch, net: Net):
    for url in ("http://10.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/"):
        with pytest.raises(Refused):
            reach(url, max_bytes=LIMIT)

    assert net.tried == []


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    "inside", ["http://10.0.0.1/", "http://[::1]/", "http://metadata.test/", "//169.254.169.254/"]
)
def test_redirect_to_the_inside_is_refused(fetch: Fetch, net: Net, inside: str):
    with serving(redirect(inside)) as server, pytest.raises(Refused):
        fetch(server.url(), max_bytes=LIMIT)

    assert net.tried == []


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("target", ["ftp://example.com/", "file:///etc/passwd", "http://[::1/"])
def test_redirect_to_what_is_no_web_address_is_refused(fetch: Fetch, net: Net, target: str):
    with serving(redirect(target)) as server, pytest.raises(EgressError, match="cannot be fetched"):
        fetch(server.url(), max_bytes=LIMIT)

    assert net.tried == []


def test_name_without_an_address_cannot_be_reached(reach: Fetch, net: Net):
    for url in ("http://nothing.test/", "http://unknown.test/"):
        with pytest.raises(EgressError, match="cannot be reached"):
            reach(url, max_bytes=LIMIT)


@pytest.mark.usefixtures("allowed", "net")
def test_proxy_of_the_environment_is_not_used(
    reach: Fetch, net: Net, monkeypatch: pytest.MonkeyPatch
):
    with serving(reply(b"proxied")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url())
        monkeypatch.setenv("ALL_PROXY", proxy.url())
        with pytest.raises(EgressError):
            reach("http://public.test/", max_bytes=LIMIT)

    assert proxy.paths == []


def test_nothing_else_in_the_platform_speaks_http():
    clients = {
        "aiohttp",
        "http.client",
        "httpcore",
        "httptools",
        "httpx",
        "requests",
        "urllib.request",
        "urllib3",
    }
    apps = Path(egress.__file__).parents[2]
    # The stand-ins for other companies' servers are no part of the platform.
    platform = (path for path in apps.rglob("*.py") if path.relative_to(apps).parts[0] != "sandbox")
    speaking = {
        path.relative_to(apps)
        for path in platform
        if any(name in clients for name in _imported(path))
    }

    assert {str(path.parent) for path in speaking} == {"core/egress"}


def _imported(path: Path) -> Iterator[str]:
    """Every module a file imports, and every package it lies in."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            steps = name.split(".")
            yield from (".".join(steps[:n]) for n in range(1, len(steps) + 1))
