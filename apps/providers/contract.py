"""Reading what a server that speaks our own public contract answers, whatever it really sends.

The body is believed before the status line: a server behind a proxy, or an older one, may answer 200 with a body that
says 402. Nothing here is specific to one adapter's calls.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from enum import Enum
from typing import Any

from apps.core.envelopes import ERROR_KINDS, ROUTE_NOT_FOUND
from apps.core.wire import Response
from apps.providers import untrusted
from apps.providers.base import (
    AccountNeedsOwner,
    BadCredentials,
    Figures,
    Need,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
)

Why = ProviderRefused.Why

# A task id goes into paths of URLs: nothing in it may mean anything there.
_TASK_ID = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.:-]{0,199}")
# US$100,000 for one task is a mistake, not a price.
_MOST_POINTS = 1_000_000_000_000
# Nor is a billion dollars an account's balance.
_MOST_ACCOUNT_POINTS = 10**16
_POINTS_PER_DOLLAR, _CREDITS_PER_DOLLAR = 10_000_000, 700
_UNREADABLE = "The provider's answer cannot be read."
# More than what is shown, so that no secret is halved before it is looked for.
_LONGEST_MESSAGE = 4000

_CODES = frozenset(kind.code for kind in ERROR_KINDS.values())
_BY_STATUS = {
    400: 10000, 401: 10100, 402: 10200, 403: 10302, 404: 10400, 413: 10600, 429: 10700,
}  # fmt: skip
_NEEDS = {
    10200: Need.BALANCE,
    10201: Need.BALANCE,
    10300: Need.SUBSCRIPTION,
    10301: Need.SUBSCRIPTION,
    10302: Need.SETUP,
    10303: Need.SETUP,
}
_REFUSALS = {
    10000: Why.INVALID,
    10003: Why.MODERATED,
    10004: Why.INVALID,
    10005: Why.INVALID,
    10600: Why.INVALID,
}
_BAD_KEY = 10100
_NOT_FOUND = 10400
_INTERNAL = 10900
# Said before anything is created. The first three: this server does not serve it, another may.
_NOT_CREATED = frozenset({10001, 10002, _NOT_FOUND, 10700, 10701, 10800})
_TASK_FAILURES = {
    10003: Why.MODERATED,
    11001: Why.TIMEOUT,
    11002: Why.MODERATED,
    11004: Why.CANCELLED,
}


class State(Enum):
    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNCLEAR = "unclear"


# Ours, and the words of older endpoints and other servers.
_WORDS = {
    **dict.fromkeys(("staged", "pending", "processing", "queued", "starting", "running", "retry"), State.RUNNING),
    **dict.fromkeys(("completed", "finished", "success", "succeeded"), State.COMPLETED),
    **dict.fromkeys(("failed", "failure", "error"), State.FAILED),
    **dict.fromkeys(("cancelled", "canceled"), State.CANCELLED),
}  # fmt: skip


@dataclass(frozen=True)
class Answer:
    """`status` is the body's where it has one, `code` a row of the contract's table or 0, `field` what was wrong."""

    status: int
    code: int
    data: Any
    message: str
    field: str
    is_envelope: bool
    retry_after_seconds: float | None

    @property
    def is_success(self) -> bool:
        return self.is_envelope and 200 <= self.status < 300 and self.code == 0

    @property
    def is_unknown_object(self) -> bool:
        """The server knows the route but not the object, in the contract's own words."""
        return (
            self.is_envelope
            and self.code == _NOT_FOUND
            and ROUTE_NOT_FOUND not in self.message.lower()
        )


@dataclass(frozen=True)
class RemoteTask:
    """A task of the other server. `output` is not checked yet; `cost_points` is None where it does not say."""

    id: str
    state: State
    output: Any
    cost_points: int | None
    error_code: int
    error_message: str
    config: Any

    @property
    def progress(self) -> int | None:
        if not isinstance(self.output, dict):
            return None
        return untrusted.whole(self.output.get("progress"), most=100)


def read(response: Response, *, secrets: Collection[str]) -> Answer:
    """What the server says. No message of it holds any of `secrets`."""
    try:
        body = untrusted.parsed(response.body)
    except ValueError:
        body = None
    fields = body if isinstance(body, dict) else {}
    is_envelope = "data" in fields or "error" in fields or "code" in fields
    error = _error_of(fields)
    return Answer(
        status=_status(fields.get("code"), response.status),
        code=_code(error),
        data=fields.get("data"),
        message=untrusted.without(_message(error, fields) or _silence(response), secrets),
        field=_field(error),
        is_envelope=is_envelope,
        retry_after_seconds=untrusted.seconds(response.headers.get("retry-after", "")),
    )


def failure(answer: Answer, *, creating: bool = False) -> ProviderError:
    """The error that an answer other than success is. Only while `creating` can it be the work's own fault."""
    code = answer.code or _BY_STATUS.get(answer.status, 0)
    if code == _BAD_KEY:
        return BadCredentials(answer.message)
    if code in _NEEDS:
        return AccountNeedsOwner(answer.message, need=_NEEDS[code])
    if creating and code in _REFUSALS and _is_about_the_work(answer):
        if answer.field.startswith("config"):
            # The parts that the account's owner and we chose, not the customer.
            return AccountNeedsOwner(answer.message, need=Need.SETUP)
        return ProviderRefused(answer.message, why=_REFUSALS[code])
    return ProviderUnavailable(
        answer.message,
        is_unknown=creating and not _is_surely_not_created(answer, code),
        retry_after_seconds=answer.retry_after_seconds,
    )


def nonsense(*, creating: bool = False) -> ProviderUnavailable:
    """An answer that says nothing."""
    return ProviderUnavailable(_UNREADABLE, is_unknown=creating)


def remote_task(data: Any, *, secrets: Collection[str]) -> RemoteTask | None:
    """The contract's task object; None where it has no usable id. Every other part may be missing or wrong."""
    if not isinstance(data, dict) or (task_id := task_id_of(data)) is None:
        return None
    found = data.get("error")
    error: dict[str, Any] = found if isinstance(found, dict) else {}
    return RemoteTask(
        id=task_id,
        state=_state(data.get("status")),
        output=data.get("output"),
        cost_points=_cost(data.get("meta")),
        error_code=untrusted.whole(error.get("code"), most=99_999) or 0,
        error_message=untrusted.without(_message(error, {}), secrets),
        config=data.get("config"),
    )


def figures(account: dict[str, Any]) -> Figures:
    """The money of the contract's account object. Credits have two decimals, so `used` is exact to 143 points."""
    wallet = account.get("wallet")
    points: dict[str, Any] = wallet if isinstance(wallet, dict) else {}
    pack = account.get("credit_pack_info")
    credits: dict[str, Any] = pack if isinstance(pack, dict) else {}
    balance = untrusted.whole(points.get("balance"), most=_MOST_ACCOUNT_POINTS)
    return Figures(
        balance=_in_points(account.get("equivalent_in_usd"), per_dollar=1)
        if balance is None
        else balance,
        held=untrusted.whole(points.get("frozen"), most=_MOST_ACCOUNT_POINTS),
        used=_in_points(credits.get("used_credits"), per_dollar=_CREDITS_PER_DOLLAR),
    )


def _in_points(amount: Any, *, per_dollar: int) -> int | None:
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        return None
    points = Decimal(str(amount)) * _POINTS_PER_DOLLAR / per_dollar
    if not points.is_finite() or not 0 <= points <= _MOST_ACCOUNT_POINTS:
        return None
    return int(points.to_integral_value(ROUND_HALF_UP))


def task_failure(task: RemoteTask) -> ProviderRefused:
    """Why a failed or cancelled task failed, with what it cost all the same."""
    if task.state is State.CANCELLED:
        why, words = Why.CANCELLED, "The provider cancelled the task."
    else:
        why = _TASK_FAILURES.get(task.error_code, Why.FAILED)
        words = "The provider says that the task failed, not why."
    return ProviderRefused(task.error_message or words, why=why, cost_points=task.cost_points or 0)


def task_id_of(data: dict[str, Any]) -> str | None:
    """Its id as text when it can stand in a path, else None."""
    value = data.get("task_id")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and _TASK_ID.fullmatch(value) else None


def _status(code: Any, http: int) -> int:
    said = untrusted.whole(code, most=599)
    return said if said is not None and said >= 100 else http


def _error_of(fields: dict[str, Any]) -> dict[str, Any]:
    """The error object: ours beside `data`, the older servers' inside it (there 0 on success)."""
    error, data = fields.get("error"), fields.get("data")
    if not isinstance(error, dict) and isinstance(data, dict):
        # A task's own failure is no failure of the call.
        error = None if task_id_of(data) else data.get("error")
    return error if isinstance(error, dict) else {}


def _code(error: dict[str, Any]) -> int:
    code = untrusted.whole(error.get("code"), most=99_999)
    if code in _CODES:
        return code
    kind = error.get("type")
    return ERROR_KINDS[kind].code if isinstance(kind, str) and kind in ERROR_KINDS else 0


def _message(error: dict[str, Any], fields: dict[str, Any]) -> str:
    candidates = (error.get("raw_message"), error.get("message"), fields.get("message"))
    texts = (untrusted.text(candidate, most=_LONGEST_MESSAGE) for candidate in candidates)
    return next(filter(None, texts), "")


def _silence(response: Response) -> str:
    return f"The provider answered HTTP {response.status} without a readable reason."


def _field(error: dict[str, Any]) -> str:
    detail = error.get("detail")
    return untrusted.text(detail.get("field")) if isinstance(detail, dict) else ""


def _is_about_the_work(answer: Answer) -> bool:
    """Servers with but one code use 10000 for their own faults too, and a proxy's plain 400 is not about the work."""
    return 400 <= answer.status < 500 and answer.status not in (405, 406) and (
        answer.is_envelope or answer.status == 413
    )  # fmt: skip


def _is_surely_not_created(answer: Answer, code: int) -> bool:
    """What a server says before it takes anything; a gateway's 5xx and what cannot be read say neither."""
    if code in _NOT_CREATED or (code == _INTERNAL and answer.status == 503):
        return True
    return 300 <= answer.status < 400 or answer.status in (400, 405, 406)


def _state(word: Any) -> State:
    return _WORDS.get(untrusted.text(word).lower(), State.UNCLEAR)


def _cost(meta: Any) -> int | None:
    """The points consumed, where they are points and an amount that can be."""
    usage = meta.get("usage") if isinstance(meta, dict) else None
    if not isinstance(usage, dict) or untrusted.text(usage.get("type", "point")) != "point":
        return None
    return untrusted.whole(usage.get("consume"), most=_MOST_POINTS)
