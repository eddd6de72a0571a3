"""The test cards, as https://docs.stripe.com/testing lists them."""

import hashlib
from dataclasses import dataclass

from apps.sandbox.stripe.errors import Thing

# When the card asks for 3-D Secure.
NEVER, UNLESS_SET_UP, ALWAYS = "never", "unless_set_up", "always"


@dataclass(frozen=True, slots=True)
class Card:
    """`declines`: why charges fail; `attaches`: whether it can be saved all the same."""

    number: str
    title: str
    token: str
    declines: str = ""
    attaches: bool = True
    authentication: str = NEVER
    disputes: str = ""
    refund_fails: bool = False
    refund_waits: bool = False

    @property
    def last4(self) -> str:
        return self.number[-4:]

    @property
    def brand(self) -> str:
        return {"4": "visa", "5": "mastercard", "3": "amex"}.get(self.number[0], "unknown")

    @property
    def fingerprint(self) -> str:
        """The same for one number, for all customers."""
        return hashlib.sha256(f"card {self.number}".encode()).hexdigest()[:16]

    def details(self) -> Thing:
        """`payment_method.card`."""
        return {
            "brand": self.brand,
            "checks": {"cvc_check": "pass"},
            "country": "US",
            "display_brand": self.brand,
            "exp_month": 12,
            "exp_year": 2034,
            "fingerprint": self.fingerprint,
            "funding": "credit",
            "last4": self.last4,
            "networks": {"available": [self.brand], "preferred": None},
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        }


CARDS = (
    Card("4242424242424242", "Succeeds", "pm_card_visa"),
    Card("5555555555554444", "Succeeds (Mastercard)", "pm_card_mastercard"),
    Card(
        "4000002500003155",
        "Asks for 3-D Secure until it is saved",
        "pm_card_authenticationRequiredOnSetup",
        authentication=UNLESS_SET_UP,
    ),
    Card(
        "4000002760003184",
        "Asks for 3-D Secure every time",
        "pm_card_authenticationRequired",
        authentication=ALWAYS,
    ),
    Card(
        "4000000000000002",
        "Is declined",
        "pm_card_chargeDeclined",
        "generic_decline",
        attaches=False,
    ),
    Card(
        "4000000000009995",
        "Has insufficient funds",
        "pm_card_chargeDeclinedInsufficientFunds",
        "insufficient_funds",
        attaches=False,
    ),
    Card(
        "4000000000000069",
        "Has expired",
        "pm_card_chargeDeclinedExpiredCard",
        "expired_card",
        attaches=False,
    ),
    Card(
        "4000000000000127",
        "Has another security code",
        "pm_card_chargeDeclinedIncorrectCvc",
        "incorrect_cvc",
        attaches=False,
    ),
    Card(
        "4000000000000119",
        "Fails at the bank",
        "pm_card_chargeDeclinedProcessingError",
        "processing_error",
        attaches=False,
    ),
    Card(
        "4000000000000341",
        "Can be saved, then is declined",
        "pm_card_chargeCustomerFail",
        "generic_decline",
    ),
    Card(
        "4000000000000259",
        "Is disputed as fraudulent",
        "pm_card_createDispute",
        disputes="fraudulent",
    ),
    Card("4000000000005126", "Refunds of it fail later", "pm_card_refundFail", refund_fails=True),
    Card("4000000000007726", "Refunds of it take time", "pm_card_pendingRefund", refund_waits=True),
)
BY_NUMBER = {card.number: card for card in CARDS}
BY_TOKEN = {card.token: card for card in CARDS} | {
    "pm_card_threeDSecure2Required": BY_NUMBER["4000002760003184"],
    "pm_card_visa_chargeDeclined": BY_NUMBER["4000000000000002"],
    "pm_card_visa_chargeDeclinedInsufficientFunds": BY_NUMBER["4000000000009995"],
    "tok_visa": BY_NUMBER["4242424242424242"],
}


def card(number: str) -> Card | None:
    """The card of a number as somebody typed it."""
    return BY_NUMBER.get("".join(sign for sign in number if sign.isdigit()))


@dataclass(frozen=True, slots=True)
class BankAccount:
    """A debit takes days: the payment is `processing` until it succeeds or fails."""

    number: str
    title: str
    fails: bool = False

    def details(self) -> Thing:
        return {
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": "STRIPE TEST BANK",
            "fingerprint": hashlib.sha256(f"bank {self.number}".encode()).hexdigest()[:16],
            "last4": self.number[-4:],
            "routing_number": "110000000",
        }


BANK_ACCOUNTS = {
    account.number: account
    for account in (
        BankAccount("000123456789", "Bank account: succeeds later"),
        BankAccount("000222222227", "Bank account: fails later", fails=True),
    )
}
