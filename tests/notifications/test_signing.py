"""What we sign, receivers can check with what they know: Standard Webhooks 1.0."""

import base64
import hashlib
import hmac
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from apps.notifications.services import signing

DOCS = Path(__file__).parents[2] / "docs" / "api" / "webhooks.md"
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


def _sample(language: str) -> str:
    """The receiver's code in the documentation."""
    found = re.search(rf"```{language}\n(.*?)```", DOCS.read_text(), re.DOTALL)
    assert found is not None
    return found[1]


def _fresh(secret: str) -> tuple[dict[str, str], bytes]:
    request = signing.request(
        endpoint="https://e.org",
        message_id="msg_1",
        sequence=1,
        body=BODY,
        secret=secret,
        now=int(time.time()),
    )
    return dict(request.headers), request.body


@pytest.mark.parametrize("secret", ["plain secret", SPEC_SECRET])
def test_python_sample_of_the_documentation_accepts_ours_and_nothing_else(secret: str):
    names: dict[str, Any] = {}
    exec(_sample("python"), names)  # noqa: S102 - our own documentation
    check = names["is_from_modelyard"]
    headers, body = _fresh(secret)

    assert check(secret, headers, body)
    assert not check(secret, headers, body + b" ")
    assert not check(f"{secret}BBBB", headers, body)
    assert not check(secret, _signed(secret)[0], body)  # years old


@pytest.mark.skipif(shutil.which("node") is None, reason="there is no Node here")
@pytest.mark.parametrize("secret", ["plain secret", SPEC_SECRET])
def test_node_sample_of_the_documentation_accepts_ours_and_nothing_else(secret: str):
    headers, body = _fresh(secret)
    cases = [
        [secret, headers, body.decode()],
        [secret, headers, f"{body.decode()} "],
        [f"{secret}BBBB", headers, body.decode()],
        [secret, _signed(secret)[0], body.decode()],
    ]
    script = f"""{_sample("js")}
      const cases = JSON.parse(require("fs").readFileSync(0, "utf8"));
      process.stdout.write(JSON.stringify(cases.map((one) => isFromModelyard(...one))));
    """
    printed = subprocess.run(
        ["node", "-e", script],
        input=json.dumps(cases).encode(),
        capture_output=True,
        check=True,
        timeout=30,
    ).stdout

    assert json.loads(printed) == [True, False, False, False]
