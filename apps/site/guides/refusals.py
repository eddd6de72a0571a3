"""What each refusal and each failure means, what it costs and what helps, as the guide about errors says it.

The numbers are those of `apps.core.envelopes` and `apps.tasks.models.FailureCode`; a test fails when one of them has
no words here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.core.envelopes import ERROR_KINDS
from apps.tasks.models import FailureCode


@dataclass(frozen=True)
class Words:
    meaning: str
    money: str
    action: str


_NOTHING = "nothing"
_FREE = "nothing; the hold is given back"

REFUSED = {
    "invalid_request": Words(
        "The body is not JSON, or a field is missing or out of range; with HTTP 405 the route lacks this method.",
        _NOTHING,
        "Mend the field that `detail.field` names.",
    ),
    "invalid_model": Words(
        "There is no model of this name, or it is of another kind or retired.",
        _NOTHING,
        "Take a name from `GET /api/v1/models`, or from `GET /v1/models` for language models.",
    ),
    "invalid_task_type": Words(
        "The model is there and has no such task type.",
        _NOTHING,
        "Take a task type from `GET /api/v1/models`.",
    ),
    "prompt_rejected": Words(
        "The prompt did not pass a check of the model, of its provider or of the operator.",
        _NOTHING,
        "Change the prompt; the message says where it fails.",
    ),
    "parent_task_outdated": Words(
        "The task that is to be continued ended too long ago.",
        _NOTHING,
        "Make the first task again, then continue it within {{ follow_up_hours }} hours.",
    ),
    "action_already_performed": Words(
        "This follow-up can be had once, and was.",
        _NOTHING,
        "Read the task that it made.",
    ),
    "invalid_api_key": Words(
        "The key is missing, unknown, expired or revoked; which of them is not told.",
        _NOTHING,
        "Look at the page *Keys* of the workspace.",
    ),
    "insufficient_credits": Words(
        "The balance does not cover the price; for a language model the most that the call can cost.",
        "nothing; a stream that ends so is charged for what it gave out",
        "Top up, wait for held credits to come back, or ask for less.",
    ),
    "spend_limit_reached": Words(
        "A budget of the key, the member or the workspace would be passed.",
        _NOTHING,
        "Wait for `detail.resets_at`, or have an admin raise the budget.",
    ),
    "plan_required": Words(
        "The workspace's plan does not include this.",
        _NOTHING,
        "Take a higher plan on the page *Plans*.",
    ),
    "no_seat": Words(
        "The call asks for own accounts, and the workspace rents no seat for the family.",
        _NOTHING,
        "Rent a seat, or send `service_mode` as `public`.",
    ),
    "scope_denied": Words(
        "The key lacks the scope or may not call the model, or the workspace is suspended.",
        _NOTHING,
        "Make a key with the scope that the message names.",
    ),
    "ip_not_allowed": Words(
        "The key may not be used from this address.",
        _NOTHING,
        "Add the address to the key's list.",
    ),
    "not_found": Words(
        "There is no such route, or no such thing in this workspace.",
        _NOTHING,
        "Compare the address and the id; an id of another workspace is not found either.",
    ),
    "not_cancellable": Words(
        "The task runs or has ended.",
        "as the task ends",
        "Wait for its end.",
    ),
    "idempotency_conflict": Words(
        "The `Idempotency-Key` was used with another body in the last {{ idempotency_hours }} hours.",
        _NOTHING,
        "Take a new key for a new body.",
    ),
    "payload_too_large": Words(
        "The body or a file is larger than allowed.",
        _NOTHING,
        "Send media as an address instead of base64, or make it smaller.",
    ),
    "rate_limited": Words(
        "Too many requests in this minute, or too many tokens.",
        _NOTHING,
        "Wait for the seconds in `Retry-After`.",
    ),
    "concurrency_exceeded": Words(
        "More tasks of one family wait than the plan allows.",
        _NOTHING,
        "Wait for the seconds in `Retry-After`, or for a task to end.",
    ),
    "no_route": Words(
        "No account or engine can serve this model now, or it has no price.",
        "nothing; a stream whose provider broke off is charged for what it gave out",
        "Try again in some minutes, or take another model.",
    ),
    "internal_error": Words(
        "A fault of the service; with HTTP 503 its database is away for a moment.",
        _NOTHING,
        "Try again; if it stays, report the `request_id`.",
    ),
}

FAILED = {
    FailureCode.PROVIDER_FAILED: Words(
        "It could not be made; `raw_message` has the provider's own words.",
        _FREE,
        "Change the input, or run it again.",
    ),
    FailureCode.PROVIDER_TIMEOUT: Words(
        "It was not done before its deadline.",
        _FREE,
        "Run it again; a smaller input is quicker.",
    ),
    FailureCode.PROVIDER_MODERATED: Words(
        "The provider refused the content.",
        _FREE + ", with [one exception](billing.md#the-exception)",
        "Change the prompt or the picture.",
    ),
    FailureCode.ACCOUNT_UNAVAILABLE: Words(
        "No account or engine was left to make it.",
        _FREE,
        "Run it again in some minutes.",
    ),
    FailureCode.CANCELLED: Words(
        "It was cancelled before it started.",
        _FREE,
        "Nothing is needed.",
    ),
    FailureCode.OUTPUT_UNAVAILABLE: Words(
        "It was made and could not be stored.",
        _FREE,
        "Run it again.",
    ),
    FailureCode.INTERNAL_ERROR: Words(
        "A fault of the service.",
        _FREE,
        "Run it again; if it stays, report the task's id.",
    ),
}


def refused_table() -> str:
    """Every refusal as a table in Markdown."""
    rows = [
        (str(kind.http), str(kind.code), f"`{kind.type}`", *_cells(REFUSED[kind.type]))
        for kind in ERROR_KINDS.values()
    ]
    return table(("HTTP", "code", "type", "meaning", "charged", "what to do"), rows)


def failed_table() -> str:
    """Every reason why an accepted task did not complete, as a table in Markdown."""
    rows = [(str(code.value), f"`{code.label}`", *_cells(words)) for code, words in FAILED.items()]
    return table(("code", "name", "meaning", "charged", "what to do"), rows)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table in Markdown. No cell may hold a bar or a line's end."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(words: Words) -> tuple[str, str, str]:
    return words.meaning, words.money, words.action
