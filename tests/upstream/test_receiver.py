import hashlib
import http.client
import time
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.upstream.running import Receiver

BODY = b'{"timestamp":1,"data":{"task_id":"t-1"}}'


def post(receiver: Receiver, path: str = "/a", body: bytes = BODY, **headers: str) -> Any:
    """Status, headers and body of the answer."""
    connection = http.client.HTTPConnection(urlsplit(receiver.url).netloc, timeout=0.5)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request("POST", path, body, named)
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def test_receiver_keeps_what_comes(receiver: Receiver):
    post(receiver, "/a", webhook_id="msg_1")
    post(receiver, "/a", webhook_id="msg_1")
    post(receiver, "/b", body=b"not json")

    assert receiver.counts() == {
        "total": 3,
        "by_path": {"/a": 2, "/b": 1},
        "by_answer": {"200": 3},
        "by_id": {"msg_1": 2, "": 1},
        "by_task": {"t-1": 2, "": 1},
    }
    [first, _] = receiver.requests("/a")
    assert first["sha256"] == hashlib.sha256(BODY).hexdigest()
    assert (first["body"], first["json"]) == (
        BODY.decode(),
        {"timestamp": 1, "data": {"task_id": "t-1"}},
    )
    assert (first["headers"]["webhook-id"], first["answer"]) == ("msg_1", "200")
    assert [one["json"] for one in receiver.requests("/b")] == [None]
    assert len(receiver.requests()) == 3


@pytest.mark.parametrize(
    ("words", "status", "header"),
    [
        ("200", 200, {}), ("204", 204, {}), ("500", 500, {}), ("410", 410, {}), ("429=7", 429, {"retry-after": "7"}),
        ("302=http://127.0.0.1:1/", 302, {"location": "http://127.0.0.1:1/"}),
    ],
)  # fmt: skip
def test_receiver_answers_as_told(
    receiver: Receiver, words: str, status: int, header: dict[str, str]
):
    receiver.answer(words, path="/a")

    told, headers, _ = post(receiver)

    assert (told, header.items() <= headers.items()) == (status, True)
    assert post(receiver, "/other")[0] == 200


def test_receiver_answers_in_turn_and_stays_at_the_last(receiver: Receiver):
    receiver.answer("500 410 200")

    assert [post(receiver)[0] for _ in range(4)] == [500, 410, 200, 200]
    assert receiver.counts()["by_answer"] == {"500": 1, "410": 1, "200": 2}


@pytest.mark.parametrize("words", ["hang", "stall", "slow=60"])
def test_receiver_keeps_a_sender_waiting(receiver: Receiver, words: str):
    receiver.answer(words)

    with pytest.raises(TimeoutError):
        post(receiver)
    assert receiver.counts()["total"] == 1


def test_receiver_may_be_slow_or_hang_up(receiver: Receiver):
    receiver.answer("slow=0.2 drop")
    before = time.monotonic()

    assert post(receiver)[0] == 200
    assert time.monotonic() - before >= 0.2
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        post(receiver)


def test_reset_forgets(receiver: Receiver):
    receiver.answer("500")
    post(receiver)

    receiver.reset()

    assert (receiver.counts()["total"], post(receiver)[0]) == (0, 200)
