"""What comes back from a server that may be reached, and for how long we listen to it."""

import gzip
import ssl
import threading
import time
import tracemalloc
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from apps.core.egress import EgressError, exchange
from tests.core.conftest import NAMES, Fetch, Net
from tests.core.servers import Handler, redirect, reply, serving

LIMIT = 1_000_000


@pytest.mark.usefixtures("allowed")
def test_three_redirects_are_followed_and_a_fourth_is_not(fetch: Fetch):
    def chain(handler: Handler) -> None:
        left = int(handler.path[1:])
        (redirect(f"/{left - 1}") if left else reply(b"there"))(handler)

    with serving(chain) as server:
        assert fetch(server.url("/3"), max_bytes=LIMIT).data == b"there"
        with pytest.raises(EgressError, match="redirects more than 3 times"):
            fetch(server.url("/4"), max_bytes=LIMIT)


@pytest.mark.usefixtures("allowed")
def test_redirect_loop_ends(fetch: Fetch):
    with serving(redirect("/")) as server, pytest.raises(EgressError, match="redirects more than"):
        fetch(server.url(), max_bytes=LIMIT)

    assert len(server.paths) == 4


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("status", [204, 206, 304, 401, 404, 500])
def test_answer_other_than_200_is_named_and_its_text_is_not(fetch: Fetch, status: int):
    def answer(handler: Handler) -> None:
        handler.send_error(status, "words of the other side")

    with serving(answer) as server, pytest.raises(EgressError) as refused:
        fetch(server.url(), max_bytes=LIMIT)

    assert str(refused.value) == f"The URL's server answered {status}."


@pytest.mark.usefixtures("allowed")
def test_body_of_the_limit_is_taken_and_one_byte_more_is_not(fetch: Fetch):
    with serving(reply(b"x" * 1000)) as server:
        assert len(fetch(server.url(), max_bytes=1000).data) == 1000
        with pytest.raises(EgressError, match="larger than 999 bytes"):
            fetch(server.url(), max_bytes=999)


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(b"hello")),
        ("GZIP", gzip.compress(b"hello")),
        ("deflate", zlib.compress(b"hello")),
        ("identity", b"hello"),
    ],
    ids=["gzip", "GZIP", "deflate", "identity"],
)
def test_compressed_body_is_unpacked(fetch: Fetch, encoding: str, body: bytes):
    with serving(reply(body, Content_Encoding=encoding)) as server:
        assert fetch(server.url(), max_bytes=5).data == b"hello"


@pytest.mark.usefixtures("allowed")
def test_compression_bomb_is_cut_at_the_limit(fetch: Fetch):
    bomb = gzip.compress(bytes(50_000_000))
    tracemalloc.start()

    with (
        serving(reply(bomb, Content_Encoding="gzip")) as server,
        pytest.raises(EgressError, match="larger than 1 MB"),
    ):
        fetch(server.url(), max_bytes=1024 * 1024)

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "zstd", "compress"])
def test_compression_we_did_not_ask_for_is_refused(fetch: Fetch, encoding: str):
    with (
        serving(reply(b"hello", Content_Encoding=encoding)) as server,
        pytest.raises(EgressError, match="did not ask for"),
    ):
        fetch(server.url(), max_bytes=LIMIT)


@pytest.mark.usefixtures("allowed")
def test_body_that_is_not_what_its_header_says_is_refused(fetch: Fetch):
    with (
        serving(reply(b"not gzip at all", Content_Encoding="gzip")) as server,
        pytest.raises(EgressError, match="cannot be fetched"),
    ):
        fetch(server.url(), max_bytes=LIMIT)


@pytest.mark.usefixtures("allowed")
@pytest.mark.parametrize("part", ["headers", "body"])
def test_server_that_drips_is_left_at_the_deadline(fetch: Fetch, part: str):
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
            fetch(server.url(), max_bytes=LIMIT, seconds=0.5)
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
    reach: Fetch,
    net: Net,
    monkeypatch: pytest.MonkeyPatch,
    certificate: Path,
    name: str,
    is_trusted: bool,
):
    monkeypatch.setitem(NAMES, name, ["127.0.0.1"])
    asked: list[str | None] = []
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(certificate)
    server_side.sni_callback = lambda _, name, __: asked.append(name)
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    exchange.tls.cache_clear()

    with serving(reply(b"hello"), tls=server_side) as server:
        url = f"https://{name}:{server.port}/"
        if is_trusted and name == "tls.test":
            assert reach(url, max_bytes=LIMIT).data == b"hello"
        else:
            with pytest.raises(EgressError, match="cannot be reached"):
                reach(url, max_bytes=LIMIT)
    exchange.tls.cache_clear()

    assert asked == [name]
