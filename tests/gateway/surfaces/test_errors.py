import pytest

from apps.core import refusals
from apps.gateway.surfaces import SURFACES, errors
from apps.providers.llm.base import Operation


def refusal(type: str, *, http: int | None = None, **fields: str):
    return refusals.refusal(type, "No.", request_id="req-1", detail=fields or None, http=http)


def test_openai_gets_our_envelope_with_its_param():
    assert errors.openai(refusal("invalid_request", field="n")) == {
        "code": 400,
        "message": "No.",
        "data": None,
        "error": {
            "code": 10000,
            "type": "invalid_request",
            "message": "No.",
            "detail": {"field": "n"},
            "request_id": "req-1",
            "param": "n",
        },
    }
    assert errors.openai(refusal("not_found"))["error"]["param"] is None


@pytest.mark.parametrize(
    ("type", "http", "expected"),
    [
        ("invalid_request", None, "invalid_request_error"),
        ("invalid_api_key", None, "authentication_error"),
        ("insufficient_credits", None, "billing_error"),
        ("plan_required", None, "permission_error"),
        ("not_found", None, "not_found_error"),
        ("idempotency_conflict", None, "invalid_request_error"),
        ("payload_too_large", None, "request_too_large"),
        ("rate_limited", None, "rate_limit_error"),
        ("internal_error", None, "api_error"),
        ("no_route", None, "overloaded_error"),
        ("internal_error", 504, "timeout_error"),
    ],
)
def test_anthropic_gets_its_own_words(type: str, http: int | None, expected: str):
    assert errors.anthropic(refusal(type, http=http)) == {
        "type": "error",
        "error": {"type": expected, "message": "No."},
        "request_id": "req-1",
    }


def test_every_surface_refuses_in_its_clients_shape():
    given = refusal("not_found")
    shapes = {operation: surface.refused(given) for operation, surface in SURFACES.items()}
    ours = errors.openai(given)
    assert shapes == {
        Operation.CHAT: ours,
        Operation.COMPLETIONS: ours,
        Operation.RESPONSES: ours,
        Operation.MESSAGES: errors.anthropic(given),
    }
