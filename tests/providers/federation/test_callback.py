import base64
import hashlib
import hmac
import time

import orjson
import pytest

from apps.providers.base import Callback
from tests.providers.federation.samples import ID, adapter, task

SECRET = "s3cret-of-the-callback"
BODY = orjson.dumps({"timestamp": 1_767_225_600, "data": task("completed")})


def signed(
    body: bytes, key: bytes, *, at: float | None = None, id: str = "msg_1"
) -> dict[str, str]:
    """Headers as Standard Webhooks writes them."""
    stamp = str(int(time.time() if at is None else at))
    digest = hmac.new(key, f"{id}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return {
        "Webhook-Id": id,
        "Webhook-Timestamp": stamp,
        "Webhook-Signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def is_verified(headers: dict[str, str], *, body: bytes = BODY, secret: str = SECRET) -> bool:
    found = adapter.callback(headers=headers, body=body, secret=secret)
    assert found == Callback(provider_id=ID, handle={"task_id": ID}, is_verified=found.is_verified)
    return found.is_verified


def test_callback_with_the_secret_is_verified():
    assert is_verified({"X-Webhook-Secret": SECRET})


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-webhook-secret": ""},
        {"x-webhook-secret": SECRET + " "},
        {"x-webhook-secret": SECRET[:-1]},
        {"x-webhook-secret": "ключ"},
        {"x-webhook-secret": "\udcff"},
        {"authorization": SECRET},
    ],
)
def test_callback_without_it_is_a_hint(headers: dict[str, str]):
    assert not is_verified(headers)


def test_without_a_secret_of_ours_nothing_is_verified():
    assert not is_verified({"x-webhook-secret": ""}, secret="")
    assert not is_verified(signed(BODY, b""), secret="")


def test_signed_callback_is_verified():
    assert is_verified(signed(BODY, SECRET.encode()))


def test_signature_with_an_encoded_secret_is_verified():
    key = b"\x00\x01binary key\xff"

    assert is_verified(signed(BODY, key), secret=f"whsec_{base64.b64encode(key).decode()}")


def test_secret_that_only_looks_encoded_is_taken_as_it_is():
    assert is_verified(signed(BODY, b"whsec_not base64!"), secret="whsec_not base64!")


def test_one_right_signature_among_several_is_enough():
    headers = signed(BODY, SECRET.encode())
    headers["Webhook-Signature"] = f"v1a,xyz v1,AAAA {headers['Webhook-Signature']}"

    assert is_verified(headers)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-290, True), (290, True), (-310, False), (310, False)]
)
def test_signature_is_good_for_five_minutes(seconds: int, expected: bool):
    assert is_verified(signed(BODY, SECRET.encode(), at=time.time() + seconds)) is expected


@pytest.mark.parametrize("stamp", ["", "now", "-5", "1e9", "٣", "9" * 5000])
def test_signature_needs_a_time(stamp: str):
    headers = signed(BODY, SECRET.encode())

    assert not is_verified({**headers, "Webhook-Timestamp": stamp})


@pytest.mark.parametrize(
    "changed",
    [
        {"Webhook-Id": "msg_2"},
        {"Webhook-Signature": ""},
        {"Webhook-Signature": "v1,"},
        {"Webhook-Signature": "v2," + "A" * 44},
    ],
)
def test_signature_of_something_else_is_not_ours(changed: dict[str, str]):
    assert not is_verified({**signed(BODY, SECRET.encode()), **changed})


def test_signature_of_another_body_or_secret_is_not_ours():
    other = orjson.dumps({"timestamp": 1, "data": task("failed")})

    assert not is_verified(signed(other, SECRET.encode()))
    assert not is_verified(signed(BODY, b"another secret"))


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b"7", b'"x"', b"{}", b'{"data":null}', b'{"data":[]}', b'{"data":{}}',
        b'{"data":{"task_id":null}}', b'{"data":{"task_id":["a"]}}', b'{"data":{"task_id":"../../account"}}',
        b'{"data":{"task_id":"https://evil.example"}}', b'{"data":{"task_id":""}}', b"[" * 100_000,
        b'{"data":' * 100_000, b"\xff\xfe", b"task_id=1",
    ],
)  # fmt: skip
def test_what_is_no_task_webhook_is_refused(body: bytes):
    with pytest.raises(ValueError, match=r"\w"):
        adapter.callback(headers={"x-webhook-secret": SECRET}, body=body, secret=SECRET)
