"""What Stripe says when it refuses, in its own shape."""

from typing import Any

Thing = dict[str, Any]

DECLINES = {
    "generic_decline": ("card_declined", "Your card was declined."),
    "insufficient_funds": ("card_declined", "Your card has insufficient funds."),
    "lost_card": ("card_declined", "Your card was declined."),
    "stolen_card": ("card_declined", "Your card was declined."),
    "fraudulent": ("card_declined", "Your card was declined."),
    "expired_card": ("expired_card", "Your card has expired."),
    "incorrect_cvc": ("incorrect_cvc", "Your card's security code is incorrect."),
    "processing_error": (
        "processing_error",
        "An error occurred while processing your card. Try again in a little bit.",
    ),
    "authentication_required": (
        "authentication_required",
        "Your card was declined. This transaction requires authentication.",
    ),
}


class StripeError(Exception):
    """An answer other than 200. What was done before it is undone unless `keeps`, as a declined card is remembered."""

    def __init__(self, status: int, *, keeps: bool = False, **error: Any) -> None:
        super().__init__(error.get("message", ""))
        self.status = status
        self.keeps = keeps
        self.error = {name: value for name, value in error.items() if value is not None}

    @property
    def body(self) -> Thing:
        return {"error": self.error}


def invalid(message: str, *, param: str | None = None, code: str | None = None) -> StripeError:
    return StripeError(400, type="invalid_request_error", code=code, param=param, message=message)


def missing(kind: str, name: str, *, param: str = "id", status: int = 404) -> StripeError:
    """An id that nobody has: 404 in the address, 400 in a parameter."""
    message = f"No such {kind.replace('.', '_')}: '{name}'"
    return StripeError(
        status, type="invalid_request_error", code="resource_missing", param=param, message=message
    )


def wrong_state(code: str, message: str, **more: Any) -> StripeError:
    return StripeError(400, type="invalid_request_error", code=code, message=message, **more)


def declined(reason: str, *, keeps: bool = True, **more: Any) -> StripeError:
    """402 as the bank's answer; `more` is the payment_intent, charge or setup_intent concerned."""
    return StripeError(402, keeps=keeps, **decline(reason), **more)


def decline(reason: str) -> Thing:
    code, message = DECLINES[reason]
    said = {"type": "card_error", "code": code, "message": message, "decline_code": reason}
    if code == reason and reason != "authentication_required":
        del said["decline_code"]
    return said
