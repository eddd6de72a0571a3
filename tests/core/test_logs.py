import io
import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from apps.accounts import keys
from apps.core import logs
from apps.core.logs import scrub

KEY = keys.new_key()

# A line that a careless programmer could write, and the part of it that must not be read by anybody.
LEAKS = [
    (f"key {KEY} was refused", KEY),
    (f"GET /x?key={KEY}", KEY),
    ("Authorization: Bearer abc.def-ghi_jklmnop", "abc.def-ghi_jklmnop"),
    ("Authorization: ApiKey canary-of-a-key", "canary-of-a-key"),
    ("{'Authorization': 'Basic dXNlcjpjYW5hcnk='}", "dXNlcjpjYW5hcnk="),
    ("sent bearer abcdefghijklmnop", "abcdefghijklmnop"),
    ("x-api-key: canary-value", "canary-value"),
    ("X-API-Key=canary-value", "canary-value"),
    ('{"api_key": "canary-value"}', "canary-value"),
    ("{'password': 'canary-value'}", "canary-value"),
    ('{\\"password\\": \\"canary-value\\"}', "canary-value"),
    ("password1=canary-value&next=/", "canary-value"),
    ("client_secret=canary-value", "canary-value"),
    ("SECRET_KEY=canary-value", "canary-value"),
    ("access_token: canary-value", "canary-value"),
    ("csrftoken=canary-value", "canary-value"),
    ("Cookie: theme=dark; sessionid=canary-value", "canary-value"),
    ("Set-Cookie: sessionid=canary-value; Path=/", "canary-value"),
    ("https://bucket.example/a?X-Amz-Signature=canary", "canary"),
    ("redis://:canary-value@127.0.0.1:6379/0", "canary-value"),
    ("postgresql://app:canary-value@db/app", "canary-value"),
    ("https://user:canary-value@example.com/", "canary-value"),
    ("sk_live_canary0123456789", "canary0123456789"),
    ("whsec_canary0123456789", "canary0123456789"),
    ("sk-proj-canary0123456789", "canary0123456789"),
    ("ghp_canary0123456789", "canary0123456789"),
    ("eyJhbGciOiJI.eyJjYW5hcnki.c2lnbmF0dXJl", "eyJjYW5hcnki"),
    ("data:image/png;base64,Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5", "Y2FuYXJ5Y2FuYXJ5Y2FuYXJ5"),
]

HARMLESS = [
    "task ended",
    "3 tokens of 5 are left; max_tokens: 5",
    "basic authentication is off",
    "the key was not found",
    "https://example.com:8443/path?x=1",
    "sha256:0f8b2c1e7d7e4f0b9b7e2d0c5f1a9e11",
    "time 12:30:45, a@b.example",
]


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What the real configuration writes, as in production."""
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    stream = io.StringIO()
    logs.configure({"level": "INFO", "json": True})
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield stream
    root.handlers[:], level = before
    root.setLevel(level)
    structlog.contextvars.clear_contextvars()


def lines(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


@pytest.mark.parametrize(("text", "secret"), LEAKS, ids=lambda part: part.replace(KEY, "KEY"))
def test_secret_never_appears_in_the_log_however_it_is_handed_over(
    written: io.StringIO, text: str, secret: str
):
    log = logging.getLogger("modelyard.test")
    log.info(text)
    log.info("with arguments: %s", text)
    log.info("known field", extra={"reason": text})
    log.info("an exception as a field", extra={"error": ValueError(text)})
    log.info("a dictionary as a field", extra={"reason": {"said": text}})
    structlog.get_logger("modelyard.test").info("structured", reason=text)
    try:
        int(text)
    except ValueError as error:
        error.add_note(text)
        log.exception("failed")

    assert len(lines(written)) == 7
    assert secret not in written.getvalue()


@pytest.mark.parametrize("text", HARMLESS)
def test_ordinary_text_is_left_alone(text: str):
    assert scrub(text) == text


def test_line_has_its_known_fields_and_no_other(written: io.StringIO):
    structlog.contextvars.bind_contextvars(request_id="my-request", body="what the customer sent")

    logging.getLogger("modelyard.test").warning(
        "job not sent",
        extra={"job": "tasks.dispatch", "count": 3, "prompt": "a private prompt", "user": "eve"},
    )

    (line,) = lines(written)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "job not sent",
        "level": "warning",
        "logger": "modelyard.test",
        "request_id": "my-request",
        "job": "tasks.dispatch",
        "count": 3,
    }


def test_newlines_cannot_forge_a_line(written: io.StringIO):
    logging.getLogger("modelyard.test").info('x\n{"event": "forged"}')

    (line,) = lines(written)
    assert line["event"] == 'x\n{"event": "forged"}'


@pytest.mark.parametrize(
    "piece", ["a", "token: ", "//a:", "data:a/", "authorization", "eyJ", "x-api-", "bearer ", " "]
)
def test_long_text_is_cut_and_quickly_done(piece: str):
    text = piece * (1_000_000 // len(piece))
    started = time.perf_counter()

    shown = scrub(text)

    assert len(shown) <= 20_001
    assert time.perf_counter() - started < 1


def test_secret_at_the_cut_is_removed_whole():
    shown = scrub("a" * 19_990 + f" redis://:{'canary' * 10}@host/0")

    assert "canary" not in shown


def test_libraries_that_log_urls_are_quiet():
    logs.configure({"level": "INFO", "json": True})

    for name in ("httpx", "httpcore", "botocore", "urllib3"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)
