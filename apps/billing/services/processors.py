"""Ways to pay with coins, behind one shape: our own watcher of EVM chains, and a BTCPay Server.

A further processor is a class with these two methods and a line in `by_choice`.
"""

from dataclasses import dataclass
from typing import Protocol

from apps.accounts.models import User
from apps.billing import chains, words
from apps.billing.gateways import btcpay as btcpay_wire
from apps.billing.models import Provider, TopUp
from apps.billing.services import btcpay
from apps.billing.services.crypto import topups
from apps.core.errors import InvalidRequest
from apps.core.sentences import sentence


@dataclass(frozen=True)
class Wish:
    """What somebody wants to pay. `client_key` makes a form that is sent twice one top-up."""

    workspace_id: int
    user: User | None
    amount_points: int
    client_key: str
    # Where the top-up's page is, but for its id.
    return_url: str


class Processor(Protocol):
    """`start` makes a top-up that can be paid, `refresh` asks what became of it. Both are safe to repeat."""

    def start(self, *, wish: Wish) -> TopUp: ...

    def refresh(self, *, top_up: TopUp) -> TopUp: ...


@dataclass(frozen=True)
class Evm:
    """A token on one of our chains. Nothing is asked at a refresh: a job reads the chains all the time."""

    chain: str = ""
    token: str = ""

    def start(self, *, wish: Wish) -> TopUp:
        return topups.start(
            workspace_id=wish.workspace_id,
            user=wish.user,
            amount_points=wish.amount_points,
            client_key=wish.client_key,
            chain=self.chain,
            token=self.token,
        )

    def refresh(self, *, top_up: TopUp) -> TopUp:
        top_up.refresh_from_db()
        return top_up


class Btcpay:
    def start(self, *, wish: Wish) -> TopUp:
        return btcpay.start(
            workspace_id=wish.workspace_id,
            user=wish.user,
            amount_points=wish.amount_points,
            client_key=wish.client_key,
            return_url=wish.return_url,
        )

    def refresh(self, *, top_up: TopUp) -> TopUp:
        return btcpay.refresh(top_up=top_up)


def choices() -> list[tuple[str, str]]:
    """What can be chosen: value and words."""
    found: list[tuple[str, str]] = [
        (f"{chain.name}:{token.symbol}", words.on_network(token=token.symbol, network=chain.words))
        for chain in chains.configured().values()
        for token in chain.tokens
    ]
    if btcpay_wire.is_configured():
        found.append((Provider.BTCPAY.value, sentence("Bitcoin and other coins (BTCPay Server)")))
    return found


def by_choice(choice: str) -> Processor:
    """Raises InvalidRequest for what was not offered."""
    if choice not in dict(choices()):
        raise InvalidRequest.field("coin", sentence("Choose one of these."))
    if choice == Provider.BTCPAY:
        return Btcpay()
    chain, _, token = choice.partition(":")
    return Evm(chain, token)
