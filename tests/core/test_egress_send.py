"""Requests to providers and webhooks, by all clients: what goes out, comes back, and is known when nothing does."""

import gzip
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from apps.core.wire import NoAnswer, Request
from tests.core.conftest import NAMES, Net, Send
from tests.core.servers import Handler, heard, redirect, reply, serving, talking

pytestmark = pytest.mark.usefixtures("allowed")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
SECRET = "k-0123456789"


@contextmanager
def _answering(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives one answer to each connection and hangs up; its URL and what it was sent."""
    requests: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        requests.append(heard(connection))
        connection.sendall(answer)

    with talking(talk) as port:
        yield f"http://127.0.0.1:{port}/v1/task", requests


def test_method_headers_and_body_arrive_as_given(send: Send):
    body = b'{"prompt": "caf\xc3\xa9"}'
    with _answering(OK) as (url, requests):
        send(Request("post", url, {"X-API-Key": SECRET, "Content-Type": "application/json"}, body))

    head, _, sent = requests[0].partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert head.startswith(b"POST /v1/task HTTP/1.1\r\n")
    assert sent == body
    assert {
        b"x-api-key: k-0123456789",
        b"content-type: application/json",
        b"content-length: %d" % len(body),
        b"accept: */*",
        b"accept-encoding: identity",
        b"user-agent: modelyard",
    } <= set(lines)


def test_post_without_a_body_says_so_and_names_no_type(send: Send):
    with _answering(OK) as (url, requests):
        send(Request("POST", url))

    head = requests[0].lower()
    assert b"content-length: 0\r\n" in head
    assert b"content-type" not in head


def test_compression_cannot_be_asked_for_and_the_agent_can_be_named(send: Send):
    with _answering(OK) as (url, requests):
        send(Request("GET", url, {"Accept-Encoding": "gzip", "User-Agent": "courier"}))

    head = requests[0].lower()
    assert b"accept-encoding: identity\r\n" in head
    assert head.count(b"accept-encoding") == 1
    assert b"user-agent: courier\r\n" in head


@pytest.mark.parametrize(("name", "agent"), [("Café Zwölf", "CafZwlf"), ("工場", "-")])
def test_site_is_named_in_what_letters_a_header_takes(
    settings: Any, send: Send, name: str, agent: str
):
    settings.SITE_NAME = name
    with _answering(OK) as (url, requests):
        send(Request("GET", url))

    assert f"user-agent: {agent}\r\n".encode() in requests[0].replace(b"User-Agent", b"user-agent")


def test_signed_url_arrives_letter_by_letter(send: Send):
    target = b"/a%2Fb/c%7Ed?sig=x%2By%2F%3D&at=2024-01-01T00%3A00%3A00Z&q=1+2"
    with _answering(OK) as (url, requests):
        send(Request("GET", url.replace("/v1/task", target.decode())))

    assert requests[0].startswith(b"GET " + target + b" HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("http://127.0.0.1:{}", b"/"),
        ("http://127.0.0.1:{}?a=1", b"/?a=1"),
        ("http://127.0.0.1:{}/a b/é#part", b"/a%20b/%C3%A9"),
        ("http://bücher.test:{}/x", b"/x"),
    ],
)
@pytest.mark.usefixtures("net")
def test_url_means_the_same_to_both_clients(
    monkeypatch: pytest.MonkeyPatch, send: Send, url: str, target: bytes
):
    monkeypatch.setitem(NAMES, "xn--bcher-kva.test", ["127.0.0.1"])
    with _answering(OK) as (base, requests):
        send(Request("GET", url.format(base.split(":")[2].split("/")[0])))

    assert requests[0].startswith(b"GET " + target + b" HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({}, b"Basic dTpwQHNz"), ({"Authorization": "Bearer k"}, b"Bearer k")],
)
def test_credentials_of_the_url_are_sent_unless_the_request_has_its_own(
    send: Send, headers: dict[str, str], expected: bytes
):
    with _answering(OK) as (url, requests):
        send(Request("GET", url.replace("//", "//u:p%40ss@"), headers))

    found = re.findall(rb"(?im)^authorization: (.*)\r$", requests[0])
    assert found == [expected]
    assert b"p%40ss" not in requests[0]


def test_large_body_arrives_whole(send: Send):
    body = bytes(range(256)) * 12_000
    with _answering(OK) as (url, requests):
        send(Request("POST", url, body=body))

    assert requests[0].partition(b"\r\n\r\n")[2] == body


@pytest.mark.parametrize("status", [201, 204, 302, 304, 404, 429, 500])
def test_every_answer_is_an_answer(send: Send, status: int):
    answer = b"HTTP/1.1 %d Because\r\nRetry-After: 3\r\nX-A: 1\r\nx-a: 2\r\n" % status
    if status in (204, 304):
        answer += b"\r\n"
    else:
        answer += b"Content-Length: 4\r\n\r\nwhy?"
    with _answering(answer) as (url, _):
        found = send(Request("POST", url, body=b"{}"))

    assert (found.status, found.headers["retry-after"], found.headers["x-a"]) == (
        status,
        "3",
        "1, 2",
    )
    assert found.body == (b"" if status in (204, 304) else b"why?")


def test_compressed_answer_is_unpacked(send: Send):
    with serving(reply(gzip.compress(b'{"a": 1}'), Content_Encoding="gzip")) as server:
        assert send(Request("GET", server.url())).json() == {"a": 1}


# ------------------------------------------------------------------- redirects


def test_redirect_is_an_answer_unless_asked_for(send: Send):
    with serving(redirect("/elsewhere")) as server:
        found = send(Request("GET", server.url()))

    assert (found.status, found.headers["location"]) == (302, "/elsewhere")
    assert server.paths == ["/"]


def test_redirect_asked_for_is_followed_without_the_headers(follow: Send):
    seen: list[str | None] = []

    def answer(handler: Handler) -> None:
        seen.append(handler.headers["Authorization"])
        (redirect("/there") if handler.path == "/" else reply(b"found"))(handler)

    with serving(answer) as server:
        found = follow(
            Request("GET", server.url(), {"Authorization": f"Bearer {SECRET}"}, redirects=1)
        )

    assert (found.status, found.body, server.paths) == (200, b"found", ["/", "/there"])
    assert seen == [f"Bearer {SECRET}", None]


def test_redirect_cannot_make_us_send_credentials(follow: Send):
    seen: list[str | None] = []

    def answer(handler: Handler) -> None:
        seen.append(handler.headers["Authorization"])
        inside = f"http://admin:admin@127.0.0.1:{handler.server.server_address[1]}/there"
        (redirect(inside) if handler.path == "/" else reply(b"found"))(handler)

    with serving(answer) as server:
        assert follow(Request("GET", server.url(), redirects=1)).body == b"found"

    assert seen == [None, None]


def test_credentials_of_the_environment_are_not_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, send: Send
):
    (tmp_path / "netrc").write_text("default login me password mine\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with _answering(OK) as (url, requests):
        send(Request("GET", url))

    assert b"authorization" not in requests[0].lower()


def test_post_is_never_redirected(send: Send):
    with _answering(b"HTTP/1.1 307 Go\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n") as (
        url,
        requests,
    ):
        found = send(Request("POST", url, body=b"{}", redirects=3))

    assert (found.status, len(requests)) == (307, 1)


def test_redirect_to_the_inside_is_refused_and_the_first_hop_was_sent(net: Net, follow: Send):
    with serving(redirect("http://metadata.test/")) as server, pytest.raises(NoAnswer) as refused:
        follow(Request("GET", server.url(), redirects=3))

    assert "not on the open internet" in str(refused.value)
    assert refused.value.sent
    assert net.tried == []


def test_more_redirects_than_asked_for_are_no_answer(follow: Send):
    with (
        serving(redirect("/")) as server,
        pytest.raises(NoAnswer, match="redirects more than 2 times"),
    ):
        follow(Request("GET", server.url(), redirects=2))

    assert len(server.paths) == 3


# --------------------------------------------- nothing of the request was acted on


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://10.0.0.1/", "The URL leads to an address that is not on the open internet."),
        ("http://[::1]/", "The URL leads to an address that is not on the open internet."),
        ("http://metadata.test/", "The URL leads to an address that is not on the open internet."),
        ("http://public.test:6379/", "The URL must use port 80 or 443."),
        ("http://nothing.test/", "The URL's server cannot be reached."),
        ("http://unknown.test/", "The URL's server cannot be reached."),
        ("http://public.test/", "The URL's server cannot be reached."),
        ("ftp://public.test/", "The URL cannot be fetched."),
        ("ws://public.test/", "The URL cannot be fetched."),
        ("http+unix://%2Fvar%2Frun%2Fdocker.sock/", "The URL cannot be fetched."),
        ("file:///etc/passwd", "The URL cannot be fetched."),
        ("http:///", "The URL cannot be fetched."),
        ("/v1/task", "The URL cannot be fetched."),
        ("", "The URL cannot be fetched."),
        ("http://[::1/", "The URL cannot be fetched."),
        ("http://a.test:99999/", "The URL cannot be fetched."),
        ("http://a.test/\r\nX: y", "The URL cannot be fetched."),
    ],
)
@pytest.mark.usefixtures("net")
def test_request_that_reached_nobody_is_known_to_be_unsent(send: Send, url: str, message: str):
    with pytest.raises(NoAnswer) as failed:
        send(Request("POST", url, {"X-API-Key": SECRET}, b"{}"))

    assert (str(failed.value), failed.value.sent) == (message, False)


@pytest.mark.parametrize(
    ("name", "value"),
    [("X-A", "1\r\nX-B: 2"), ("X-A", "1\n"), ("X-A", "π"), ("X-A", "\0"), ("X A", "1"), ("", "1")],
)
def test_header_that_could_be_another_is_not_sent(send: Send, name: str, value: str):
    with serving(reply(b"")) as server, pytest.raises(NoAnswer, match="cannot be sent") as failed:
        send(Request("GET", server.url(), {name: value}))

    assert (failed.value.sent, server.paths) == (False, [])


def test_method_is_a_word(send: Send):
    with serving(reply(b"")) as server, pytest.raises(NoAnswer, match="cannot be sent"):
        send(Request("GET / HTTP/1.1\r\nX: y", server.url()))

    assert server.paths == []


def test_closed_port_is_known_to_be_unsent(send: Send):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # not listening
        with pytest.raises(NoAnswer, match="cannot be reached") as failed:
            send(Request("POST", f"http://127.0.0.1:{taken.getsockname()[1]}/"))

    assert not failed.value.sent


def test_connection_that_is_not_taken_in_time_is_known_to_be_unsent(send: Send):
    with socket.socket() as full, ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(2):  # beyond the one it queues, the kernel lets connections wait
            other = waiting.enter_context(socket.socket())
            other.setblocking(False)
            other.connect_ex(full.getsockname())
        with pytest.raises(NoAnswer, match="did not answer in time") as failed:
            send(Request("POST", f"http://127.0.0.1:{full.getsockname()[1]}/", timeout_seconds=0.3))

    assert not failed.value.sent


def test_failed_tls_is_known_to_be_unsent(send: Send):
    def no_tls(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 400 This is not TLS\r\n\r\n")

    with (
        talking(no_tls) as port,
        pytest.raises(NoAnswer, match="cannot be reached") as failed,
    ):
        send(Request("POST", f"https://127.0.0.1:{port}/", body=b"{}"))

    assert not failed.value.sent


def test_tls_that_never_starts_is_known_to_be_unsent(send: Send):
    gone = threading.Event()

    def wait(_: socket.socket) -> None:
        gone.wait(5)

    with talking(wait) as port:
        with pytest.raises(NoAnswer, match="did not answer in time") as failed:
            send(Request("POST", f"https://127.0.0.1:{port}/", timeout_seconds=0.3))
        gone.set()

    assert not failed.value.sent


# -------------------------------------------------- it may have been acted on


def _reset(connection: socket.socket) -> None:
    heard(connection)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    connection.close()


def _says(answer: bytes) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(answer)

    return talk


@pytest.mark.parametrize(
    ("talk", "message"),
    [
        (_reset, "The URL cannot be fetched."),
        (_says(b""), "The URL cannot be fetched."),
        (_says(b"SSH-2.0-OpenSSH_9.6\r\n"), "The URL cannot be fetched."),
        (_says(b"HTTP/1.1 200 OK\r\nContent-"), "The URL cannot be fetched."),
        (
            _says(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok"),
            "The URL cannot be fetched.",
        ),
        (
            _says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            "The URL cannot be fetched.",
        ),
        (
            _says(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n" + gzip.compress(b"a")[:-9]),
            "The URL cannot be fetched.",
        ),
        (
            _says(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 1\r\n\r\na"),
            "The URL's server compresses in a way we did not ask for.",
        ),
        (
            _says(b"HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + b"a" * 101),
            "The file behind the URL is larger than 100 bytes.",
        ),
        (
            _says(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 100_000),
            "The URL cannot be fetched.",
        ),
    ],
    ids=["reset", "closed", "garbage", "cut", "short", "chunk", "gzip", "br", "large", "headers"],
)
def test_request_whose_answer_is_lost_counts_as_sent(
    send: Send, talk: Callable[[socket.socket], None], message: str
):
    with talking(talk) as port, pytest.raises(NoAnswer) as failed:
        send(Request("POST", f"http://127.0.0.1:{port}/?key={SECRET}", body=b"{}", max_bytes=100))

    # Who reads an answer while it comes in is told that it began.
    found = str(failed.value).replace("The answer broke off.", "The URL cannot be fetched.")
    assert (found, failed.value.sent) == (message, True)


def test_request_not_answered_in_time_counts_as_sent(send: Send):
    gone = threading.Event()

    def drip(connection: socket.socket) -> None:
        heard(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while not gone.wait(0.05):
            connection.sendall(b"x")

    with talking(drip) as port:
        with pytest.raises(NoAnswer, match="did not answer in time") as failed:
            send(Request("POST", f"http://127.0.0.1:{port}/", timeout_seconds=0.4))
        gone.set()

    assert failed.value.sent


def test_post_goes_out_once_when_the_connection_breaks(send: Send):
    requests: list[bytes] = []

    def hang_up(connection: socket.socket) -> None:
        requests.append(heard(connection))

    with talking(hang_up) as port, pytest.raises(NoAnswer) as failed:
        send(Request("POST", f"http://127.0.0.1:{port}/", body=b"{}"))

    assert (len(requests), failed.value.sent) == (1, True)
