"""What an answer other than success means, whoever gives it."""

from typing import Any

import pytest

from apps.providers.base import (
    AccountNeedsOwner,
    BadCredentials,
    Need,
    ProviderRefused,
    ProviderUnavailable,
)
from apps.providers.llm import registry
from tests.providers.llm.samples import ACCESS, KEY, outcome
from tests.providers.wire import answer

Why = ProviderRefused.Why
OPENAI = registry.llm_provider("openai")
UNKNOWN = (ProviderUnavailable, True, None)
ELSEWHERE = (ProviderUnavailable, False, None)
INVALID = (ProviderRefused, Why.INVALID)
SETUP = (AccountNeedsOwner, Need.SETUP)
BALANCE = (AccountNeedsOwner, Need.BALANCE)


def failed(status: int, body: Any, **headers: str) -> Any:
    error = OPENAI.failure(answer(body, status, **headers), ACCESS)
    assert KEY not in str(error)
    return outcome(_raise, error)


def _raise(error: Exception) -> None:
    raise error


def said(message: str, **named: Any) -> Any:
    return {"error": {"message": message, **named}}


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (401, said(f"Incorrect API key provided: {KEY}."), (BadCredentials,)),
        (403, said("Country not supported", code="unsupported_country_region_territory"), SETUP),
        (404, said("The model `x` does not exist", code="model_not_found"), SETUP),
        (404, said("model: claude-x", type="not_found_error"), SETUP),
        (404, {"detail": "Not Found"}, SETUP),
        (404, said("No file found with id 'file-1'"), INVALID),
        (404, said("Gone", code="previous_response_not_found"), INVALID),
        (402, said("Insufficient Balance"), BALANCE),
        (429, said("You exceeded your current quota", code="insufficient_quota"), BALANCE),
        (400, said("Your credit balance is too low to access the Anthropic API."), BALANCE),
        (429, said("Rate limit reached", code="rate_limit_exceeded"), ELSEWHERE),
        (529, said("Overloaded", type="overloaded_error"), ELSEWHERE),
        (503, said("The model is overloaded. Please try again later.", status="UNAVAILABLE"), ELSEWHERE),
        (500, said("Oops"), UNKNOWN),
        (502, b"<html>", UNKNOWN),
        (400, said("This model's maximum context length is 8192 tokens.", code="context_length_exceeded"), INVALID),
        (500, said("This model's maximum context length is 8192 tokens."), INVALID),
        (400, said("prompt is too long: 208310 tokens > 200000 maximum"), INVALID),
        (400, said("The input token count (1200000) exceeds the maximum"), INVALID),
        (500, said("the request exceeds the available context size", type="exceed_context_size_error"), INVALID),
        (413, said("Too large", type="request_too_large"), INVALID),
        (400, said("Flagged", code="content_filter"), (ProviderRefused, Why.MODERATED)),
    ],
)  # fmt: skip
def test_what_a_failure_means(status: int, body: Any, expected: Any):
    assert failed(status, body) == expected


def test_a_failure_says_how_long_to_wait():
    found = failed(429, said("Slow", code="rate_limit_exceeded"), retry_after="17")

    assert found == (ProviderUnavailable, False, 17.0)


@pytest.mark.parametrize(
    "message",
    [
        "Invalid value: 'insufficient_quota'. Supported values are: 'auto'.",
        "Unknown parameter: 'your credit balance is too low'",
        "messages.0.credit balance: Extra inputs are not permitted",
        "Invalid schema for function 'x': ['insufficient_quota'] is not of type",
        '"invalid_api_key" is not one of the voices',
        "Invalid JSON payload received. Unknown name (permission_denied)",
        "1 validation error:\n insufficient_quota",
    ],
)
def test_a_customers_words_do_not_park_an_account(message: str):
    assert failed(400, said(message, type="invalid_request_error")) == (
        ProviderRefused,
        Why.INVALID,
    )


def test_names_of_an_account_are_not_repeated():
    words = (
        "Rate limit reached for gpt-4o in organization org-AbC123xyz on tokens per min, project"
        f" proj_12345678; key {KEY}, or sk-proj-abc***XYZ, or AIzaSyA1234567890"
    )

    error = OPENAI.failure(answer(said(words), 429), ACCESS)

    assert str(error) == (
        "Rate limit reached for gpt-4o in organization [removed] on tokens per min, project"
        " [removed]; key [removed], or [removed], or [removed]"
    )


GOOGLE_KEY = {
    "code": 400,
    "message": "API key not valid. Please pass a valid API key.",
    "status": "INVALID_ARGUMENT",
    "details": [{"reason": "API_KEY_INVALID"}],
}
GOOGLE_BUSY = {
    "code": 429,
    "message": "You exceeded your current quota, please check your plan and billing details.",
    "status": "RESOURCE_EXHAUSTED",
    "details": [{"retryDelay": "17s"}],
}


@pytest.mark.parametrize("provider", registry.names())
@pytest.mark.parametrize(
    ("status", "error", "expected"),
    [
        (400, GOOGLE_KEY, (BadCredentials,)),
        (429, GOOGLE_BUSY, (ProviderUnavailable, False, 17.0)),
        (401, {"type": "authentication_error", "message": "invalid x-api-key"}, (BadCredentials,)),
        (529, {"type": "overloaded_error", "message": "Overloaded"}, ELSEWHERE),
        (404, {"type": "not_found_error", "message": "model: claude-9"}, SETUP),
        (402, {"code": "insufficient_credits", "message": "Top up."}, BALANCE),
        (422, {"message": "temperature: too hot"}, INVALID),
    ],
)
def test_every_provider_says_the_same(provider: str, status: int, error: Any, expected: Any):
    found = registry.llm_provider(provider).failure(answer({"error": error}, status), ACCESS)

    assert outcome(_raise, found) == expected


def test_google_puts_an_error_into_a_list():
    google = registry.llm_provider("google")

    assert outcome(_raise, google.failure(answer([{"error": GOOGLE_KEY}], 400), ACCESS)) == (
        BadCredentials,
    )
