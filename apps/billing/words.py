"""Sentences that rows keep in English: what became of a top-up, how something was paid, what a ledger line was for.

A row has no pattern, so pages know these again by their wording (`dashboard.billing_words`): whatever is made here is
in `KEPT` or in `METHODS`, too.
"""

from apps.core.money import format_usd
from apps.core.sentences import Sentence, sentence


def received_part(*, received: int, wanted: int) -> Sentence:
    """Why a top-up is not over: less than its sum came."""
    return sentence(
        "Received {received} of {wanted}; it is credited.",
        received=format_usd(received),
        wanted=format_usd(wanted),
    )


def not_taken(*, network: str) -> Sentence:
    """Why a transfer waits for the operator."""
    return sentence("Not one of the tokens taken on {network}.", network=network)


def reorganised(*, network: str) -> Sentence:
    """Why a transfer's credits were taken back."""
    return sentence("{network} was reorganised and no longer has this transfer.", network=network)


def by_card(*, brand: str, last4: str) -> Sentence:
    """How something was paid, as documents name it."""
    return sentence("{brand} ending in {last4}", brand=brand, last4=last4)


def on_network(*, token: str, network: str) -> Sentence:
    """The same of a token."""
    return sentence("{token} on {network}", token=token, network=network)


def through_btcpay(*, method: str) -> Sentence:
    """The same of a coin."""
    return sentence("{method} through BTCPay Server", method=method)


def of_code(*, prefix: str) -> Sentence:
    """What a ledger line was for."""
    return sentence("Code {prefix}…", prefix=prefix)


def of_referral(*, what: str) -> Sentence:
    """The same of a reward, and of one that was taken back."""
    return sentence("Referral: {what}", what=what)


def penalties_waived(*, day: object) -> Sentence:
    """What a refund was for: a day in UTC, as 2026-11-30."""
    return sentence("The penalties of {day} are waived.", day=day)


def demo_balance() -> Sentence:
    """What the demo workspace's balance comes from."""
    return sentence("Demo workspace set to a given balance")


KEPT = tuple(
    made.pattern
    for made in (
        received_part(received=0, wanted=0),
        not_taken(network=""),
        reorganised(network=""),
        of_code(prefix=""),
        of_referral(what=""),
        penalties_waived(day=""),
        demo_balance(),
    )
)
# Ways to pay. Part of them could be in any sentence, so they are looked for only where a way to pay stands.
METHODS = tuple(
    made.pattern
    for made in (
        by_card(brand="", last4=""),
        through_btcpay(method=""),
        on_network(token="", network=""),
    )
)
