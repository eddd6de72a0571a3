"""What each refusal and each failure means, what it costs and what helps, as the guide about errors says it.

The numbers are those of `apps.core.envelopes` and `apps.tasks.models.FailureCode`; a test fails when one of them has
no words here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from apps.core.envelopes import ERROR_KINDS
from apps.tasks.models import FailureCode


@dataclass(frozen=True)
class Words:
    """English; the tables say it in the language of the guide."""

    meaning: str
    money: str
    action: str


_NOTHING = gettext_noop("nothing")
_FREE = gettext_noop("nothing; the hold is given back")

REFUSED = {
    "invalid_request": Words(
        gettext_noop(
            "The body is not JSON, or a field is missing or out of range; with HTTP 405 the route lacks this method."
        ),
        _NOTHING,
        gettext_noop("Mend the field that `detail.field` names."),
    ),
    "invalid_model": Words(
        gettext_noop("There is no model of this name, or it is of another kind or retired."),
        _NOTHING,
        gettext_noop(
            "Take a name from `GET /api/v1/models`, or from `GET /v1/models` for language models."
        ),
    ),
    "invalid_task_type": Words(
        gettext_noop("The model is there and has no such task type."),
        _NOTHING,
        gettext_noop("Take a task type from `GET /api/v1/models`."),
    ),
    "prompt_rejected": Words(
        gettext_noop(
            "The prompt did not pass a check of the model, of its provider or of the operator."
        ),
        _NOTHING,
        gettext_noop("Change the prompt; the message says where it fails."),
    ),
    "parent_task_outdated": Words(
        gettext_noop("The task that is to be continued ended too long ago."),
        _NOTHING,
        gettext_noop(
            "Make the first task again, then continue it within {{ follow_up_hours }} hours."
        ),
    ),
    "action_already_performed": Words(
        gettext_noop("This follow-up can be had once, and was."),
        _NOTHING,
        gettext_noop("Read the task that it made."),
    ),
    "invalid_api_key": Words(
        gettext_noop("The key is missing, unknown, expired or revoked; which of them is not told."),
        _NOTHING,
        gettext_noop("Look at the page *Keys* of the workspace."),
    ),
    "insufficient_credits": Words(
        gettext_noop(
            "The balance does not cover the price; for a language model the most that the call can cost."
        ),
        gettext_noop("nothing; a stream that ends so is charged for what it gave out"),
        gettext_noop("Top up, wait for held credits to come back, or ask for less."),
    ),
    "spend_limit_reached": Words(
        gettext_noop("A budget of the key, the member or the workspace would be passed."),
        _NOTHING,
        gettext_noop("Wait for `detail.resets_at`, or have an admin raise the budget."),
    ),
    "plan_required": Words(
        gettext_noop("The workspace's plan does not include this."),
        _NOTHING,
        gettext_noop("Take a higher plan on the page *Plans*."),
    ),
    "no_seat": Words(
        gettext_noop(
            "The call asks for own accounts, and the workspace rents no seat for the family."
        ),
        _NOTHING,
        gettext_noop("Rent a seat, or send `service_mode` as `public`."),
    ),
    "scope_denied": Words(
        gettext_noop(
            "The key lacks the scope or may not call the model, or the workspace is suspended."
        ),
        _NOTHING,
        gettext_noop("Make a key with the scope that the message names."),
    ),
    "ip_not_allowed": Words(
        gettext_noop("The key may not be used from this address."),
        _NOTHING,
        gettext_noop("Add the address to the key's list."),
    ),
    "not_found": Words(
        gettext_noop("There is no such route, or no such thing in this workspace."),
        _NOTHING,
        gettext_noop(
            "Compare the address and the id; an id of another workspace is not found either."
        ),
    ),
    "not_cancellable": Words(
        gettext_noop("The task runs or has ended."),
        gettext_noop("as the task ends"),
        gettext_noop("Wait for its end."),
    ),
    "idempotency_conflict": Words(
        gettext_noop(
            "The `Idempotency-Key` was used with another body in the last {{ idempotency_hours }} hours."
        ),
        _NOTHING,
        gettext_noop("Take a new key for a new body."),
    ),
    "payload_too_large": Words(
        gettext_noop("The body or a file is larger than allowed."),
        _NOTHING,
        gettext_noop("Send media as an address instead of base64, or make it smaller."),
    ),
    "rate_limited": Words(
        gettext_noop("Too many requests in this minute, or too many tokens."),
        _NOTHING,
        gettext_noop("Wait for the seconds in `Retry-After`."),
    ),
    "concurrency_exceeded": Words(
        gettext_noop("More tasks of one family wait than the plan allows."),
        _NOTHING,
        gettext_noop("Wait for the seconds in `Retry-After`, or for a task to end."),
    ),
    "no_route": Words(
        gettext_noop("No account or engine can serve this model now, or it has no price."),
        gettext_noop("nothing; a stream whose provider broke off is charged for what it gave out"),
        gettext_noop("Try again in some minutes, or take another model."),
    ),
    "internal_error": Words(
        gettext_noop("A fault of the service; with HTTP 503 its database is away for a moment."),
        _NOTHING,
        gettext_noop("Try again; if it stays, report the `request_id`."),
    ),
}

FAILED = {
    FailureCode.PROVIDER_FAILED: Words(
        gettext_noop("It could not be made; `raw_message` has the provider's own words."),
        _FREE,
        gettext_noop("Change the input, or run it again."),
    ),
    FailureCode.PROVIDER_TIMEOUT: Words(
        gettext_noop("It was not done before its deadline."),
        _FREE,
        gettext_noop("Run it again; a smaller input is quicker."),
    ),
    FailureCode.PROVIDER_MODERATED: Words(
        gettext_noop("The provider refused the content."),
        gettext_noop(
            "nothing; the hold is given back, with [one exception](billing.md#the-exception)"
        ),
        gettext_noop("Change the prompt or the picture."),
    ),
    FailureCode.ACCOUNT_UNAVAILABLE: Words(
        gettext_noop("No account or engine was left to make it."),
        _FREE,
        gettext_noop("Run it again in some minutes."),
    ),
    FailureCode.CANCELLED: Words(
        gettext_noop("It was cancelled before it started."),
        _FREE,
        gettext_noop("Nothing is needed."),
    ),
    FailureCode.OUTPUT_UNAVAILABLE: Words(
        gettext_noop("It was made and could not be stored."),
        _FREE,
        gettext_noop("Run it again."),
    ),
    FailureCode.INTERNAL_ERROR: Words(
        gettext_noop("A fault of the service."),
        _FREE,
        gettext_noop("Run it again; if it stays, report the task's id."),
    ),
}


def refused_table() -> str:
    """Every refusal as a table in Markdown."""
    rows = [
        (str(kind.http), str(kind.code), f"`{kind.type}`", *_cells(REFUSED[kind.type]))
        for kind in ERROR_KINDS.values()
    ]
    return table(("HTTP", "code", "type", _("meaning"), _("charged"), _("what to do")), rows)


def failed_table() -> str:
    """Every reason why an accepted task did not complete, as a table in Markdown."""
    rows = [(str(code.value), f"`{code.label}`", *_cells(words)) for code, words in FAILED.items()]
    return table(("code", _("name"), _("meaning"), _("charged"), _("what to do")), rows)


def table(head: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> str:
    """A table in Markdown. No cell may hold a bar or a line's end."""
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cells(words: Words) -> tuple[str, str, str]:
    return _(words.meaning), _(words.money), _(words.action)
