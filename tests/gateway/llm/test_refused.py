"""Who may not, and what cannot be read: refused in the shape of each endpoint before anything is asked or charged."""

import json
import socket
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from apps.accounts import selectors
from apps.accounts.models import Workspace
from apps.core import throttling
from apps.gateway.app import make_app
from tests.gateway.llm.endpoints import ENDPOINTS, Endpoint, expected, refused, untouched
from tests.llm.service import Service, asking
from tests.llm.serving import served
from tests.llm_upstream.running import Running

CHAT = ENDPOINTS[0]
MEGABYTE = 1024 * 1024


@pytest.fixture
def _in_one_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """The wall clock stands still, so that no window ends in the middle of a test."""
    standing = SimpleNamespace(time=lambda: 1_800_000_030.0, monotonic=throttling.time.monotonic)
    monkeypatch.setattr(throttling, "time", standing)


def ask(service: Service, endpoint: Endpoint, body: Any = None, **options: Any) -> tuple[int, str]:
    answer = service.post(endpoint.path, endpoint.body if body is None else body, **options)
    return refused(endpoint, answer)


# ------------------------------------------------------------------------------------------- who
def test_nobody_gets_in_without_a_key_that_is_known(service: Service) -> None:
    for endpoint in ENDPOINTS:
        for given in (
            "",
            "Bearer my_live_nobody",
            "Bearer é",
            "Basic my_live_nobody",
            "my_live_nobody",
        ):
            headers = {"authorization": given.encode()} if given else {}
            answer = service.client.post(
                f"{service.url}/v1/{endpoint.path}", json=endpoint.body, headers=headers
            )
            assert refused(endpoint, answer) == expected(endpoint, 401, "invalid_api_key")
            assert answer.headers["www-authenticate"] == "Bearer"
    untouched(service)


def test_a_key_of_another_scope_is_refused_everywhere(service: Service) -> None:
    other = service.customer(scopes=["tasks", "account", "files"])
    for endpoint in ENDPOINTS:
        assert ask(other, endpoint) == expected(endpoint, 403, "scope_denied")
    assert other.get("models").status_code == 403
    untouched(other)


def test_a_key_of_another_network_is_refused_everywhere(service: Service) -> None:
    other = service.customer(allowed_networks=["203.0.113.0/24"])
    for endpoint in ENDPOINTS:
        assert ask(other, endpoint) == expected(endpoint, 403, "ip_not_allowed")
    untouched(other)


def test_a_disabled_workspace_starts_nothing(service: Service) -> None:
    Workspace.objects.filter(pk=service.workspace.pk).update(is_enabled=False)
    selectors.forget_believed_keys()
    for endpoint in ENDPOINTS:
        if "audio/t" in endpoint.path or "edits" in endpoint.path:
            continue  # want a file first
        assert ask(service, endpoint) == expected(endpoint, 403, "scope_denied")
    untouched(service)


def test_a_plan_that_does_not_include_a_model(service: Service) -> None:
    hobbyist = service.customer(plan="hobbyist")
    for endpoint in ENDPOINTS[:4]:
        body = endpoint.body | {"model": "gpt-4o"}
        assert ask(hobbyist, endpoint, body) == expected(endpoint, 403, "plan_required")
    assert hobbyist.chat("Hi").status_code == 200


def test_a_key_for_some_models_only(service: Service) -> None:
    some = service.customer(allowed_models=["gpt-4o-mini"])
    for endpoint in ENDPOINTS[:4]:
        body = endpoint.body | {"model": "gpt-4.1-mini"}
        assert ask(some, endpoint, body) == expected(endpoint, 403, "scope_denied")
    assert some.chat("Hi").status_code == 200
    assert [one["id"] for one in some.get("models").json()["data"]] == ["gpt-4o-mini"]
    assert some.get("models/gpt-4.1-mini").status_code == 404


# --------------------------------------------------------------------------------------- how often
@pytest.mark.usefixtures("_in_one_minute")
def test_requests_a_minute_are_one_count_for_all_gateways_and_routes(service: Service) -> None:
    few = service.customer(rate_limit_per_minute=3)
    with Running(served(make_app())) as other:
        both = [few, replace(few, url=other.url)]
        answers = [both[number % 2].chat("Hi") for number in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert refused(CHAT, answers[3]) == (429, "rate_limited")
    remaining = [answer.headers["x-ratelimit-remaining-requests"] for answer in answers]
    assert remaining == ["2", "1", "0", "0"]
    assert answers[3].headers["retry-after"] == answers[3].headers["ratelimit-reset"] == "30"
    # The routes that Django serves count in the same window.
    [key_id] = [row.api_key_id for row in few.usage()[:1]]
    assert key_id is not None
    assert throttling.count_key(key_id=key_id, limit=3, is_paid=False).used == 4


@pytest.mark.usefixtures("_in_one_minute")
def test_tokens_a_minute_are_one_count_for_all_gateways(service: Service) -> None:
    few = service.customer(tokens_per_minute=1_000)
    with Running(served(make_app())) as other:
        both = [few, replace(few, url=other.url)]
        first = both[0].chat("Hi", max_tokens=400)
        second = both[1].chat("Hi", max_tokens=400)
        too_many = both[0].chat("Hi", max_tokens=990)
    assert [first.status_code, second.status_code] == [200, 200]
    assert refused(CHAT, too_many) == (429, "rate_limited")
    assert 0 <= int(second.headers["x-ratelimit-remaining-tokens"]) < 600
    assert too_many.headers["x-ratelimit-limit-tokens"] == "1000"
    assert len(few.usage()) == 2


# ------------------------------------------------------------------------------------------- what
BROKEN = {
    "nothing": b"",
    "blanks": b" \n ",
    "half": b'{"model": "gpt-4o-mini", "messages": [',
    "words": b"model=gpt-4o-mini",
    "no text": b"\xff\xfe\x00{}",
    "NaN": b'{"model": NaN}',
    "endless": b'{"model": Infinity}',
    "half a character": b'{"model": "\\ud83d"}',
    "a list": b"[]",
    "a number": b"1e308",
    "a word": b'"model"',
    "null": b"null",
    "too deep": b'{"model": "gpt-4o-mini", "x": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "a thousand deep": b'{"model": "gpt-4o-mini", "x": ' + b"[" * 1000 + b"]" * 1000 + b"}",
    "no model": b"{}",
    "model of no name": b'{"model": ""}',
    "model that is none": b'{"model": {"$ne": null}}',
}


def test_what_cannot_be_read_is_refused(service: Service) -> None:
    many = service.customer(rate_limit_per_minute=10_000)
    for endpoint in ENDPOINTS:
        for name, body in BROKEN.items():
            status, _ = ask(many, endpoint, body)
            assert status == 400, (endpoint.path, name)
    untouched(many)


def test_a_model_that_is_unknown_or_of_another_kind(service: Service) -> None:
    many = service.customer(rate_limit_per_minute=10_000)
    names = [
        "gpt-nobody",
        "gpt-4o-mini\u200b",
        "../gpt-4o-mini",
        "x" * 200,
        "gpt-4-gizmo-",
        "gpt-image-1",
    ]
    for endpoint in ENDPOINTS:
        if "audio/t" in endpoint.path or "edits" in endpoint.path:
            continue  # want a file first
        other = "tts-1" if endpoint.path != "audio/speech" else "gpt-4o-mini"
        for name in [*names, other]:
            status, _ = ask(many, endpoint, endpoint.body | {"model": name})
            assert status == 400, (endpoint.path, name)
    untouched(many)


def test_another_method_is_refused_with_the_right_one(service: Service) -> None:
    headers = {"authorization": f"Bearer {service.key}"}
    for endpoint in ENDPOINTS:
        for method in ("GET", "PUT", "DELETE", "PATCH"):
            answer = service.client.request(
                method, f"{service.url}/v1/{endpoint.path}", headers=headers
            )
            assert refused(endpoint, answer) == expected(endpoint, 405, "invalid_request")
            assert answer.headers["allow"] == "POST, OPTIONS"
    posted = service.post("models", {})
    assert (refused(CHAT, posted), posted.headers["allow"]) == (
        (405, "invalid_request"),
        "GET, OPTIONS",
    )
    unknown = service.post("nothing", {})
    assert (unknown.status_code, unknown.json()["error"]["type"]) == (404, "not_found")
    untouched(service)


def test_a_hundred_thousand_messages_are_too_many_for_the_model(service: Service) -> None:
    messages = [{"role": "user", "content": "Hi"}] * 100_000
    answer = service.post("chat/completions", {"model": "gpt-4o-mini", "messages": messages})

    assert refused(CHAT, answer) == (400, "invalid_request")
    assert answer.json()["error"]["detail"]["reason"] == "context_length_exceeded"
    untouched(service)


@pytest.mark.parametrize(
    "messages",
    [
        [],
        {},
        "Hi",
        None,
        [{}],
        [[]],
        ["Hi"],
        [{"role": "nobody", "content": "Hi"}],
        [{"role": "user"}],
        [{"role": 1, "content": "Hi"}],
        [{"role": "user", "content": 5}],
        [{"role": "user", "content": [{"type": "image_url"}]}],
        [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}]}],
        [{"role": "tool", "content": "no call"}],
    ],
    ids=str,
)  # fmt: skip
def test_messages_that_are_none(service: Service, messages: Any) -> None:
    for endpoint in (ENDPOINTS[0], ENDPOINTS[3]):
        body = endpoint.body | {"messages": messages}
        assert ask(service, endpoint, body) == expected(endpoint, 400, "invalid_request")
    untouched(service)


# --------------------------------------------------------------------------------------- how large
def _raw(service: Service, path: str, *, length: str, body: bytes = b"") -> httpx.Response:
    """What is answered on a plain connection, on which so much is said and sent."""
    host, _, port = service.url.removeprefix("http://").partition(":")
    head = (
        f"POST /v1/{path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {service.key}\r\n"
        f"{length}\r\n\r\n"
    )
    with socket.create_connection((host, int(port)), timeout=30) as connection:
        connection.sendall(head.encode() + body)
        with connection.makefile("rb") as answer:
            status = int(answer.readline().split()[1])
            headers = []
            while line := answer.readline().strip():
                name, _, value = line.decode().partition(": ")
                headers.append((name, value))
            found = httpx.Headers(headers)
            return httpx.Response(
                status, headers=found, content=answer.read(int(found["content-length"]))
            )


def test_a_body_that_is_too_large_is_refused_before_it_is_read(
    service: Service, settings: Any
) -> None:
    for endpoint in ENDPOINTS:
        answer = _raw(service, endpoint.path, length=f"Content-Length: {50 * MEGABYTE}")
        assert refused(endpoint, answer) == expected(endpoint, 413, "payload_too_large")
    settings.LLM_MAX_BODY_BYTES = MEGABYTE
    chunk = f"{MEGABYTE + 1:x}\r\n".encode() + b"x" * (MEGABYTE + 1) + b"\r\n"
    answer = _raw(service, CHAT.path, length="Transfer-Encoding: chunked", body=chunk)
    assert refused(CHAT, answer) == (413, "payload_too_large")
    untouched(service)


def test_a_body_that_does_not_arrive_is_not_waited_for(service: Service, settings: Any) -> None:
    settings.LLM_BODY_SECONDS = 0.2
    for endpoint in ENDPOINTS[:4]:
        for body in (b"", b'{"model"'):
            answer = _raw(service, endpoint.path, length="Content-Length: 1000", body=body)
            assert refused(endpoint, answer) == expected(endpoint, 400, "invalid_request")
    untouched(service)


def test_a_name_for_the_request_is_kept_where_it_is_sane(service: Service) -> None:
    for given, is_kept in (
        ("my-request_1.2", True),
        ("short", False),
        ("x" * 65, False),
        ("é" * 9, False),
    ):
        answer = service.client.post(
            f"{service.url}/v1/chat/completions",
            content=json.dumps(asking("Hi")),
            headers={"authorization": f"Bearer {service.key}", "x-request-id": given.encode()},
        )
        assert answer.status_code == 200
        assert (answer.headers["x-request-id"] == given) is is_kept
        assert service.usage()[-1].request_id == answer.headers["x-request-id"]
