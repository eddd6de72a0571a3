"""How we speak with Stripe: one client over our own egress, and its errors as a short list of ours.

`gateways.stripe` has the calls. Nothing here logs or repeats a key, a header or a body.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import stripe
from django.conf import settings

from apps.core import egress
from apps.core.sentences import sentence
from apps.core.wire import NoAnswer, Request

_SECONDS = 20
_MAX_BYTES = 16 * 1024 * 1024
_RETRIES = 2
# Points per cent: Stripe counts US dollars in cents.
CENT = 100_000
CURRENCY = "usd"

# Its messages hold addresses and, when debugging, bodies.
logging.getLogger("stripe").setLevel(logging.WARNING)


class StripeError(Exception):
    """What can go wrong with a call; the message may be shown to whoever asked for it."""

    def __init__(self, message: str, *, code: str = "", ref: str = "") -> None:
        super().__init__(message)
        self.message = message
        # Stripe's word for it, such as "insufficient_funds" or "resource_missing".
        self.code = code
        # The PaymentIntent that failed, when there is one.
        self.ref = ref


class NotConfigured(StripeError):
    """This installation takes no cards."""


class Declined(StripeError):
    """The bank said no; the message is its reason."""


class NeedsAuthentication(StripeError):
    """The bank wants to see the card's owner."""


class Refused(StripeError):
    """Stripe understood and will not do it, however often we ask."""


class Unavailable(StripeError):
    """No answer, or none that says anything. It may have been done: ask again, with the same idempotency key."""


class _Egress(stripe.HTTPClient):
    """The SDK's way out. Its retries and idempotency keys stay its own."""

    name = "egress"

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        body = post_data.encode() if isinstance(post_data, str) else post_data or b""
        request = Request(
            method,
            url,
            headers=dict(headers or {}),
            body=body,
            timeout_seconds=_SECONDS,
            max_bytes=_MAX_BYTES,
        )
        try:
            # The operator's settings name the host.
            answer = egress.send(request, is_trusted=True)
        except NoAnswer as error:
            lost = stripe.APIConnectionError(str(error), should_retry=True)  # type: ignore[no-untyped-call]
            raise lost from None
        return answer.body.decode(errors="replace"), answer.status, answer.headers

    def close(self) -> None:
        """Every exchange has its own connection."""


def is_configured() -> bool:
    """Whether this installation takes cards."""
    return bool(settings.STRIPE_SECRET_KEY)


def is_live() -> bool:
    """Whether our key moves real money."""
    return "_live_" in settings.STRIPE_SECRET_KEY


def client() -> stripe.StripeClient:
    """Stripe with our key. Use it inside `calling`. Raises NotConfigured."""
    if not is_configured():
        raise NotConfigured(sentence("Cards are not taken here."))
    return _client(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE)


@cache
def _client(key: str, base: str) -> stripe.StripeClient:
    return stripe.StripeClient(
        key,
        base_addresses={"api": base},
        http_client=_Egress(),
        max_network_retries=_RETRIES,
    )


@contextmanager
def calling() -> Iterator[None]:
    """Turns the SDK's errors into ours."""
    try:
        yield
    except stripe.CardError as error:
        raise _card_error(error) from None
    except stripe.IdempotencyError as error:
        # Either the first call is still running, or the same key came with other words.
        kind = Unavailable if error.code == "idempotency_key_in_use" else Refused
        raise kind(_said(error), code=str(error.code or "idempotency_error")) from None
    except stripe.InvalidRequestError as error:
        raise Refused(_said(error), code=str(error.code or "")) from None
    except (stripe.AuthenticationError, stripe.PermissionError):
        raise Unavailable(sentence("Stripe does not accept our key."), code="key_refused") from None
    except stripe.StripeError:
        raise Unavailable(sentence("Stripe does not answer now.")) from None


def _card_error(error: stripe.CardError) -> StripeError:
    told = error.json_body if isinstance(error.json_body, dict) else {}
    detail = told.get("error") or {}
    ref = str((detail.get("payment_intent") or {}).get("id", ""))
    code = str(detail.get("decline_code") or error.code or "")
    needs_owner = "authentication_required" in {error.code, code}
    kind = NeedsAuthentication if needs_owner else Declined
    return kind(_said(error), code=code, ref=ref)


def _said(error: stripe.StripeError) -> str:
    return str(error.user_message or sentence("Stripe refused it."))[:300]


def key(name: str) -> stripe.RequestOptions:
    """The options of a call that makes something: repeated with the same name it makes nothing new."""
    return {"idempotency_key": name}


def plain(found: stripe.StripeObject) -> dict[str, Any]:
    """An object of Stripe's as the dictionary it came as."""
    return found.to_dict()


def ref_of(value: Any) -> str:
    """The id of something that came as its id, in full, or not at all."""
    if isinstance(value, dict):
        return str(value.get("id", ""))
    return str(value or "")


def cents(points: int) -> int:
    """Raises ValueError for what is no whole cent."""
    whole, rest = divmod(points, CENT)
    if rest:
        raise ValueError(f"{points} points are no whole cents")
    return whole
