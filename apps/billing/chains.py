"""The EVM chains on which dollar tokens may be paid, as the settings choose them.

Chain ids are those of ethereum-lists/chains. USDC addresses are Circle's own list
(developers.circle.com/stablecoins/usdc-contract-addresses): the token that Circle issues there, not a bridged one;
USDT addresses are Tether's on Ethereum and the established representation elsewhere, as the chains' explorers name it.
BNB Smart Chain has neither issuer: both are Binance-Peg tokens, with eighteen decimals. `CRYPTO_<NAME>_TOKENS`
replaces a list.
"""

from dataclasses import dataclass, replace
from functools import cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from apps.core.sentences import sentence

LOCAL = "local"


@dataclass(frozen=True)
class Token:
    """An ERC-20 token that stands for a dollar. The address is in lower case."""

    symbol: str
    address: str
    decimals: int


@dataclass(frozen=True)
class Chain:
    """`confirmations`: how deep a transfer must be before it is credited, its own block counted.

    `tag` is the block a node calls beyond doubt ("safe", "finalized"); a transfer above it waits too. Empty: the number
    of confirmations alone decides.
    """

    name: str
    words: str
    chain_id: int
    block_seconds: float
    confirmations: int
    tokens: tuple[Token, ...]
    explorer: str = ""
    tag: str = ""
    rpc: str = ""
    rpc_check: str = ""

    @property
    def kept_blocks(self) -> int:
        """How far back we can find our way after a reorganisation."""
        return 2 * self.confirmations + 50

    def token(self, symbol: str) -> Token | None:
        return next((token for token in self.tokens if token.symbol == symbol), None)

    def token_at(self, address: str) -> Token | None:
        return next((token for token in self.tokens if token.address == address.lower()), None)


def _dollars(usdc: str = "", usdt: str = "", *, decimals: int = 6) -> tuple[Token, ...]:
    both = (("USDC", usdc), ("USDT", usdt))
    return tuple(Token(symbol, address.lower(), decimals) for symbol, address in both if address)


PRESETS = {
    chain.name: chain
    for chain in (
        Chain(
            "ethereum", "Ethereum", 1, 12, 12,
            _dollars(
                "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48",
                "0xdAC17F958D2ee523a2206206994597C13D831ec7",
            ),
            "https://etherscan.io", "safe",
        ),
        Chain(
            "base", "Base", 8453, 2, 30,
            _dollars("0x833589fCD6eDb6E08f4c7C32D4f71b54bdA02913"),
            "https://basescan.org", "safe",
        ),
        Chain(
            "polygon", "Polygon", 137, 2, 64,
            _dollars(
                "0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359",
                "0xc2132D05D31c914a87C6611C10748AEb04B58e8F",
            ),
            "https://polygonscan.com", "finalized",
        ),
        Chain(
            "arbitrum", "Arbitrum One", 42161, 0.25, 120,
            _dollars(
                "0xaf88d065e77c8cC2239327C5EDb3A432268e5831",
                "0xFd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9",
            ),
            "https://arbiscan.io", "safe",
        ),
        Chain(
            "optimism", "OP Mainnet", 10, 2, 30,
            _dollars(
                "0x0b2C639c533813f4Aa9D7837CAf62653d097Ff85",
                "0x94b008aA00579c1307B0EF2c499aD98a8ce58e58",
            ),
            "https://optimistic.etherscan.io", "safe",
        ),
        Chain(
            "bsc", "BNB Smart Chain", 56, 0.75, 30,
            _dollars(
                "0x8AC76a51cc950d9822D68b83fE1Ad97B32Cd580d",
                "0x55d398326f99059fF775485246999027B3197955",
                decimals=18,
            ),
            "https://bscscan.com", "finalized",
        ),
        # The chain in memory of tests and test payments: its tokens come from the settings.
        Chain(LOCAL, sentence("Local test chain"), 131277322940537, 1, 5, ()),
    )
}  # fmt: skip


def is_on() -> bool:
    """Whether tokens can be paid at all."""
    return bool(settings.CRYPTO_XPUB and settings.CRYPTO_CHAINS)


def configured() -> dict[str, Chain]:
    """The chains that are watched, by name, in the order of the settings. Raises ImproperlyConfigured."""
    if not is_on():
        return {}
    return {
        name: _made(name, tuple(given.items())) for name, given in settings.CRYPTO_CHAINS.items()
    }


def known(name: str) -> Chain | None:
    """A chain for showing what once came from it, even if it is watched no more."""
    return configured().get(name) or PRESETS.get(name)


@cache
def _made(name: str, given: tuple[tuple[str, str], ...]) -> Chain:
    preset = PRESETS.get(name)
    if preset is None:
        raise ImproperlyConfigured(
            f"CRYPTO_CHAINS: there is no chain {name!r}; known are {', '.join(PRESETS)}."
        )
    values = dict(given)
    if not values["rpc"].startswith(("https://", "http://")):
        raise ImproperlyConfigured(f"Set CRYPTO_{name.upper()}_RPC to the URL of a node.")
    tokens = _tokens(name, values["tokens"]) if values["tokens"] else preset.tokens
    if not tokens:
        raise ImproperlyConfigured(f"Set CRYPTO_{name.upper()}_TOKENS, e.g. USDC=0x…:6.")
    return replace(
        preset,
        rpc=values["rpc"],
        rpc_check=values["rpc_check"],
        confirmations=_positive(name, values["confirmations"]) or preset.confirmations,
        tokens=tokens,
    )


def _positive(name: str, text: str) -> int:
    if text and not (text.isdecimal() and 0 < int(text) < 10_000):
        raise ImproperlyConfigured(f"CRYPTO_{name.upper()}_CONFIRMATIONS must be 1 to 9999.")
    return int(text or 0)


def _tokens(name: str, text: str) -> tuple[Token, ...]:
    """ "USDC=0x…:6,USDT=0x…:18"."""
    return tuple(_token(name, part.strip()) for part in text.split(",") if part.strip())


def _token(name: str, part: str) -> Token:
    symbol, _, rest = part.partition("=")
    address, _, decimals = rest.partition(":")
    is_address = len(address) == 42 and address.startswith("0x")
    if not (symbol and is_address and decimals.isdecimal() and int(decimals) <= 36):
        raise ImproperlyConfigured(
            f"CRYPTO_{name.upper()}_TOKENS must look like USDC=0x…:6, not {part!r}."
        )
    try:
        int(address, 16)
    except ValueError:
        raise ImproperlyConfigured(f"{part!r} holds no address.") from None
    return Token(symbol, address.lower(), int(decimals))
