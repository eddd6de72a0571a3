"""What OpenAI's own client raises, and what it can see of an answer beside its body."""

import json
from typing import Any

import openai
import pytest

from tests.factories import api_key
from tests.llm.sdk.conftest import terms
from tests.llm.service import MODEL, Service

SAID: Any = [{"role": "user", "content": "Hi"}]


def scripted(**script: Any) -> list[Any]:
    return [{"role": "user", "content": json.dumps(script)}]


def refused(client: openai.OpenAI, kind: type[openai.APIStatusError], **body: Any) -> Any:
    """What is raised, as (status, code, type)."""
    with pytest.raises(kind) as caught:
        client.chat.completions.create(**{"model": MODEL, "messages": SAID, **body})
    return caught.value.status_code, caught.value.code, caught.value.type


def of(service: Service, **others: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{service.url}/v1", **terms(service, **others))


def test_an_unknown_key(service: Service) -> None:
    with of(service, api_key="my_live_nothing") as client:
        assert refused(client, openai.AuthenticationError) == (401, "10100", "invalid_api_key")


def test_a_key_in_the_other_header(service: Service) -> None:
    with of(service, api_key="none", default_headers={"x-api-key": service.key}) as client:
        answer = client.chat.completions.create(model=MODEL, messages=SAID)

    assert answer.choices[0].message.content == "Hello there."


def test_a_request_that_is_wrong_names_the_field(customer: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        customer.chat.completions.create(model=MODEL, messages=SAID, temperature=3)

    error = caught.value
    assert (error.code, error.type, error.param) == ("10000", "invalid_request", "temperature")
    assert error.request_id is not None
    assert error.body["request_id"] == error.request_id  # type: ignore[index]


def test_an_unknown_model(customer: openai.OpenAI) -> None:
    assert refused(customer, openai.BadRequestError, model="gpt-nothing") == (
        400,
        "10001",
        "invalid_model",
    )


def test_a_provider_that_refuses_is_quoted(customer: openai.OpenAI) -> None:
    told = scripted(fault="status:400", message="That is not possible.")
    with pytest.raises(openai.BadRequestError, match="That is not possible"):
        customer.chat.completions.create(model=MODEL, messages=told)


def test_without_credits(service: Service) -> None:
    poor = service.customer(points=1)
    with of(poor) as client:
        assert refused(client, openai.APIStatusError) == (402, "10200", "insufficient_credits")


def test_a_plan_without_the_model(service: Service) -> None:
    hobbyist = service.customer(plan="hobbyist")
    with of(hobbyist) as client:
        assert refused(client, openai.PermissionDeniedError, model="gpt-4o") == (
            403,
            "10300",
            "plan_required",
        )


def test_too_many_requests_and_how_many_are_left(service: Service) -> None:
    key = api_key(service.workspace, rate_limit_per_minute=1)
    with of(service, api_key=key) as client:
        first = client.chat.completions.with_raw_response.create(model=MODEL, messages=SAID)
        with pytest.raises(openai.RateLimitError) as caught:
            client.chat.completions.create(model=MODEL, messages=SAID)

    assert first.headers["x-ratelimit-limit-requests"] == "1"
    assert first.headers["x-ratelimit-remaining-requests"] == "0"
    assert caught.value.type == "rate_limited"
    assert 1 <= int(caught.value.response.headers["retry-after"]) <= 60


def test_too_large_a_request(service: Service, settings: Any) -> None:
    settings.LLM_MAX_BODY_BYTES = 1000
    long: Any = [{"role": "user", "content": "x" * 1000}]
    with of(service) as client:
        assert refused(client, openai.APIStatusError, messages=long) == (
            413,
            "10600",
            "payload_too_large",
        )


def test_nobody_who_answers(customer: openai.OpenAI, service: Service) -> None:
    told = scripted(fault="status:500")
    assert refused(customer, openai.InternalServerError, messages=told) == (
        503,
        "10800",
        "no_route",
    )
    assert service.spent() == 0


def test_a_client_that_is_tired_of_waiting(customer: openai.OpenAI) -> None:
    with pytest.raises(openai.APITimeoutError):
        customer.with_options(timeout=0.3).chat.completions.create(
            model=MODEL, messages=scripted(before=30)
        )


def test_a_client_tries_again_by_itself(service: Service) -> None:
    """A second time of a 503, after as long as it says; and the same request is answered then."""
    tired = scripted(fault="status:503", headers={"retry-after": "1"})
    with of(service, max_retries=1) as client, pytest.raises(openai.InternalServerError):
        client.chat.completions.create(model=MODEL, messages=tired)

    assert len({row.call for row in service.usage_when(2)}) == 2


def test_an_error_in_a_stream(customer: openai.OpenAI) -> None:
    told = scripted(fault="error", after=1)
    with (
        pytest.raises(openai.APIError, match="broke the answer off"),
        customer.chat.completions.create(model=MODEL, messages=told, stream=True) as stream,
    ):
        list(stream)


def test_what_stands_in_the_headers(customer: openai.OpenAI, service: Service) -> None:
    raw = customer.chat.completions.with_raw_response.create(
        model=MODEL, messages=SAID, extra_headers={"X-Request-Id": "mine-1234567"}
    )
    answer = raw.parse()

    assert answer.choices[0].message.content == "Hello there."
    assert raw.request_id == "mine-1234567"
    [row] = service.usage()
    assert {
        name: raw.headers[name]
        for name in ("x-call-id", "x-cost-points", "x-cost-usd", "x-usage-source")
    } == {
        "x-call-id": str(row.call),
        "x-cost-points": "25",
        "x-cost-usd": "0.0000025",
        "x-usage-source": "reported",
    }
    assert row.request_id == "mine-1234567"
