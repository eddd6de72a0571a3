import ast
import gzip
import socket
import ssl
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from apps.core import egress
from apps.core.egress import EgressError, Fetched, Refused
from tests.core.servers import Handler, Served, redirect, reply, serving

LIMIT = 1_000_000
PUBLIC = "93.184.216.34"

# What names resolve to. "rebind.test" is public when first asked and loopback ever after.
NAMES = {
    "loopback.test": ["127.0.0.1"],
    "loopback6.test": ["::1"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "mixed.test": [PUBLIC, "127.0.0.1"],
    "metadata.test": ["169.254.169.254"],
    "public.test": [PUBLIC],
    "nothing.test": [],
}

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


_OWN = {"::1", "::", "0.0.0.0"}  # noqa: S104 - compared with, not listened on


class Net:
    """The resolver, faked, and every address somebody tried to connect to beyond this machine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.tried: list[str] = []
        self._resolve = socket.getaddrinfo
        self._connect = socket.socket.connect
        monkeypatch.setattr(socket, "getaddrinfo", self.getaddrinfo)
        net = self

        def connect(sock: socket.socket, address: Any) -> None:
            if not address[0].startswith("127.") and address[0] not in _OWN:
                net.tried.append(address[0])
                raise ConnectionRefusedError
            net._connect(sock, address)

        monkeypatch.setattr(socket.socket, "connect", connect)

    def getaddrinfo(self, host: Any, port: Any, *args: Any, **options: Any) -> list[Any]:
        name = (host.decode() if isinstance(host, bytes) else host).rstrip(".").lower()
        if not name.endswith(".test"):
            return self._resolve(host, port, *args, **options)
        self.asked.append(name)
        if name == "rebind.test":
            addresses = ["127.0.0.1"] if self.asked.count(name) > 1 else [PUBLIC]
        elif name in NAMES:
            addresses = NAMES[name]
        else:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [_entry(address, port) for address in addresses]


def _entry(address: str, port: int) -> tuple[Any, ...]:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    tail = (0, 0) if ":" in address else ()
    return (family, socket.SOCK_STREAM, 6, "", (address, port, *tail))


@pytest.fixture
def net(monkeypatch: pytest.MonkeyPatch) -> Net:
    return Net(monkeypatch)


@pytest.fixture(scope="module")
def canaries() -> Iterator[list[Served]]:
    with serving(reply(b"canary")) as v4, serving(reply(b"canary"), host="::1") as v6:
        yield [v4, v6]


@pytest.mark.parametrize("template", TO_THE_CANARY)
def test_no_spelling_of_loopback_reaches_it(net: Net, canaries: list[Served], template: str):
    for canary in canaries:
        with pytest.raises(EgressError):
            egress.fetch(template.format(port=canary.port), max_bytes=LIMIT, seconds=5)

    assert [canary.paths for canary in canaries] == [[], []]
    assert net.tried == []


@pytest.mark.parametrize("url", ELSEWHERE_INSIDE)
def test_no_address_inside_is_connected_to(net: Net, url: str):
    with pytest.raises(Refused, match="not on the open internet"):
        egress.fetch(url, max_bytes=LIMIT, seconds=5)

    assert net.tried == []


def test_public_address_is_connected_to(net: Net):
    with pytest.raises(EgressError, match="cannot be reached"):
        egress.fetch("http://public.test/", max_bytes=LIMIT)

    assert (net.asked, net.tried) == (["public.test"], [PUBLIC])


def test_name_is_asked_for_once_and_the_checked_address_is_used(net: Net):
    with pytest.raises(EgressError, match="cannot be reached"):
        egress.fetch("http://rebind.test/", max_bytes=LIMIT)

    assert (net.asked, net.tried) == (["rebind.test"], [PUBLIC])


def test_other_ports_of_public_addresses_are_refused(net: Net):
    with pytest.raises(Refused, match="The URL must use port 80 or 443"):
        egress.fetch("http://public.test:6379/", max_bytes=LIMIT)

    assert net.tried == []


@pytest.mark.parametrize("address", [PUBLIC, "8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_public(address: str):
    assert egress.is_public(address)


@pytest.fixture
def allowed(settings: Any) -> None:
    """Loopback exempted, so that a server of ours can stand for the outside."""
    settings.EGRESS_ALLOW = ["127.0.0.0/8"]


@pytest.mark.usefixtures("allowed")
def test_exempted_range_is_reached_on_any_port():
    with serving(reply(b"hello", Content_Type="image/png")) as server:
        found = egress.fetch(server.url("/a.png?x=1"), max_bytes=5)

    assert found == Fetched(b"hello", "image/png")
    assert server.paths == ["/a.png?x=1"]


@pytest.mark.usefixtures("allowed")
def test_exemption_opens_nothing_else(net: Net):
    for url in ("http://10.0.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/"):
        with pytest.raises(Refused):
            egress.fetch(url, max_bytes=LIMIT)

    assert net.tried == []


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    "inside", ["http://10.0.0.1/", "http://[::1]/", "http://metadata.test/", "//169.254.169.254/"]
)
def test_redirect_to_the_inside_is_refused(net: Net, inside: str):
    with serving(redirect(inside)) as server, pytest.raises(Refused):
        egress.fetch(server.url(), max_bytes=LIMIT)

    assert net.tried == []


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("target", ["ftp://example.com/", "file:///etc/passwd", "http://[::1/"])
def test_redirect_to_what_is_no_web_address_is_refused(net: Net, target: str):
    with serving(redirect(target)) as server, pytest.raises(EgressError, match="cannot be fetched"):
        egress.fetch(server.url(), max_bytes=LIMIT)

    assert net.tried == []


@pytest.mark.usefixtures("allowed")
def test_three_redirects_are_followed_and_a_fourth_is_not():
    def chain(handler: Handler) -> None:
        left = int(handler.path[1:])
        (redirect(f"/{left - 1}") if left else reply(b"there"))(handler)

    with serving(chain) as server:
        assert egress.fetch(server.url("/3"), max_bytes=LIMIT).data == b"there"
        with pytest.raises(EgressError, match="redirects more than 3 times"):
            egress.fetch(server.url("/4"), max_bytes=LIMIT)


@pytest.mark.usefixtures("allowed")
def test_redirect_loop_ends():
    with serving(redirect("/")) as server, pytest.raises(EgressError, match="redirects more than"):
        egress.fetch(server.url(), max_bytes=LIMIT)

    assert len(server.paths) == 4


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("status", [204, 206, 304, 401, 404, 500])
def test_answer_other_than_200_is_named_and_its_text_is_not(status: int):
    def answer(handler: Handler) -> None:
        handler.send_error(status, "words of the other side")

    with serving(answer) as server, pytest.raises(EgressError) as refused:
        egress.fetch(server.url(), max_bytes=LIMIT)

    assert str(refused.value) == f"The URL's server answered {status}."


@pytest.mark.usefixtures("allowed")
def test_body_of_the_limit_is_taken_and_one_byte_more_is_not():
    with serving(reply(b"x" * 1000)) as server:
        assert len(egress.fetch(server.url(), max_bytes=1000).data) == 1000
        with pytest.raises(EgressError, match="larger than 999 bytes"):
            egress.fetch(server.url(), max_bytes=999)


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b"hello")),
        ("GZIP", gzip.compress(b"hello")),
        ("deflate", zlib.compress(b"hello")),
        ("identity", b"hello"),
    ],
)
def test_compressed_body_is_unpacked(encoding: str, body: bytes):
    with serving(reply(body, Content_Encoding=encoding)) as server:
        assert egress.fetch(server.url(), max_bytes=5).data == b"hello"


@pytest.mark.usefixtures("allowed")
def test_compression_bomb_is_cut_at_the_limit():
    bomb = gzip.compress(bytes(50_000_000))
    tracemalloc.start()

    with (
        serving(reply(bomb, Content_Encoding="gzip")) as server,
        pytest.raises(EgressError, match="larger than 1 MB"),
    ):
        egress.fetch(server.url(), max_bytes=1024 * 1024)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd", "compress"])
def test_compression_we_did_not_ask_for_is_refused(encoding: str):
    with (
        serving(reply(b"hello", Content_Encoding=encoding)) as server,
        pytest.raises(EgressError, match="did not ask for"),
    ):
        egress.fetch(server.url(), max_bytes=LIMIT)


@pytest.mark.usefixtures("allowed")
def test_body_that_is_not_what_its_header_says_is_refused():
    with (
        serving(reply(b"not gzip at all", Content_Encoding="gzip")) as server,
        pytest.raises(EgressError, match="cannot be fetched"),
    ):
        egress.fetch(server.url(), max_bytes=LIMIT)


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("part", ["headers", "body"])
def test_server_that_drips_is_left_at_the_deadline(part: str):
    gone = threading.Event()

    def headers(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while not gone.wait(0.05):
            handler.wfile.write(b"X-More: y\r\n")

    def body(handler: Handler) -> None:
        handler.send_response(200)
        handler.end_headers()  # no length: the body lasts until the connection ends
        while not gone.wait(0.05):
            handler.wfile.write(b"x")

    started = time.monotonic()
    with serving({"headers": headers, "body": body}[part]) as server:
        with pytest.raises(EgressError, match="did not answer in time"):
            egress.fetch(server.url(), max_bytes=LIMIT, seconds=0.5)
        gone.set()

    assert 0.4 < time.monotonic() - started < 3


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for tls.test that signs itself, with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tls.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("tls.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "tls.pem"
    pem = serialization.Encoding.PEM
    form = serialization.PrivateFormat.PKCS8
    path.write_bytes(
        made.public_bytes(pem) + key.private_bytes(pem, form, serialization.NoEncryption())
    )
    return path


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("name", "is_trusted"), [("tls.test", True), ("tls.test", False), ("other.test", True)]
)
def test_tls_asks_for_the_name_and_checks_the_certificate(
    net: Net, monkeypatch: pytest.MonkeyPatch, certificate: Path, name: str, is_trusted: bool
):
    monkeypatch.setitem(NAMES, name, ["127.0.0.1"])
    asked: list[str | None] = []
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate)
    server_side.sni_callback = lambda _, name, __: asked.append(name)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    egress._tls.cache_clear()

    with serving(reply(b"hello"), tls=server_side) as server:
        url = f"https://{name}:{server.port}/"
        if is_trusted and name == "tls.test":
            assert egress.fetch(url, max_bytes=LIMIT).data == b"hello"
        else:
            with pytest.raises(EgressError, match="cannot be reached"):
                egress.fetch(url, max_bytes=LIMIT)
    egress._tls.cache_clear()

    assert asked == [name]


def test_name_without_an_address_cannot_be_reached(net: Net):
    for url in ("http://nothing.test/", "http://unknown.test/"):
        with pytest.raises(EgressError, match="cannot be reached"):
            egress.fetch(url, max_bytes=LIMIT)


def test_proxy_of_the_environment_is_not_used(net: Net, monkeypatch: pytest.MonkeyPatch):
    with serving(reply(b"proxied")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url())
        monkeypatch.setenv("ALL_PROXY", proxy.url())
        with pytest.raises(EgressError):
            egress.fetch("http://public.test/", max_bytes=LIMIT)

    assert proxy.paths == []


def test_nothing_else_in_the_platform_speaks_http():
    clients = {
        "aiohttp",
        "http.client",
        "httpcore",
        "httpx",
        "requests",
        "urllib.request",
        "urllib3",
    }
    apps = Path(egress.__file__).parents[1]
    speaking = {
        str(path.relative_to(apps))
        for path in apps.rglob("*.py")
        if any(name in clients for name in _imported(path))
    }

    assert speaking == {"core/egress.py"}


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
