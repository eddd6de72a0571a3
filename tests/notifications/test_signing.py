"""What we sign, receivers can check with what they know: Standard Webhooks 1.0."""

import base64
import hashlib
import hmac
import os
import shutil
import subprocess

import pytest

from apps.notifications.services import signing

BODY = '{"timestamp":1,"data":{"prompt":"naïve ✓"}}'
SPEC_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def _checks(headers: dict[str, str], body: bytes, key: bytes) -> bool:
    """Verification as the standard's own libraries write it."""
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return any(
        version == "v1" and hmac.compare_digest(given, expected)
        for version, _, given in (
            part.partition(",") for part in headers["webhook-signature"].split(" ")
        )
    )


def _signed(secret: str) -> tuple[dict[str, str], bytes]:
    request = signing.request(
        endpoint="https://example.com/hook",
        message_id="msg_1",
        sequence=7,
        body=BODY,
        secret=secret,
        now=1_700_000_000,
    )
    return dict(request.headers), request.body


def test_example_of_the_standard():
    """The vector in the libraries of standard-webhooks/standard-webhooks."""
    assert (
        signing.signature(
            secret=SPEC_SECRET,
            message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp=1614265330,
            body=b'{"test": 2432232314}',
        )
        == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    )


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        ("plain secret", b"plain secret"),
        (SPEC_SECRET, base64.b64decode(SPEC_SECRET.removeprefix("whsec_"))),
        ("whsec_not base64!", b"whsec_not base64!"),
    ],
)
def test_signature_checks_with_the_secrets_key(secret: str, key: bytes):
    headers, body = _signed(secret)

    assert _checks(headers, body, key)
    assert not _checks(headers, body + b" ", key)
    assert not _checks({**headers, "webhook-id": "msg_2"}, body, key)
    assert not _checks({**headers, "webhook-timestamp": "1700000001"}, body, key)
    assert not _checks(headers, body, key + b"x")
    assert headers["x-webhook-secret"] == secret


def test_same_event_later_has_another_timestamp_and_signature_and_the_same_id():
    first = signing.request(
        endpoint="https://e.org", message_id="m", sequence=1, body=BODY, secret="s", now=1
    )
    second = signing.request(
        endpoint="https://e.org", message_id="m", sequence=1, body=BODY, secret="s", now=2
    )

    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body
    assert first.headers["webhook-signature"] != second.headers["webhook-signature"]


def test_request_follows_no_redirect_and_takes_little():
    request = signing.request(
        endpoint="https://e.org", message_id="m", sequence=1, body=BODY, secret="", now=1
    )

    assert (request.method, request.redirects, request.timeout_seconds, request.max_bytes) == (
        "POST",
        0,
        15,
        65_536,
    )


@pytest.mark.parametrize(
    ("name", "agent"),
    [
        ("Modelyard", "Modelyard-Webhooks/1"),
        ("Ünï Models\r\n", "n-Models-Webhooks/1"),
        ("ü", "Modelyard-Webhooks/1"),
    ],
)
def test_user_agent_is_a_token_whatever_the_site_is_called(settings, name: str, agent: str):
    settings.SITE_NAME = name
    headers, _ = _signed("s")

    assert headers["user-agent"] == agent


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here")
def test_node_checks_it_too():
    headers, body = _signed(SPEC_SECRET)
    script = """
      const {createHmac} = require("crypto");
      const key = Buffer.from(process.env.SECRET.slice(6), "base64");
      const content = process.env.ID + "." + process.env.AT + "." + process.env.BODY;
      process.stdout.write("v1," + createHmac("sha256", key).update(content).digest("base64"));
    """
    printed = subprocess.run(
        ["node", "-e", script],
        env={
            "PATH": os.environ["PATH"],
            "SECRET": SPEC_SECRET,
            "ID": headers["webhook-id"],
            "AT": headers["webhook-timestamp"],
            "BODY": body.decode(),
        },
        capture_output=True,
        check=True,
        timeout=30,
    ).stdout.decode()

    assert printed == headers["webhook-signature"]
