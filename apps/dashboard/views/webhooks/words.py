"""What endpoints and attempts look like in words and as a small drawing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop, ngettext

from apps.core.webhook_urls import host_of
from apps.dashboard.account_words import told
from apps.notifications import stored
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
        text = _("Nothing is sent. Events that come up are kept for replay.")
        return Sentence("idle", _("paused"), text)
    if endpoint.state == Endpoint.State.DISABLED:
        text = _(
            "It failed for 5 days, so nothing is sent. Events that come up are kept for replay."
        )
        return Sentence("bad", _("switched off"), text)
    if endpoint.failures:
        text = ngettext(
            "Not acknowledged {count} time in a row ({how}). Each event is tried for up to 5 days.",
            "Not acknowledged {count} times in a row ({how}). Each event is tried for up to 5 days.",
            endpoint.failures,
        ).format(count=endpoint.failures, how=_how(endpoint))
        return Sentence("bad" if endpoint.told_for else "warn", _("failing"), text)
    return Sentence("ok", _("active"), _("Events are sent as they come up."))


def _how(endpoint: Endpoint) -> str:
    """What its last failure was."""
    if endpoint.failing_status:
        return f"HTTP {endpoint.failing_status}"
    return told(endpoint.failing_error).rstrip(".。") or _("no answer")


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
        return Spark([], _("No events in 24 hours."))
    return Spark(list(_bars(hours)), _in_words(delivered, failed, waiting))


def _in_words(delivered: int, failed: int, waiting: int) -> str:
    if failed and waiting:
        text = _("24 hours: {delivered} delivered, {failed} not delivered, {waiting} waiting.")
    elif failed:
        text = _("24 hours: {delivered} delivered, {failed} not delivered.")
    elif waiting:
        text = _("24 hours: {delivered} delivered, {waiting} waiting.")
    else:
        text = _("24 hours: {delivered} delivered.")
    return text.format(delivered=delivered, failed=failed, waiting=waiting)


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
        error=told(line["error"]),
        diagnosis=diagnosis(line["status"], line["error"], headers),
        headers=sorted(headers.items()),
        body=answer.get("body", ""),
    )


# By what an attempt's error holds.
_OF_ERROR: dict[str, str] = {
    "cannot be reached": gettext_noop(
        "No connection came about: the name has no address, nothing listens on the port, or the TLS certificate is not "
        "accepted (expired, self-signed, of another name, or without its chain)."
    ),
    "did not answer in time": gettext_noop(
        "The whole answer did not come within 15 seconds. Acknowledge first and work afterwards."
    ),
    "not on the open internet": gettext_noop(
        "The name leads to a private address. Give an address that can be reached from the internet."
    ),
    "cannot be fetched": gettext_noop(
        "What came back is no HTTP answer, broke off, or is larger than 64 KB."
    ),
    stored.WITHHELD: gettext_noop(
        "The endpoint was paused or switched off when this event came up. Replay sends it now."
    ),
    stored.UNREADABLE: gettext_noop("The stored secret cannot be opened. Change the secret."),
}
_OF_STATUS = {
    400: gettext_noop("The receiver does not understand the request. Its answer may say why."),
    401: gettext_noop(
        "The receiver refuses the signature or wants credentials: see whether it checks this endpoint's present "
        "secret over the raw body."
    ),
    403: gettext_noop(
        "The receiver refuses, often a firewall or a failed signature check. Let POST requests with our headers in."
    ),
    404: gettext_noop("There is nothing at this path. Compare the address with your routes."),
    405: gettext_noop("The path exists but takes no POST."),
    410: gettext_noop("The receiver says that it is gone, so this event was not tried again."),
    413: gettext_noop(
        "The receiver takes smaller bodies only. Events have up to 20 KB and a little more."
    ),
    429: gettext_noop(
        "The receiver wants fewer requests. We wait as long as it asks and send less at a time."
    ),
}


def diagnosis(status: int | None, error: str, headers: Mapping[str, str]) -> str:
    """What an attempt means and what to do; "" where nothing is wrong."""
    if status is None:
        return next((_(words) for sign, words in _OF_ERROR.items() if sign in error), told(error))
    if 300 <= status < 400:
        if host := host_of(headers.get("location", "")):
            text = _("Redirects are not followed. It leads to {host}. Give the final address.")
            return text.format(host=host)
        return _("Redirects are not followed. Give the final address.")
    if status in _OF_STATUS:
        return _(_OF_STATUS[status])
    if status in (502, 503, 504):
        return _(
            "What stands before the receiver cannot reach it, or it is overloaded. Look at its logs at that time."
        )
    if status >= 500:
        return _("The receiver has failed. Look at its logs at that time.")
    return "" if status < 300 else _("Not acknowledged: any 2xx answer would be.")
