"""How each provider says no: HTTP status and body, by a word that is the same for all."""

from typing import Any

Refusal = tuple[int, Any]


def _openai(status: int, message: str, code: str | None, kind: str) -> Refusal:
    return status, {"error": {"message": message, "type": kind, "param": None, "code": code}}


def _anthropic(status: int, kind: str, message: str) -> Refusal:
    return status, {"type": "error", "error": {"type": kind, "message": message}}


def _google(status: int, word: str, message: str, **detail: Any) -> Refusal:
    details = [detail] if detail else []
    error = {"code": status, "status": word, "message": message, "details": details}
    return status, {"error": error}


OPENAI: dict[str, Refusal] = {
    "key": _openai(401, "Incorrect API key provided.", "invalid_api_key", "invalid_request_error"),
    "balance": _openai(429, "You exceeded your current quota.", "insufficient_quota", "insufficient_quota"),
    "rate": _openai(429, "Rate limit reached.", "rate_limit_exceeded", "requests"),
    "overloaded": _openai(503, "The engine is overloaded.", None, "server_error"),
    "moderated": _openai(400, "Rejected by the safety system.", "moderation_blocked", "image_generation_user_error"),
    "invalid": _openai(400, "Invalid value for 'size'.", "invalid_value", "invalid_request_error"),
    "setup": _openai(403, "Your organization must be verified.", None, "invalid_request_error"),
    "model": _openai(404, "The model does not exist.", "model_not_found", "invalid_request_error"),
    "broken": _openai(500, "Something went wrong.", None, "server_error"),
}  # fmt: skip
ANTHROPIC: dict[str, Refusal] = {
    "key": _anthropic(401, "authentication_error", "invalid x-api-key"),
    "balance": _anthropic(400, "invalid_request_error", "Your credit balance is too low to access the API."),
    "rate": _anthropic(429, "rate_limit_error", "Too many requests."),
    "overloaded": _anthropic(529, "overloaded_error", "Overloaded"),
    "moderated": _anthropic(400, "invalid_request_error", "Output blocked by content policy"),
    "invalid": _anthropic(400, "invalid_request_error", "messages: at least one is required"),
    "setup": _anthropic(403, "permission_error", "Your key has no access to this resource."),
    "model": _anthropic(404, "not_found_error", "model: none"),
    "broken": _anthropic(500, "api_error", "Internal server error"),
}  # fmt: skip
GOOGLE: dict[str, Refusal] = {
    "key": _google(400, "INVALID_ARGUMENT", "API key not valid.", reason="API_KEY_INVALID"),
    "balance": _google(402, "FAILED_PRECONDITION", "The project has no credit left."),
    "rate": _google(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", retryDelay="17s"),
    "overloaded": _google(503, "UNAVAILABLE", "The model is overloaded."),
    "moderated": _google(400, "INVALID_ARGUMENT", "The prompt was blocked by our safety policies."),
    "invalid": _google(400, "INVALID_ARGUMENT", "Unable to process the input image."),
    "setup": _google(400, "FAILED_PRECONDITION", "User location is not supported."),
    "model": _google(404, "NOT_FOUND", "The model is not found."),
    "broken": _google(500, "INTERNAL", "An internal error has occurred."),
}  # fmt: skip
