"""What endpoints and attempts look like in words and as a small drawing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.core.webhook_urls import host_of
from apps.notifications.models import Delivery, Endpoint
from apps.notifications.selectors.listening import Hour

_STEP, _BAR, _HEIGHT = 4, 3, 24


@dataclass(frozen=True)
class Sentence:
    """How an endpoint does: tone and word of the badge, and what it means."""

    tone: str
    word: str
    text: str


def sentence(endpoint: Endpoint) -> Sentence:
    """Of its state and, while it fails, of the failures in a row."""
    if endpoint.state == Endpoint.State.PAUSED:
        return Sentence(
            "idle", "paused", "Nothing is sent. Events that come up are kept for replay."
        )
    if endpoint.state == Endpoint.State.DISABLED:
        text = "It failed for 5 days, so nothing is sent. Events that come up are kept for replay."
        return Sentence("bad", "switched off", text)
    if endpoint.failures:
        times = f"{endpoint.failures} time{'' if endpoint.failures == 1 else 's'}"
        code = endpoint.failing_status
        how = f"HTTP {code}" if code else endpoint.failing_error.rstrip(".") or "no answer"
        text = f"Not acknowledged {times} in a row ({how}). Each event is tried for up to 5 days."
        return Sentence("bad" if endpoint.told_for else "warn", "failing", text)
    return Sentence("ok", "active", "Events are sent as they come up.")


@dataclass(frozen=True)
class Bar:
    """One part of the drawing; lengths are units of its `viewBox`."""

    tone: str
    x: int
    y: float
    height: float
    width: int = _BAR


@dataclass(frozen=True)
class Spark:
    """24 hours as bars, the present hour at the right, and the same in words."""

    bars: Sequence[Bar]
    text: str
    width: int = 24 * _STEP
    height: int = _HEIGHT


def spark(hours: Sequence[Hour]) -> Spark:
    """Bars as high as the share of the busiest hour: delivered at the bottom, failures on top of them."""
    delivered, failed = sum(one.delivered for one in hours), sum(one.failed for one in hours)
    waiting = sum(one.waiting for one in hours)
    if not (delivered or failed or waiting):
        return Spark([], "No events in 24 hours.")
    parts = [f"{delivered} delivered", f"{failed} not delivered" if failed else ""]
    parts.append(f"{waiting} waiting" if waiting else "")
    return Spark(list(_bars(hours)), f"24 hours: {', '.join(part for part in parts if part)}.")


def _bars(hours: Sequence[Hour]) -> Iterator[Bar]:
    most = max(one.delivered + one.failed + one.waiting for one in hours)
    for n, one in enumerate(hours):
        top: float = _HEIGHT
        for tone, count in (("ok", one.delivered), ("bad", one.failed), ("run", one.waiting)):
            if count:
                # Never so low that one failure among thousands is not seen.
                height = max(round(_HEIGHT * count / most, 2), 1.5)
                top = max(top - height, 0)
                yield Bar(tone, n * _STEP, round(top, 2), height)


@dataclass(frozen=True)
class Try:
    """One attempt: what is known of the answer, and what it means."""

    at: str
    status: int | None
    ms: int
    error: str
    diagnosis: str
    headers: Sequence[tuple[str, str]]
    body: str


def tries(delivery: Delivery) -> list[Try]:
    """The attempts, newest first."""
    # Of attempts from before answers were kept there is none.
    answers = [{}] * (len(delivery.log) - len(delivery.answers)) + delivery.answers
    pairs = zip(delivery.log, answers, strict=False)
    return [_try(delivery, line, answer) for line, answer in pairs][::-1]


def _try(delivery: Delivery, line: Mapping[str, Any], answer: Mapping[str, Any]) -> Try:
    headers = answer.get("headers", {})
    return Try(
        at=line["at"],
        status=line["status"],
        ms=line["ms"],
        error=line["error"],
        diagnosis=diagnosis(line["status"], line["error"], headers),
        headers=sorted(headers.items()),
        body=answer.get("body", ""),
    )


_OF_ERROR = {
    "cannot be reached": (
        "No connection came about: the name has no address, nothing listens on the port, or the TLS certificate is not "
        "accepted (expired, self-signed, of another name, or without its chain)."
    ),
    "did not answer in time": (
        "The whole answer did not come within 15 seconds. Acknowledge first and work afterwards."
    ),
    "not on the open internet": (
        "The name leads to a private address. Give an address that can be reached from the internet."
    ),
    "cannot be fetched": "What came back is no HTTP answer, broke off, or is larger than 64 KB.",
    "paused or deleted": (
        "The endpoint was paused or switched off when this event came up. Replay sends it now."
    ),
    "secret can no longer be read": "The stored secret cannot be opened. Change the secret.",
}
_OF_STATUS = {
    400: "The receiver does not understand the request. Its answer may say why.",
    401: "The receiver refuses the signature or wants credentials: see whether it checks this endpoint's present "
    "secret over the raw body.",
    403: "The receiver refuses, often a firewall or a failed signature check. Let POST requests with our headers in.",
    404: "There is nothing at this path. Compare the address with your routes.",
    405: "The path exists but takes no POST.",
    410: "The receiver says that it is gone, so this event was not tried again.",
    413: "The receiver takes smaller bodies only. Events have up to 20 KB and a little more.",
    429: "The receiver wants fewer requests. We wait as long as it asks and send less at a time.",
}


def diagnosis(status: int | None, error: str, headers: Mapping[str, str]) -> str:
    """What an attempt means and what to do; "" where nothing is wrong."""
    if status is None:
        return next((words for sign, words in _OF_ERROR.items() if sign in error), error)
    if 300 <= status < 400:
        host = host_of(headers.get("location", ""))
        leads = f" It leads to {host}." if host else ""
        return f"Redirects are not followed.{leads} Give the final address."
    if status in _OF_STATUS:
        return _OF_STATUS[status]
    if status in (502, 503, 504):
        return "What stands before the receiver cannot reach it, or it is overloaded. Look at its logs at that time."
    if status >= 500:
        return "The receiver has failed. Look at its logs at that time."
    return "" if status < 300 else "Not acknowledged: any 2xx answer would be."
