"""What the errors of model providers mean. Their statuses overlap and mislead ("no money" is a 400 here, a 429 there),
so the code in the body counts first, then its words, then the status.

These providers answer at once and cannot be asked later: a submit without an answer stays unknown, and whatever says
that it was never begun may go elsewhere.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from apps.core.wire import Response
from apps.providers import untrusted
from apps.providers.base import (
    AccountNeedsOwner,
    BadCredentials,
    Need,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    Standing,
)

Why = ProviderRefused.Why

_SECONDS = re.compile(r"(\d{1,6})(?:\.\d{1,9})?s")

_BALANCE = re.compile(
    r"credit balance|insufficient_(quota|balance|credit|fund)|insufficient (quota|balance|credit|funds)"
    r"|exceeded your current quota|billing_(hard_limit|not_active)|out of credits|spend(ing)? limit",
    re.IGNORECASE,
)
_KEY = re.compile(
    r"api_key_invalid|invalid_api_key|incorrect api key|api key (not valid|expired|is invalid)"
    r"|authentication_error|invalid x-api-key|unauthenticated",
    re.IGNORECASE,
)
_SETUP = re.compile(
    r"failed_precondition|permission_(error|denied)|must be verified|verify.{0,20}organi[sz]ation|model_not_found"
    r"|does not have access|location is not supported|unsupported_country|account_deactivated|not_found_error"
    r"|service_disabled|billing (is|must be|has to be)",
    re.IGNORECASE,
)
_MODERATED = re.compile(
    r"moderation_blocked|content_policy|content_filter|content policy|safety system|flagged"
    r"|blocked by.{0,20}(safety|polic)|image_generation_user_error",
    re.IGNORECASE,
)
_BUSY = re.compile(
    r"rate_limit|overloaded|resource_exhausted|too many requests|engine_overloaded|slow_down|\bunavailable\b",
    re.IGNORECASE,
)

_TOO_LONG = re.compile(
    r"context_length_exceeded|context_window_exceeded|exceed_context_size|maximum context length|prompt is too long"
    r"|exceeds? the (available )?context|input token count.{0,40}exceeds",
    re.IGNORECASE,
)
# What an error says of a thing that the request itself names.
_NAMED = re.compile(
    r"previous_response|\b(file|response|conversation|container|item)\b", re.IGNORECASE
)
# Where a provider's own words may end and what it repeats begins: a quote, a bracket, a colon, a path of fields.
_REPEATED = re.compile(r"(?<![a-z])['\"`]|[\[({<:\n]|\.(?=\S)", re.IGNORECASE)


@dataclass(frozen=True)
class Answer:
    """`fields` is the body's object, empty where there is none; `code` what the error calls itself, `words` its
    reason."""

    status: int
    fields: Mapping[str, Any]
    code: str
    words: str
    retry_after_seconds: float | None
    secrets: Collection[str] = field(repr=False)

    @property
    def is_success(self) -> bool:
        # Some answer 200 with an error in it.
        return 200 <= self.status < 300 and bool(self.fields) and not self.fields.get("error")

    @property
    def message(self) -> str:
        return self.words or f"The provider answered HTTP {self.status} without a readable reason."

    def clean(self, text: Any) -> str:
        """A sentence of the answer, fit to be shown."""
        return untrusted.without(untrusted.text(text), self.secrets)


def read(response: Response, *, secrets: Collection[str]) -> Answer:
    """What the provider says. No message of it holds any of `secrets`."""
    try:
        body = untrusted.parsed(response.body)
    except ValueError:
        body = None
    if isinstance(body, list) and body:
        # Google's, on some paths.
        body = body[0]
    fields = body if isinstance(body, dict) else {}
    wait = response.headers.get("retry-after", "")
    return told(fields, status=response.status, wait=wait, secrets=secrets)


def told(
    fields: Mapping[str, Any], *, status: int, secrets: Collection[str], wait: str = ""
) -> Answer:
    """The same of an object that has been read already, such as an event of a stream."""
    error = fields.get("error")
    parts = error if isinstance(error, dict) else {"message": error or fields.get("message")}
    return Answer(
        status=status,
        fields=fields,
        code=_code(parts),
        words=untrusted.without(untrusted.text(parts.get("message"), most=4000), secrets),
        retry_after_seconds=_wait(wait, parts),
        secrets=secrets,
    )


def models_listed(response: Response, *, at: str, secrets: Collection[str]) -> Standing:
    """What the list of models, found under the name `at`, says of the key. Raises ProviderError."""
    answer = read(response, secrets=secrets)
    found = answer.fields.get(at)
    if not answer.is_success or not isinstance(found, list):
        raise failure(answer, creating=False)
    return Standing(f"The key is accepted; {len(found)} models are listed.")


def failure(
    answer: Answer, *, creating: bool = True, prompt: str = "", is_quoting: bool = False
) -> ProviderError:
    """The error that an answer other than success is. Only while `creating` can it be the work's own fault.

    Some answers repeat the `prompt`: words that stand in it say nothing about the account. `is_quoting`: they may
    repeat anything of the request, so only what comes before the first repetition counts, and a thing that is missing
    may be one that the request names.
    """
    said = _Said(answer, prompt.lower(), is_quoting)
    # Google says of a moment's limit what others say of an empty account.
    if "RESOURCE_EXHAUSTED" in answer.code:
        return _unavailable(answer, is_unknown=False)
    if said.means(_BALANCE) or answer.status == 402:
        return AccountNeedsOwner(answer.message, need=Need.BALANCE)
    if said.means(_KEY) or answer.status == 401:
        return BadCredentials(answer.message)
    if creating and (own := _own_fault(answer, said)):
        return ProviderRefused(answer.message, why=own)
    return _other(answer, said, creating=creating)


def _own_fault(answer: Answer, said: "_Said") -> ProviderRefused.Why | None:
    """What is wrong with the work itself, whatever the status."""
    if said.means(_MODERATED):
        return Why.MODERATED
    if said.means(_TOO_LONG):
        return Why.INVALID
    if said.is_quoting and answer.status == 404 and said.means(_NAMED):
        return Why.INVALID
    return None


def _other(answer: Answer, said: "_Said", *, creating: bool) -> ProviderError:
    if said.means(_BUSY) or answer.status == 429:
        return _unavailable(answer, is_unknown=False)
    # A model that is not there, or not for this account: the account's options name it.
    if said.means(_SETUP) or answer.status in (403, 404):
        return AccountNeedsOwner(answer.message, need=Need.SETUP)
    if creating and answer.status in (400, 413, 415, 422) and answer.fields:
        return ProviderRefused(answer.message, why=Why.INVALID)
    return _unavailable(answer, is_unknown=creating and not _is_surely_not_begun(answer))


@dataclass(frozen=True)
class _Said:
    answer: Answer
    prompt: str
    is_quoting: bool

    def means(self, pattern: re.Pattern[str]) -> bool:
        if pattern.search(self.answer.code):
            return True
        words = self.answer.words
        if self.is_quoting:
            words = _REPEATED.split(words, maxsplit=1)[0]
        found = pattern.search(words)
        return found is not None and found.group().lower() not in self.prompt


def refused(message: str) -> ProviderRefused:
    """The model, or what watches over it, would not."""
    return ProviderRefused(message, why=Why.MODERATED)


def _code(error: Mapping[str, Any]) -> str:
    """Everything by which an error names itself, Google's `reason`s too."""
    named = [error.get("code"), error.get("type"), error.get("status")]
    details = error.get("details")
    if isinstance(details, list):
        named += [part.get("reason") for part in details if isinstance(part, dict)]
    return " ".join(untrusted.text(one, most=100) for one in named if isinstance(one, str))


def _wait(header: str, error: Mapping[str, Any]) -> float | None:
    """Seconds by the header or by Google's `retryDelay`."""
    details = error.get("details")
    for part in details if isinstance(details, list) else []:
        delay = part.get("retryDelay") if isinstance(part, dict) else None
        if isinstance(delay, str) and (found := _SECONDS.fullmatch(delay)):
            return untrusted.seconds(found.group(1))
    return untrusted.seconds(header)


def _unavailable(answer: Answer, *, is_unknown: bool) -> ProviderUnavailable:
    return ProviderUnavailable(
        answer.message, is_unknown=is_unknown, retry_after_seconds=answer.retry_after_seconds
    )


def _is_surely_not_begun(answer: Answer) -> bool:
    return 300 <= answer.status < 408 or answer.status in (413, 415, 422, 429, 529)
