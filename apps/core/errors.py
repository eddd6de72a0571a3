"""Refusals that a customer can act on.

A domain function raises one of these instead of returning a status. `type` is the word of the public error table
(docs/api/errors.md); the transports turn it into an HTTP status and a numeric code, so nothing below them knows HTTP.
"""

from typing import Any

from apps.core.sentences import sentence


class DomainError(Exception):
    """We looked at the request and refuse it; the message says why and what to do.

    `detail` holds machine-readable facts (`field`, `needed_points`), `retry_after` whole seconds after which the same
    request may succeed. Neither ever holds a secret or a provider's raw answer. `words` is the message as a page says
    it, by `sentences.said`: without the name of a field, which stands beside it there.
    """

    type = "invalid_request"

    def __init__(
        self, message: str, *, detail: dict[str, Any] | None = None, retry_after: int | None = None
    ) -> None:
        super().__init__(message)
        self.message = message
        self.words = message
        self.detail = detail
        self.retry_after = retry_after


class InvalidRequest(DomainError):
    """A field is missing, has the wrong type or is out of range; `detail["field"]` names it."""

    @classmethod
    def field(cls, name: str, message: str) -> "InvalidRequest":
        text = sentence("{field}: {problem}", field=name, problem=message)
        made = cls(text, detail={"field": name})
        made.words = message
        return made


class NotFound(DomainError):
    """It does not exist, or belongs to another workspace: the caller cannot tell which."""

    type = "not_found"


class PlanRequired(DomainError):
    """The workspace's plan does not include this."""

    type = "plan_required"


class TooLarge(DomainError):
    """More bytes than we accept."""

    type = "payload_too_large"


class RateLimited(DomainError):
    """Too many requests; `retry_after` says when there is room again."""

    type = "rate_limited"
